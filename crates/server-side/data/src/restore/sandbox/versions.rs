//! What the programs of this server know: the versions of the images that run, of the databases' servers, and of the data
//! that the tool has today, which its program has brought to its own form.

use std::collections::BTreeMap;

use letsbe_backup::{Image, ItemFacts, Manifest, Source};
use letsbe_catalog::{DatabaseEngine, Tool};
use letsbe_host::LocalMachine;
use letsbe_stacks::is_later;
use letsbe_types::{Code, Problem};
use letsbe_vault::Credentials;

use super::databases::SandboxDatabase;
use crate::backup::{images, versions};
use letsbe_base::server::TenantServer;

/// What is known of the tool as it is. What could not be read (it may well be broken) is left out.
#[derive(Debug, Default)]
pub(super) struct Present {
    /// Image by service.
    pub(super) images: BTreeMap<String, Image>,
    /// The server's version by database.
    servers: BTreeMap<String, String>,
    /// The version that the tool's data names.
    data: Option<String>,
}

impl Present {
    /// Looks at the tool itself.
    pub(super) async fn of(
        server: &TenantServer,
        tool: &Tool,
        sources: &[Source],
        credentials: &Credentials,
    ) -> Self {
        let containers: Vec<(String, String)> =
            tool.services.iter().map(|one| (one.name.clone(), one.container.clone())).collect();
        let images = images::of(&LocalMachine, &containers).await.unwrap_or_default();
        let mut present = Self { images, ..Self::default() };
        present.data = versions::of_file(tool, &server.layout.root()).ok().flatten();
        for source in sources {
            let Source::Database(database) = source else { continue };
            let Some(password) = credentials.get(tool.name.as_str(), &database.password) else { continue };
            let opened = SandboxDatabase::new(&server.layout, database.clone(), password.clone());
            let Ok(opened) = opened else { continue };
            let (version, data) = opened.versions(versions::statement(tool, &database.name)).await;
            present.servers.extend(version.map(|version| (source.item().to_string(), version)));
            present.data = present.data.or(data);
        }
        present
    }

    /// Whether the very programs run that made the set. The data here may be of before, where an older set was restored.
    fn runs_the_same(&self, manifest: &Manifest) -> bool {
        let same = |(service, taken): (&String, &Image)| {
            self.images.get(service).is_some_and(|here| here.id == taken.id)
        };
        !manifest.images.is_empty() && manifest.images.iter().all(same)
    }

    /// Whether the programs here can read what the set holds, as the data itself names its version.
    ///
    /// # Errors
    /// `RES002` when they are older.
    pub(super) fn reads(&self, manifest: &Manifest) -> Result<(), Problem> {
        if self.runs_the_same(manifest) {
            return Ok(());
        }
        if let (Some(taken), Some(present)) = (manifest.data_version(), &self.data)
            && is_later(taken, present)
        {
            return Err(newer(&manifest.tool, "data", taken, present));
        }
        for (item, facts) in &manifest.items {
            if let (ItemFacts::Database(facts), Some(present)) = (facts, self.servers.get(item)) {
                server_reads(&manifest.tool, facts.engine, facts.server_version.as_deref(), present)?;
            }
        }
        Ok(())
    }
}

/// Whether a database's server reads a dump of another one: PostgreSQL within its number, the others within two.
///
/// # Errors
/// `RES002` when it is older.
pub(super) fn server_reads(
    tool: &str,
    engine: DatabaseEngine,
    taken: Option<&str>,
    present: &str,
) -> Result<(), Problem> {
    let Some(taken) = taken else { return Ok(()) };
    let numbers = if engine == DatabaseEngine::Postgresql { 1 } else { 2 };
    let release = |version: &str| version.split('.').take(numbers).collect::<Vec<_>>().join(".");
    if is_later(&release(taken), &release(present)) {
        return Err(newer(tool, &format!("a database of {engine:?}"), taken, present));
    }
    Ok(())
}

