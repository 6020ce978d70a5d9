//! Which database the Hub has.

use std::path::{Path, PathBuf};

use letsbe_store::Database;
use letsbe_types::{Code, Problem};

use super::{DATABASE, HubConfig, secret};
use crate::security::secret_file::Form;

/// The database at an address, with the password in a file.
///
/// # Errors
/// When the address names none, or the file is not as it must be.
pub fn named_database(address: &str, password_file: Option<&Path>) -> Result<Database, Problem> {
    let named = address.parse::<Database>().map_err(|why| {
        Problem::permanent(Code::HUB010, format!("database: {why}"), "Put the settings right.")
    })?;
    match password_file {
        Some(file) => Ok(named.with_password(secret(file, Form::Word)?)),
        None => Ok(named),
    }
}

/// The file beside a database of SQLite that says where its Hub has moved to.
#[must_use]
pub fn moved_note(file: &Path) -> PathBuf {
    file.with_added_extension("moved")
}

/// Refuses a database of SQLite whose Hub has moved: what is served from it would be of the past.
fn not_moved(database: Database) -> Result<Database, Problem> {
    let Database::Sqlite(file) = &database else { return Ok(database) };
    let note = moved_note(file);
    if !note.exists() {
        return Ok(database);
    }
    let to = std::fs::read_to_string(&note).unwrap_or_default();
    Err(Problem::permanent(
        Code::HUB011,
        format!("The Hub's database {} was moved to {}.", file.display(), to.trim()),
        format!("Name that one in the settings, or remove {} to use the file again.", note.display()),
    ))
}

impl HubConfig {
    /// The database: `hub.sqlite` in the data folder, unless the settings name another one.
    ///
    /// # Errors
    /// When the file with its password is not as it must be, or a file of SQLite was moved to PostgreSQL.
    pub fn database(&self) -> Result<Database, Problem> {
        match &self.database {
            Some(address) => named_database(address, self.database_password_file.as_deref()),
            None => Ok(Database::Sqlite(self.data_folder.join(DATABASE))),
        }
        .and_then(not_moved)
    }

    /// The file of a database of SQLite.
    ///
    /// # Errors
    /// As for [`HubConfig::database`].
    pub fn database_file(&self) -> Result<Option<PathBuf>, Problem> {
        Ok(match self.database()? {
            Database::Sqlite(file) => Some(file),
            Database::Postgres(_) => None,
        })
    }

    fn named_database(&self) -> Option<Result<Database, String>> {
        let named = self.database.as_ref()?;
        Some(named.parse().map_err(|why| format!("database: {why}")))
    }

    /// What is wrong with the settings of the database.
    pub(super) fn database_problem(&self) -> Option<String> {
        match (self.named_database(), &self.database_password_file) {
            (Some(Err(why)), _) => Some(why),
            (Some(Ok(Database::Postgres(_))), _) | (_, None) => None,
            (_, Some(_)) => {
                Some("database_password_file: only a database of PostgreSQL has a password".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use letsbe_store::Database;

    use crate::config::HubConfig;

    #[test]
    fn a_hub_has_the_database_that_its_settings_name_and_sqlite_in_its_data_folder_otherwise() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/hub.example.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (file, password) = (folder.path().join("hub.toml"), folder.path().join("password"));
        std::fs::write(&password, "of-the-database\n").unwrap();
        std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let load = |settings: &str| {
            std::fs::write(&file, format!("{settings}\n{text}")).unwrap();
            HubConfig::load(&file).map_err(|error| error.to_string())
        };
        let named = |settings: &str| load(settings).unwrap().database().unwrap();
        let default = Database::Sqlite("/var/lib/letsbe-hub/hub.sqlite".into());
        assert_eq!(named(""), default);
        assert_eq!(named("database = \"sqlite:/srv/hub.db\""), Database::Sqlite("/srv/hub.db".into()));
        let address = "database = \"postgres://hub@db.example.com/letsbe\"";
        let with_password = format!("{address}\ndatabase_password_file = {password:?}");
        assert_eq!(named(&with_password), named(address).with_password("of-the-database".into()));
        for (wrong, why) in [
            ("database = \"hub.sqlite\"", "neither"),
            ("database = \"postgres://hub:canary@localhost/letsbe\"", "database_password_file"),
            ("database_password_file = \"/etc/letsbe/x\"", "only a database of PostgreSQL"),
            ("database = \"sqlite:/x\"\ndatabase_password_file = \"/y\"", "only a database of PostgreSQL"),
        ] {
            let refused = load(wrong).unwrap_err();
            assert!(refused.contains(why) && !refused.contains("canary"), "{wrong}: {refused}");
        }
        let missing = load(&format!("{address}\ndatabase_password_file = \"/nope\"")).unwrap();
        assert_eq!(missing.database().unwrap_err().code, "HUB010");
        assert!(missing.unready().iter().any(|line| line.contains("database_password_file: /nope")));
    }
}
