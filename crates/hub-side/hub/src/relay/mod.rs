//! Models for tenants' servers through the Hub: a server brings a key of its own, and only the Hub has the providers'
//! keys. Requests were redacted on the server; nothing of them is logged or kept here but what they cost.
//!
//! It must never send a request anywhere but to a provider of the Hub's own settings, and never let a provider's key out.

mod answer;
mod asked;
mod forward;
pub mod health;
mod key_guard;
mod limits;
mod meter;
mod refusal;
mod upstream;
mod usage;

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use letsbe_types::{
    Code, Problem,
    link::{ModelsConfiguration, Provider},
    relay::{base_url, fingerprint},
};

use crate::config::{Delivery, ModelsConfig, ProviderConfig};

pub(crate) use forward::forward;
pub(crate) use letsbe_types::asked::Form;
pub use limits::Patience;
pub(crate) use limits::REQUEST_BYTES;

use limits::Slots;
use upstream::Upstream;

/// No fingerprint.
const NO_KEY: &str = "none";

/// The relay. Made once, shared by all requests.
pub struct Relay {
    /// What servers are told.
    models: ModelsConfiguration,
    /// By the provider's name; those only that are relayed.
    upstreams: BTreeMap<String, Upstream>,
    slots: Slots,
    patience: Patience,
}

impl Relay {
    /// Of the Hub's settings.
    ///
    /// # Errors
    /// When a provider cannot be asked as the settings say.
    pub fn open(config: &ModelsConfig, hub_url: &str, patience: Patience) -> Result<Self, Problem> {
        let mut upstreams = BTreeMap::new();
        for provider in config.providers.iter().filter(|provider| provider.delivery == Delivery::Relay) {
            upstreams.insert(provider.name.clone(), Upstream::open(provider, config, patience)?);
        }
        let models = for_servers(config, hub_url)?;
        Ok(Self { models, upstreams, slots: Slots::default(), patience })
    }

    /// What servers are told.
    pub(crate) const fn models(&self) -> &ModelsConfiguration {
        &self.models
    }

    /// Fingerprint of what a server should have whose key has this hash. A server without a key has to fetch one,
    /// whatever it has.
    pub(crate) fn fingerprint(&self, key_hash: Option<&str>) -> String {
        let needs_key = key_hash.is_none() && !self.upstreams.is_empty();
        if needs_key { NO_KEY.to_owned() } else { fingerprint(&self.models, |_| key_hash) }
    }
}

/// The models as servers see them: relayed providers are the Hub, by its address.
pub(crate) fn for_servers(config: &ModelsConfig, hub_url: &str) -> Result<ModelsConfiguration, Problem> {
    let provider = |provider: &ProviderConfig| {
        let (base_url, roots_file) = match provider.delivery {
            Delivery::Relay => (base_url(hub_url, &provider.name), None),
            Delivery::Tenant => (provider.base_url.clone(), provider.roots_pem_file.as_deref()),
        };
        Ok(Provider {
            name: provider.name.clone(),
            base_url,
            key: format!("models/{}", provider.name),
            roots_pem: roots_file.map(roots).transpose()?,
        })
    };
    let providers: Result<Vec<Provider>, Problem> = config.providers.iter().map(provider).collect();
    // The relay writes that word itself, and a server of an older version knows no such field.
    let is_relayed =
        |name: &str| config.providers.iter().any(|one| one.name == name && one.delivery == Delivery::Relay);
    let mut models = config.models.clone();
    for target in models.iter_mut().flat_map(|model| &mut model.chain) {
        target.bound_word = target.bound_word.filter(|_| !is_relayed(&target.provider));
    }
    Ok(ModelsConfiguration { providers: providers?, models })
}

/// Roots of certificates, as PEM.
fn roots(path: &Path) -> Result<String, Problem> {
    fs::read_to_string(path).map_err(|error| unusable(path, &error.to_string()))
}

/// A file of the settings that cannot be used.
pub(crate) fn unusable(path: &Path, why: &str) -> Problem {
    let message = format!("{} cannot be used: {why}.", path.display());
    Problem::permanent(
        Code::TENANT001,
        message,
        "Put the file right ([models] in the Hub's settings), then retry.",
    )
}

/// The relay as requests share it; `None` where the Hub has no models.
pub type SharedRelay = Option<Arc<Relay>>;
