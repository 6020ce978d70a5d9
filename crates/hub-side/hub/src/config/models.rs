//! Models and their providers.

use std::{collections::BTreeSet, path::PathBuf};

use letsbe_types::link::Model;
use serde::Deserialize;

/// Which models the tenants' AI teams may use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelsConfig {
    /// Providers with an OpenAI-compatible interface.
    pub providers: Vec<ProviderConfig>,
    /// The models by the names that the AI runtime uses, each with the targets that are asked in turn.
    pub models: Vec<Model>,
}

/// A model provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Short name, for example `openrouter`.
    pub name: String,
    /// Base address up to and including the version, `https://…/v1`; `http://` only for private addresses.
    pub base_url: String,
    /// Who asks it.
    #[serde(default)]
    pub delivery: Delivery,
    /// File with the key (mode 0600), for a relayed provider; it never leaves the Hub.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// File with the roots of its certificate (PEM), where whoever asks it does not trust it by themselves.
    #[serde(default)]
    pub roots_pem_file: Option<PathBuf>,
}

/// Who asks a model provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// The Hub, for all tenants, with a key that only the Hub has.
    #[default]
    Relay,
    /// Each tenant's server, with a key of its own that is put into its vault there.
    Tenant,
}

impl ModelsConfig {
    /// What cannot work, if anything.
    pub(super) fn problem(&self) -> Option<String> {
        let names: BTreeSet<&str> = self.providers.iter().map(|provider| provider.name.as_str()).collect();
        if names.len() < self.providers.len() {
            return Some("models.providers: two have the same name".to_owned());
        }
        let models: BTreeSet<&str> = self.models.iter().map(|model| model.name.as_str()).collect();
        if models.len() < self.models.len() {
            return Some("models.models: two have the same name".to_owned());
        }
        let short = |name: &&str| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if let Some(name) = names.iter().find(|name| !short(name)) {
            return Some(format!("models.providers: {name:?} is no short name (a-z, 0-9, -)"));
        }
        for provider in &self.providers {
            if !provider.base_url.starts_with("https://") && !provider.base_url.starts_with("http://") {
                return Some(format!("models.providers: the base_url of {} is no address", provider.name));
            }
            let name = &provider.name;
            match (provider.delivery, &provider.key_file) {
                (Delivery::Relay, None) => {
                    return Some(format!("models.providers: {name} has no key_file"));
                }
                (Delivery::Tenant, Some(_)) => {
                    let why = "its key is put into each tenant's vault, so it has no key_file here";
                    return Some(format!("models.providers: {name}: {why}"));
                }
                _ => {}
            }
        }
        self.models.iter().find_map(|model| {
            let unknown = model.chain.iter().find(|target| !names.contains(target.provider.as_str()));
            match unknown {
                Some(target) => Some(format!(
                    "models.models: {} names the provider {}, which is not in the list",
                    model.name, target.provider
                )),
                None if model.chain.is_empty() => {
                    Some(format!("models.models: {} has no target in its chain", model.name))
                }
                None => None,
            }
        })
    }
}