fn newer(tool: &str, what: &str, taken: &str, present: &str) -> Problem {
    Problem::permanent(
        Code::RES002,
        format!("The set of {tool} holds {what} of version {taken}, but this server has {present}"),
        "Bring the tool to that release first, or use an older set.",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use letsbe_backup::{DatabaseFacts, Image, ItemFacts};
    use letsbe_catalog::DatabaseEngine::{self, Mariadb, Mysql, Postgresql};

    use super::Present;
    use crate::restore::sandbox::preflight::checks::tests::set;

    fn database(engine: DatabaseEngine, server: Option<&str>, data: Option<&str>) -> ItemFacts {
        ItemFacts::Database(DatabaseFacts {
            engine,
            bytes: 1,
            sha256: String::new(),
            tables: BTreeMap::new(),
            roles: None,
            others: None,
            server_version: server.map(str::to_owned),
            data_version: data.map(str::to_owned),
        })
    }

    #[test]
    fn newer_data_is_refused_by_the_version_that_it_names_though_the_tags_are_the_same() {
        let (_, mut manifest) = set();
        // (named by the data, by the data here, readable)
        for (taken, present, good) in [
            (Some("6.60"), Some("6.59"), false),
            (Some("6.59"), Some("6.60"), true),
            (Some("6.60"), Some("6.60"), true),
            (Some("58975"), Some("57155"), false),
            (Some("32.0.1.2"), Some("31.0.9.1"), false),
            (Some("18.0.1.3"), Some("19.0.1.3"), true),
            (None, Some("6.59"), true),
            (Some("6.60"), None, true),
        ] {
            let present = Present { data: present.map(str::to_owned), ..Present::default() };
            manifest.items.insert("database:ghost".to_owned(), database(Mysql, None, taken));
            assert_eq!(present.reads(&manifest).is_ok(), good, "a row: {taken:?} {present:?}");
            manifest.items.remove("database:ghost");
            manifest.data_version = taken.map(str::to_owned);
            let result = present.reads(&manifest);
            manifest.data_version = None;
            assert_eq!(result.is_ok(), good, "a file: {taken:?} {present:?}");
            if let Err(problem) = result {
                let taken = taken.unwrap_or_default();
                assert!(problem.code == "RES002" && problem.message.contains(taken), "{problem}");
            }
        }
    }

    #[test]
    fn what_the_very_same_images_have_made_is_read_though_an_older_set_was_restored_meanwhile() {
        let (_, mut manifest) = set();
        let image = |id: &str| {
            let (name, id) = ("nocodb/nocodb:0.301.3".to_owned(), id.to_owned());
            [("app".to_owned(), Image { name, id, version: None })].into()
        };
        manifest.data_version = Some("88".to_owned());
        manifest.images = image("sha256:1");
        for (here, good) in [("sha256:1", true), ("sha256:2", false)] {
            let present = Present { data: Some("87".to_owned()), images: image(here), ..Present::default() };
            assert_eq!(present.reads(&manifest).is_ok(), good, "{here}");
        }
    }

    #[test]
    fn a_dump_of_a_newer_server_is_refused_and_one_of_the_same_release_is_not() {
        let (_, mut manifest) = set();
        for (engine, taken, present, good) in [
            (Postgresql, Some("17.2"), "16.9", false),
            (Postgresql, Some("16.9"), "16.2", true),
            (Postgresql, Some("15.10"), "16.2", true),
            (Mysql, Some("9.7.4"), "8.4.3", false),
            (Mysql, Some("8.4.9"), "8.4.3", true),
            (Mariadb, Some("11.8.2-MariaDB"), "11.4.5-MariaDB-log", false),
            (Mariadb, Some("11.4.9-MariaDB"), "11.4.5-MariaDB", true),
            (Mysql, None, "8.4.3", true),
        ] {
            manifest.items.insert("database:d".to_owned(), database(engine, taken, None));
            let servers = [("database:d".to_owned(), present.to_owned())].into();
            let result = Present { servers, ..Present::default() }.reads(&manifest);
            assert_eq!(result.is_ok(), good, "{engine:?} {taken:?} {present}");
        }
    }
}
