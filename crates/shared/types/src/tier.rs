//! Tiers and regions by name.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A word that names none of the known values.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown {what} \"{given}\"; known: {known}")]
pub struct UnknownName {
    /// What was to be named, for example "tier".
    pub what: &'static str,
    /// The word given.
    pub given: String,
    /// The words that would have been accepted.
    pub known: String,
}

macro_rules! named_values {
    ($what:literal, $name:ident: $($variant:ident = $word:literal),+) => {
        impl $name {
            /// All values, in the order of the price list.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word used on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl FromStr for $name {
            type Err = UnknownName;
            fn from_str(text: &str) -> Result<Self, UnknownName> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownName {
                        what: $what,
                        given: text.chars().take(40).collect(),
                        known: [$($word),+].join(", "),
                    }),
                }
            }
        }
    };
}

/// The size of server a customer pays for (runbook 2.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// 4 vCPU, 8 GB, 160 GB.
    Lite,
    /// 8 vCPU, 16 GB, 320 GB.
    Build,
    /// 12 vCPU, 32 GB, 640 GB.
    Scale,
    /// 16 vCPU, 64 GB, 1.2 TB.
    Enterprise,
}
named_values!("tier", Tier: Lite = "lite", Build = "build", Scale = "scale", Enterprise = "enterprise");

/// Where the server stands (runbook 2.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// Nürnberg/Karlsruhe, Germany.
    Eu,
    /// Manassas, Virginia, USA.
    Na,
}
named_values!("region", Region: Eu = "eu", Na = "na");
