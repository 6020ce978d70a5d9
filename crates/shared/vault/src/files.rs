//! The vault on the disk: read whole, changed under a lock, replaced whole.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use letsbe_types::Secret;
use rand::CryptoRng;

use crate::{
    Vault, VaultError,
    seal::{self, SEALED_BYTES_MAX},
};

/// The sealed vault.
pub const VAULT_FILE: &str = letsbe_types::paths::VAULT;
/// Its key: 64 hexadecimal digits (mode 0600).
pub const REGISTRY_KEY_FILE: &str = "/etc/letsbe/registry.key";

/// Where a vault and its key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultFiles {
    /// The sealed vault.
    pub sealed: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl VaultFiles {
    /// The files below this folder; `/` on a server.
    #[must_use]
    pub fn under(root: &Path) -> Self {
        let below = |path: &str| root.join(path.trim_start_matches('/'));
        Self { sealed: below(VAULT_FILE), key: below(REGISTRY_KEY_FILE) }
    }

    /// The registry key itself, for the escrow.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn read_key(&self) -> Result<Secret<String>, VaultError> {
        let refuse = |why| VaultError::Key { path: self.key.clone(), why };
        let text = read(&self.key)?.ok_or_else(|| refuse("is missing"))?;
        if seal::is_key(text.expose()) { Ok(text) } else { Err(refuse("is not 64 hexadecimal digits")) }
    }

    /// Takes vault and key away from everybody but their owner; fine if they are not there.
    ///
    /// # Errors
    /// When that cannot be done.
    pub fn make_private(&self) -> Result<(), VaultError> {
        for path in [&self.sealed, &self.key] {
            match std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(VaultError::file(path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn key_or_new(&self, random: &mut impl CryptoRng) -> Result<Secret<String>, VaultError> {
        if read(&self.key)?.is_none() {
            let key = seal::new_key(random);
            write(&self.key, format!("{}\n", key.expose()).as_bytes())?;
        }
        self.read_key()
    }
}

impl Vault {
    /// Reads the vault; `None` if there is none yet.
    ///
    /// # Errors
    /// When it is damaged or the key is not its own: then the caller must stop.
    pub fn open(files: &VaultFiles) -> Result<Option<Self>, VaultError> {
        let Some(sealed) = read(&files.sealed)? else { return Ok(None) };
        Self::unseal(sealed.expose(), files.read_key()?.expose()).map(Some)
    }

    /// Changes the vault, one process at a time; makes vault and key if there is neither. What was changed is on the
    /// disk when this returns, and nothing is if `change` fails. A change of nothing writes nothing.
    ///
    /// # Errors
    /// As [`Vault::open`]; when a file cannot be written; and what `change` answers.
    pub fn update<T>(
        files: &VaultFiles,
        random: &mut impl CryptoRng,
        change: impl FnOnce(&mut Self) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let lock = files.sealed.with_extension("lock");
        make_folder(&lock)?;
        let held = private().create(true).truncate(false).write(true).open(&lock);
        let held = held.map_err(VaultError::file(&lock))?;
        held.lock().map_err(VaultError::file(&lock))?;
        let before = Self::open(files)?;
        let key = if before.is_some() { files.read_key()? } else { files.key_or_new(random)? };
        let mut vault = before.clone().unwrap_or_default();
        let answer = change(&mut vault)?;
        if before.as_ref() != Some(&vault) {
            vault.version += 1;
            let sealed = vault.seal(key.expose(), random)?;
            if sealed.len() as u64 > SEALED_BYTES_MAX {
                return Err(VaultError::Refused("the vault would be larger than it may be".to_owned()));
            }
            write(&files.sealed, sealed.as_bytes())?;
        }
        Ok(answer)
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

fn make_folder(path: &Path) -> Result<(), VaultError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(VaultError::file(folder))
}

/// Reads a file whole; `None` if there is none. One that others could read is taken away from them first.
fn read(path: &Path) -> Result<Option<Secret<String>>, VaultError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(VaultError::file(path))?,
    };
    let mode = file.metadata().map_err(VaultError::file(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        // Where this process may not (a unit that only reads here), the next one of the agent does.
        let _ = file.set_permissions(std::fs::Permissions::from_mode(0o600));
    }
    let mut content = Vec::new();
    file.take(SEALED_BYTES_MAX).read_to_end(&mut content).map_err(VaultError::file(path))?;
    Ok(Some(Secret::new(String::from_utf8_lossy(&content).into_owned())))
}

/// Writes a file so that a crash leaves the old or the new one, never half. The caller holds the lock, so that one
/// name for what is not finished suffices, and a dead writer leaves at most one.
fn write(path: &Path, content: &[u8]) -> Result<(), VaultError> {
    make_folder(path)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let unfinished = path.with_extension("unfinished");
    let attempt = || {
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private().create_new(true).write(true).open(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)?;
        File::open(folder)?.sync_all()
    };
    attempt().map_err(VaultError::file(path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use letsbe_types::Problem;
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::VaultFiles;
    use crate::{Origin, Vault, VaultError, vault::tests::noon};

    fn put(files: &VaultFiles, key: &str, value: &str) -> Result<(), VaultError> {
        Vault::update(files, &mut StdRng::from_rng(&mut rand::rng()), |vault| {
            vault.put("ghost", key, value.into(), Origin::Made, noon());
            Ok(())
        })
    }

    #[test]
    fn a_vault_and_its_key_are_made_once_and_for_root_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = VaultFiles::under(folder.path());
        assert!(Vault::open(&files).expect("reads").is_none());
        put(&files, "a", "canary-1").expect("makes it");
        let (key, sealed) =
            (std::fs::read(&files.key).expect("key"), std::fs::read(&files.sealed).expect("vault"));
        put(&files, "a", "canary-1").expect("nothing to do");
        assert_eq!(std::fs::read(&files.sealed).expect("vault"), sealed, "no change, no write");
        // What a writer that died has left stands in nobody's way, however open it is.
        std::fs::write(files.sealed.with_extension("unfinished"), "half").expect("writes");
        put(&files, "b", "canary-2").expect("changes it");
        assert_eq!(std::fs::read(&files.key).expect("key"), key, "a key is never made anew");
        let vault = Vault::open(&files).expect("opens").expect("is there");
        assert_eq!((vault.version(), vault.entries().count()), (2, 2));
        for path in [&files.key, &files.sealed] {
            assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
            assert!(!String::from_utf8_lossy(&std::fs::read(path).expect("reads")).contains("canary"));
        }
    }

    #[test]
    fn a_vault_that_cannot_be_opened_is_refused_and_never_replaced() {
        let damage = |files: &VaultFiles, what: &str| {
            let (path, content) = match what {
                "content" => (&files.sealed, "canary-damage".to_owned()),
                "empty" => (&files.sealed, String::new()),
                "key" => (&files.key, "ab".repeat(32)),
                "no key" => (&files.key, "canary-key".to_owned()),
                _ => return std::fs::remove_file(&files.key).expect("removes"),
            };
            std::fs::write(path, content).expect("writes");
        };
        for (what, code) in [
            ("content", "VAULT001"),
            ("empty", "VAULT001"),
            ("key", "VAULT001"),
            ("no key", "VAULT002"),
            ("missing key", "VAULT002"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let files = VaultFiles::under(folder.path());
            put(&files, "a", "canary-1").expect("makes it");
            damage(&files, what);
            let before = (std::fs::read(&files.sealed).ok(), std::fs::read(&files.key).ok());
            for refused in [Vault::open(&files).map(drop), put(&files, "b", "x")] {
                let problem = Problem::from(refused.expect_err(what));
                assert_eq!(problem.code, code, "{what}");
                assert!(!problem.message.contains("canary"), "{problem}");
            }
            assert_eq!((std::fs::read(&files.sealed).ok(), std::fs::read(&files.key).ok()), before, "{what}");
        }
    }

    #[test]
    fn changes_of_many_at_once_are_all_kept_and_a_failed_one_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = VaultFiles::under(folder.path());
        std::thread::scope(|scope| {
            for index in 0..8 {
                let files = &files;
                scope.spawn(move || put(files, &format!("key-{index}"), "value").expect("changes it"));
            }
        });
        let vault = Vault::open(&files).expect("opens").expect("is there");
        assert_eq!((vault.version(), vault.entries().count()), (8, 8));
        let failed = Vault::update(&files, &mut StdRng::seed_from_u64(1), |vault| {
            vault.put("ghost", "half", "value".into(), Origin::Made, noon());
            Err::<(), _>(VaultError::Refused("no".to_owned()))
        });
        assert!(failed.is_err());
        assert_eq!(Vault::open(&files).expect("opens"), Some(vault));
    }

    #[test]
    fn a_key_that_others_could_read_is_taken_away_from_them_and_an_empty_one_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = VaultFiles::under(folder.path());
        put(&files, "a", "b").unwrap();
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&files.key, open).unwrap();
        files.read_key().unwrap();
        assert_eq!(std::fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
        for empty in ["", "\n", "   ", "abcd"] {
            std::fs::write(&files.key, empty).unwrap();
            assert!(matches!(files.read_key(), Err(VaultError::Key { .. })), "{empty:?}");
        }
    }
}
