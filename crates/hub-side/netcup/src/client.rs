//! The calls that LetsBe makes, each with the access token of the moment and one kind of error.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use letsbe_types::{Secret, clock::Clock};
use progenitor_client::{Error, ResponseValue};
use tokio::sync::OnceCell;

use crate::{
    error::{ErrorBody, ErrorKind, ScpError, sort, transport},
    generated::Client,
    hooks::Bearer,
    oauth::{DeviceLogin, DevicePoll, Realm},
    tokens::{TokenKeeper, TokenStore},
};

/// Where Netcup is and how long it may take.
#[derive(Debug, Clone)]
pub struct ScpConfig {
    /// The API's address up to `/scp-core`.
    pub api_url: String,
    /// The Keycloak realm's address.
    pub realm_url: String,
    /// How long one request may take.
    pub timeout: Duration,
    /// The SCP's number of our user; asked of the realm when not given.
    pub user_id: Option<i32>,
}

impl Default for ScpConfig {
    fn default() -> Self {
        Self {
            api_url: "https://www.servercontrolpanel.de/scp-core".into(),
            realm_url: "https://www.servercontrolpanel.de/realms/scp".into(),
            timeout: Duration::from_secs(30),
            user_id: None,
        }
    }
}

/// A client of one Netcup account.
pub struct ScpClient {
    api_url: String,
    http: reqwest::Client,
    realm: Realm,
    tokens: TokenKeeper,
    user_id: OnceCell<i32>,
}

impl std::fmt::Debug for ScpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScpClient").field("api_url", &self.api_url).finish_non_exhaustive()
    }
}

impl ScpClient {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(
        config: ScpConfig,
        store: Arc<dyn TokenStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ScpError> {
        let http = reqwest::Client::builder()
            .connect_timeout(config.timeout.min(Duration::from_secs(10)))
            .timeout(config.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| transport("set-up of the client", &error))?;
        let realm = Realm::new(http.clone(), &config.realm_url);
        Ok(Self {
            api_url: config.api_url.trim_end_matches('/').to_owned(),
            tokens: TokenKeeper::new(realm.clone(), store, clock),
            user_id: OnceCell::new_with(config.user_id),
            http,
            realm,
        })
    }

    /// Starts a login that a person confirms in the browser.
    ///
    /// # Errors
    /// When the realm does not answer.
    pub async fn start_login(&self) -> Result<DeviceLogin, ScpError> {
        self.realm.start_device_login().await
    }

    /// Asks once whether the login was confirmed; if so, its tokens are stored.
    ///
    /// # Errors
    /// `NETCUP_LOGIN_REQUIRED` when the login was denied or came too late.
    pub async fn poll_login(&self, login: &DeviceLogin) -> Result<DevicePoll, ScpError> {
        let poll = self.realm.poll_device_login(login).await?;
        if let DevicePoll::Granted(tokens) = &poll {
            self.tokens.adopt(tokens.clone()).await?;
        }
        Ok(poll)
    }

    /// Uses the refresh token so that it does not die of idleness. To be called on a schedule.
    ///
    /// # Errors
    /// `NETCUP_LOGIN_REQUIRED` when it is dead already.
    pub async fn keep_login_alive(&self) -> Result<(), ScpError> {
        self.tokens.renew_now().await
    }

    /// When the refresh token was last used.
    ///
    /// # Errors
    /// `NETCUP_LOGIN_REQUIRED` when there is none.
    pub async fn login_used_at(&self) -> Result<DateTime<Utc>, ScpError> {
        Ok(self.tokens.stored().await?.used_at)
    }

    fn api(&self, token: &Secret<String>) -> Client {
        Client::new_with_client(&self.api_url, self.http.clone(), Bearer(token.clone()))
    }

    /// Makes a call. A token that Netcup no longer takes is renewed once and the call repeated, which is safe for
    /// writes too: what was answered with 401 was not done.
    pub(crate) async fn call<T, E, Pending>(
        &self,
        what: &str,
        request: impl Fn(Client) -> Pending,
    ) -> Result<T, ScpError>
    where
        E: ErrorBody,
        Pending: Future<Output = Result<ResponseValue<T>, Error<E>>>,
    {
        let token = self.tokens.access(None).await?;
        let error = match request(self.api(&token)).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(error) => sort(what, error).await,
        };
        if error.kind != ErrorKind::LoginRequired {
            return Err(error);
        }
        let token = self.tokens.access(Some(&token)).await?;
        match request(self.api(&token)).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(error) => Err(sort(what, error).await),
        }
    }

    pub(crate) async fn user(&self) -> Result<i32, ScpError> {
        let asked = self.user_id.get_or_try_init(async || {
            let token = self.tokens.access(None).await?;
            match self.realm.user_id(&token).await {
                Err(error) if error.kind == ErrorKind::LoginRequired => {
                    self.realm.user_id(&self.tokens.access(Some(&token)).await?).await
                }
                asked => asked,
            }
        });
        asked.await.copied()
    }
}
