#![doc = include_str!("../README.md")]

mod credentials;
mod env_file;
mod error;
pub mod escrow;
mod files;
mod mask;
mod observe;
pub mod rotation;
mod seal;
mod seed;
mod strength;
mod vault;

pub use credentials::{
    CREDENTIALS_FILE, Credentials, Made, MakeError, UnreadableCredentials, Wanted, merge_missing,
};
pub use env_file::{ENV_FILE_BYTES_MAX, EnvFile, EnvFileError};
pub use error::VaultError;
pub use escrow::{BACKUP_KEY, EscrowKeys, escrow, open_escrow, seal_keys};
pub use files::{REGISTRY_KEY_FILE, VAULT_FILE, VaultFiles};
pub use mask::Mask;
pub use observe::{Observed, ToolFiles, observe};
pub use seed::{DESTINATION_SECRET, Given, MODELS};
pub use strength::is_weak;
pub use vault::{Entry, Origin, Pending, Retired, Vault};
