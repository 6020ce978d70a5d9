//! The vault in memory: read again whenever it changes, published to the agent's parts and to the secrets proxy.
//!
//! What cannot be read is not replaced by what was: without a vault nothing that needs it is done.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use letsbe_redact::{KnownSecret, Redactor};
use letsbe_types::{
    Code, Problem,
    link::{LinkSecret, ModelsConfiguration, VaultContent},
};
use letsbe_vault::{Vault, VaultFiles};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};

use super::{completions::RotationState, file_version::FileVersion, link::Proxies};
use crate::context::Secrets;
use letsbe_base::{files, layout::Layout};

/// A reload is answered after this time at the latest.
const APPLY_PATIENCE: Duration = Duration::from_secs(5);

/// What of the vault may be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultFacts {
    /// How many secrets it holds.
    pub secrets: u32,
    /// When one was last replaced.
    pub rotated_at: Option<DateTime<Utc>>,
    /// Tools with a rotation that has not ended.
    pub rotating: Vec<String>,
    /// Why it cannot be used.
    pub problem: Option<Problem>,
}

/// Answer to a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reloaded {
    /// Version of the vault that is in force in the agent; `None` if it holds none.
    pub(crate) version: Option<u64>,
    /// Whether the secrets proxy goes by it: `applied`, `not_connected` or `late`.
    pub(crate) proxy: ProxyWord,
}

/// What the secrets proxy did about a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProxyWord {
    /// Nothing passes but under the new version.
    Applied,
    /// There is none, so nothing passes at all.
    NotConnected,
    /// It has not said so in time.
    Late,
}

/// Keeps the secrets in force.
pub(crate) struct SecretCache {
    layout: Layout,
    secrets: watch::Sender<Option<Arc<Secrets>>>,
    content: watch::Sender<Option<Arc<VaultContent>>>,
    facts: watch::Sender<VaultFacts>,
    census: watch::Sender<Option<RotationState>>,
    seen: Mutex<Option<FileVersion>>,
}

impl SecretCache {
    /// Holds nothing until [`SecretCache::reload`].
    pub(crate) fn new(layout: &Layout) -> Self {
        Self {
            layout: layout.clone(),
            secrets: watch::Sender::new(None),
            content: watch::Sender::new(None),
            facts: watch::Sender::new(VaultFacts::default()),
            census: watch::Sender::new(None),
            seen: Mutex::new(None),
        }
    }

    /// For the agent's parts.
    pub(crate) fn secrets(&self) -> watch::Receiver<Option<Arc<Secrets>>> {
        self.secrets.subscribe()
    }

    /// For the line to the secrets proxy.
    pub(crate) fn content(&self) -> watch::Receiver<Option<Arc<VaultContent>>> {
        self.content.subscribe()
    }

    /// For the heartbeat.
    pub(crate) fn facts(&self) -> VaultFacts {
        self.facts.borrow().clone()
    }

    /// How rotations stand; `None` while the vault cannot be read.
    pub(crate) fn census(&self) -> Option<RotationState> {
        self.census.borrow().clone()
    }

    /// Reads the vault if its file has changed.
    pub(crate) async fn poll(&self) {
        let seen = self.seen.lock().await;
        if seen.as_ref() == Some(&self.stamp()) {
            return;
        }
        drop(seen);
        self.reload().await;
    }

    fn stamp(&self) -> FileVersion {
        let files = VaultFiles::under(&self.layout.root());
        FileVersion::of(&[&files.sealed, &files.key, &self.layout.state("models.json")])
    }

    /// Reads the vault and publishes what is new.
    pub(crate) async fn reload(&self) {
        let mut seen = self.seen.lock().await;
        let stamp = self.stamp();
        let layout = self.layout.clone();
        let known = self.secrets.borrow().clone();
        let loaded = tokio::task::spawn_blocking(move || Loaded::read(&layout, known)).await;
        let loaded = loaded.unwrap_or_else(|error| {
            Err(Problem::transient(Code::NODE075, format!("The vault could not be read: {error}"), SEE_VAULT))
        });
        match loaded {
            Ok(loaded) => {
                *seen = Some(stamp);
                self.publish(loaded);
            }
            Err(problem) => {
                // It is tried again a second later; told once.
                *seen = None;
                if self.facts.borrow().problem.as_ref() != Some(&problem) {
                    tracing::error!("{problem} {}", problem.hint);
                }
                self.secrets.send_if_modified(|secrets| secrets.take().is_some());
                self.content.send_if_modified(|content| content.take().is_some());
                self.census.send_replace(None);
                self.facts.send_replace(VaultFacts { problem: Some(problem), ..VaultFacts::default() });
            }
        }
    }

