//! What an operator's account does at an S3 service: a bucket for each tenant that keeps what is deleted in it, keys
//! of its own for each tenant that cannot change that, and counting from outside.
//!
//! Why COMPLIANCE and not GOVERNANCE for the lock: under GOVERNANCE whoever has the operator's key can lift the lock,
//! and that key lies on the Hub, which is on the Internet. Under COMPLIANCE nobody can, not even the account's owner;
//! the price is that a mistake stays stored until the lock ends. What is stored is encrypted, so that a customer's
//! data is erased at any time by erasing the repository's key.
//!
//! The lock counts from the day a version was written. What is older is kept by two other things: a tenant's key may
//! delete objects but never versions, and the service itself removes a deleted version only when it has been deleted
//! for as many days as the lock lasts.
//!
//! It must never read or write a tenant's backups, remove a version, or print a key.

mod account;
mod bucket;
mod protection;
mod request;
mod totals;
mod users;
mod xml;

use thiserror::Error;

pub use account::{AccessKey, Account, AddressRefused, Service, checked_address};
pub use totals::{ENTRIES_MAX, Totals};

/// Why a service did not do what it was asked.
#[derive(Debug, Error)]
pub enum BucketError {
    /// It did not answer.
    #[error("{endpoint} does not answer: {why}")]
    Unreachable {
        /// Whom.
        endpoint: String,
        /// Why.
        why: String,
    },
    /// It refused.
    #[error("{operation} was refused with {status} {code}: {message}")]
    Refused {
        /// What was asked, in the service's own words.
        operation: &'static str,
        /// HTTP status.
        status: u16,
        /// The service's code, for example `AccessDenied`.
        code: String,
        /// What it says.
        message: String,
    },
    /// Its answer is not what the protocol says.
    #[error("the answer to {operation} is not understood: {why}")]
    Unreadable {
        /// What was asked.
        operation: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The request could not be signed: an address or a name that no service can have.
    #[error("{operation} cannot be asked: {why}")]
    Unsigned {
        /// What was to be asked.
        operation: &'static str,
        /// Why not.
        why: String,
    },
    /// There is more in it than is counted.
    #[error("the bucket {bucket} holds more than {ENTRIES_MAX} versions")]
    TooMany {
        /// Which.
        bucket: String,
    },
}

impl BucketError {
    /// Whether the same may work later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => *status >= 500 && *status != 501 || *status == 429,
            Self::Unreadable { .. } | Self::Unsigned { .. } | Self::TooMany { .. } => false,
        }
    }

    fn is(&self, codes: &[&str]) -> bool {
        matches!(self, Self::Refused { code, .. } if codes.contains(&code.as_str()))
    }

    /// The service does not know what was asked for.
    fn is_not_implemented(&self) -> bool {
        matches!(self, Self::Refused { status: 405 | 501, .. })
            || self.is(&["NotImplemented", "MethodNotAllowed", "InvalidAction", "UnsupportedOperation"])
    }
}
