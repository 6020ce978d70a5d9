//! What a rotation will do, and with which values.

use std::collections::{BTreeMap, BTreeSet};

use letsbe_catalog::{DatabaseEngine, Rotation, Tool};
use letsbe_types::Secret;
use serde::{Deserialize, Serialize};

use super::statement::usable;
use crate::{Credentials, Vault};

/// A credential that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its key.
    pub key: String,
    /// Why.
    pub reason: String,
}

/// A user of a database whose password is a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPassword {
    /// The user.
    pub user: String,
    /// The credential's key.
    pub key: String,
}

/// A database that must be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseChange {
    /// Its engine.
    pub engine: DatabaseEngine,
    /// Service of the compose file, which is also its name in the stack's network.
    pub service: String,
    /// Container that it runs in.
    pub container: String,
    /// Name of the database.
    pub name: String,
    /// The tool's user first, the superuser last.
    pub passwords: Vec<NewPassword>,
    /// The superuser, who changes them.
    pub superuser: NewPassword,
}

/// What a rotation of one tool will do, in order: databases, files, containers, proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RotationPlan {
    /// The tool.
    pub tool: String,
    /// Credentials that get new values.
    pub rotates: Vec<String>,
    /// Credentials that do not.
    pub kept: Vec<Kept>,
    /// Containers that are made again.
    pub restarts: Vec<String>,
    /// The tool is away until it is healthy again: seconds that its start may take.
    pub away_seconds_max: u32,
    /// Databases that are told.
    #[serde(skip)]
    pub databases: Vec<DatabaseChange>,
}

/// Plans the rotation of a tool whose secrets this vault holds.
#[must_use]
pub fn plan(tool: &Tool, vault: &Vault) -> RotationPlan {
    let (mut rotates, mut kept, mut in_containers) = (Vec::new(), Vec::new(), false);
    for credential in &tool.credentials {
        let key = credential.key.clone();
        let known = vault.entry(tool.name.as_str(), &key).is_some();
        match tool.rotation_of(credential) {
            Rotation::Keep(reason) => kept.push(Kept { key, reason: reason.to_owned() }),
            _ if !known => kept.push(Kept { key, reason: "it has not been made yet".to_owned() }),
            Rotation::Upload => rotates.push(key),
            Rotation::Database | Rotation::Env => {
                in_containers = true;
                rotates.push(key);
            }
        }
    }
    let containers = tool.services.iter().map(|service| service.container.clone());
    let restarts: Vec<String> = if in_containers { containers.collect() } else { Vec::new() };
    RotationPlan {
        tool: tool.name.as_str().to_owned(),
        away_seconds_max: if restarts.is_empty() { 0 } else { tool.health.start_seconds },
        databases: databases(tool, &rotates),
        rotates,
        kept,
        restarts,
    }
}

fn databases(tool: &Tool, rotates: &[String]) -> Vec<DatabaseChange> {
    let change = |database: &letsbe_catalog::Database| {
        let of = |user: &str, key: &String| NewPassword { user: user.to_owned(), key: key.clone() };
        let user = of(&database.user, &database.password);
        let root = match database.engine {
            DatabaseEngine::Postgresql => "postgres",
            DatabaseEngine::Mysql | DatabaseEngine::Mariadb | DatabaseEngine::Mongodb => "root",
        };
        let root = database.root_password.as_ref().map(|key| of(root, key));
        let superuser = root.clone().unwrap_or_else(|| user.clone());
        let passwords: Vec<_> =
            std::iter::once(user).chain(root).filter(|one| rotates.contains(&one.key)).collect();
        let service = tool.services.iter().find(|service| service.name == database.service)?;
        (!passwords.is_empty()).then(|| DatabaseChange {
            engine: database.engine,
            service: database.service.clone(),
            container: service.container.clone(),
            name: database.name.clone(),
            passwords,
            superuser,
        })
    };
    tool.databases.iter().filter_map(change).collect()
}

/// The values of a rotation, by what becomes of them.
#[derive(Debug, Clone)]
pub struct RotationValues {
    /// All credentials of the server, as files and databases shall hold them.
    pub wanted: Credentials,
    /// The tool's values that shall no longer be let in, by key.
    pub dead: BTreeMap<String, Secret<String>>,
}

impl RotationValues {
    /// One of the tool's values as it shall be.
    #[must_use]
    pub fn wanted(&self, tool: &str, key: &str) -> Option<&Secret<String>> {
        self.wanted.get(tool, key)
    }
}

/// Where a rotation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the pending values.
    New,
    /// Back to the present ones.
    Old,
}

