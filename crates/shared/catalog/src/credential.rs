//! The secrets that are made for a tool.

use serde::{Deserialize, Serialize};

use crate::CredentialRotation;

/// Categories of the runbook, section 3.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CredentialCategory {
    /// Password of a database user.
    DatabasePassword,
    /// Password of a tool's administrator.
    AdminPassword,
    /// Token for an API.
    ApiToken,
    /// Signs sessions or tokens.
    JwtSecret,
    /// Encrypts data at rest.
    EncryptionKey,
    /// SSH key pair.
    SshKey,
    /// Login at a mail server.
    SmtpCredential,
}

/// How a credential is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CredentialMethod {
    /// 32 random bytes in base64 (44 characters with `+`, `/`, `=`).
    #[serde(rename = "base64_32")]
    Base64,
    /// 32 random bytes in hex: safe in URLs, shells and files.
    #[serde(rename = "hex_32")]
    Hex,
    /// An ed25519 key pair.
    Ed25519,
}

/// A secret made for a tool.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Its name in templates; unique within the tool.
    pub key: String,
    /// Category.
    pub category: CredentialCategory,
    /// How it is made.
    pub method: CredentialMethod,
    /// Login it belongs to, as a template (`{{ owner_email }}`), where a person uses it.
    #[serde(default)]
    pub login: Option<String>,
    /// Whether the tool insists on an upper-case letter, a digit and a symbol: make another until
    /// [`Credential::accepts`] says yes.
    #[serde(default)]
    pub mixed: bool,
    /// How it is rotated, where that is not what its category says; see [`Tool::rotation_of`].
    #[serde(default)]
    pub rotation: Option<CredentialRotation>,
}

impl Credential {
    /// Whether a generated value satisfies what the tool insists on.
    #[must_use]
    pub fn accepts(&self, value: &str) -> bool {
        let has = |test: fn(&u8) -> bool| value.bytes().any(|b| test(&b));
        !self.mixed
            || (has(u8::is_ascii_uppercase)
                && has(u8::is_ascii_lowercase)
                && has(u8::is_ascii_digit)
                && has(u8::is_ascii_punctuation))
    }
}
