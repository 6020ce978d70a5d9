//! letsbe-proxy: the one way out for the AI runtime.
//!
//! It must run without privileges, and must never let a request pass that it has not understood.

use std::{
    io::IsTerminal as _,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clap::Parser;
use letsbe_proxy::{Link, Patience, Proxy};
use letsbe_types::link;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
};

/// How long the answer to `--check` may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(4);

/// The secrets proxy.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
    /// Port to listen on; 0 takes a free one and prints it.
    #[arg(long, default_value_t = 8100)]
    port: u16,
    /// Folder of the agent's sockets.
    #[arg(long, value_name = "FOLDER", default_value = link::FOLDER)]
    guardian: PathBuf,
    /// Do not serve: ask this address (http://host:port/path) and end with 0 if it answers 200. For health checks in
    /// an image that holds no other program.
    #[arg(long, value_name = "URL")]
    check: Option<String>,
}

// One thread serves everything: a request costs well under a millisecond of computing, and long bodies have threads
// of their own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let in_colour = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_ansi(in_colour).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    match arguments.check {
        Some(url) => tokio::time::timeout(CHECK_TIMEOUT, check(&url)).await.context("no answer in time")?,
        None => serve(SocketAddr::new(arguments.address, arguments.port), arguments.guardian).await,
    }
}

async fn serve(wanted: SocketAddr, guardian: PathBuf) -> anyhow::Result<()> {
    let mut stop = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let listener =
        TcpListener::bind(wanted).await.with_context(|| format!("{wanted} cannot be listened on"))?;
    tracing::info!(address = %listener.local_addr()?, guardian = %guardian.display(), "listening");
    let patience = Patience::default();
    let line = Link::new(patience.connect);
    tokio::spawn(line.clone().keep(guardian.join(link::LINK_SOCKET)));
    let shutdown = async move {
        tokio::select! {
            _ = stop.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    let proxy =
        Proxy::new(line, &guardian, patience).context("no client for the command gate can be made")?;
    proxy.serve(listener, shutdown).await;
    Ok(())
}

async fn check(url: &str) -> anyhow::Result<()> {
    let rest = url.strip_prefix("http://").context("only http:// can be checked")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).await.with_context(|| format!("{host} does not answer"))?;
    stream
        .write_all(format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
        .await?;
    let mut reply = String::new();
    stream.take(4096).read_to_string(&mut reply).await?;
    let status = reply.lines().next().unwrap_or_default();
    ensure!(status.starts_with("HTTP/1.1 200"), "{url} answers `{status}`");
    Ok(())
}

#[cfg(test)]
mod tests {
    use letsbe_proxy::{Link, Patience, Proxy};
    use tokio::net::TcpListener;

    use super::check;

    #[tokio::test]
    async fn health_is_answered_without_an_agent_and_a_check_sees_the_difference() {
        let folder = tempfile::tempdir().unwrap();
        let patience = Patience::default();
        let proxy = Proxy::new(Link::new(patience.connect), folder.path(), patience).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(proxy.serve(listener, std::future::pending()));
        check(&format!("http://{address}/health")).await.unwrap();
        for path in ["", "/", "/v1/completions", "/healthy"] {
            let refusal = check(&format!("http://{address}{path}")).await.unwrap_err();
            assert!(refusal.to_string().contains("404"), "{path}: {refusal}");
        }
    }

    #[tokio::test]
    async fn a_check_of_what_is_not_there_fails() {
        assert!(check("http://127.0.0.1:1/health").await.is_err());
        assert!(check("https://127.0.0.1:1/health").await.is_err());
    }
}
