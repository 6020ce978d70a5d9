//! The versions that data names: kept with every set, so that newer data never meets an older program.

use std::{io::Read as _, path::Path};

use letsbe_backup::{Access, DatabaseSource, asked, server_version};
use letsbe_catalog::{DataVersion, Tool};
use letsbe_host::{Command, LocalMachine, Machine as _};
use letsbe_types::Problem;

use letsbe_base::beneath::Beneath;

/// No version is longer.
const LONGEST: usize = 64;
/// A file that names one is not larger.
const BYTES: u64 = 1 << 20;

/// What a database's server and the tool's own rows in it say; what cannot be read is not known.
pub(crate) async fn of_database(
    database: &DatabaseSource,
    access: Access<'_>,
    statement: Option<&str>,
) -> (Option<String>, Option<String>) {
    let server = answered(server_version(database, access)).await;
    let data = answered(statement.and_then(|statement| asked(database, access, statement))).await;
    (server, data)
}

async fn answered(command: Option<Command>) -> Option<String> {
    let output = LocalMachine.run(&command?).await.ok().filter(letsbe_host::CommandOutput::success)?;
    named(&output.stdout)
}

/// The statement that asks this database for the version of the tool's data.
pub(crate) fn statement<'a>(tool: &'a Tool, database: &str) -> Option<&'a str> {
    match &tool.data_version {
        Some(DataVersion::Database { name, query }) if name == database => Some(query),
        _ => None,
    }
}

/// The version that a file of the tool names; what cannot be read is not known.
///
/// # Errors
/// When something stands in its place that root must not open.
pub(crate) fn of_file(tool: &Tool, root: &Path) -> Result<Option<String>, Problem> {
    let Some(DataVersion::File { volume, file, after }) = &tool.data_version else { return Ok(None) };
    let volume = letsbe_backup::volume(root, tool.name.as_str(), volume);
    if !volume.is_dir() {
        return Ok(None);
    }
    let Some(file) = Beneath::open(&volume)?.file(file)? else { return Ok(None) };
    let mut text = Vec::new();
    if file.take(BYTES).read_to_end(&mut text).is_err() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&text);
    Ok(text.split_once(after).and_then(|(_, rest)| named(rest)))
}

/// A version at the beginning of a text: numbers with dots, and what an engine adds to them.
fn named(text: &str) -> Option<String> {
    let of_it = |c: &char| c.is_ascii_alphanumeric() || ".-_+".contains(*c);
    let version: String = text.trim_start().chars().take_while(of_it).take(LONGEST).collect();
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use letsbe_catalog::{Catalog, DataVersion};

    use super::{named, of_file, statement};

    fn catalog() -> Catalog {
        Catalog::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog"))).unwrap()
    }

    #[test]
    fn a_version_is_numbers_whatever_stands_behind_them() {
        for (text, expected) in [
            ("16.4 (Debian 16.4-1.pgdg120+1)\n", Some("16.4")),
            ("11.4.2-MariaDB-log\n", Some("11.4.2-MariaDB-log")),
            ("6.59\n", Some("6.59")),
            ("58975", Some("58975")),
            ("31.0.5.1',\n  'dbname'", Some("31.0.5.1")),
            ("", None),
            ("NULL\n", None),
            ("ERROR 1146", None),
        ] {
            assert_eq!(named(text).as_deref(), expected, "{text}");
        }
        assert_eq!(named(&"1".repeat(500)).unwrap().len(), 64);
    }

    #[test]
    fn the_file_that_names_a_version_is_read_and_a_link_in_its_place_is_not_followed() {
        let (catalog, root) = (catalog(), tempfile::tempdir().unwrap());
        let nextcloud = catalog.tools().find(|tool| tool.name.as_str() == "nextcloud").unwrap();
        assert_eq!(of_file(nextcloud, root.path()), Ok(None), "not installed yet");
        let config = letsbe_backup::volume(root.path(), "nextcloud", "html").join("config");
        std::fs::create_dir_all(&config).unwrap();
        let text = "<?php\n$CONFIG = array (\n  'version' => '31.0.5.1',\n  'dbname' => 'nextcloud',\n);\n";
        std::fs::write(config.join("config.php"), text).unwrap();
        assert_eq!(of_file(nextcloud, root.path()), Ok(Some("31.0.5.1".to_owned())));
        std::fs::rename(config.join("config.php"), root.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(root.path().join("elsewhere"), config.join("config.php")).unwrap();
        assert_ne!(of_file(nextcloud, root.path()), Ok(Some("31.0.5.1".to_owned())));
    }

    #[test]
    fn every_tool_says_where_its_data_names_a_version_or_why_it_does_not() {
        for tool in catalog().tools() {
            let name = &tool.name;
            match tool.data_version.as_ref().unwrap_or_else(|| panic!("{name} has no data_version")) {
                DataVersion::Database { name: database, .. } => {
                    assert!(tool.databases.iter().any(|one| one.name == *database), "{name}: {database}");
                    assert!(statement(tool, database).is_some(), "{name}");
                    assert_eq!(statement(tool, "another"), None, "{name}");
                }
                DataVersion::File { volume, file, after } => {
                    let kept = tool.state.iter().any(|state| state.volume.as_ref() == Some(volume));
                    assert!(kept && file.is_relative() && !after.is_empty(), "{name}: {volume}");
                }
                DataVersion::Image { why } => assert!(why.len() > 20, "{name}: {why}"),
            }
        }
    }
}
