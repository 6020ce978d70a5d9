//! Which models a new server's AI team may use: its addresses and its own key at the Hub's relay. No provider's key.

use letsbe_types::{
    Problem, Secret,
    link::{ModelAccess, ProviderKey},
};

use crate::{
    config::{Delivery, ModelsConfig},
    relay::for_servers,
};

/// What goes into the server's job.
pub(super) fn access(
    config: &ModelsConfig,
    hub_url: &str,
    relay_key: &Secret<String>,
    token_pool: u64,
) -> Result<ModelAccess, Problem> {
    let relayed = config.providers.iter().filter(|provider| provider.delivery == Delivery::Relay);
    let keys = relayed.map(|provider| (provider.name.clone(), ProviderKey(relay_key.expose().clone())));
    Ok(ModelAccess { models: for_servers(config, hub_url)?, keys: keys.collect(), token_pool })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use letsbe_types::link::{Model, Target};

    use super::access;
    use crate::config::{Delivery, ModelsConfig, ProviderConfig};

    #[test]
    fn a_server_gets_a_key_of_its_own_and_no_providers() {
        let folder = tempfile::tempdir().unwrap();
        let (key_file, roots) = (folder.path().join("key"), folder.path().join("roots.pem"));
        fs::write(&key_file, "sk-canary-1\n").unwrap();
        let provider = |name: &str, delivery| ProviderConfig {
            name: name.into(),
            base_url: format!("https://{name}.example/v1"),
            delivery,
            key_file: (delivery == Delivery::Relay).then(|| key_file.clone()),
            roots_pem_file: Some(roots.clone()),
        };
        let target = |provider: &str| Target {
            provider: provider.into(),
            model: "some/model".into(),
            bound_word: None,
        };
        let config = ModelsConfig {
            providers: vec![provider("shared", Delivery::Relay), provider("own", Delivery::Tenant)],
            models: vec![Model {
                name: "assistant".into(),
                chain: vec![target("shared"), target("own")],
                output_tokens_max: 1000,
            }],
        };
        let given = || access(&config, "https://hub.example.com/", &"relay-canary".into(), 7);
        assert_eq!(given().unwrap_err().code, "TENANT001", "the roots are not there");
        fs::write(&roots, "roots").unwrap();
        let given = given().unwrap();
        assert!(!format!("{given:?}").contains("canary"));
        assert!(!serde_json::to_string(&given).unwrap().contains("sk-canary"));
        let keys: Vec<_> = given.keys.iter().map(|(name, key)| (name.as_str(), key.0.as_str())).collect();
        assert_eq!(keys, [("shared", "relay-canary")], "a tenant's own key is put into its vault there");
        let [shared, own] = given.models.providers.as_slice() else { panic!("two") };
        assert_eq!(shared.base_url, "https://hub.example.com/api/v1/tenant/models/shared");
        assert_eq!((shared.key.as_str(), &shared.roots_pem), ("models/shared", &None));
        assert_eq!(
            (own.base_url.as_str(), own.roots_pem.as_deref()),
            ("https://own.example/v1", Some("roots"))
        );
        assert_eq!(given.token_pool, 7);
    }
}
