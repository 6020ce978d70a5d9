//! What can go wrong with the vault.

use std::path::{Path, PathBuf};

use letsbe_types::{Code, Problem};
use thiserror::Error;

/// What went wrong with the vault. Never quotes what is in it.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The sealed file is damaged, or was sealed with another key.
    #[error("the vault cannot be opened: {why}")]
    Unopenable {
        /// Which part is not as it should be.
        why: &'static str,
    },
    /// There is a vault and no key that could open it.
    #[error("the key of the vault, {}, {why}", .path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No such secret.
    #[error("the vault has no secret {0}")]
    Unknown(String),
    /// An address for the escrow is none.
    #[error("{0:?} is no age recipient (age1…)")]
    Recipient(String),
    /// The keys in escrow cannot be opened.
    #[error("the escrow cannot be opened: {0}")]
    Escrow(&'static str),
    /// A new secret is too easy to guess.
    #[error("the new secret {0} is too easy to guess: it has less than 16 bytes that nobody knows")]
    Weak(String),
    /// What was to be changed is not there, or cannot be.
    #[error("{0}")]
    Refused(String),
}

impl VaultError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::File { path: path.to_owned(), source }
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        const RESTORE: &str = "Restore vault.sealed and registry.key together from a backup; the escrow has \
            the key. The vault is never made anew: the tools' databases know the old passwords.";
        let message = error.to_string();
        match error {
            VaultError::Unopenable { .. } => Self::permanent(Code::VAULT001, message, RESTORE),
            VaultError::Key { .. } => Self::permanent(Code::VAULT002, message, RESTORE),
            VaultError::File { .. } => Self::transient(
                Code::VAULT003,
                message,
                "Look at the disk's space, its health and the file's permissions.",
            ),
            VaultError::Unknown(_) => {
                Self::permanent(Code::VAULT004, message, "`letsbe-node vault list` names the secrets.")
            }
            VaultError::Recipient(_) => Self::permanent(
                Code::VAULT005,
                message,
                "Nothing was sealed. `age-keygen -y <file>` prints the recipient that belongs to a key.",
            ),
            VaultError::Escrow(_) => Self::permanent(
                Code::VAULT009,
                message,
                "Give the newest escrow of this tenant and the identity file of one of its recipients.",
            ),
            VaultError::Weak(_) => Self::permanent(
                Code::VAULT010,
                message,
                "Nothing was changed in the vault. Have a longer one made where it comes from, and repeat.",
            ),
            VaultError::Refused(_) => Self::permanent(
                Code::VAULT006,
                message,
                "Nothing was changed in the vault. Mend the cause and repeat.",
            ),
        }
    }
}
