//! Keeps the login alive: hands out access tokens, renews them in time, and stores each new refresh token before
//! the access token that came with it is used.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{Secret, clock::Clock};
use tokio::sync::Mutex;

use crate::{
    error::{ErrorKind, ScpError},
    oauth::{Realm, Tokens},
};

/// An access token is renewed this long before it dies.
const RENEWED_BEFORE: TimeDelta = TimeDelta::seconds(30);
/// Keycloak drops an offline session that was not used for so long.
pub const REFRESH_TOKEN_IDLE_LIFE: TimeDelta = TimeDelta::days(30);

/// A refresh token and when it was last used.
#[derive(Debug, Clone)]
pub struct StoredToken {
    /// The token.
    pub refresh: Secret<String>,
    /// When it was given out or last used; it dies 30 idle days later.
    pub used_at: DateTime<Utc>,
}

/// Where the refresh token lives. It must be sealed at rest.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// The stored token, if any.
    async fn load(&self) -> Result<Option<StoredToken>, String>;
    /// Replaces the stored token.
    async fn save(&self, token: &StoredToken) -> Result<(), String>;
}

/// A store that forgets with the process.
#[derive(Debug, Default)]
pub struct MemoryTokenStore(Mutex<Option<StoredToken>>);

impl MemoryTokenStore {
    /// A store that already holds a refresh token.
    #[must_use]
    pub fn with(refresh: Secret<String>, used_at: DateTime<Utc>) -> Self {
        Self(Mutex::new(Some(StoredToken { refresh, used_at })))
    }
}

#[async_trait]
impl TokenStore for MemoryTokenStore {
    async fn load(&self) -> Result<Option<StoredToken>, String> {
        Ok(self.0.lock().await.clone())
    }

    async fn save(&self, token: &StoredToken) -> Result<(), String> {
        *self.0.lock().await = Some(token.clone());
        Ok(())
    }
}

struct Access {
    token: Secret<String>,
    until: DateTime<Utc>,
}

pub(crate) struct TokenKeeper {
    realm: Realm,
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    access: Mutex<Option<Access>>,
}

fn store_failed(why: String) -> ScpError {
    ScpError::new(ErrorKind::Store, format!("the Netcup login could not be stored or read: {why}"))
}

impl TokenKeeper {
    pub(crate) fn new(realm: Realm, store: Arc<dyn TokenStore>, clock: Arc<dyn Clock>) -> Self {
        Self { realm, store, clock, access: Mutex::new(None) }
    }

    /// An access token that lives a little longer; `refused` is one that Netcup no longer took.
    pub(crate) async fn access(&self, refused: Option<&Secret<String>>) -> Result<Secret<String>, ScpError> {
        let mut access = self.access.lock().await;
        if let Some(known) = access.as_ref() {
            let fresh = self.clock.now() + RENEWED_BEFORE < known.until;
            if fresh && refused.is_none_or(|refused| *refused != known.token) {
                return Ok(known.token.clone());
            }
        }
        let renewed = self.renew().await?;
        let token = renewed.token.clone();
        *access = Some(renewed);
        Ok(token)
    }

    /// Uses the refresh token, whether or not an access token is needed.
    pub(crate) async fn renew_now(&self) -> Result<(), ScpError> {
        let mut access = self.access.lock().await;
        *access = Some(self.renew().await?);
        Ok(())
    }

    /// Takes over the tokens of a login.
    pub(crate) async fn adopt(&self, tokens: Tokens) -> Result<(), ScpError> {
        let Some(refresh) = tokens.refresh.clone() else {
            return Err(ScpError::new(ErrorKind::Unexpected, "Netcup's login came without a refresh token"));
        };
        let used_at = self.clock.now();
        self.store.save(&StoredToken { refresh, used_at }).await.map_err(store_failed)?;
        *self.access.lock().await = Some(self.live(tokens));
        Ok(())
    }

    pub(crate) async fn stored(&self) -> Result<StoredToken, ScpError> {
        let stored = self.store.load().await.map_err(store_failed)?;
        stored.ok_or_else(|| ScpError::new(ErrorKind::LoginRequired, "nobody has logged in to Netcup yet"))
    }

    async fn renew(&self) -> Result<Access, ScpError> {
        let stored = self.stored().await?;
        let (refresh, tokens) = match self.realm.refresh(&stored.refresh).await {
            Ok(tokens) => (stored.refresh, tokens),
            Err(error) if error.kind == ErrorKind::LoginRequired => {
                // Another Hub process may have renewed it meanwhile.
                let again = self.stored().await?;
                if again.refresh == stored.refresh {
                    return Err(error);
                }
                let tokens = self.realm.refresh(&again.refresh).await?;
                (again.refresh, tokens)
            }
            Err(error) => return Err(error),
        };
        let refresh = tokens.refresh.clone().unwrap_or(refresh);
        let used_at = self.clock.now();
        self.store.save(&StoredToken { refresh, used_at }).await.map_err(store_failed)?;
        Ok(self.live(tokens))
    }

    fn live(&self, tokens: Tokens) -> Access {
        let life = TimeDelta::seconds(i64::try_from(tokens.expires_in).unwrap_or(0).min(86_400));
        Access { token: tokens.access, until: self.clock.now() + life }
    }
}
