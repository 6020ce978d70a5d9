//! Which models a new server's AI team may use, with the providers' keys. Keys are read when they are needed, from
//! files that only the Hub's user can read, and are never logged.

use std::{fs, path::Path};

use letsbe_types::{
    Problem, Secret,
    link::{ModelAccess, ModelsConfiguration, Provider, ProviderKey},
};

use crate::{
    config::ModelsConfig,
    security::secret_file::{self, Form},
};

/// What goes into the server's job.
pub(super) fn access(config: &ModelsConfig, token_pool: u64) -> Result<ModelAccess, Problem> {
    let mut models = ModelsConfiguration { providers: Vec::new(), models: config.models.clone() };
    let mut keys = std::collections::BTreeMap::new();
    for provider in &config.providers {
        let read =
            |path: &Path| fs::read_to_string(path).map_err(|error| unreadable(path, &error.to_string()));
        keys.insert(provider.name.clone(), ProviderKey(key(&provider.key_file)?.expose().clone()));
        models.providers.push(Provider {
            name: provider.name.clone(),
            base_url: provider.base_url.clone(),
            key: format!("models/{}", provider.name),
            roots_pem: provider.roots_pem_file.as_deref().map(read).transpose()?,
        });
    }
    Ok(ModelAccess { models, keys, token_pool })
}

fn key(path: &Path) -> Result<Secret<String>, Problem> {
    secret_file::read(path, Form::Word).map_err(|why| unreadable(path, &why))
}

fn unreadable(path: &Path, why: &str) -> Problem {
    let message = format!("{} cannot be used: {why}.", path.display());
    Problem::permanent(
        "TENANT001",
        message,
        "Put the file right ([models] in the Hub's settings), then retry.",
    )
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

    use letsbe_types::link::{Model, Target};

    use super::access;
    use crate::config::{ModelsConfig, ProviderConfig};

    fn config(key_file: &Path) -> ModelsConfig {
        let target = Target { provider: "openrouter".into(), model: "some/model".into() };
        ModelsConfig {
            providers: vec![ProviderConfig {
                name: "openrouter".into(),
                base_url: "https://models.example/v1".into(),
                key_file: key_file.to_owned(),
                roots_pem_file: None,
            }],
            models: vec![Model { name: "assistant".into(), chain: vec![target], output_tokens_max: 1000 }],
        }
    }

    #[test]
    fn a_key_comes_from_a_private_file_and_is_not_printed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        assert_eq!(access(&config(&file), 7).unwrap_err().code, "TENANT001");
        fs::write(&file, "sk-canary-1\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = access(&config(&file), 7).unwrap_err();
        assert!(refused.message.contains("chmod 600") && !refused.message.contains("canary"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let given = access(&config(&file), 7).unwrap();
        assert_eq!(given.keys["openrouter"].0, "sk-canary-1");
        assert_eq!((given.models.providers[0].key.as_str(), given.token_pool), ("models/openrouter", 7));
        assert!(!format!("{given:?}").contains("canary"));
        for bad in ["", "two words", "two\nlines"] {
            fs::write(&file, bad).unwrap();
            assert_eq!(access(&config(&file), 7).unwrap_err().code, "TENANT001", "{bad:?}");
        }
    }
}
