//! A provider that the Hub asks for tenants.

use std::{collections::BTreeMap, path::PathBuf};

use letsbe_types::{Code, Problem, Secret, is_private_host};
use reqwest::{
    Certificate, Client, Response, Url,
    header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    redirect,
};
use tokio::time::timeout;

use super::{Form, Patience, asked::Longest, roots};
use crate::{
    config::{ModelsConfig, ProviderConfig},
    security::secret_file::{self, Form as SecretForm},
};

/// A provider.
pub(super) struct Upstream {
    pub(super) name: String,
    client: Client,
    /// Without a slash at its end.
    base_url: String,
    key_file: PathBuf,
    /// What bounds the answers of each model that may be asked.
    models: BTreeMap<String, Longest>,
    patience: Patience,
}

/// Why a provider did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The Hub's key for it cannot be used.
    NoKey,
    /// It cannot be reached: the request cost nothing.
    Unreachable,
    /// The connection broke, or it does not answer in time.
    Broken,
}

impl Upstream {
    pub(super) fn open(
        provider: &ProviderConfig,
        config: &ModelsConfig,
        patience: Patience,
    ) -> Result<Self, Problem> {
        let wrong = |why: &str| {
            let message = format!("The model provider {} cannot be used: {why}.", provider.name);
            Problem::permanent(Code::HUB020, message, "Put [models] in the Hub's settings right.")
        };
        let base_url = base_url(&provider.base_url).map_err(wrong)?;
        let key_file = provider.key_file.clone().ok_or_else(|| wrong("it has no key_file"))?;
        if let Err(why) = secret_file::read(&key_file, SecretForm::Word) {
            // No reason not to start: everything but the models works.
            tracing::error!(provider = provider.name, file = %key_file.display(), why, "no key for a provider");
        }
        let mut models: BTreeMap<String, Longest> = BTreeMap::new();
        for model in &config.models {
            for target in model.chain.iter().filter(|target| target.provider == provider.name) {
                let longest = models.entry(target.model.clone()).or_default();
                longest.tokens = model.output_tokens_max.max(longest.tokens);
                longest.word = longest.word.or(target.bound_word);
            }
        }
        let roots = provider.roots_pem_file.as_deref().map(roots).transpose()?;
        let client = client(roots.as_deref(), patience).map_err(|error| wrong(&error.to_string()))?;
        Ok(Self { name: provider.name.clone(), client, base_url, key_file, models, patience })
    }

    /// How long the answer of a model may be; `None` for one that is not to be asked.
    pub(super) fn longest_answer(&self, model: &str) -> Option<Longest> {
        self.models.get(model).copied()
    }

    /// The key, read anew each time: it may be another one by now.
    pub(super) async fn key(&self) -> Result<Secret<String>, NoAnswer> {
        let file = self.key_file.clone();
        let read = tokio::task::spawn_blocking(move || secret_file::read(&file, SecretForm::Word)).await;
        read.unwrap_or_else(|error| Err(error.to_string())).map_err(|why| {
            tracing::error!(provider = self.name, file = %self.key_file.display(), why, "no key for a provider");
            NoAnswer::NoKey
        })
    }

    /// Sends a request; the answer's head.
    pub(super) async fn ask(
        &self,
        key: &Secret<String>,
        form: Form,
        stream: bool,
        body: Vec<u8>,
    ) -> Result<Response, NoAnswer> {
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {}", key.expose())).map_err(|_| NoAnswer::NoKey)?;
        authorization.set_sensitive(true);
        let request = self
            .client
            .post(format!("{}/{}", self.base_url, form.path()))
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, content_type(stream))
            // What is packed is not unpacked here.
            .header(ACCEPT_ENCODING, "identity")
            .body(body);
        let sent = timeout(self.patience.first_byte, request.send()).await.map_err(|_| NoAnswer::Broken)?;
        sent.map_err(|error| if error.is_connect() { NoAnswer::Unreachable } else { NoAnswer::Broken })
    }
}

/// What an answer is.
pub(super) const fn content_type(stream: bool) -> &'static str {
    if stream { "text/event-stream" } else { "application/json" }
}

fn client(roots: Option<&str>, patience: Patience) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(patience.connect)
        .pool_max_idle_per_host(16)
        .user_agent(concat!("letsbe-hub/", env!("CARGO_PKG_VERSION")));
    match roots {
        Some(pem) => builder.tls_certs_only(Certificate::from_pem_bundle(pem.as_bytes())?),
        None => builder,
    }
    .build()
}

/// The address without a slash at its end; unencrypted ones are private.
fn base_url(text: &str) -> Result<String, &'static str> {
    let url = Url::parse(text).map_err(|_| "its address cannot be read")?;
    let host = url.host_str().ok_or("its address names no host")?;
    let more = !url.username().is_empty() || url.password().is_some();
    if more || url.query().is_some() || url.fragment().is_some() {
        return Err("its address carries more than a place");
    }
    match url.scheme() {
        "https" => {}
        "http" if is_private_host(host) => {}
        _ => return Err("its address is not encrypted and not private"),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::base_url;

    #[test]
    fn a_provider_is_asked_encrypted_or_nearby() {
        for good in ["https://openrouter.ai/api/v1", "http://127.0.0.1:9/v1/", "http://10.1.2.3"] {
            assert_eq!(base_url(good).as_deref(), Ok(good.trim_end_matches('/')));
        }
        for bad in [
            "http://openrouter.ai/v1",
            "http://8.8.8.8/v1",
            "ftp://10.1.2.3",
            "https://a:b@c/v1",
            "v1",
            "https://a/v1?k=v",
            "https://a/v1#x",
        ] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }
}
