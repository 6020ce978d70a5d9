//! Typed identifiers. One list, alphabetical, so that two kinds of id can never be mixed up.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, ordered by time of creation (UUID version 7, RFC 9562).
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

uuid_ids! {
    /// Something that the Hub found wrong with a tenant's copies outside.
    AlarmId,
    /// Something that the AI team wants to do and a person must allow.
    ApprovalId,
    /// A command of the Hub to one tenant's agent.
    CommandId,
    /// One drill: backups restored to see whether they can be.
    DrillId,
    /// One effect in the Hub's outbox.
    EffectId,
    /// One provisioning job: also the id of the run on the tenant's server, so that a second provisioner of the
    /// same job finds the run of the first.
    JobId,
    /// One paid order.
    OrderId,
    /// One replacement of a lost server.
    RecoveryId,
    /// One set of backups: everything of one tool at one moment.
    SetId,
    /// A member of the company's staff.
    StaffId,
}

/// The Hub's name for a server: `<provider>:<the provider's own id>`, for example `netcup:4711`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct ServerId(pub String);

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The random identity planted on a server at adoption. It must match before anything is destroyed (DESIGN 2.6).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct ServerIdentity(pub String);
