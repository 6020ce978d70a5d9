//! Models through the Hub: a tenant's server asks the Hub's relay, with a key of its own, and only the Hub has the
//! providers' keys.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::link::{ModelsConfiguration, Provider, ProviderKey};

/// Path of the relay at the Hub; the provider's name and the provider's own path follow.
pub const RELAY_PATH: &str = "/api/v1/tenant/models";

/// Answer to `POST /api/v1/tenant/models`: what a server needs to ask models through the Hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelGrant {
    /// Where models are asked.
    pub models: ModelsConfiguration,
    /// The server's key at the relay: a new one with each answer.
    pub relay_key: ProviderKey,
}

/// Base address of a relayed provider.
#[must_use]
pub fn base_url(hub_url: &str, provider: &str) -> String {
    format!("{}{RELAY_PATH}/{provider}", hub_url.trim_end_matches('/'))
}

/// Whether a provider is asked through the Hub.
#[must_use]
pub fn is_relayed(provider: &Provider) -> bool {
    provider.base_url.ends_with(&format!("{RELAY_PATH}/{}", provider.name))
}

/// How a key is compared and stored without being known: its SHA-256 in hex.
#[must_use]
pub fn key_hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// Names an access to models: the configuration, and for each relayed provider the hash of the key that is sent to it.
#[must_use]
pub fn fingerprint<'a>(
    models: &ModelsConfiguration,
    hash_of: impl Fn(&Provider) -> Option<&'a str>,
) -> String {
    let mut digest = Sha256::new();
    digest.update(serde_json::json!(models).to_string());
    for provider in models.providers.iter().filter(|provider| is_relayed(provider)) {
        digest.update("\n");
        digest.update(hash_of(provider).unwrap_or_default());
    }
    hex::encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::{base_url, fingerprint, is_relayed, key_hash};
    use crate::link::{ModelsConfiguration, Provider};

    fn provider(name: &str, base_url: String) -> Provider {
        Provider { name: name.to_owned(), base_url, key: format!("models/{name}"), roots_pem: None }
    }

    #[test]
    fn a_fingerprint_changes_with_the_configuration_and_with_a_relayed_providers_key_only() {
        let relayed = provider("lab", base_url("https://hub.example.com/", "lab"));
        let own = provider("own", "https://own.example/v1".to_owned());
        assert_eq!(relayed.base_url, "https://hub.example.com/api/v1/tenant/models/lab");
        assert!(is_relayed(&relayed) && !is_relayed(&own));
        let models = ModelsConfiguration { providers: vec![relayed, own], models: Vec::new() };
        let (one, two) = (key_hash("one"), key_hash("two"));
        let of = |models: &ModelsConfiguration, lab: &str, own: &str| {
            let hash = |provider: &Provider| Some(if provider.name == "lab" { lab } else { own }.to_owned());
            let hashes: Vec<(String, Option<String>)> =
                models.providers.iter().map(|provider| (provider.name.clone(), hash(provider))).collect();
            fingerprint(models, |provider| {
                hashes.iter().find(|(name, _)| *name == provider.name)?.1.as_deref()
            })
        };
        let known = of(&models, &one, &one);
        assert_eq!(of(&models, &one, &two), known, "a direct provider's key is the tenant's own");
        assert_ne!(of(&models, &two, &one), known);
        let fewer = ModelsConfiguration { providers: models.providers[..1].to_vec(), models: Vec::new() };
        assert_ne!(of(&fewer, &one, &one), known);
    }
}
