//! The Keycloak realm of the SCP: device login (RFC 8628), refresh of tokens, and who is logged in.

use std::time::Duration;

use letsbe_types::Secret;
use reqwest::{Client, StatusCode};
use serde::Deserialize;

use crate::error::{ErrorKind, ScpError, transport, unexpected};

/// The public client that Netcup registered for API users; it has no secret.
pub const CLIENT_ID: &str = "scp";
const SCOPE: &str = "offline_access openid";
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A login that a person has to confirm.
#[derive(Debug, Clone, Deserialize)]
pub struct DeviceLogin {
    /// What the poll identifies itself with.
    pub device_code: Secret<String>,
    /// What the person types in.
    pub user_code: String,
    /// Where the person types it in.
    pub verification_uri: String,
    /// The same address with the code filled in.
    pub verification_uri_complete: Option<String>,
    /// Seconds until the code dies.
    pub expires_in: u64,
    /// Seconds to wait between two polls.
    #[serde(default = "default_interval")]
    pub interval: u64,
}

const fn default_interval() -> u64 {
    5
}

/// What a poll of a device login found.
#[derive(Debug)]
pub enum DevicePoll {
    /// Not confirmed yet.
    Pending,
    /// Not confirmed yet, and asked too often: wait five seconds longer from now on.
    SlowDown,
    /// Confirmed.
    Granted(Tokens),
}

/// What the token endpoint gives out.
#[derive(Debug, Clone, Deserialize)]
pub struct Tokens {
    /// For calls of the API.
    #[serde(rename = "access_token")]
    pub access: Secret<String>,
    /// Seconds that the access token lives.
    #[serde(default)]
    pub expires_in: u64,
    /// The refresh token that replaces the one used, if it was replaced.
    #[serde(rename = "refresh_token")]
    pub refresh: Option<Secret<String>>,
}

#[derive(Deserialize, Default)]
struct Denial {
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
struct UserInfo {
    id: serde_json::Value,
}

/// One Keycloak realm.
#[derive(Debug, Clone)]
pub struct Realm {
    http: Client,
    url: String,
}

impl Realm {
    /// The realm at `url`, for example `https://www.servercontrolpanel.de/realms/scp`.
    #[must_use]
    pub fn new(http: Client, url: &str) -> Self {
        Self { http, url: url.trim_end_matches('/').to_owned() }
    }

    /// Starts a device login.
    ///
    /// # Errors
    /// When the realm does not answer as expected.
    pub async fn start_device_login(&self) -> Result<DeviceLogin, ScpError> {
        let what = "start of the device login";
        let response = self.post("auth/device", what, &[("client_id", CLIENT_ID), ("scope", SCOPE)]).await?;
        if !response.status().is_success() {
            return Err(unexpected(what, response).await);
        }
        read(what, response).await
    }

    /// Asks whether the login has been confirmed. The caller keeps the interval.
    ///
    /// # Errors
    /// When the login was denied or its code has died (`NETCUP_LOGIN_REQUIRED`), or the realm does not answer.
    pub async fn poll_device_login(&self, login: &DeviceLogin) -> Result<DevicePoll, ScpError> {
        let what = "poll of the device login";
        let form = [
            ("client_id", CLIENT_ID),
            ("grant_type", DEVICE_GRANT),
            ("device_code", login.device_code.expose()),
        ];
        match self.token(what, &form).await? {
            Ok(tokens) => Ok(DevicePoll::Granted(tokens)),
            Err(denial) => match denial.as_str() {
                "authorization_pending" => Ok(DevicePoll::Pending),
                "slow_down" => Ok(DevicePoll::SlowDown),
                _ => Err(ScpError::new(
                    ErrorKind::LoginRequired,
                    format!("the device login ended without a login: {denial}"),
                )),
            },
        }
    }

    /// Trades a refresh token for an access token.
    ///
    /// # Errors
    /// `NETCUP_LOGIN_REQUIRED` when the refresh token has died.
    pub async fn refresh(&self, refresh: &Secret<String>) -> Result<Tokens, ScpError> {
        let form = [
            ("client_id", CLIENT_ID),
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose().as_str()),
        ];
        self.token("refresh of the access token", &form).await?.map_err(|denial| {
            let message =
                format!("Netcup no longer takes the stored login ({denial}); it dies after 30 idle days");
            ScpError::new(ErrorKind::LoginRequired, message)
        })
    }

    /// The SCP's own number of the user who is logged in (not the customer number).
    ///
    /// # Errors
    /// When the realm does not answer as expected.
    pub async fn user_id(&self, access: &Secret<String>) -> Result<i32, ScpError> {
        let what = "look-up of the SCP user";
        let url = format!("{}/protocol/openid-connect/userinfo", self.url);
        let sent = self.http.get(url).bearer_auth(access.expose()).send().await;
        let response = sent.map_err(|error| transport(what, &error))?;
        if !response.status().is_success() {
            return Err(unexpected(what, response).await);
        }
        let info: UserInfo = read(what, response).await?;
        let id =
            info.id.as_i64().or_else(|| info.id.as_str()?.parse().ok()).and_then(|id| i32::try_from(id).ok());
        id.ok_or_else(|| ScpError::new(ErrorKind::Unexpected, "Netcup's login names no user id"))
    }

    async fn post(
        &self,
        path: &str,
        what: &str,
        form: &[(&str, &str)],
    ) -> Result<reqwest::Response, ScpError> {
        let url = format!("{}/protocol/openid-connect/{path}", self.url);
        self.http.post(url).form(form).send().await.map_err(|error| transport(what, &error))
    }

    /// Inner `Err`: the `error` of RFC 6749, section 5.2.
    async fn token(&self, what: &str, form: &[(&str, &str)]) -> Result<Result<Tokens, String>, ScpError> {
        let response = self.post("token", what, form).await?;
        match response.status() {
            status if status.is_success() => Ok(Ok(read(what, response).await?)),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
                let denial: Denial = read(what, response).await?;
                Ok(Err(denial
                    .error
                    .chars()
                    .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .take(60)
                    .collect()))
            }
            _ => Err(unexpected(what, response).await),
        }
    }
}

async fn read<T: serde::de::DeserializeOwned>(
    what: &str,
    response: reqwest::Response,
) -> Result<T, ScpError> {
    let body = response.bytes().await.map_err(|error| transport(what, &error))?;
    // The text of a serde error can quote the value, which may be a token: it is left out.
    serde_json::from_slice(&body).map_err(|_| {
        ScpError::new(ErrorKind::Unexpected, format!("the answer to \"{what}\" is not understood"))
    })
}

/// How long to wait until the next poll of a device login.
#[must_use]
pub const fn next_interval(login: &DeviceLogin, slow_downs: u32) -> Duration {
    Duration::from_secs(login.interval + 5 * slow_downs as u64)
}