/// The values of a tool's rotation. Forward, a value that is no longer pending has become the present one.
#[must_use]
pub fn values(vault: &Vault, tool: &str, keys: &BTreeSet<String>, direction: Direction) -> RotationValues {
    let (mut wanted, mut dead) = (Credentials::default(), BTreeMap::new());
    for key in keys {
        let Some(entry) = vault.entry(tool, key) else { continue };
        let pending = entry.pending.as_ref().map(|pending| &pending.value);
        let (live, former) = match (direction, pending) {
            (Direction::New, Some(pending)) => (pending, Some(&entry.present)),
            (Direction::New, None) => (&entry.present, entry.retired.first().map(|retired| &retired.value)),
            (Direction::Old, pending) => (&entry.present, pending),
        };
        wanted.insert_missing(tool, key, live.clone());
        dead.extend(former.filter(|former| *former != live).map(|former| (key.clone(), former.clone())));
    }
    for (tool, key, value) in vault.present().iter() {
        wanted.insert_missing(tool, key, value.clone());
    }
    RotationValues { wanted, dead }
}

/// Credentials whose wanted value a database's client could not be handed.
#[must_use]
pub fn unusable(values: &RotationValues, plan: &RotationPlan) -> Vec<String> {
    let keys = plan.databases.iter().flat_map(|database| &database.passwords).map(|one| &one.key);
    let bad = |key: &&String| values.wanted(&plan.tool, key).is_none_or(|value| !usable(value.expose()));
    keys.filter(bad).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use letsbe_catalog::Catalog;

    use super::{Direction, plan, values};
    use crate::{Origin, Vault, vault::tests::noon};

    fn vault_of(catalog: &Catalog) -> Vault {
        let mut vault = Vault::default();
        for tool in catalog.platform().chain(catalog.tools()) {
            for credential in &tool.credentials {
                let value = format!("old-{}-{}", tool.name, credential.key);
                vault.put(tool.name.as_str(), &credential.key, value.as_str().into(), Origin::Made, noon());
            }
        }
        vault
    }

    fn catalog() -> Catalog {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog");
        Catalog::load(Path::new(folder)).expect("the catalog is valid")
    }

    #[test]
    fn every_credential_is_rotated_or_kept_and_databases_are_told_of_theirs() {
        let catalog = catalog();
        let vault = vault_of(&catalog);
        for tool in catalog.platform().chain(catalog.tools()) {
            let plan = plan(tool, &vault);
            assert_eq!(plan.rotates.len() + plan.kept.len(), tool.credentials.len());
            // No container knows the password for uploads, so none is made again for it.
            let in_containers = plan.rotates.iter().any(|key| !tool.is_upload_password(key));
            assert_eq!(in_containers, !plan.restarts.is_empty(), "{}", tool.name);
            let told: usize = plan.databases.iter().map(|database| database.passwords.len()).sum();
            let passwords =
                tool.databases.iter().map(|database| 1 + usize::from(database.root_password.is_some()));
            assert_eq!(told, passwords.sum::<usize>(), "{}", tool.name);
        }
        let ghost = catalog.tools().find(|tool| tool.name.as_str() == "ghost").expect("Ghost");
        let plan = plan(ghost, &vault);
        assert_eq!(plan.rotates, ["database_password", "database_root_password"]);
        assert_eq!(plan.databases[0].superuser.user, "root");
        assert_eq!(plan.restarts, ["letsbe-ghost", "letsbe-ghost-db"]);
        let empty = super::plan(ghost, &Vault::default());
        assert!(empty.rotates.is_empty() && empty.databases.is_empty() && empty.kept.len() == 3);
    }

    #[test]
    fn the_values_follow_the_vault_through_commit_and_abandon() {
        let catalog = catalog();
        let mut vault = vault_of(&catalog);
        let (tool, key) = ("ghost", "database_password".to_owned());
        let keys = [key.clone()].into();
        let look = |vault: &Vault, direction| {
            let values = values(vault, tool, &keys, direction);
            assert!(values.wanted("nocodb", "jwt_secret").is_some(), "other tools' values stay");
            let wanted = values.wanted(tool, &key).expect("a value").expose().clone();
            (wanted, values.dead.get(&key).map(|value| value.expose().clone()))
        };
        let (old, new) = ("old-ghost-database_password".to_owned(), "new".to_owned());
        vault.write_ahead(tool, &key, "new".into(), noon()).expect("known");
        assert_eq!(look(&vault, Direction::New), (new.clone(), Some(old.clone())));
        assert_eq!(look(&vault, Direction::Old), (old.clone(), Some(new.clone())));
        let mut back = vault.clone();
        assert!(back.abandon(tool, &key, noon()));
        assert_eq!(look(&back, Direction::Old), (old.clone(), None));
        assert!(vault.commit(tool, &key, noon()));
        assert_eq!(look(&vault, Direction::New), (new, Some(old)));
    }
}
