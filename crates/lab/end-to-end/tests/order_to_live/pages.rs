//! The pages, as a visitor sees them.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, ensure};
use reqwest::{Certificate, Client, StatusCode, redirect::Policy};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::Live;

const PATIENCE: Duration = Duration::from_secs(20);

/// Trusts the lab's ACME root and nothing else.
pub(crate) fn visitor(live: &Live) -> anyhow::Result<Client> {
    let root = Certificate::from_pem(live.fleet.lab.issued_roots_pem().as_bytes())?;
    let builder =
        Client::builder().tls_certs_only([root]).no_proxy().timeout(PATIENCE).redirect(Policy::none());
    let address = SocketAddr::new(live.host.address.into(), 0);
    Ok(live.names().iter().fold(builder, |builder, name| builder.resolve(name, address)).build()?)
}

pub(crate) async fn page(client: &Client, url: &str) -> anyhow::Result<(StatusCode, String)> {
    let reply = client.get(url).send().await.with_context(|| url.to_owned())?;
    Ok((reply.status(), reply.text().await?))
}

pub(crate) async fn real_tools(live: &Live) -> anyhow::Result<()> {
    let client = visitor(live)?;
    let [root, www, blog, tables, status] = live.names();
    let (code, text) = page(&client, &format!("https://{root}/")).await?;
    ensure!(code == 200 && text.contains(live.domain()), "the website: {code} {text:.300}");
    ensure!(!text.contains("//") && !text.contains("/opt/"), "the website names another place: {text}");
    let (code, text) = page(&client, &format!("https://{www}/")).await?;
    ensure!(code == 200 && text.contains("WordPress"), "WordPress: {code} {text:.300}");
    let (code, text) = page(&client, &format!("https://{www}/wp-login.php")).await?;
    ensure!(code == 200 && text.contains("user_pass"), "WordPress's login: {code} {text:.300}");
    let (code, text) = page(&client, &format!("https://{blog}/")).await?;
    ensure!(code == 200 && text.contains("name=\"generator\" content=\"Ghost "), "Ghost: {code} {text:.300}");
    ensure!(!text.contains("jsdelivr"), "Ghost sends its visitors to a third party: {text}");
    let (code, text) = page(&client, &format!("https://{tables}/api/v1/health")).await?;
    ensure!(code == 200 && text.contains("\"message\":\"OK\""), "NocoDB: {code} {text:.300}");
    let (code, text) = page(&client, &format!("https://{tables}/api/v1/meta/nocodb/info")).await?;
    ensure!(code == 200 && text.contains("version"), "NocoDB's version: {code} {text:.300}");
    let (code, text) = page(&client, &format!("https://{status}/dashboard")).await?;
    ensure!(code == 200, "the status page: {code} {text:.300}");
    nobody_trusts_another_root(live).await
}

/// That the certificates chain to the lab's root says something only if another root is refused.
async fn nobody_trusts_another_root(live: &Live) -> anyhow::Result<()> {
    let other = Certificate::from_pem(live.fleet.lab.acme.ca_pem.as_bytes())?;
    let address = SocketAddr::new(live.host.address.into(), 0);
    let client = Client::builder().tls_certs_only([other]).no_proxy().timeout(PATIENCE);
    let client = client.resolve(live.domain(), address).build()?;
    let refused = client.get(format!("https://{}/", live.domain())).send().await.err();
    ensure!(refused.is_some_and(|error| error.is_connect()), "a wrong root is trusted too");
    Ok(())
}

pub(crate) async fn redirects(live: &Live) -> anyhow::Result<()> {
    let client = visitor(live)?;
    for name in live.names() {
        let reply = client.get(format!("http://{name}/some/page?a=b")).send().await?;
        let target =
            reply.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or_default();
        ensure!(
            reply.status() == 301 && target == format!("https://{name}/some/page?a=b"),
            "{name} answers {} to {target}",
            reply.status()
        );
    }
    Ok(())
}

pub(crate) async fn unknown_names(live: &Live) -> anyhow::Result<()> {
    let stranger = format!("unknown.{}", live.domain());
    for host in [Some(stranger.as_str()), Some("10.0.0.1"), None] {
        let bytes = said_to_stranger(live, host).await?;
        ensure!(bytes.is_empty(), "host {host:?} gets {:?}", String::from_utf8_lossy(&bytes));
    }
    let client = Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .no_proxy()
        .timeout(PATIENCE)
        .resolve(&stranger, SocketAddr::new(live.host.address.into(), 0))
        .build()?;
    // A name by SNI, and an address, which has none.
    for url in [format!("https://{stranger}/"), format!("https://{}/", live.host.address)] {
        let refused = client.get(&url).send().await.err();
        ensure!(refused.is_some_and(|error| error.is_connect()), "{url} completes a handshake");
    }
    Ok(())
}

async fn said_to_stranger(live: &Live, host: Option<&str>) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect((live.host.address, 80)).await?;
    let request = match host {
        Some(host) => format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        None => "GET / HTTP/1.0\r\n\r\n".to_owned(),
    };
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A reset is a closed connection too.
    let _ = read.with_context(|| format!("host {host:?} is left waiting"))?;
    Ok(bytes)
}
