//! letsbe-proxy: the one way out for the AI runtime. At present it only says that it is up.
//!
//! It must run without privileges, and must never let a request pass that it has not understood.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use axum::{Json, Router, extract::State, routing::get};
use clap::Parser;
use serde_json::{Value, json};
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
    /// Do not serve: ask this address (http://host:port/path) and end with 0 if it answers 200. For health checks in
    /// an image that holds no other program.
    #[arg(long, value_name = "URL")]
    check: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    match arguments.check {
        Some(url) => tokio::time::timeout(CHECK_TIMEOUT, check(&url)).await.context("no answer in time")?,
        None => serve(SocketAddr::new(arguments.address, arguments.port)).await,
    }
}

async fn serve(wanted: SocketAddr) -> anyhow::Result<()> {
    let mut stop = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let listener =
        TcpListener::bind(wanted).await.with_context(|| format!("{wanted} cannot be listened on"))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let shutdown = async move {
        tokio::select! {
            _ = stop.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    axum::serve(listener, router(Instant::now()))
        .with_graceful_shutdown(shutdown)
        .await
        .context("serving failed")
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

fn router(started: Instant) -> Router {
    Router::new().route("/health", get(health)).with_state(started)
}

async fn health(State(started): State<Instant>) -> Json<Value> {
    Json(json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": started.elapsed().as_secs(),
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::net::TcpListener;

    use super::check;

    #[tokio::test]
    async fn health_is_answered_and_nothing_else() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, super::router(Instant::now())).await.unwrap() });
        check(&format!("http://{address}/health")).await.unwrap();
        for path in ["", "/", "/v1/chat/completions", "/healthy"] {
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
