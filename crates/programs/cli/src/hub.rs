//! The Hub's API as a member of staff uses it.

mod access;
mod lists;
mod patience;

use anyhow::{Context as _, bail};
use letsbe_types::{
    Code, DomainName, Problem,
    api::{DeskAction, ErrorReply, OrderDetail, OrderSummary, Reply},
    ids::{CommandId, OrderId},
    recovery::RecoveryEntry,
    tenant::TenantConfiguration,
    tenants::{ApprovalEntry, CommandEntry, GateHead, SealedKeys, TenantDetail, TenantSummary},
};
use serde::de::DeserializeOwned;

pub(crate) use access::{login, logout, whoami};
pub(crate) use lists::{Page, Search, list_path};
pub(crate) use patience::{LOOK, patiently};

use crate::logins::Logins;

/// The code of a Hub that is away.
const AWAY: Code = Code::HUB003;
/// A tenant's server may take its time; the Hub gives up before.
const FROM_A_SERVER: std::time::Duration = std::time::Duration::from_secs(300);

/// The Hub's longest page.
const MATCHES: usize = 200;

/// A logged-in connection to the Hub.
pub(crate) struct Hub {
    http: reqwest::Client,
    base: String,
    token: String,
    email: String,
}

impl Hub {
    /// The Hub that is named, or that of the last login, with the token of an earlier `letsbe login` there.
    pub(crate) fn open(named: Option<&str>) -> anyhow::Result<Self> {
        let logins = Logins::read()?;
        let base = logins.hub(named)?;
        let login = logins.at(&base)?.clone();
        Ok(Self { http: client()?, base, token: login.token, email: login.email })
    }

    /// A page of a list.
    pub(crate) async fn list<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Reply<Vec<T>>> {
        self.reply(path).await
    }

    /// The orders of a domain.
    pub(crate) async fn orders_of(&self, domain: &DomainName) -> anyhow::Result<Vec<OrderSummary>> {
        self.get(&format!("/api/v1/admin/orders?domain={domain}&pageSize=200")).await
    }

    /// The orders whose id begins so, among others in whose domain or address it stands.
    pub(crate) async fn orders_like(&self, id: &str) -> anyhow::Result<Vec<OrderSummary>> {
        self.like("orders", id).await
    }

    /// One order with its timeline.
    pub(crate) async fn order(&self, id: OrderId) -> anyhow::Result<OrderDetail> {
        self.order_after(id, 0).await
    }

    /// One order with what happened to it after this line of its timeline.
    pub(crate) async fn order_after(&self, id: OrderId, after: i64) -> anyhow::Result<OrderDetail> {
        let order = self.get(&format!("/api/v1/admin/orders/{id}?after={after}")).await;
        order.map_err(|error| unknown(error, &format!("There is no order {id}.")))
    }

    /// Does something about an order.
    pub(crate) async fn act(&self, id: OrderId, action: &DeskAction) -> anyhow::Result<()> {
        let body = serde_json::to_value(action)?;
        let _: serde_json::Value = self.post(&format!("/api/v1/admin/orders/{id}/actions"), &body).await?;
        Ok(())
    }

    /// The tenants of a domain.
    pub(crate) async fn tenants_of(&self, domain: &DomainName) -> anyhow::Result<Vec<TenantSummary>> {
        self.get(&format!("/api/v1/admin/tenants?domain={domain}")).await
    }

    /// The tenants whose id begins so, among others in whose domain or address it stands.
    pub(crate) async fn tenants_like(&self, id: &str) -> anyhow::Result<Vec<TenantSummary>> {
        self.like("tenants", id).await
    }

    /// All that a search for this finds. Among the first of too many the one that is meant may be missing.
    async fn like<T: DeserializeOwned>(&self, kind: &str, id: &str) -> anyhow::Result<Vec<T>> {
        let found: Vec<T> = self.get(&format!("/api/v1/admin/{kind}?q={id}&pageSize={MATCHES}")).await?;
        if found.len() < MATCHES {
            return Ok(found);
        }
        let message = format!("{id} fits too many {kind} to tell which one is meant");
        Err(Problem::permanent(Code::HUB049, message, "Type the whole id.").into())
    }

