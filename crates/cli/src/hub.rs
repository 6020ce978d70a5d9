//! The Hub's API as a member of staff uses it.

use std::{collections::BTreeMap, io::IsTerminal as _};

use anyhow::{Context as _, bail};
use letsbe_types::{
    DomainName, Problem,
    api::{DeskAction, ErrorReply, OrderDetail, OrderSummary, Reply},
    ids::{CommandId, OrderId},
    recovery::RecoveryEntry,
    tenant::TenantConfiguration,
    tenants::{ApprovalEntry, CommandEntry, GateHead, SealedKeys, TenantDetail, TenantSummary},
};
use rustix::termios;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    logins::{Login, Logins},
    style,
};

/// Which part of a list.
#[derive(clap::Args, Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Which page.
    #[arg(long, default_value_t = 1)]
    page: u32,
    /// Entries on a page.
    #[arg(long, default_value_t = 50)]
    page_size: u32,
}

/// What is searched for in a list, and how it is sorted.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Search {
    /// A part of the domain or of the customer's address, or the beginning of the id.
    #[arg(long, default_value = "")]
    search: String,
    /// What comes first.
    #[arg(long, value_enum, default_value_t = Sort::Worst)]
    sort: Sort,
}

/// What comes first in a list.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// What needs a person.
    Worst,
    /// What is newest.
    Newest,
    /// By domain.
    Domain,
}

/// The path of a list: which part of it, what is searched for, which of them.
pub(crate) fn list_path(list: &str, page: Page, search: &Search, only: (&str, &str)) -> String {
    let sort = match search.sort {
        Sort::Worst => "worst",
        Sort::Newest => "newest",
        Sort::Domain => "domain",
    };
    let (number, size) = (page.page.to_string(), page.page_size.to_string());
    let query = [("page", &*number), ("pageSize", &*size), ("q", &*search.search), ("sort", sort), only];
    let query = query.into_iter().filter(|(_, value)| !value.is_empty());
    format!(
        "/api/v1/admin/{list}?{}",
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish()
    )
}

impl Page {
    /// Prints the entries as JSON, with which part of the list they are, of how many.
    pub(crate) fn say_json<T: Serialize>(self, reply: &Reply<Vec<T>>) -> anyhow::Result<()> {
        style::say_json(&serde_json::json!({"data": reply.data, "meta": reply.meta}))
    }

    /// How many there are of each kind, the most urgent first; kinds of which there are none are left out.
    pub(crate) fn counted(
        kinds: &[(&str, &str)],
        meta: &BTreeMap<String, serde_json::Value>,
    ) -> Option<String> {
        let counts = meta.get("counts")?;
        let counted = kinds.iter().filter_map(|(word, words)| {
            let count = counts.get(word)?.as_u64().filter(|count| *count > 0)?;
            Some(format!("{count} {words}"))
        });
        let counted: Vec<String> = counted.collect();
        (!counted.is_empty()).then(|| counted.join(" · "))
    }

