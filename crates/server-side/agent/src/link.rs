//! The line to the secrets proxy: it gets the secrets into its memory, and asks before it spends tokens.
//!
//! A line that says something unknown, too long, or nothing while it should, is cut: the proxy lets nothing pass then.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chrono::Utc;
use letsbe_types::{
    Secret,
    link::{LINE_BYTES, PROXY_USER, ToAgent, ToProxy, VaultContent},
};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Semaphore, watch},
};
use uuid::Uuid;

use super::{
    configuration::Configurations,
    meter::Meter,
    secrets::{Keeper, ProxyWord},
};

/// Longest line that the proxy may say.
const HEARD_BYTES: usize = 256 << 10;
/// A proxy that does not read for this long is cut off.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// Lines at the same time: one is needed, two while a proxy is replaced.
const LINES_MAX: usize = 4;

/// The proxies on the line, and what they go by.
#[derive(Default)]
pub(crate) struct Proxies(watch::Sender<BTreeMap<u64, u64>>);

impl Proxies {
    /// Whether there is one, and it goes by this version.
    pub(crate) fn ready(&self, content: Option<u64>) -> bool {
        let lines = self.0.borrow();
        content.is_some_and(|content| !lines.is_empty() && lines.values().all(|applied| *applied >= content))
    }

    /// Waits until all that are connected go by this version.
    pub(crate) async fn applied(&self, content: u64, patience: Duration) -> ProxyWord {
        let mut lines = self.0.subscribe();
        let all = |lines: &BTreeMap<u64, u64>| lines.values().all(|applied| *applied >= content);
        match tokio::time::timeout(patience, lines.wait_for(all)).await {
            Ok(Ok(lines)) if lines.is_empty() => ProxyWord::NotConnected,
            Ok(Ok(_)) => ProxyWord::Applied,
            _ => ProxyWord::Late,
        }
    }
}

/// What a line needs.
pub(crate) struct Link {
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) configurations: Arc<Configurations>,
    pub(crate) proxies: Arc<Proxies>,
}

/// Serves the line for ever.
pub(crate) async fn serve(listener: UnixListener, link: Arc<Link>) {
    let room = Arc::new(Semaphore::new(LINES_MAX));
    for number in 1.. {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a line of the secrets proxy could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let link = Arc::clone(&link);
        tokio::spawn(async move {
            let _permit = permit;
            match stream.peer_cred().map(|peer| peer.uid()) {
                Ok(user) if user == PROXY_USER || user == 0 => {
                    let mut line = Line { number, link, requests: BTreeSet::new() };
                    let end = line.keep(stream).await;
                    tracing::info!(line = number, end, "the line of the secrets proxy ended");
                }
                user => tracing::warn!(?user, "somebody who is not the secrets proxy was turned away"),
            }
        });
    }
}

/// One line.
struct Line {
    number: u64,
    link: Arc<Link>,
    /// Reservations that were made here and have not ended.
    requests: BTreeSet<Uuid>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.link.proxies.0.send_modify(|lines| {
            lines.remove(&self.number);
        });
        self.link.meter.orphan(&self.requests, Utc::now());
    }
}

impl Line {
    /// Talks until one side has had enough; answers why.
    async fn keep(&mut self, stream: UnixStream) -> &'static str {
        let (read, mut write) = stream.into_split();
        let mut heard = Heard::new(read);
        let mut content = self.link.keeper.content();
        self.link.proxies.0.send_modify(|lines| {
            lines.insert(self.number, 0);
        });
        let first = content.borrow_and_update().clone();
        if let Some(first) = first
            && say(&mut write, &vault_line(&first)).await.is_err()
        {
            return "the proxy does not listen";
        }
        loop {
            tokio::select! {
                changed = content.changed() => {
                    let new = content.borrow_and_update().clone();
                    let Some(new) = new.filter(|_| changed.is_ok()) else { return "the vault cannot be read" };
                    if say(&mut write, &vault_line(&new)).await.is_err() {
                        return "the proxy does not listen";
                    }
                }
                line = heard.line() => {
                    let word = match line {
                        Ok(Some(line)) => serde_json::from_slice::<ToAgent>(&line),
                        Ok(None) => return "the proxy hung up",
                        Err(_) => return "the proxy said too much",
                    };
                    let Ok(word) = word else { return "the proxy said something unknown" };
                    let Ok(answer) = self.hear(word) else { return "what was used cannot be written down" };
                    if let Some(answer) = answer
                        && say(&mut write, &answer.to_line()).await.is_err()
                    {
                        return "the proxy does not listen";
                    }
                }
            }
        }
    }

    fn hear(&mut self, word: ToAgent) -> Result<Option<ToProxy>, letsbe_types::Problem> {
        match word {
            ToAgent::Hello { version } => {
                let version: String = version.chars().filter(|c| !c.is_control()).take(64).collect();
                tracing::info!(line = self.number, version, "the secrets proxy is on the line");
                Ok(None)
            }
            ToAgent::Applied { version } => {
                self.link.proxies.0.send_modify(|lines| {
                    lines.insert(self.number, version);
                });
                Ok(None)
            }
            ToAgent::Reserve { request, tokens, model } => {
                let model: String = model.chars().take(200).collect();
                let pool = self.link.configurations.token_pool();
                let answer = self.link.meter.reserve(request, tokens, &model, pool, Utc::now());
                if matches!(answer, ToProxy::Granted { .. }) {
                    self.requests.insert(request);
                }
                Ok(Some(answer))
            }
            ToAgent::Settle { request, usage } => {
                self.link.meter.settle(request, usage, Utc::now())?;
                self.requests.remove(&request);
                Ok(None)
            }
        }
    }
}

fn vault_line(content: &VaultContent) -> Secret<String> {
    ToProxy::Vault(content.clone()).to_line()
}

async fn say(write: &mut OwnedWriteHalf, line: &Secret<String>) -> Result<(), ()> {
    if line.expose().len() > LINE_BYTES {
        tracing::error!("the secrets are more than one line to the proxy can hold; it is cut off");
        return Err(());
    }
    let written = tokio::time::timeout(WRITE_PATIENCE, write.write_all(line.expose().as_bytes())).await;
    if matches!(written, Ok(Ok(()))) { Ok(()) } else { Err(()) }
}

/// Reads lines of bounded length. What was read stays when the wait for more is given up.
struct Heard<R> {
    reader: R,
    begun: Vec<u8>,
}

impl Heard<BufReader<OwnedReadHalf>> {
    fn new(read: OwnedReadHalf) -> Self {
        Self { reader: BufReader::new(read), begun: Vec::new() }
    }
}

impl<R: AsyncBufRead + Unpin> Heard<R> {
    /// The next line without its end; `None` at the end.
    async fn line(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(None);
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(available.len(), |end| end + 1);
            self.begun.extend_from_slice(&available[..end.unwrap_or(taken)]);
            self.reader.consume(taken);
            if self.begun.len() > HEARD_BYTES {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            if end.is_some() {
                return Ok(Some(std::mem::take(&mut self.begun)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