    /// One tenant.
    pub(crate) async fn tenant(&self, id: OrderId) -> anyhow::Result<TenantDetail> {
        let tenant = self.get(&format!("/api/v1/admin/tenants/{id}")).await;
        tenant.map_err(|error| unknown(error, &format!("There is no tenant {id}.")))
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
        Ok(self.answer(self.http.post(self.address(path)).json(body)).await?.data)
    }

    /// Asks for something that the Hub finds out on a tenant's server.
    pub(crate) async fn post_patiently<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> anyhow::Result<T> {
        let request = self.http.post(self.address(path)).json(body).timeout(FROM_A_SERVER);
        Ok(self.answer(request).await?.data)
    }

    /// Replaces something.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> anyhow::Result<T> {
        Ok(self.answer(self.http.put(self.address(path)).json(body)).await?.data)
    }

    /// Reads something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        Ok(self.reply(path).await?.data)
    }

    /// Reads something, with what the Hub says about it (which page, of how many).
    async fn reply<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Reply<T>> {
        self.answer(self.http.get(self.address(path))).await
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> anyhow::Result<Reply<T>> {
        let reply = sent(request.bearer_auth(&self.token), &self.base).await?;
        read(reply, &self.base, &self.email).await
    }
}

/// Sends a request.
///
/// # Errors
/// When the Hub does not answer (HUB003).
async fn sent(request: reqwest::RequestBuilder, base: &str) -> Result<reqwest::Response, Problem> {
    request.send().await.map_err(|error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let why = if error.is_timeout() { "it took too long".to_owned() } else { cause.to_string() };
        Problem::transient(
            AWAY,
            format!("The Hub at {base} does not answer: {why}"),
            "Check that it runs and that this is its address; --hub names another one.",
        )
    })
}

/// Whether a request got no answer, or half of one.
pub(crate) fn is_unanswered(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Problem>().is_some_and(|problem| problem.code == AWAY)
        || error.is::<reqwest::Error>()
}

/// Says what there is nothing of.
fn unknown(error: anyhow::Error, message: &str) -> anyhow::Error {
    match error.downcast::<Problem>() {
        Ok(problem) if problem.code == Code::API404 => {
            Problem { message: message.to_owned(), ..problem }.into()
        }
        Ok(problem) => problem.into(),
        Err(error) => error,
    }
}

fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(std::time::Duration::from_secs(30)).build()?)
}

/// What a Hub answered to this person.
async fn read<T: DeserializeOwned>(
    reply: reqwest::Response,
    base: &str,
    email: &str,
) -> anyhow::Result<Reply<T>> {
    let status = reply.status();
    let body = reply.bytes().await.with_context(|| format!("the reply of the Hub at {base} broke off"))?;
    if status.is_success() {
        return serde_json::from_slice(&body)
            .with_context(|| format!("the reply of {base} is not understood: is it a Hub of this version?"));
    }
    let Ok(refusal) = serde_json::from_slice::<ErrorReply>(&body) else {
        bail!("{base} answers {status}, and not as a Hub does")
    };
    let fields: Vec<String> =
        refusal.error.details.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    let message = [vec![refusal.error.message], fields].concat().join("; ");
    let hint = match status {
        _ if !refusal.error.hint.is_empty() => refusal.error.hint,
        reqwest::StatusCode::UNAUTHORIZED => {
            format!("Log in: `letsbe --hub {base} login --email {email}`.")
        }
        reqwest::StatusCode::NOT_FOUND => {
            "Look at `letsbe orders list` and `letsbe tenants list` for what there is.".to_owned()
        }
        _ => String::new(),
    };
    let passes = status.is_server_error()
        || matches!(status, reqwest::StatusCode::REQUEST_TIMEOUT | reqwest::StatusCode::TOO_MANY_REQUESTS);
    Err(Problem { code: refusal.error.code, message, hint, retryable: passes }.into())
}

#[cfg(test)]
mod tests {
    use letsbe_types::{Code, Problem};

    use super::unknown;

    #[test]
    fn what_there_is_none_of_is_named() {
        let refused = |code| Problem::permanent(code, "There is nothing at this address.", "look").into();
        assert!(
            unknown(refused(Code::API404), "There is no order 7.")
                .to_string()
                .contains("There is no order 7.")
        );
        assert!(
            unknown(refused(Code::API500), "There is no order 7.").to_string().contains("at this address")
        );
    }
}