    /// What stands below a list that does not hold all: which part it is, and how to get the next.
    pub(crate) fn footer(self, shown: usize, meta: &BTreeMap<String, serde_json::Value>) -> Option<String> {
        let total = meta.get("total")?.as_u64()?;
        let before = u64::from(self.page.saturating_sub(1)) * u64::from(self.page_size);
        let until = before + u64::try_from(shown).ok()?;
        let next = self.page + 1;
        match (before, until < total) {
            (_, true) => Some(format!("{} to {until} of {total}; the next: --page {next}", before + 1)),
            (0, false) => None,
            (_, false) => Some(format!("{} to {until} of {total}", before + 1)),
        }
    }
}

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
    /// The Hub that is named, or that of the last login, with the token of an earlier `letsbe login` there.
    pub(crate) fn open(named: Option<&str>) -> anyhow::Result<Self> {
        let logins = Logins::read()?;
        let base = logins.hub(named)?;
        let token = logins.at(&base)?.token.clone();
        Ok(Self { http: client()?, base, token })
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
        self.get(&format!("/api/v1/admin/orders?q={id}&pageSize=200")).await
    }

    /// One order with its timeline.
    pub(crate) async fn order(&self, id: OrderId) -> anyhow::Result<OrderDetail> {
        let order = self.get(&format!("/api/v1/admin/orders/{id}")).await;
        order.map_err(|error| unknown(error, &format!("There is no order {id}.")))
    }

    /// Does something about an order.
    pub(crate) async fn act(&self, id: OrderId, action: &DeskAction) -> anyhow::Result<()> {
        let url = format!("{}/api/v1/admin/orders/{id}/actions", self.base);
        let request = self.http.post(url).bearer_auth(&self.token).json(action);
        let _: Reply<serde_json::Value> =
            read(request.send().await.context("the Hub does not answer")?).await?;
        Ok(())
    }

    /// The tenants of a domain.
    pub(crate) async fn tenants_of(&self, domain: &DomainName) -> anyhow::Result<Vec<TenantSummary>> {
        self.get(&format!("/api/v1/admin/tenants?domain={domain}")).await
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
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.token).json(body);
        Ok(read(request.send().await.context("the Hub does not answer")?).await?.data)
    }

    /// Replaces something.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> anyhow::Result<T> {
        let request = self.http.put(format!("{}{path}", self.base)).bearer_auth(&self.token).json(body);
        Ok(read(request.send().await.context("the Hub does not answer")?).await?.data)
    }

    /// Reads something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        Ok(self.reply(path).await?.data)
    }

    /// Reads something, with what the Hub says about it (which page, of how many).
    async fn reply<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Reply<T>> {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        read(request.send().await.context("the Hub does not answer")?).await
    }
}

/// Says what there is nothing of.
fn unknown(error: anyhow::Error, message: &str) -> anyhow::Error {
    match error.downcast::<Problem>() {
        Ok(problem) if problem.code == "API404" => Problem { message: message.to_owned(), ..problem }.into(),
        Ok(problem) => problem.into(),
        Err(error) => error,
    }
}

fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(std::time::Duration::from_secs(30)).build()?)
}

async fn read<T: DeserializeOwned>(reply: reqwest::Response) -> anyhow::Result<Reply<T>> {
    let status = reply.status();
    let body = reply.bytes().await.context("the Hub's reply broke off")?;
    if status.is_success() {
        return serde_json::from_slice(&body).context("the Hub's reply is not understood");
    }
    let Ok(refusal) = serde_json::from_slice::<ErrorReply>(&body) else { bail!("the Hub answers {status}") };
    let fields: Vec<String> =
        refusal.error.details.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    let message = [vec![refusal.error.message], fields].concat().join("; ");
    let hint = match status {
        reqwest::StatusCode::UNAUTHORIZED => "Log in with `letsbe login`.",
        reqwest::StatusCode::NOT_FOUND => {
            "Look at `letsbe orders list` and `letsbe tenants list` for what there is."
        }
        _ => "",
    };
    Err(Problem::permanent(&refusal.error.code, message, hint).into())
}

/// Exchanges a password for a token and keeps the token, for its owner and this Hub only.
pub(crate) async fn login(named: Option<&str>, email: &str, json: bool) -> anyhow::Result<()> {
    let mut logins = Logins::read()?;
    let base = logins.hub(named)?;
    let password = read_password().await?;
    let credentials = Credentials { email, password: &password };
    let request = client()?.post(format!("{base}/api/v1/admin/login")).json(&credentials);
    let Token { token } = read(request.send().await.context("the Hub does not answer")?).await?.data;
    logins.add(&base, Login { token, email: email.to_owned() });
    let path = logins.write()?;
    if json {
        return style::say_json(&serde_json::json!({"logged_in_as": email, "hub": base, "logins": path}));
    }
    style::say(&format!("{} logged in to {base} as {email}", style::Level::Fine.mark()));
    Ok(())
}

