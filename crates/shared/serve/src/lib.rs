//! HTTP servers that nobody can hold: requests must come in time, and connections are counted, in all and by address.
//!
//! It must never know what is served, and must never read a request itself.

mod body;
mod places;
mod taking;

use std::{future::Future, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    middleware::{Next, from_fn},
    serve::Listener,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use self::{places::Places, taking::Taking};

/// Longest head of a request: its line and headers.
const HEAD_BYTES: usize = 64 * 1024;

/// What a caller may hold, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// For the whole head of a request, and for the next request of a connection to begin.
    pub head: Duration,
    /// For a whole body, from where it is begun to be read; and for a caller to take something of his answer.
    pub body: Duration,
    /// Connections at the same time. Beyond it they wait for one that ends.
    pub connections: usize,
    /// Connections of one address of the Internet at the same time (of one /64 with IPv6). Beyond it they are closed.
    /// Private addresses and this machine are where reverse proxies and the own servers are: they are counted in all only.
    pub per_address: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(20),
            body: Duration::from_secs(60),
            connections: 4096,
            per_address: 64,
        }
    }
}

impl Bounds {
    /// For sockets and ports that programs of the same server use.
    #[must_use]
    pub fn local() -> Self {
        Self { connections: 512, ..Self::default() }
    }
}

/// Where a connection comes from.
pub trait Caller: Send {
    /// Its address; `None` on a socket of this server.
    fn address(&self) -> Option<SocketAddr>;
}

impl Caller for SocketAddr {
    fn address(&self) -> Option<SocketAddr> {
        Some(*self)
    }
}

impl Caller for tokio::net::unix::SocketAddr {
    fn address(&self) -> Option<SocketAddr> {
        None
    }
}

/// Serves until `stop` is ready and the requests under way have ended. Handlers find the caller's address as
/// `ConnectInfo<SocketAddr>`.
pub async fn serve<L>(mut listener: L, router: Router, bounds: Bounds, stop: impl Future<Output = ()> + Send)
where
    L: Listener,
    L::Addr: Caller,
{
    let in_time = move |request: Request, next: Next| body::in_time(request, next, bounds.body);
    let router = router.layer(from_fn(in_time));
    let places = Places::new(bounds.connections, bounds.per_address);
    let ending = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(bounds.head).max_buf_size(HEAD_BYTES);
    tokio::pin!(stop);
    loop {
        let accepted = async {
            let place = places.one().await;
            (listener.accept().await, place)
        };
        let ((stream, caller), place) = tokio::select! {
            accepted = accepted => accepted,
            Some(ended) = connections.join_next() => {
                log_panic(ended);
                continue;
            }
            () = &mut stop => break,
        };
        let address = caller.address();
        let Some(place) = place.of(address.map(|address| address.ip())) else { continue };
        let router = router.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            if let Some(address) = address {
                request.extensions_mut().insert(ConnectInfo(address));
            }
            router.clone().oneshot(request)
        });
        let stream = Taking::new(stream, bounds.body);
        let connection = protocol.serve_connection(TokioIo::new(stream), service);
        let connection = ending.watch(connection);
        connections.spawn(async move {
            // A caller that goes away, or is too slow, is no event.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    ending.shutdown().await;
    while let Some(ended) = connections.join_next().await {
        log_panic(ended);
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task ended by itself");
    }
}

#[cfg(test)]
mod tests;
