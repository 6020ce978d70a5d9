use std::{
    future::pending,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::{
    Router,
    extract::ConnectInfo,
    routing::{get, post},
    serve::Listener,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{Bounds, serve};

/// Nothing here takes longer; it is the end of a test that fails.
const LIMIT: Duration = Duration::from_secs(60);
const WHOLE: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const HALF: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ";

/// A listener whose callers seem to come from this address.
struct Seeming(TcpListener, Ipv4Addr);

impl Listener for Seeming {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        (stream, (self.1, peer.port()).into())
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

async fn started(from: Ipv4Addr, bounds: Bounds) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let who = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() };
    let long = || async { vec![b'x'; 32 << 20] };
    let router = Router::new().route("/", get(who)).route("/", post(|body: String| async { body }));
    let router = router.route("/long", get(long));
    tokio::spawn(serve(Seeming(listener, from), router, bounds, pending()));
    address
}

async fn open(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Whoever is closed at once may not get as far as this.
    let _ = stream.write_all(bytes).await;
    stream
}

/// All that comes until the other side closes.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(LIMIT, stream.read_to_end(&mut text)).await;
    let _ = read.expect("the connection is held");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn half_open_requests_end_and_others_are_answered() {
    let bounds = Bounds { head: Duration::from_millis(200), connections: 20, ..Bounds::default() };
    let address = started(Ipv4Addr::new(10, 0, 0, 1), bounds).await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        slow.push(open(address, HALF).await);
    }
    let text = answer(&mut open(address, WHOLE).await).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("10.0.0.1"), "{text}");
    for stream in &mut slow {
        assert!(!answer(stream).await.contains(" 200 "));
    }
    // Somebody who says nothing at all is no other.
    assert!(!answer(&mut open(address, b"").await).await.contains(" 200 "));
}

#[tokio::test]
async fn a_head_that_drips_ends_too() {
    let bounds = Bounds { head: Duration::from_millis(200), ..Bounds::default() };
    let address = started(Ipv4Addr::LOCALHOST, bounds).await;
    let stream = open(address, HALF).await;
    let (mut reading, mut writing) = stream.into_split();
    let drips = tokio::spawn(async move { while writing.write_all(b"a").await.is_ok() {} });
    let mut text = Vec::new();
    let read = tokio::time::timeout(LIMIT, reading.read_to_end(&mut text)).await;
    let _ = read.expect("the connection is held");
    assert!(!String::from_utf8_lossy(&text).contains(" 200 "));
    drips.await.unwrap();
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_given_up() {
    let bounds = Bounds { body: Duration::from_millis(200), ..Bounds::default() };
    let address = started(Ipv4Addr::LOCALHOST, bounds).await;
    let head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nab";
    let text = answer(&mut open(address, head).await).await;
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    let whole = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab";
    let text = answer(&mut open(address, whole).await).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("ab"), "{text}");
}

#[tokio::test]
async fn an_address_of_the_internet_has_so_many_connections_and_no_more() {
    let bounds = Bounds { per_address: 3, ..Bounds::default() };
    let address = started(Ipv4Addr::new(203, 0, 113, 7), bounds).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(open(address, HALF).await);
    }
    assert_eq!(answer(&mut open(address, WHOLE).await).await, "", "a fourth was taken");
    // One that ends makes room for another.
    let mut first = held.remove(0);
    first.write_all(b"a\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(answer(&mut first).await.ends_with("203.0.113.7"));
    let mut text = String::new();
    while text.is_empty() {
        text = answer(&mut open(address, WHOLE).await).await;
    }
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    // A private network is where a reverse proxy may be.
    let address = started(Ipv4Addr::new(10, 0, 0, 1), bounds).await;
    for _ in 0..10 {
        held.push(open(address, HALF).await);
    }
    assert!(answer(&mut open(address, WHOLE).await).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_request_under_way_is_answered_when_the_server_stops() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (begun, begins) = tokio::sync::oneshot::channel::<()>();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let begun = std::sync::Mutex::new(Some(begun));
    let begun = std::sync::Arc::new(begun);
    let router = Router::new().route(
        "/",
        post(move |body: String| {
            let begun = begun.lock().unwrap().take();
            async move {
                drop(begun);
                body
            }
        }),
    );
    let served = tokio::spawn(serve(listener, router, Bounds::default(), async {
        let _ = stopped.await;
    }));
    let mut stream = open(address, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab").await;
    let _ = begins.await;
    let _ = stop.send(());
    assert!(answer(&mut stream).await.ends_with("ab"));
    tokio::time::timeout(LIMIT, served).await.expect("it ends").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn whoever_takes_nothing_of_his_answer_is_no_longer_served() {
    let bounds = Bounds { body: Duration::from_millis(200), connections: 1, ..Bounds::default() };
    let address = started(Ipv4Addr::new(10, 0, 0, 1), bounds).await;
    let holds = open(address, b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let text = answer(&mut open(address, WHOLE).await).await;
    assert!(text.starts_with("HTTP/1.1 200"), "the only place is held: {text}");
    drop(holds);
}
