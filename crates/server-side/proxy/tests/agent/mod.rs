//! An agent for tests: it hands out secrets, holds tokens, and keeps account of both.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail, too")]
#![allow(dead_code, reason = "each program that includes this uses a part of it")]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use chrono::Utc;
use letsbe_proxy::{Link, Patience, Proxy};
use letsbe_types::link::{
    LINK_SOCKET, LinkSecret, Model, ModelsConfiguration, Provider, Target, ToAgent, ToProxy, Usage,
    VaultContent,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, UnixListener, UnixStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use uuid::Uuid;

/// The AI runtime's key.
pub(crate) const CLIENT_KEY: &str = "runtime-key-4f1d";

/// What an agent knows of the proxy; kept over its restarts.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    inner: Arc<Mutex<Books>>,
    changed: watch::Sender<()>,
}

/// The account.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Tokens that may be used.
    pub(crate) pool: u64,
    /// Every reservation that was granted.
    pub(crate) reserved: BTreeMap<Uuid, u64>,
    /// Every settlement of a reservation; the first counts.
    pub(crate) settled: BTreeMap<Uuid, Vec<Usage>>,
    /// Settlements of what was never reserved.
    pub(crate) strange: usize,
    /// The last version that is in force.
    pub(crate) applied: u64,
    /// Lines so far.
    pub(crate) lines: usize,
}

impl Books {
    /// Every usage.
    pub(crate) fn usage(&self) -> impl Iterator<Item = &Usage> {
        self.settled.values().flatten()
    }

    /// Tokens that were used.
    pub(crate) fn used(&self) -> u64 {
        self.usage().map(|usage| usage.input + usage.output).sum()
    }

    fn held(&self) -> u64 {
        let open = self.reserved.iter().filter(|(request, _)| !self.settled.contains_key(request));
        open.map(|(_, tokens)| tokens).sum()
    }
}

impl Ledger {
    /// An account with so many tokens.
    pub(crate) fn new(pool: u64) -> Self {
        let books = Books { pool, ..Books::default() };
        Self { inner: Arc::new(Mutex::new(books)), changed: watch::Sender::new(()) }
    }

    /// The account as it is.
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.inner.lock().unwrap()
    }

    /// Waits until this is so.
    pub(crate) async fn until(&self, mut is_so: impl FnMut(&Books) -> bool) {
        let mut changed = self.changed.subscribe();
        let waiting = async {
            while !is_so(&self.books()) {
                changed.changed().await.unwrap();
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.expect("it never came");
    }

    /// Waits until every reservation is settled.
    pub(crate) async fn until_all_settled(&self) {
        self.until(|books| books.held() == 0 && books.reserved.len() == books.settled.len()).await;
    }

    fn take(&self, said: ToAgent) -> Option<ToProxy> {
        let mut books = self.books();
        let answer = match said {
            ToAgent::Hello { .. } => {
                books.lines += 1;
                None
            }
            ToAgent::Applied { version } => {
                books.applied = version;
                None
            }
            ToAgent::Reserve { request, tokens, .. } => {
                let left = books.pool.saturating_sub(books.used() + books.held());
                Some(if tokens > left {
                    ToProxy::Denied { request, left, renews_at: Utc::now() }
                } else {
                    books.reserved.insert(request, tokens);
                    ToProxy::Granted { request }
                })
            }
            ToAgent::Settle { request, usage } => {
                if books.reserved.contains_key(&request) {
                    books.settled.entry(request).or_insert(usage);
                } else {
                    books.strange += 1;
                }
                None
            }
        };
        drop(books);
        self.changed.send_replace(());
        answer
    }
}

/// A running agent. Dropped, it is gone, its socket too.
#[derive(Debug)]
pub(crate) struct Agent {
    content: watch::Sender<VaultContent>,
    ledger: Ledger,
    socket: std::path::PathBuf,
    task: JoinHandle<()>,
}

impl Agent {
    /// Starts serving the line, and waits until the proxy, if there is one, has these secrets.
    pub(crate) fn start(folder: &Path, content: VaultContent, ledger: &Ledger) -> Self {
        let socket = folder.join(LINK_SOCKET);
        let listener = UnixListener::bind(&socket).unwrap();
        let content = watch::Sender::new(content);
        let task = tokio::spawn(serve(listener, content.clone(), ledger.clone()));
        Self { content, ledger: ledger.clone(), socket, task }
    }

    /// Other secrets; returns when they are in force.
    pub(crate) async fn change(&self, change: impl FnOnce(&mut VaultContent)) {
        self.content.send_modify(|content| {
            content.version += 1;
            change(content);
        });
        self.applied().await;
    }

    /// Waits until the present secrets are in force.
    pub(crate) async fn applied(&self) {
        let version = self.content.borrow().version;
        self.ledger.until(|books| books.applied == version).await;
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.socket);
        self.ledger.books().applied = 0;
    }
}

