//! `vault.seeded`: the vault has every credential, and none of them waits for it in the open any more.

use std::{collections::BTreeMap, path::Path};

use async_trait::async_trait;
use letsbe_host::{Assessment, Change, Command, Converge, Machine};
use letsbe_types::{Problem, Secret, job::DesiredServer};
use letsbe_vault::{CREDENTIALS_FILE, Credentials, Given, REGISTRY_KEY_FILE, VAULT_FILE, Vault};

use super::{paths, reading};
use crate::backups::without_secret;

pub(crate) struct VaultSeeded;

/// The vault, what waits for it, and files of its own that others can read.
#[derive(Default)]
pub(crate) struct Facts {
    vault: Option<Vault>,
    inbox: Option<Credentials>,
    open: Vec<&'static str>,
}

#[async_trait]
impl Converge for VaultSeeded {
    type Facts = Facts;
    const NAME: &'static str = "vault.seeded";
    const STEP: u8 = 10;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Facts, Problem> {
        let mut open = Vec::new();
        for path in [VAULT_FILE, REGISTRY_KEY_FILE] {
            let state = reading::file(machine, Path::new(path)).await?;
            open.extend(state.filter(|state| (state.mode, state.uid) != (0o600, 0)).map(|_| path));
        }
        let (vault, inbox) = (reading::vault(machine).await?, reading::inbox(machine).await?);
        Ok(Facts { vault, inbox, open })
    }

    fn converge(&self, facts: &Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        let given = given(desired);
        let because = match facts {
            Facts { vault: None, .. } => "there is no vault yet".to_owned(),
            Facts { vault: Some(vault), inbox, .. } => {
                let missing = vault.unseeded(inbox.as_ref().unwrap_or(&Credentials::default()), &given);
                match (missing.as_slice(), inbox, facts.open.as_slice()) {
                    ([], None, []) => {
                        let count = vault.entries().count();
                        return Ok(Assessment::converged(format!("the vault has all {count} secrets")));
                    }
                    ([], None, open) => format!("others can read {}", open.join(", ")),
                    ([], Some(_), _) => format!("{CREDENTIALS_FILE} is still there"),
                    (missing, ..) => format!("not in the vault: {}", missing.join(", ")),
                }
            }
        };
        // In this order: what is removed is durable in the vault before.
        let mut changes = vec![Change::Run(seed(&given))];
        changes.extend(facts.inbox.as_ref().map(|_| Change::Remove(CREDENTIALS_FILE.into())));
        Ok(Assessment::needed(because, changes))
    }
}

/// The keys of the model providers, and what opens the backups' destination; one that the wishes do not carry any
/// more is in the vault.
fn given(desired: &DesiredServer) -> Given {
    let keys = desired.models.iter().flat_map(|models| &models.keys);
    let keys = keys.filter(|(_, key)| !key.0.is_empty());
    let models = keys.map(|(provider, key)| (provider.clone(), Secret::from(key.0.as_str()))).collect();
    let secret = desired.backups.as_ref().map(|destination| without_secret(destination).1);
    Given { models, destination_secret: secret.filter(|secret| !secret.expose().is_empty()) }
}

/// The keys go through standard input: arguments can be read by everybody on the server.
fn seed(given: &Given) -> Command {
    let models: BTreeMap<&String, &String> =
        given.models.iter().map(|(name, key)| (name, key.expose())).collect();
    let destination_secret = given.destination_secret.as_ref().map(Secret::expose);
    let input = serde_json::json!({ "models": models, "destination_secret": destination_secret }).to_string();
    Command::new(paths::NODE_PROGRAM, ["vault", "seed"]).with_input(Secret::new(input)).retried(3)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use letsbe_host::{Assessment, Converge as _, Operation as _, machine::FileState};
    use letsbe_types::job::DesiredServer;
    use letsbe_vault::{Credentials, REGISTRY_KEY_FILE, VAULT_FILE, Vault};
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::{Facts, VaultSeeded, given};
    use crate::tests::{Files, desired};

    const SEED: &str = "run /opt/letsbe/bin/letsbe-node vault seed <‹input›";
    const REMOVE: &str = "remove /opt/letsbe/env/credentials.env";

    fn with_models() -> DesiredServer {
        let models = serde_json::json!({
            "models": { "providers": [], "models": [] },
            "keys": { "openrouter": "key-canary" },
            "token_pool": 1,
        });
        DesiredServer { models: Some(serde_json::from_value(models).expect("valid")), ..desired() }
    }

    fn seeded(inbox: &Credentials, desired: &DesiredServer) -> Vault {
        let mut vault = Vault::default();
        let now = chrono::DateTime::from_timestamp(1_795_000_000, 0).expect("a time");
        vault.seed(inbox, &given(desired), &mut StdRng::seed_from_u64(1), now);
        vault
    }

    #[test]
    fn the_inbox_is_removed_only_after_the_vault_has_it() {
        let mut inbox = Credentials::default();
        inbox.insert_missing("ghost", "a", "canary".into());
        let desired = with_models();
        let vault = seeded(&inbox, &desired);
        let empty = seeded(&Credentials::default(), &desired);
        let facts = |vault: Option<&Vault>, inbox: Option<&Credentials>, open: &[&'static str]| Facts {
            vault: vault.cloned(),
            inbox: inbox.cloned(),
            open: open.to_vec(),
        };
        for (facts, expected) in [
            (facts(None, Some(&inbox), &[]), &[SEED, REMOVE][..]),
            (facts(None, None, &[]), &[SEED]),
            (facts(Some(&empty), Some(&inbox), &[]), &[SEED, REMOVE]),
            (facts(Some(&vault), Some(&inbox), &[]), &[SEED, REMOVE]),
            (facts(Some(&vault), None, &[VAULT_FILE]), &[SEED]),
            (facts(Some(&vault), None, &[]), &[]),
        ] {
            let assessment = VaultSeeded.converge(&facts, &desired).expect("decides");
            assert!(!format!("{assessment:?}").contains("canary"));
            let changes = match &assessment {
                Assessment::Needed { changes, .. } => changes.as_slice(),
                _ => &[],
            };
            let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
            assert_eq!(lines, expected, "{assessment:?}");
        }
        let without = DesiredServer { models: None, ..desired };
        let converged = VaultSeeded.converge(&facts(Some(&vault), None, &[]), &without);
        assert!(matches!(converged, Ok(Assessment::Converged { .. })), "a key that was given stays");
    }

    #[tokio::test]
    async fn a_vault_that_cannot_be_opened_stops_the_run() {
        let mut random = StdRng::seed_from_u64(1);
        let sealed = seeded(&Credentials::default(), &desired()).seal(&"ab".repeat(32), &mut random);
        let file = |content: &str| FileState { content: content.to_owned(), mode: 0o600, uid: 0 };
        let mut machine = Files::default();
        machine.0.insert(PathBuf::from(VAULT_FILE), file(&sealed.expect("seals")));
        let code = |result: Result<Assessment, letsbe_types::Problem>| result.expect_err("stops").code;
        assert_eq!(code(VaultSeeded.assess(&machine, &desired()).await), "VAULT002");
        machine.0.insert(PathBuf::from(REGISTRY_KEY_FILE), file(&"cd".repeat(32)));
        assert_eq!(code(VaultSeeded.assess(&machine, &desired()).await), "VAULT001");
        machine.0.insert(PathBuf::from(REGISTRY_KEY_FILE), file(&"ab".repeat(32)));
        assert!(matches!(VaultSeeded.assess(&machine, &desired()).await, Ok(Assessment::Converged { .. })));
    }
}
