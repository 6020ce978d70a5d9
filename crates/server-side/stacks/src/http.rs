//! HTTP to the tools on this server's loopback interface.

use std::{collections::BTreeMap, fmt, net::SocketAddr, sync::OnceLock, time::Duration};

use letsbe_catalog::{RenderedExchange, Transport};
use letsbe_types::{Code, DomainName, Problem, Secret};
use reqwest::{Client, ClientBuilder, RequestBuilder, header::SET_COOKIE, redirect::Policy};
use sha2::{Digest as _, Sha256};

use super::socket_io;

/// Time for one exchange. A tool that installs itself at the first request gets it by being asked again.
const EXCHANGE_TIME: Duration = Duration::from_secs(20);
/// More of a reply is not read.
const REPLY_BYTES_MAX: usize = 1 << 20;

/// Addresses are fixed to the loopback interface, where nobody else listens; chains are checked from outside, with
/// the right roots, so the certificate is only read here.
fn loopback() -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .tls_danger_accept_invalid_certs(true)
        .connect_timeout(Duration::from_secs(2))
        .timeout(EXCHANGE_TIME)
}

fn not_built(error: &reqwest::Error) -> Problem {
    Problem::permanent(
        Code::NODE047,
        format!("no HTTP client could be made: {error}"),
        "Report this as a defect.",
    )
}

fn client() -> Result<&'static Client, Problem> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    let made = loopback().build().map_err(|error| not_built(&error))?;
    Ok(CLIENT.get_or_init(|| made))
}

/// Why an answer is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missed {
    /// What differs, in words; never what the reply holds.
    pub(crate) why: String,
    /// Whether the tool has spoken: it did answer, and neither that it is out of order nor that it is asked too often.
    pub(crate) refused: bool,
}