async fn serve(listener: UnixListener, content: watch::Sender<VaultContent>, ledger: Ledger) {
    let mut lines = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        lines.spawn(hold(stream, content.subscribe(), ledger.clone()));
    }
}

async fn hold(stream: UnixStream, mut content: watch::Receiver<VaultContent>, ledger: Ledger) {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    content.mark_changed();
    loop {
        let message = tokio::select! {
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { return };
                ledger.take(serde_json::from_str(&line).unwrap())
            }
            changed = content.changed() => {
                if changed.is_err() { return }
                Some(ToProxy::Vault(content.borrow_and_update().clone()))
            }
        };
        if let Some(message) = message
            && writing.write_all(message.to_line().expose().as_bytes()).await.is_err()
        {
            return;
        }
    }
}

/// Secrets by name and value, and one model `assistant` whose providers `one`, `two`, … are at these addresses.
pub(crate) fn content(secrets: &[(&str, &str)], providers: &[String]) -> VaultContent {
    const NAMES: [&str; 4] = ["one", "two", "three", "four"];
    let secret = |(name, value): (&str, &str)| LinkSecret { name: name.to_owned(), value: value.into() };
    let keys = NAMES.iter().map(|name| (format!("models/{name}"), format!("provider-key-{name}-93c1")));
    let keys = keys.map(|(name, value)| secret((&name, &value)));
    let secrets = secrets.iter().copied().map(secret).chain(keys).collect();
    let chain = |number: usize| Target {
        provider: NAMES[number].to_owned(),
        model: format!("model-{}", NAMES[number]),
        bound_word: None,
    };
    let provider = |(number, base_url): (usize, &String)| Provider {
        name: NAMES[number].to_owned(),
        base_url: base_url.clone(),
        key: format!("models/{}", NAMES[number]),
        roots_pem: None,
    };
    let model = Model {
        name: "assistant".to_owned(),
        chain: (0..providers.len()).map(chain).collect(),
        output_tokens_max: 1000,
    };
    let models = ModelsConfiguration {
        providers: providers.iter().enumerate().map(provider).collect(),
        models: vec![model],
    };
    VaultContent { version: 1, secrets, models, client_key: CLIENT_KEY.into() }
}

/// A proxy that serves at this address for as long as the runtime lives.
pub(crate) async fn proxy(folder: &Path, patience: Patience) -> SocketAddr {
    proxy_until(folder, patience, std::future::pending()).await.0
}

/// A proxy that serves at this address until it is told to stop, and its end.
pub(crate) async fn proxy_until(
    folder: &Path,
    patience: Patience,
    stop: impl Future<Output = ()> + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let link = Link::new(patience.connect);
    tokio::spawn(Arc::clone(&link).keep(folder.join(LINK_SOCKET)));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = Proxy::new(link, folder, patience).unwrap();
    (address, tokio::spawn(proxy.serve(listener, stop)))
}
