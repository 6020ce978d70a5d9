//! The tenant's secrets: made on the tenant's server, once, and kept there.
//!
//! It must never change a value that exists, print one, or take randomness from anywhere but its caller.

mod credentials;
mod mask;

pub use credentials::{
    CREDENTIALS_FILE, Credentials, Made, MakeError, UnreadableCredentials, Wanted, merge_missing,
};
pub use mask::Mask;
