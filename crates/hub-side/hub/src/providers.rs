//! Where servers come from, as configured.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use letsbe_netcup::{ScpClient, ScpConfig, ScpError, StoredToken, TokenStore};
use letsbe_servers::{Manual, NetcupPool, ServerProvider};
use letsbe_types::{Secret, clock::Clock};
use serde::{Deserialize, Serialize};

use crate::{
    config::ServersConfig,
    security::secret_file::{self, Form},
};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The client for Netcup; `None` in MANUAL mode.
///
/// # Errors
/// When the HTTP client cannot be made.
pub fn netcup_client(
    config: &ServersConfig,
    clock: Arc<dyn Clock>,
) -> Result<Option<Arc<ScpClient>>, ScpError> {
    let ServersConfig::Netcup { api_url, realm_url, refresh_token_file, .. } = config else {
        return Ok(None);
    };
    let scp = ScpConfig {
        api_url: api_url.clone(),
        realm_url: realm_url.clone(),
        timeout: REQUEST_TIMEOUT,
        user_id: None,
    };
    let tokens = Arc::new(TokenFile(refresh_token_file.clone()));
    ScpClient::new(scp, tokens, clock).map(|client| Some(Arc::new(client)))
}

/// The provider that goes with a client.
#[must_use]
pub fn server_provider(client: Option<Arc<ScpClient>>) -> Arc<dyn ServerProvider> {
    match client {
        Some(client) => Arc::new(NetcupPool::new(client)),
        None => Arc::new(Manual),
    }
}

/// The refresh token in a file that only the Hub may read, replaced as a whole.
struct TokenFile(PathBuf);

#[derive(Deserialize)]
struct Read {
    refresh_token: Secret<String>,
    used_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Written<'a> {
    refresh_token: &'a str,
    used_at: DateTime<Utc>,
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    use io::Write as _;
    let temporary = path.with_added_extension("new");
    // A new file: the mode of an old one would stay as it was.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

#[async_trait]
impl TokenStore for TokenFile {
    async fn load(&self) -> Result<Option<StoredToken>, String> {
        if !self.0.exists() {
            return Ok(None);
        }
        let text = secret_file::read(&self.0, Form::Json)
            .map_err(|why| format!("{} cannot be used: {why}", self.0.display()))?;
        // The parser's own words could quote the token.
        let read: Read =
            serde_json::from_str(text.expose()).map_err(|_| format!("{} is damaged", self.0.display()))?;
        Ok(Some(StoredToken { refresh: read.refresh_token, used_at: read.used_at }))
    }

    async fn save(&self, token: &StoredToken) -> Result<(), String> {
        let written = Written { refresh_token: token.refresh.expose(), used_at: token.used_at };
        let text = serde_json::to_string(&written).map_err(|error| error.to_string())?;
        replace(&self.0, &text).map_err(|error| format!("{}: {error}", self.0.display()))
    }
}
