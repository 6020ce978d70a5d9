//! The line between the agent and the secrets proxy: a Unix socket, one JSON object per line, both ways.
//!
//! The proxy holds what it is told in memory only, and lets nothing pass while the line is broken.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::{Secret, asked::BoundWord};

/// Folder of the sockets, on the server and in the proxy's container.
pub const FOLDER: &str = "/run/letsbe/guardian";
/// Name of this line's socket in [`FOLDER`].
pub const LINK_SOCKET: &str = "link.sock";
/// Name of the socket behind which the command gate and the webhooks are served (HTTP), in [`FOLDER`].
pub const GATE_SOCKET: &str = "gate.sock";
/// User and group of the proxy's container.
pub const PROXY_USER: u32 = 65_532;
/// Longest line, in bytes.
pub const LINE_BYTES: usize = 4 * 1024 * 1024;

/// What the agent says.
#[derive(Debug, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum ToProxy {
    /// Everything that must not leave, and what may be asked. Sent first, and again after each change.
    Vault(VaultContent),
    /// The tokens are held; send the request.
    Granted {
        /// The reservation.
        request: Uuid,
    },
    /// The pool does not suffice; do not send the request.
    Denied {
        /// The reservation.
        request: Uuid,
        /// Tokens left.
        left: u64,
        /// When the pool is filled again.
        renews_at: DateTime<Utc>,
    },
}

impl ToProxy {
    /// The line as it is written to the socket, with its end. It holds every secret.
    #[must_use]
    pub fn to_line(&self) -> Secret<String> {
        let value = match self {
            Self::Vault(content) => content.to_json(),
            Self::Granted { request } => json!({ "say": "granted", "request": request }),
            Self::Denied { request, left, renews_at } => {
                json!({ "say": "denied", "request": request, "left": left, "renews_at": renews_at })
            }
        };
        Secret::new(format!("{value}\n"))
    }
}

/// What the proxy must know.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct VaultContent {
    /// Grows with each change.
    pub version: u64,
    /// Every secret: present, coming and retired values.
    pub secrets: Vec<LinkSecret>,
    /// Where models are asked.
    pub models: ModelsConfiguration,
    /// Key that the AI runtime brings (`Authorization: Bearer …`).
    pub client_key: Secret<String>,
}

impl VaultContent {
    fn to_json(&self) -> serde_json::Value {
        let secret = |secret: &LinkSecret| json!({ "name": secret.name, "value": secret.value.expose() });
        let secrets: Vec<_> = self.secrets.iter().map(secret).collect();
        json!({
            "say": "vault",
            "version": self.version,
            "secrets": secrets,
            "models": self.models,
            "client_key": self.client_key.expose(),
        })
    }
}

/// A secret and its name.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LinkSecret {
    /// For example `ghost/database_password`.
    pub name: String,
    /// The value.
    pub value: Secret<String>,
}

/// What the proxy says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum ToAgent {
    /// Which program this is.
    Hello {
        /// Version of the proxy.
        version: String,
    },
    /// From here on nothing passes but under this version of the secrets.
    Applied {
        /// The version.
        version: u64,
    },
    /// Hold these tokens; kept by the agent before it answers, so that none is missed if the proxy dies.
    Reserve {
        /// New id of the reservation.
        request: Uuid,
        /// The most that the request could use.
        tokens: u64,
        /// Provider and model that is asked first, `openrouter/some-model`.
        model: String,
    },
    /// What a reservation was used for, model by model, and its end. Sent again until the line takes it; the agent
    /// counts a reservation once.
    Settle {
        /// The reservation.
        request: Uuid,
        /// Empty when nothing was used.
        usage: Vec<Usage>,
    },
}

/// Tokens that one attempt used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Provider and model, `openrouter/some-model`.
    pub model: String,
    /// Tokens read.
    pub input: u64,
    /// Tokens written.
    pub output: u64,
    /// Whether the provider said so; else it is our own upper estimate, to be reconciled.
    pub reported: bool,
    /// Milliseconds to the first token.
    pub first_token_ms: Option<u64>,
}

/// Where models are asked. No secrets: keys are named, and stand among the secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelsConfiguration {
    /// The providers.
    pub providers: Vec<Provider>,
    /// The models that the AI runtime may name.
    pub models: Vec<Model>,
}

/// A model provider with an OpenAI-compatible interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Short name, for example `openrouter`.
    pub name: String,
    /// Base address up to and including the version, `https://…/v1`; `http://` only for private addresses.
    pub base_url: String,
    /// Name of the secret that is its key, for example `models/openrouter`.
    pub key: String,
    /// PEM of the roots of its certificate, where the system does not trust it.
    #[serde(default)]
    pub roots_pem: Option<String>,
}

/// A model by the name that the AI runtime uses, and who is asked for it in which order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The name.
    pub name: String,
    /// First the one that is wanted, then those that stand in for it.
    pub chain: Vec<Target>,
    /// Most tokens that an answer may have; part of each reservation.
    pub output_tokens_max: u64,
}

/// A model at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name of the provider.
    pub provider: String,
    /// The provider's name of the model.
    pub model: String,
    /// The field that bounds a chat's answer, if this model takes only one: otherwise its refusal tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_word: Option<BoundWord>,
}

/// What the AI runtime gets from the company: part of a server's wishes.
#[derive(Debug, Clone, PartialEq, Deserialize, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ModelAccess {
    /// Where models are asked.
    pub models: ModelsConfiguration,
    /// Key of each provider by the provider's name. Travels in the job only; the vault keeps it.
    pub keys: std::collections::BTreeMap<String, ProviderKey>,
    /// Tokens in a calendar month.
    pub token_pool: u64,
}

/// A provider's key on its way to the vault. Written in the job's own file and pipe, nowhere else.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct ProviderKey(pub String);

impl std::fmt::Debug for ProviderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("‹secret›")
    }
}

#[cfg(test)]
mod tests {
    use super::{LinkSecret, ModelsConfiguration, ToProxy, VaultContent};

    #[test]
    fn what_the_agent_says_is_read_back_and_not_printed() {
        let secrets = vec![LinkSecret { name: "ghost/a".to_owned(), value: "canary\"\n1".into() }];
        let models = ModelsConfiguration::default();
        let content = VaultContent { version: 7, secrets, models, client_key: "canary-2".into() };
        let said = ToProxy::Vault(content.clone());
        assert!(!format!("{said:?}").contains("canary"));
        let line = said.to_line();
        assert_eq!(line.expose().lines().count(), 1);
        let ToProxy::Vault(read) = serde_json::from_str(line.expose()).expect("reads") else { panic!() };
        assert_eq!(read, content);
    }
}
