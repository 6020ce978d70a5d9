//! The line to the agent, as a broken or hostile one would hold it.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail, too")]

mod agent;

use std::{net::SocketAddr, path::Path, time::Duration};

use letsbe_proxy::Patience;
use letsbe_types::link::{LINE_BYTES, LINK_SOCKET, ToProxy};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
};

use crate::agent::{Agent, Ledger, content};

async fn vault(address: SocketAddr) -> String {
    let health = reqwest::get(format!("http://{address}/health")).await.unwrap();
    let health: Value = health.json().await.unwrap();
    health["vault"].as_str().unwrap().to_owned()
}

async fn accept(listener: &UnixListener) -> BufReader<UnixStream> {
    let accepted = tokio::time::timeout(Duration::from_secs(60), listener.accept()).await;
    let mut stream = BufReader::new(accepted.expect("the proxy comes back").unwrap().0);
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    assert!(line.starts_with("{\"say\":\"hello\",\"version\":"), "{line}");
    stream
}

fn listen(folder: &Path) -> UnixListener {
    UnixListener::bind(folder.join(LINK_SOCKET)).unwrap()
}

#[tokio::test]
async fn a_line_that_cannot_be_read_ends_it_and_takes_the_secrets_away() {
    let folder = tempfile::tempdir().unwrap();
    let listener = listen(folder.path());
    let address = agent::proxy(folder.path(), Patience::default()).await;
    let good = ToProxy::Vault(content(&[], &[])).to_line();
    let long = "x".repeat(LINE_BYTES + 2);
    for bad in ["no JSON\n", "{\"say\":\"vault\"}\n", "{\"say\":\"unknown\"}\n", "\n", long.as_str()] {
        let mut stream = accept(&listener).await;
        stream.write_all(good.expose().as_bytes()).await.unwrap();
        let mut applied = String::new();
        stream.read_line(&mut applied).await.unwrap();
        assert_eq!(applied, "{\"say\":\"applied\",\"version\":1}\n");
        assert_eq!(vault(address).await, "ready");
        // The proxy may cut the line before the long one is written.
        let _ = stream.write_all(bad.as_bytes()).await;
        let mut rest = String::new();
        let _ = stream.read_line(&mut rest).await;
        assert_eq!(rest, "", "{}", &bad[..bad.len().min(20)]);
        assert_eq!(vault(address).await, "waiting");
    }
}

#[tokio::test]
async fn a_vault_that_cannot_be_put_in_force_is_not_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let listener = listen(folder.path());
    let address = agent::proxy(folder.path(), Patience::default()).await;
    let mut stream = accept(&listener).await;
    stream.write_all(&ToProxy::Vault(content(&[], &[])).to_line().expose().as_bytes()[..40]).await.unwrap();
    drop(stream);
    accept(&listener).await;
    assert_eq!(vault(address).await, "waiting");
}

#[tokio::test]
async fn the_line_comes_up_whenever_the_agent_does() {
    let folder = tempfile::tempdir().unwrap();
    let address = agent::proxy(folder.path(), Patience::default()).await;
    assert_eq!(vault(address).await, "waiting");
    let ledger = Ledger::new(0);
    for _ in 0..2 {
        let agent = Agent::start(folder.path(), content(&[("a/b", "c")], &[]), &ledger);
        agent.applied().await;
        assert_eq!(vault(address).await, "ready");
    }
}
