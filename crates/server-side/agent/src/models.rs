//! The server's access to models: what the Hub wants is compared with what is there, and fetched where they differ.
//! So a change at the Hub reaches every server, and a provider's key that an older Hub had put into the vault is
//! replaced there by the server's own key at the Hub's relay.

use std::{path::PathBuf, sync::Arc};

use chrono::{DateTime, Utc};
use letsbe_types::{
    Code, Problem, Secret,
    link::{ModelsConfiguration, Provider},
    relay::{ModelGrant, fingerprint, is_relayed, key_hash},
};
use letsbe_vault::{Credentials, MODELS, Origin, Vault, VaultFiles};

use super::secrets::SecretCache;
use crate::{context::Secrets, hub::Client};
use letsbe_base::{files, layout::Layout};

/// Keeps the access to models as the Hub wants it.
pub(crate) struct Models {
    layout: Layout,
    secret_cache: Arc<SecretCache>,
}

impl Models {
    pub(crate) fn new(layout: &Layout, secret_cache: &Arc<SecretCache>) -> Self {
        Self { layout: layout.clone(), secret_cache: Arc::clone(secret_cache) }
    }

    /// Fetches the access if it is not the one that the Hub wants. What fails is tried again with the next heartbeat.
    pub(crate) async fn follow(&self, hub: &Client, wanted: Option<&str>) {
        let Some(wanted) = wanted else { return };
        let secrets = self.secret_cache.secrets().borrow().clone();
        let fetched = match secrets {
            // Without a vault nobody knows which key there is, and none could be kept.
            None => return,
            Some(secrets) => self.fetch(hub, wanted, &secrets).await,
        };
        if let Err(problem) = fetched {
            tracing::error!("{problem} {}", problem.hint);
        }
    }

    async fn fetch(&self, hub: &Client, wanted: &str, secrets: &Secrets) -> Result<(), Problem> {
        let present = read(&self.layout)?.map(|models| of_server(&models, &secrets.present));
        if present.as_deref() == Some(wanted) {
            return Ok(());
        }
        let grant = hub.models().await?;
        let layout = self.layout.clone();
        let kept = tokio::task::spawn_blocking(move || keep(&layout, &grant, Utc::now())).await;
        kept.map_err(|error| not_kept(&error)).flatten()?;
        self.secret_cache.poll().await;
        tracing::info!("the access to models is the one that the Hub wants");
        Ok(())
    }
}

fn path(layout: &Layout) -> PathBuf {
    layout.state("models.json")
}

/// What is there; `None` if nothing is, or nothing that this version reads.
fn read(layout: &Layout) -> Result<Option<ModelsConfiguration>, Problem> {
    let Some(content) = files::read(&path(layout))? else { return Ok(None) };
    Ok(serde_json::from_slice(&content).ok())
}

/// Fingerprint of what is there.
fn of_server(models: &ModelsConfiguration, present: &Credentials) -> String {
    let hashes: Vec<(&str, String)> = models
        .providers
        .iter()
        .filter_map(|provider| Some((provider, present.get(MODELS, &provider.name)?)))
        .map(|(provider, key)| (provider.name.as_str(), key_hash(key.expose())))
        .collect();
    fingerprint(models, |provider: &Provider| {
        hashes.iter().find(|(name, _)| *name == provider.name).map(|(_, hash)| hash.as_str())
    })
}

/// First the configuration, then the key: never is the new key sent to where an old configuration says.
fn keep(layout: &Layout, grant: &ModelGrant, now: DateTime<Utc>) -> Result<(), Problem> {
    let key = Secret::from(grant.relay_key.0.as_str());
    files::write_json(&path(layout), &grant.models)?;
    Vault::update(&VaultFiles::under(&layout.root()), &mut letsbe_base::vault::random(), |vault| {
        for provider in grant.models.providers.iter().filter(|provider| is_relayed(provider)) {
            // What was there before is retired: it is still taken out of all that leaves.
            vault.put(MODELS, &provider.name, key.clone(), Origin::Given, now);
        }
        Ok(())
    })?;
    Ok(())
}

