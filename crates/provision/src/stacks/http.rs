//! HTTP to the tools on this server's loopback interface.

use std::{net::SocketAddr, sync::OnceLock, time::Duration};

use letsbe_catalog::RenderedExchange;
use letsbe_types::{DomainName, Problem, Secret};
use reqwest::{Client, ClientBuilder, redirect::Policy};
use sha2::{Digest as _, Sha256};

/// Time for one exchange. A tool that installs itself at the first request gets it by being asked again.
const EXCHANGE_TIME: Duration = Duration::from_secs(20);
/// More of a reply is not read.
const REPLY_BYTES_MAX: usize = 1 << 20;

/// Addresses are fixed to the loopback interface, where nobody else listens; chains are checked from outside, with
/// the right roots, so the certificate is only looked at here.
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
        "NODE047",
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

/// What came back, if it is as expected (it may hold a secret), or what differs.
pub(crate) type Answer = Result<Secret<String>, String>;

/// Sends an exchange and compares the reply. Says what differs, never what the reply holds.
///
pub(crate) async fn ask(port: u16, exchange: &RenderedExchange) -> Result<Answer, Problem> {
    ask_at(SocketAddr::from(([127, 0, 0, 1], port)), exchange).await
}

/// The same at an address of this server's own networks.
pub(crate) async fn ask_at(address: SocketAddr, exchange: &RenderedExchange) -> Result<Answer, Problem> {
    let url = format!("http://{address}{}", exchange.path);
    let method = match exchange.method.parse() {
        Ok(method) => method,
        Err(_) => return Ok(Err(format!("{} is no HTTP method", exchange.method))),
    };
    let mut request = client()?.request(method, url);
    for (name, value) in &exchange.headers {
        request = request.header(name, value);
    }
    if !exchange.body.expose().is_empty() {
        request = request.body(exchange.body.expose().clone());
    }
    Ok(match reply(request).await {
        Ok((status, body)) => exchange.expect.check(status, &body).map(|()| Secret::new(body)),
        Err(error) => Err(in_words(&error)),
    })
}

async fn reply(request: reqwest::RequestBuilder) -> Result<(u16, String), reqwest::Error> {
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() >= REPLY_BYTES_MAX {
            break;
        }
    }
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

fn in_words(error: &reqwest::Error) -> String {
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
    Ok(reply(request).await.ok().filter(|(status, _)| *status == 200).map(|(_, body)| body))
}

/// Whether nginx answers anything at all for a host name on port 80.
pub(crate) async fn answers(host: &DomainName) -> Result<bool, Problem> {
    let request = client()?.get("http://127.0.0.1/").header("Host", host.as_str());
    Ok(reply(request).await.is_ok())
}

/// SHA-256 of the certificate (DER) that nginx shows for each host name on port 443; `None` where it shows none.
pub(crate) async fn served_certificates(hosts: &[DomainName]) -> Result<Vec<Option<String>>, Problem> {
    let here = SocketAddr::from(([127, 0, 0, 1], 443));
    let with_names = hosts.iter().fold(loopback().tls_info(true), |b, host| b.resolve(host.as_str(), here));
    let client = with_names.build().map_err(|error| not_built(&error))?;
    let ask = |host: &DomainName| {
        // nginx refuses TRACE by itself: the tool behind is not bothered.
        let request = client.request(reqwest::Method::TRACE, format!("https://{host}/"));
        async move {
            let response = request.send().await.ok()?;
            let info = response.extensions().get::<reqwest::tls::TlsInfo>()?;
            info.peer_certificate().map(|der| hex::encode(Sha256::digest(der)))
        }
    };
    Ok(futures::future::join_all(hosts.iter().map(ask)).await)
}
