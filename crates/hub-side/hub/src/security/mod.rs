//! Who asks, and how often: sessions, passwords, bearer keys, signatures, the rate limit.

pub(crate) mod keys;
pub(crate) mod limit;
pub mod logins;
pub mod passwords;
pub(crate) mod sealed_keys;
pub(crate) mod secret_file;
pub(crate) mod sessions;
pub mod signature;

pub use passwords::hash_password;
