//! The Hub's API as a member of staff uses it.

use std::{
    io::{IsTerminal as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use anyhow::{Context as _, bail};
use letsbe_provision::hub_address;
use letsbe_types::{
    DomainName, Problem,
    api::{DeskAction, ErrorReply, OrderDetail, OrderSummary, Reply},
    ids::{CommandId, OrderId},
    recovery::RecoveryEntry,
    tenant::TenantConfiguration,
    tenants::{ApprovalEntry, CommandEntry, GateHead, SealedKeys, TenantDetail, TenantSummary},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::style;

/// A logged-in connection to the Hub.
pub(crate) struct Hub {
    http: reqwest::Client,
    base: String,
    token: String,
}

#[derive(Serialize)]
struct Credentials<'a> {
    email: &'a str,
    password: &'a str,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

impl Hub {
    /// Uses the token of an earlier `letsbe login`.
    pub(crate) fn open(address: &str) -> anyhow::Result<Self> {
        let path = token_file()?;
        let token = std::fs::read_to_string(&path).with_context(|| {
            format!("{} cannot be read; log in with `letsbe login` first", path.display())
        })?;
        Ok(Self { http: client()?, base: hub_address::checked(address)?, token: token.trim().to_owned() })
    }

    /// One page of orders.
    pub(crate) async fn orders(&self, page: u32, page_size: u32) -> anyhow::Result<Vec<OrderSummary>> {
        self.get(&format!("/api/v1/admin/orders?page={page}&pageSize={page_size}")).await
    }

    /// One order with its timeline.
    pub(crate) async fn order(&self, id: OrderId) -> anyhow::Result<OrderDetail> {
        self.get(&format!("/api/v1/admin/orders/{id}")).await
    }

    /// Does something about an order.
    pub(crate) async fn act(&self, id: OrderId, action: &DeskAction) -> anyhow::Result<()> {
        let url = format!("{}/api/v1/admin/orders/{id}/actions", self.base);
        let request = self.http.post(url).bearer_auth(&self.token).json(action);
        let _: serde_json::Value = read(request.send().await.context("the Hub does not answer")?).await?;
        Ok(())
    }

    /// One page of tenants.
    pub(crate) async fn tenants(&self, page: u32, page_size: u32) -> anyhow::Result<Vec<TenantSummary>> {
        self.get(&format!("/api/v1/admin/tenants?page={page}&pageSize={page_size}")).await
    }

    /// The tenants of a domain.
    pub(crate) async fn tenants_of(&self, domain: &DomainName) -> anyhow::Result<Vec<TenantSummary>> {
        self.get(&format!("/api/v1/admin/tenants?domain={domain}")).await
    }

    /// One tenant.
    pub(crate) async fn tenant(&self, id: OrderId) -> anyhow::Result<TenantDetail> {
        self.get(&format!("/api/v1/admin/tenants/{id}")).await
    }

    /// What holds for a tenant.
    pub(crate) async fn configuration(&self, id: OrderId) -> anyhow::Result<TenantConfiguration> {
        self.get(&format!("/api/v1/admin/tenants/{id}/configuration")).await
    }

    /// A tenant's approvals.
    pub(crate) async fn approvals(&self, id: OrderId) -> anyhow::Result<Vec<ApprovalEntry>> {
        self.get(&format!("/api/v1/admin/tenants/{id}/approvals")).await
    }

    /// The keys that a tenant's server sealed away, newest first.
    pub(crate) async fn sealed_keys(&self, id: OrderId) -> anyhow::Result<Vec<SealedKeys>> {
        self.get(&format!("/api/v1/admin/tenants/{id}/escrow")).await
    }

    /// Where the log of a tenant's command gate ended, each time the Hub was told.
    pub(crate) async fn gate_heads(&self, id: OrderId) -> anyhow::Result<Vec<GateHead>> {
        self.get(&format!("/api/v1/admin/tenants/{id}/gate-heads")).await
    }

    /// The newest recovery of a tenant.
    pub(crate) async fn recovery(&self, id: OrderId) -> anyhow::Result<Option<RecoveryEntry>> {
        self.get(&format!("/api/v1/admin/tenants/{id}/recovery")).await
    }

    /// The newest recoveries, of one tenant or of all.
    pub(crate) async fn recoveries(&self, of: Option<OrderId>) -> anyhow::Result<Vec<RecoveryEntry>> {
        match of {
            Some(id) => self.get(&format!("/api/v1/admin/tenants/{id}/recoveries?pageSize=50")).await,
            None => self.get("/api/v1/admin/recoveries?pageSize=50").await,
        }
    }

    /// One command and what became of it.
    pub(crate) async fn command(&self, id: OrderId, command: CommandId) -> anyhow::Result<CommandEntry> {
        self.get(&format!("/api/v1/admin/tenants/{id}/commands/{command}")).await
    }

    /// Asks for something new.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> anyhow::Result<T> {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.token).json(body);
        read(request.send().await.context("the Hub does not answer")?).await
    }

    /// Replaces something.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> anyhow::Result<T> {
        let request = self.http.put(format!("{}{path}", self.base)).bearer_auth(&self.token).json(body);
        read(request.send().await.context("the Hub does not answer")?).await
    }

    /// Reads something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        read(request.send().await.context("the Hub does not answer")?).await
    }
}

fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(std::time::Duration::from_secs(30)).build()?)
}

async fn read<T: DeserializeOwned>(reply: reqwest::Response) -> anyhow::Result<T> {
    let status = reply.status();
    let body = reply.bytes().await.context("the Hub's reply broke off")?;
    if status.is_success() {
        let reply: Reply<T> = serde_json::from_slice(&body).context("the Hub's reply is not understood")?;
        return Ok(reply.data);
    }
    let Ok(refusal) = serde_json::from_slice::<ErrorReply>(&body) else { bail!("the Hub answers {status}") };
    let fields: Vec<String> =
        refusal.error.details.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    let message = [vec![refusal.error.message], fields].concat().join("; ");
    let hint = if status == reqwest::StatusCode::UNAUTHORIZED { "Log in with `letsbe login`." } else { "" };
    Err(Problem::permanent(&refusal.error.code, message, hint).into())
}

/// Where the token is kept.
fn token_file() -> anyhow::Result<PathBuf> {
    let folder = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let folder = folder.or_else(home).context("neither XDG_CONFIG_HOME nor HOME is set")?;
    Ok(folder.join("letsbe/token"))
}

/// Exchanges a password for a token and keeps the token, for its owner only.
pub(crate) async fn login(address: &str, email: &str, json: bool) -> anyhow::Result<()> {
    let base = hub_address::checked(address)?;
    let password = read_password()?;
    let credentials = Credentials { email, password: &password };
    let request = client()?.post(format!("{base}/api/v1/admin/login")).json(&credentials);
    let Token { token } = read(request.send().await.context("the Hub does not answer")?).await?;
    let path = token_file()?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // A new file: the mode of an old one would stay as it was.
    let fresh = path.with_added_extension("new");
    let _ = std::fs::remove_file(&fresh);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(token.as_bytes())?;
    std::fs::rename(&fresh, &path)?;
    if json {
        return style::say_json(&serde_json::json!({"logged_in_as": email, "token_file": path}));
    }
    style::say(&format!("{} logged in as {email}", style::Level::Fine.mark()));
    Ok(())
}

/// Reads one line; a terminal does not show it.
fn read_password() -> anyhow::Result<String> {
    let terminal = std::io::stdin().is_terminal();
    let echo = |word: &str| std::process::Command::new("stty").arg(word).status();
    if terminal {
        write!(std::io::stderr(), "Password: ")?;
        echo("-echo").context("the terminal's echo cannot be switched off; pipe the password in instead")?;
    }
    let mut password = String::new();
    let read = std::io::stdin().read_line(&mut password);
    if terminal {
        echo("echo")?;
        writeln!(std::io::stderr())?;
    }
    read?;
    Ok(password.trim_end_matches(['\r', '\n']).to_owned())
}
