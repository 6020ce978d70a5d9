//! How each of a tool's credentials is replaced by a new one.

use serde::Deserialize;

use crate::{Credential, CredentialCategory, DatabaseEngine, Tool};

/// What an entry says about one credential: `rotation = "env"` or `rotation = { keep = "why" }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CredentialRotation {
    /// The tool takes a new value from its files when its containers are made again.
    Env,
    /// It stays as it is, for this reason, which people read.
    Keep(String),
}

/// How a credential is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation<'a> {
    /// A database is told first ([`crate::DatabaseRotation`]), then the containers are made again.
    Database,
    /// The containers are made again with the new value.
    Env,
    /// The server's own user gets the new value; no container knows it.
    Upload,
    /// It stays as it is, for this reason.
    Keep(&'a str),
}

impl Tool {
    /// How a credential of this tool is rotated: what the entry says, else by where it is used and its category.
    #[must_use]
    pub fn rotation_of<'a>(&self, credential: &'a Credential) -> Rotation<'a> {
        match &credential.rotation {
            Some(CredentialRotation::Keep(reason)) => return Rotation::Keep(reason),
            Some(CredentialRotation::Env) => return Rotation::Env,
            None if self.is_of(&credential.key, |engine| engine == DatabaseEngine::Mongodb) => {
                return Rotation::Keep("nothing tells a MongoDB its new password yet");
            }
            None if self.is_of(&credential.key, |_| true) => return Rotation::Database,
            None if self.is_upload_password(&credential.key) => return Rotation::Upload,
            None => {}
        }
        match credential.category {
            CredentialCategory::DatabasePassword
            | CredentialCategory::ApiToken
            | CredentialCategory::JwtSecret => Rotation::Env,
            CredentialCategory::AdminPassword => {
                Rotation::Keep("it is set once at the first start; the owner changes it in the tool itself")
            }
            CredentialCategory::EncryptionKey => Rotation::Keep("it opens data that was stored with it"),
            CredentialCategory::SshKey => Rotation::Keep("its public half is known to other servers"),
            CredentialCategory::SmtpCredential => Rotation::Keep("a mail server knows it too"),
        }
    }

    /// Whether a credential opens a database of one of these engines.
    fn is_of(&self, key: &str, engines: impl Fn(DatabaseEngine) -> bool) -> bool {
        let is = |name: &String| name == key;
        let mut databases = self.databases.iter().filter(|one| engines(one.engine));
        databases.any(|one| is(&one.password) || one.root_password.as_ref().is_some_and(is))
    }

    pub(crate) fn check_rotation(&self, credential: &Credential) -> Result<(), String> {
        match &credential.rotation {
            Some(CredentialRotation::Keep(reason)) if reason.trim().is_empty() => {
                Err("a credential that is kept needs a reason".to_owned())
            }
            Some(CredentialRotation::Env) if self.is_of(&credential.key, |_| true) => {
                Err("its database must be told; leave the field out".to_owned())
            }
            Some(CredentialRotation::Env) if !self.is_in_files(&credential.key) => {
                Err("\"env\" needs an env file or a secret file that holds it".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn is_in_files(&self, key: &str) -> bool {
        let place = format!("{{{{ {key} }}}}");
        let texts = self.env.values().flat_map(|lines| lines.values()).chain(self.secret_files.values());
        texts.into_iter().any(|text| text.contains(&place))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{Catalog, Rotation};

    #[test]
    fn every_credential_of_the_catalog_is_rotated_or_kept_for_a_reason() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog");
        let catalog = Catalog::load(Path::new(folder)).expect("the catalog is valid");
        let mut found: Vec<String> = Vec::new();
        for tool in catalog.platform().chain(catalog.tools()) {
            for credential in &tool.credentials {
                let how = match tool.rotation_of(credential) {
                    Rotation::Database => "database",
                    Rotation::Env => "env",
                    Rotation::Upload => "upload",
                    Rotation::Keep(reason) => {
                        assert!(!reason.is_empty());
                        "keep"
                    }
                };
                found.push(format!("{}/{} {how}", tool.name, credential.key));
            }
        }
        for wanted in [
            "ghost/database_password database",
            "ghost/database_root_password database",
            "ghost/admin_password keep",
            "nocodb/database_password database",
            "nocodb/admin_password env",
            "nocodb/jwt_secret env",
            "nocodb/connection_key keep",
            "openclaw/gateway_token env",
            "portainer/admin_password keep",
            "static-website/upload_password upload",
            "wordpress/auth_key env",
        ] {
            assert!(found.iter().any(|line| line == wanted), "{wanted} not in {found:#?}");
        }
    }
}
