//! letsbe-proxy: the one way out for the AI runtime. At present it only says that it is up.
//!
//! It must run without privileges, and must never let a request pass that it has not understood.

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use anyhow::Context as _;
use axum::{Json, Router, extract::State, routing::get};
use clap::Parser;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// The secrets proxy.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Port to listen on; 0 takes a free one and prints it.
    #[arg(long, default_value_t = 8100)]
    port: u16,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let mut stop = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let wanted = SocketAddr::new(arguments.address, arguments.port);
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

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    async fn ask(request: &str) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, super::router(Instant::now())).await.unwrap() });
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        reply
    }

    #[tokio::test]
    async fn health_is_answered_and_nothing_else() {
        let reply = ask("GET /health").await;
        assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("\"status\":\"ok\""), "{reply}");
        assert!(ask("GET /v1/chat/completions").await.starts_with("HTTP/1.1 404"));
        assert!(ask("POST /health").await.starts_with("HTTP/1.1 405"));
    }
}