    fn publish(&self, loaded: Loaded) {
        let version = loaded.secrets.as_ref().map(|secrets| secrets.version);
        self.secrets.send_if_modified(|present| {
            let news = present.as_ref().map(|present| present.version) != version;
            *present = loaded.secrets;
            news
        });
        self.content.send_if_modified(|present| {
            let last = present.as_ref().map_or(0, |present| present.version);
            let same = match (present.as_deref(), &loaded.content) {
                (None, None) => true,
                (Some(present), Some(new)) => *present == VaultContent { version: last, ..new.clone() },
                _ => false,
            };
            if !same {
                *present = loaded.content.map(|new| {
                    // Above every version of an earlier agent, whose proxy may still be connected.
                    let version = last.max(u64::try_from(Utc::now().timestamp_millis()).unwrap_or(0)) + 1;
                    Arc::new(VaultContent { version, ..new })
                });
            }
            !same
        });
        self.census.send_replace(loaded.census);
        self.facts.send_replace(loaded.facts);
    }

    /// Reads the vault, and waits until the secrets proxy goes by it.
    pub(crate) async fn reload_everywhere(&self, proxies: &Proxies) -> Reloaded {
        self.reload().await;
        let version = self.secrets.borrow().as_ref().map(|secrets| secrets.version);
        let content = self.content.borrow().as_ref().map(|content| content.version);
        let proxy = match content {
            Some(content) => proxies.applied(content, APPLY_PATIENCE).await,
            None => ProxyWord::NotConnected,
        };
        Reloaded { version, proxy }
    }
}

const SEE_VAULT: &str = "See `letsbe-node vault list` and the disk's health.";

/// What was read.
struct Loaded {
    secrets: Option<Arc<Secrets>>,
    content: Option<VaultContent>,
    census: Option<RotationState>,
    facts: VaultFacts,
}

impl Loaded {
    /// Blocks: the redactor of many secrets takes a moment to build.
    fn read(layout: &Layout, known: Option<Arc<Secrets>>) -> Result<Self, Problem> {
        let Some(vault) = Vault::open(&VaultFiles::under(&layout.root()))? else {
            return Ok(Self { secrets: None, content: None, census: None, facts: VaultFacts::default() });
        };
        let secrets = match known {
            Some(known) if known.version == vault.version() => known,
            _ => Arc::new(Secrets {
                version: vault.version(),
                redactor: Arc::new(redactor(&vault)?),
                present: vault.present(),
            }),
        };
        let models: ModelsConfiguration = files::read_json(&layout.state("models.json"))?.unwrap_or_default();
        let content = vault.entry("openclaw", "model_key").map(|key| VaultContent {
            version: 0,
            secrets: every_value(&vault).map(|(name, value)| LinkSecret { name, value }).collect(),
            models,
            client_key: key.present.clone(),
        });
        Ok(Self {
            secrets: Some(secrets),
            content,
            census: Some(RotationState::of(&vault)),
            facts: facts(&vault),
        })
    }
}

fn every_value(vault: &Vault) -> impl Iterator<Item = (String, letsbe_types::Secret<String>)> {
    vault.every_value().map(|(name, value)| (name, value.clone()))
}

fn redactor(vault: &Vault) -> Result<Redactor, Problem> {
    let known = every_value(vault).map(|(name, value)| KnownSecret { name, value });
    Redactor::new(known).map_err(|error| Problem::permanent(Code::NODE075, error.to_string(), SEE_VAULT))
}

fn facts(vault: &Vault) -> VaultFacts {
    let rotated = vault.entries().filter(|(_, _, entry)| !entry.retired.is_empty());
    VaultFacts {
        secrets: u32::try_from(vault.entries().count()).unwrap_or(u32::MAX),
        rotated_at: rotated.map(|(_, _, entry)| entry.changed_at).max(),
        rotating: vault.rotating().into_iter().collect(),
        problem: None,
    }
}