/// Ends the session at the Hub and forgets it here. A Hub that is away, or knows the session no more, stops nobody.
pub(crate) async fn logout(named: Option<&str>, json: bool) -> anyhow::Result<()> {
    let mut logins = Logins::read()?;
    let base = logins.hub(named)?;
    let login = logins.at(&base)?.clone();
    let request = client()?.post(format!("{base}/api/v1/admin/logout")).bearer_auth(&login.token).json(&());
    let ended = request.send().await.is_ok_and(|reply| reply.status().is_success());
    logins.remove(&base);
    logins.write()?;
    if json {
        return style::say_json(&serde_json::json!({"hub": base, "session_ended": ended}));
    }
    style::say(&format!("{} logged out of {base}", style::Level::Fine.mark()));
    if !ended {
        style::say("  The Hub did not confirm it: the session there ends by itself.");
    }
    Ok(())
}

/// Says who is logged in where, and whether the Hub still takes the session.
pub(crate) async fn whoami(named: Option<&str>, json: bool) -> anyhow::Result<()> {
    let logins = Logins::read()?;
    let base = logins.hub(named)?;
    let email = logins.at(&base)?.email.clone();
    let _: Vec<OrderSummary> = Hub::open(Some(&base))?.get("/api/v1/admin/orders?pageSize=1").await?;
    if json {
        return style::say_json(&serde_json::json!({"hub": base, "email": email}));
    }
    style::say(&format!("{email} at {base}"));
    Ok(())
}

/// Reads a password: from the terminal without showing it, or the first line of standard input.
async fn read_password() -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        return prompted().await;
    }
    let mut password = String::new();
    std::io::stdin().read_line(&mut password)?;
    Ok(password.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks on the terminal. Whoever ends the program meanwhile gets the terminal back as it was: with what is typed shown.
async fn prompted() -> anyhow::Result<String> {
    let before = termios::tcgetattr(std::io::stdin())?;
    let interrupted = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            let _ = termios::tcsetattr(std::io::stdin(), termios::OptionalActions::Now, &before);
            std::process::exit(130);
        }
    });
    let asked = || dialoguer::Password::new().with_prompt("Password").interact();
    let password = tokio::task::spawn_blocking(asked).await?;
    interrupted.abort();
    Ok(password?)
}

#[cfg(test)]
mod tests {
    use letsbe_types::Problem;

    use super::{Page, Search, Sort, list_path, unknown};

    #[test]
    fn what_is_searched_for_is_sent_as_it_is_typed() {
        let page = Page { page: 2, page_size: 50 };
        let search = Search { search: "a&b=c d%".to_owned(), sort: Sort::Newest };
        let path = list_path("orders", page, &search, ("state", "needs_you"));
        let wanted = "/api/v1/admin/orders?page=2&pageSize=50&q=a%26b%3Dc+d%25&sort=newest&state=needs_you";
        assert_eq!(path, wanted);
    }

    #[test]
    fn what_there_is_none_of_is_named() {
        let refused = |code| Problem::permanent(code, "There is nothing at this address.", "look").into();
        assert!(
            unknown(refused("API404"), "There is no order 7.").to_string().contains("There is no order 7.")
        );
        assert!(unknown(refused("API500"), "There is no order 7.").to_string().contains("at this address"));
    }

    #[test]
    fn a_list_says_how_many_there_are_of_each_kind() {
        let kinds = [("needs_you", "need you"), ("silent", "silent"), ("fine", "fine")];
        let meta =
            [("counts".to_owned(), serde_json::json!({"needs_you": 2, "silent": 0, "fine": 59}))].into();
        assert_eq!(Page::counted(&kinds, &meta).as_deref(), Some("2 need you · 59 fine"));
        assert_eq!(Page::counted(&kinds, &std::collections::BTreeMap::new()), None);
    }

    #[test]
    fn a_list_that_does_not_hold_all_says_which_part_it_is() {
        let meta = |total: u64| [("total".to_owned(), total.into())].into();
        let page = |page| Page { page, page_size: 50 };
        assert_eq!(page(1).footer(50, &meta(61)).as_deref(), Some("1 to 50 of 61; the next: --page 2"));
        assert_eq!(page(2).footer(11, &meta(61)).as_deref(), Some("51 to 61 of 61"));
        assert_eq!(page(1).footer(7, &meta(7)), None);
        assert_eq!(page(1).footer(7, &std::collections::BTreeMap::new()), None);
    }
}
