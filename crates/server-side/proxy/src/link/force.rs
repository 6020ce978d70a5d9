//! What is in force: the secrets, and whom models are asked from.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use letsbe_redact::{KnownSecret, RedactError, Redactor};
use letsbe_types::{
    Secret, is_private_host,
    link::{LinkSecret, Model, Provider as Wanted, VaultContent},
};
use reqwest::{Certificate, Client, Url, header::HeaderValue, redirect};
use subtle::ConstantTimeEq as _;

/// Everything that a request needs to know, of one version of the secrets.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(crate) version: u64,
    pub(crate) secret_count: usize,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) models: Vec<Model>,
    /// By name; or why a provider cannot be asked.
    pub(crate) providers: BTreeMap<String, Result<Provider, String>>,
    client_key: Secret<String>,
}

/// A provider that can be asked.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    pub(crate) client: Client,
    /// Without a slash at its end.
    pub(crate) base_url: String,
    /// `Bearer …`, marked as sensitive.
    pub(crate) authorization: HeaderValue,
}

impl InForce {
    /// Takes a while with many secrets.
    pub(super) fn new(content: VaultContent, connect_patience: Duration) -> Result<Self, RedactError> {
        let VaultContent { version, secrets, models, client_key } = content;
        let secret_count = secrets.len();
        let providers = models.providers.iter().map(|wanted| {
            let provider = provider(wanted, &secrets, connect_patience);
            if let Err(why) = &provider {
                tracing::error!(provider = wanted.name, %why, "a model provider cannot be used");
            }
            (wanted.name.clone(), provider)
        });
        let providers = providers.collect();
        let known = secrets.into_iter().map(|LinkSecret { name, value }| KnownSecret { name, value });
        let redactor = Arc::new(Redactor::new(known)?);
        Ok(Self { version, secret_count, redactor, models: models.models, providers, client_key })
    }

    /// Whether this is the AI runtime's key. Takes equally long wherever they differ.
    pub(crate) fn is_client_key(&self, key: &[u8]) -> bool {
        let wanted = self.client_key.expose().as_bytes();
        !wanted.is_empty() && bool::from(wanted.ct_eq(key))
    }

    /// A model by the name that the AI runtime uses.
    pub(crate) fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }
}

fn provider(wanted: &Wanted, secrets: &[LinkSecret], patience: Duration) -> Result<Provider, String> {
    let base_url = base_url(&wanted.base_url)?;
    let key = secrets.iter().find(|secret| secret.name == wanted.key);
    let key = key.ok_or_else(|| format!("its key {} is not in the vault", wanted.key))?;
    let mut authorization = HeaderValue::try_from(format!("Bearer {}", key.value.expose()))
        .map_err(|_| format!("its key {} has characters that cannot be sent", wanted.key))?;
    authorization.set_sensitive(true);
    let client = client(wanted, patience).map_err(|error| format!("no client could be made: {error}"))?;
    Ok(Provider { client, base_url, authorization })
}

fn client(wanted: &Wanted, patience: Duration) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(patience)
        .pool_max_idle_per_host(4)
        .user_agent(concat!("letsbe-proxy/", env!("CARGO_PKG_VERSION")));
    let builder = match &wanted.roots_pem {
        Some(pem) => builder.tls_certs_only(Certificate::from_pem_bundle(pem.as_bytes())?),
        // Nothing is encrypted, so the system's roots need not be read.
        None if wanted.base_url.starts_with("http://") => builder.tls_certs_only(None::<Certificate>),
        None => builder,
    };
    builder.build()
}

/// The address without a slash at its end; unencrypted ones are private.
fn base_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("its address cannot be read: {error}"))?;
    let host = url.host_str().ok_or("its address names no host")?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err("its address carries more than a place".to_owned());
    }
    match url.scheme() {
        "https" => {}
        "http" if is_private_host(host) => {}
        _ => return Err("its address is not encrypted and not private".to_owned()),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::base_url;

    #[test]
    fn unencrypted_providers_are_private_ones() {
        for good in [
            "https://openrouter.ai/api/v1",
            "http://127.0.0.1:9/v1/",
            "http://[fd00::1]/v1",
            "http://10.1.2.3",
        ] {
            assert_eq!(base_url(good).as_deref(), Ok(good.trim_end_matches('/')));
        }
        for bad in [
            "http://openrouter.ai/v1",
            "http://8.8.8.8/v1",
            "ftp://10.1.2.3",
            "https://a:b@c/v1",
            "v1",
            "https://a/v1?k=v",
        ] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }
}