fn not_kept(error: &dyn std::fmt::Display) -> Problem {
    Problem::transient(
        Code::HUB021,
        format!("The access to models could not be kept: {error}"),
        "It is tried again with the next heartbeat. Look at the disk's space and health.",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{Json, Router, extract::State, http::HeaderMap, routing::post};
    use chrono::DateTime;
    use letsbe_types::{
        api::Reply,
        link::{ModelsConfiguration, Provider, ProviderKey},
        relay::{ModelGrant, base_url, fingerprint, key_hash},
    };
    use letsbe_vault::{Origin, Vault, VaultFiles};
    use tokio::sync::Mutex;

    use super::{Models, SecretCache};
    use crate::hub::{AgentState, Client};
    use letsbe_base::{files, layout::Layout};

    type Given = Arc<Mutex<Vec<ModelGrant>>>;

    fn provider(base_url: String) -> Provider {
        Provider { name: "lab".to_owned(), base_url, key: "models/lab".to_owned(), roots_pem: None }
    }

    async fn give(State(given): State<Given>, headers: HeaderMap) -> Json<Reply<ModelGrant>> {
        assert_eq!(headers["authorization"], "Bearer agent-key");
        Json(Reply::new(given.lock().await.remove(0)))
    }

    async fn hub(given: &Given) -> String {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/api/v1/tenant/models", post(give)).with_state(Arc::clone(given));
        tokio::spawn(axum::serve(listener, router).into_future());
        url
    }

    #[tokio::test]
    async fn a_providers_key_from_before_is_replaced_by_the_servers_own_and_still_kept_from_leaving() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let vault_files = VaultFiles::under(&layout.root());
        Vault::update(&vault_files, &mut letsbe_base::vault::random(), |vault| {
            vault.put("models", "lab", "sk-of-all-tenants".into(), Origin::Given, now);
            vault.put("models", "own", "sk-of-this-tenant".into(), Origin::Given, now);
            Ok(())
        })
        .unwrap();
        let direct = ModelsConfiguration {
            providers: vec![provider("https://models.example/v1".to_owned())],
            models: Vec::new(),
        };
        files::write_json(&layout.state("models.json"), &direct).unwrap();

        let given = Given::default();
        let url = hub(&given).await;
        let own = Provider {
            name: "own".to_owned(),
            key: "models/own".to_owned(),
            ..provider("https://own.example/v1".to_owned())
        };
        let models =
            ModelsConfiguration { providers: vec![provider(base_url(&url, "lab")), own], models: Vec::new() };
        let grant = |key: &str| ModelGrant { models: models.clone(), relay_key: ProviderKey(key.to_owned()) };
        let wanted = |key: &str| fingerprint(&models, |_| Some(key)).clone();
        given.lock().await.extend([grant("relay-1"), grant("relay-2")]);
        let secret_cache = Arc::new(SecretCache::new(&layout));
        let client =
            Client::new(&AgentState { hub_url: url, agent_key: "agent-key".to_owned(), registered_by: None })
                .unwrap();
        let following = Models::new(&layout, &secret_cache);
        let key = || Vault::open(&vault_files).unwrap().unwrap().entry("models", "lab").unwrap().clone();

        let first = wanted(&key_hash("relay-1"));
        following.follow(&client, Some(&first)).await;
        assert_eq!(
            key().present.expose(),
            "sk-of-all-tenants",
            "nothing is done while the vault is not read"
        );
        secret_cache.reload().await;
        following.follow(&client, None).await;
        assert_eq!(given.lock().await.len(), 2, "a Hub that relays nothing is asked for nothing");
        // Twice: the second time all is as it should be, and nothing is fetched.
        for _ in 0..2 {
            following.follow(&client, Some(&first)).await;
            assert_eq!(given.lock().await.len(), 1);
        }
        assert_eq!(key().present.expose(), "relay-1");
        let vault = Vault::open(&vault_files).unwrap().unwrap();
        assert!(vault.every_value().any(|(_, value)| value.expose() == "sk-of-all-tenants"), "it is retired");
        assert_eq!(vault.entry("models", "own").unwrap().present.expose(), "sk-of-this-tenant");
        let kept: ModelsConfiguration = files::read_json(&layout.state("models.json")).unwrap().unwrap();
        assert_eq!(kept, models);
        // The operator renews the key.
        let second = wanted(&key_hash("relay-2"));
        following.follow(&client, Some(&second)).await;
        assert_eq!((key().present.expose().as_str(), given.lock().await.len()), ("relay-2", 0));
    }
}