impl Missed {
    pub(crate) fn silent(why: impl Into<String>) -> Self {
        Self { why: why.into(), refused: false }
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// What came back, if it is as expected (it may hold a secret), or what differs.
pub(crate) type Answer = Result<Secret<String>, Missed>;

/// What a tool has set in the answers of one sequence, by name.
#[derive(Default)]
pub(crate) struct Cookies(BTreeMap<String, Secret<String>>);

impl Cookies {
    /// More are not kept.
    const MOST: usize = 32;

    fn keep(&mut self, headers: &reqwest::header::HeaderMap) {
        for header in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let pair = header.split(';').next().unwrap_or_default();
            if let (Some((name, value)), true) = (pair.split_once('='), self.0.len() < Self::MOST) {
                self.0.insert(name.trim().to_owned(), Secret::from(value.trim()));
            }
        }
    }

    fn header(&self) -> Option<String> {
        let pairs: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// Sends an exchange and compares the reply. Says what differs, never what the reply holds.
pub(crate) async fn ask(
    port: u16,
    exchange: &RenderedExchange,
    cookies: &mut Cookies,
) -> Result<Answer, Problem> {
    ask_keeping(SocketAddr::from(([127, 0, 0, 1], port)), exchange, cookies).await
}

/// The same at an address of this server's own networks.
pub(crate) async fn ask_at(address: SocketAddr, exchange: &RenderedExchange) -> Result<Answer, Problem> {
    ask_keeping(address, exchange, &mut Cookies::default()).await
}

async fn ask_keeping(
    address: SocketAddr,
    exchange: &RenderedExchange,
    cookies: &mut Cookies,
) -> Result<Answer, Problem> {
    let url = format!("http://{address}{}", exchange.path);
    if exchange.transport == Transport::SocketIo {
        let event = exchange.body.expose();
        let called = socket_io::call(client()?, &url, &exchange.headers, event);
        let called = tokio::time::timeout(EXCHANGE_TIME, called).await;
        let called = called.unwrap_or_else(|_| Err("it does not acknowledge in time".to_owned()));
        return Ok(match called {
            Ok(body) => judge(exchange, 200, body),
            Err(why) => Err(Missed::silent(why)),
        });
    }
    let Ok(method) = exchange.method.parse() else {
        return Ok(Err(Missed::silent(format!("{} is no HTTP method", exchange.method))));
    };
    let mut request = client()?.request(method, url);
    for (name, value) in &exchange.headers {
        request = request.header(name, value);
    }
    if let Some(cookies) = cookies.header() {
        request = request.header("Cookie", cookies);
    }
    if !exchange.body.expose().is_empty() {
        request = request.body(exchange.body.expose().clone());
    }
    Ok(match reply(request, cookies).await {
        Ok((status, body)) => judge(exchange, status, body),
        Err(error) => Err(Missed::silent(in_words(&error))),
    })
}

fn judge(exchange: &RenderedExchange, status: u16, body: String) -> Answer {
    let out_of_order = status >= 500 || [408, 429].contains(&status);
    let missed = |why| Missed { why, refused: !out_of_order };
    exchange.expect.check(status, &body).map(|()| Secret::new(body)).map_err(missed)
}

async fn reply(request: RequestBuilder, cookies: &mut Cookies) -> Result<(u16, String), reqwest::Error> {
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    cookies.keep(response.headers());
    Ok((status, text(&mut response).await?))
}

/// The beginning of a body.
pub(super) async fn text(response: &mut reqwest::Response) -> Result<String, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() >= REPLY_BYTES_MAX {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

pub(super) fn in_words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "it does not answer in time".to_owned()
    } else if error.is_connect() {
        "nothing accepts connections there".to_owned()
    } else {
        "it ends the connection without an answer".to_owned()
    }
}

/// What nginx serves at a path for a host name on port 80, if it answers with 200.
pub(crate) async fn plain(host: &DomainName, path: &str) -> Result<Option<String>, Problem> {
    let request = client()?.get(format!("http://127.0.0.1{path}")).header("Host", host.as_str());
    Ok(reply(request, &mut Cookies::default())
        .await
        .ok()
        .filter(|(status, _)| *status == 200)
        .map(|(_, body)| body))
}

/// Whether nginx answers anything at all for a host name on port 80.
pub(crate) async fn answers(host: &DomainName) -> Result<bool, Problem> {
    let request = client()?.get("http://127.0.0.1/").header("Host", host.as_str());
    Ok(reply(request, &mut Cookies::default()).await.is_ok())
}

/// What nginx shows for a host name on port 443.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Served {
    /// SHA-256 of the certificate (DER).
    pub(crate) certificate: String,
    /// Whether nginx forwards to the tool: `open` or `closed`.
    pub(crate) door: String,
}

/// The same for each host name; `None` where nothing answers. The tools behind are not bothered.
pub(crate) async fn served(hosts: &[DomainName]) -> Result<Vec<Option<Served>>, Problem> {
    let here = SocketAddr::from(([127, 0, 0, 1], 443));
    let with_names = hosts.iter().fold(loopback().tls_info(true), |b, host| b.resolve(host.as_str(), here));
    let client = with_names.build().map_err(|error| not_built(&error))?;
    let ask = |host: &DomainName| {
        let request = client.get(format!("https://{host}/.well-known/letsbe-door"));
        async move {
            let mut response = request.send().await.ok()?;
            let info = response.extensions().get::<reqwest::tls::TlsInfo>()?;
            let certificate = info.peer_certificate().map(|der| hex::encode(Sha256::digest(der)))?;
            let door = text(&mut response).await.ok()?.trim().to_owned();
            Some(Served { certificate, door })
        }
    };
    Ok(futures::future::join_all(hosts.iter().map(ask)).await)
}

#[cfg(test)]
mod tests {
    use letsbe_catalog::{Expect, RenderedExchange, Transport};
    use letsbe_types::Secret;

    use super::judge;

    #[test]
    fn a_tool_that_is_out_of_order_or_asked_too_often_has_refused_nothing() {
        let exchange = RenderedExchange {
            transport: Transport::Http,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            headers: Vec::new(),
            body: Secret::from(""),
            expect: Expect::default(),
        };
        for (status, refused) in
            [(401, true), (302, true), (404, true), (408, false), (429, false), (502, false)]
        {
            let missed = judge(&exchange, status, String::new()).expect_err("not as expected");
            assert_eq!(missed.refused, refused, "{status}");
        }
        assert!(judge(&exchange, 200, String::new()).is_ok());
    }
}
