//! Who is logged in to which Hub: a file for its owner only, with a login for each Hub. A token goes to the Hub that gave
//! it and to no other.

use std::{
    collections::BTreeMap,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use letsbe_protocol::hub_address;
use letsbe_types::{Code, Problem};
use serde::{Deserialize, Serialize};

/// Where the Hub of the example configuration listens.
const DEFAULT_HUB: &str = "http://127.0.0.1:8080";

/// A login at one Hub.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) token: String,
    pub(crate) email: String,
}

/// All logins, and the Hub that is meant when none is named.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Logins {
    current: Option<String>,
    #[serde(default)]
    hubs: BTreeMap<String, Login>,
}

impl Logins {
    /// The Hub that is meant: the named one, or the one of the last login.
    ///
    /// # Errors
    /// When the address cannot be used (HUB005).
    pub(crate) fn hub(&self, named: Option<&str>) -> Result<String, Problem> {
        hub_address::checked(named.or(self.current.as_deref()).unwrap_or(DEFAULT_HUB))
    }

    /// The login at this Hub.
    ///
    /// # Errors
    /// When there is none (HUB040); the logins that there are are named.
    pub(crate) fn at(&self, hub: &str) -> Result<&Login, Problem> {
        self.hubs.get(hub).ok_or_else(|| {
            let others: Vec<&str> = self.hubs.keys().map(String::as_str).collect();
            let others = if others.is_empty() {
                String::new()
            } else {
                format!(" (you are at {})", others.join(", "))
            };
            Problem::permanent(
                Code::HUB040,
                format!("You are not logged in to the Hub at {hub}{others}"),
                format!("Log in: `letsbe --hub {hub} login --email you@example.com`."),
            )
        })
    }

    /// Adds a login; its Hub is the one that is meant from now on.
    pub(crate) fn add(&mut self, hub: &str, login: Login) {
        self.hubs.insert(hub.to_owned(), login);
        self.current = Some(hub.to_owned());
    }

    /// Forgets a login. Gives it, if there was one.
    pub(crate) fn remove(&mut self, hub: &str) -> Option<Login> {
        if self.current.as_deref() == Some(hub) {
            self.current = None;
        }
        self.hubs.remove(hub)
    }

    /// Reads the file; no file is no login.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let path = file()?;
        match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} is damaged; remove it", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// Writes the file, for its owner only.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self) -> anyhow::Result<PathBuf> {
        let path = file()?;
        let folder = path.parent().context("the file of the logins has no folder")?;
        std::fs::create_dir_all(folder)?;
        replace(&path, serde_json::to_string_pretty(self)?.as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))?;
        // The file of earlier versions held one token and did not say for which Hub.
        let _ = std::fs::remove_file(folder.join("token"));
        Ok(path)
    }
}

/// A new file takes the place of the old one: the mode of the old one would stay as it was.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let fresh = path.with_added_extension("new");
    let _ = std::fs::remove_file(&fresh);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(content)?;
    std::fs::rename(&fresh, path)
}

fn file() -> anyhow::Result<PathBuf> {
    let folder = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let folder = folder.or_else(home).context("neither XDG_CONFIG_HOME nor HOME is set")?;
    Ok(folder.join("letsbe/logins.json"))
}

#[cfg(test)]
mod tests {
    use super::{Login, Logins, replace};

    fn login(token: &str) -> Login {
        Login { token: token.to_owned(), email: "a@example.com".to_owned() }
    }

    #[test]
    fn a_token_is_for_the_hub_that_gave_it() {
        let mut logins = Logins::default();
        logins.add("https://one.example", login("one"));
        logins.add("https://two.example", login("two"));
        assert_eq!(logins.at("https://one.example").unwrap().token, "one");
        let refused = logins.at("http://127.0.0.1:9").err().expect("no login there");
        assert!(refused.code == "HUB040" && refused.message.contains("https://one.example"), "{refused}");
    }

    #[test]
    fn the_hub_of_the_last_login_is_meant_unless_another_one_is_named() {
        let mut logins = Logins::default();
        assert_eq!(logins.hub(None).unwrap(), "http://127.0.0.1:8080");
        logins.add("https://one.example", login("one"));
        assert_eq!(logins.hub(None).unwrap(), "https://one.example");
        assert_eq!(logins.hub(Some("https://two.example/")).unwrap(), "https://two.example");
        assert!(logins.remove("https://one.example").is_some());
        assert_eq!(logins.hub(None).unwrap(), "http://127.0.0.1:8080");
    }

    #[test]
    fn the_file_is_for_its_owner_only_whatever_it_was() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logins.json");
        std::fs::write(&path, "{}").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        replace(&path, b"{\"hubs\":{}}").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
