use std::{path::Path, sync::Arc};

use chrono::Utc;
use letsbe_types::link::{LINK_SOCKET, ToAgent, ToProxy, Usage, VaultContent};
use letsbe_vault::{Origin, Vault, VaultFiles};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use uuid::Uuid;

use super::{HEARD_BYTES, Link, Proxies, serve};
use crate::{
    configuration::Configurations,
    meter::Meter,
    secrets::{Keeper, ProxyWord},
};
use letsbe_base::{files, layout::Layout};

/// An agent with nothing but its line.
struct Agent {
    folder: tempfile::TempDir,
    link: Arc<Link>,
}

fn put(root: &Path, tool: &str, key: &str, value: &str) {
    Vault::update(&VaultFiles::under(root), &mut rand::rng(), |vault| {
        vault.put(tool, key, value.into(), Origin::Made, Utc::now());
        Ok(())
    })
    .unwrap();
}

impl Agent {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        files::write(&layout.state("token-pool"), b"1000").unwrap();
        let link = Arc::new(Link {
            keeper: Arc::new(Keeper::new(&layout)),
            meter: Arc::new(Meter::open(&layout.state("tokens.jsonl"), Utc::now()).unwrap()),
            configurations: Arc::new(Configurations::open(&layout).unwrap()),
            proxies: Arc::new(Proxies::default()),
        });
        let listener = UnixListener::bind(folder.path().join(LINK_SOCKET)).unwrap();
        tokio::spawn(serve(listener, Arc::clone(&link)));
        Self { folder, link }
    }

    async fn connect(&self) -> Proxy {
        let stream = UnixStream::connect(self.folder.path().join(LINK_SOCKET)).await.unwrap();
        let (read, write) = stream.into_split();
        Proxy { lines: BufReader::new(read).lines(), write }
    }

    fn reserved(&self) -> u64 {
        self.link.meter.sign(1000, Utc::now()).reserved
    }
}

/// The other end.
struct Proxy {
    lines: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
}

impl Proxy {
    async fn heard<T: DeserializeOwned>(&mut self) -> Option<T> {
        let line = self.lines.next_line().await.ok()??;
        Some(serde_json::from_str(&line).unwrap())
    }

    async fn vault(&mut self) -> VaultContent {
        match self.heard().await.unwrap() {
            ToProxy::Vault(content) => content,
            other => panic!("{other:?}"),
        }
    }

    async fn say(&mut self, word: &ToAgent) {
        let line = serde_json::to_string(word).unwrap() + "\n";
        self.write.write_all(line.as_bytes()).await.unwrap();
    }

    async fn ask(&mut self, request: Uuid, tokens: u64) -> bool {
        self.say(&ToAgent::Reserve { request, tokens, model: "a/b".to_owned() }).await;
        match self.heard().await.unwrap() {
            ToProxy::Granted { request: of } if of == request => true,
            ToProxy::Denied { request: of, .. } if of == request => false,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_proxy_gets_every_value_and_a_reload_waits_until_it_goes_by_it() {
    let agent = Agent::start().await;
    let root = agent.folder.path().to_owned();
    put(&root, "ghost", "database_password", "canary-old");
    agent.link.keeper.reload().await;
    let mut early = agent.connect().await;
    put(&root, "openclaw", "model_key", "canary-key");
    agent.link.keeper.reload().await;
    let content = early.vault().await;
    assert_eq!(
        content.client_key.expose(),
        "canary-key",
        "nothing is said before there is a key for the AI runtime"
    );
    early.say(&ToAgent::Hello { version: "0.1.0".to_owned() }).await;
    early.say(&ToAgent::Applied { version: content.version }).await;
    assert_eq!(agent.link.proxies.applied(content.version, super::WRITE_PATIENCE).await, ProxyWord::Applied);

    put(&root, "ghost", "database_password", "canary-new");
    let (keeper, proxies) = (Arc::clone(&agent.link.keeper), Arc::clone(&agent.link.proxies));
    let reload = tokio::spawn(async move { keeper.reload_everywhere(&proxies).await });
    let newer = early.vault().await;
    assert!(newer.version > content.version);
    let values: Vec<&str> = newer.secrets.iter().map(|secret| secret.value.expose().as_str()).collect();
    assert!(values.contains(&"canary-old") && values.contains(&"canary-new"), "retired values, too");
    assert!(!reload.is_finished() && !agent.link.proxies.ready(Some(newer.version)));
    early.say(&ToAgent::Applied { version: newer.version }).await;
    let reloaded = reload.await.unwrap();
    assert_eq!((reloaded.version, reloaded.proxy), (Some(3), ProxyWord::Applied));
    assert!(agent.link.proxies.ready(Some(newer.version)));
    drop(early);
    let gone = agent.link.proxies.applied(u64::MAX, super::WRITE_PATIENCE).await;
    assert_eq!(gone, ProxyWord::NotConnected, "nobody is waited for who is gone");
}

#[tokio::test]
async fn a_vault_that_cannot_be_read_cuts_the_line() {
    let agent = Agent::start().await;
    put(agent.folder.path(), "openclaw", "model_key", "canary-key");
    agent.link.keeper.reload().await;
    let mut proxy = agent.connect().await;
    proxy.vault().await;
    let files = VaultFiles::under(agent.folder.path());
    std::fs::write(&files.sealed, "damage").unwrap();
    agent.link.keeper.look().await;
    assert!(proxy.heard::<ToProxy>().await.is_none(), "the line ends");
    assert!(agent.link.keeper.secrets().borrow().is_none());
    let problem = agent.link.keeper.facts().problem.unwrap();
    assert!(problem.code == "VAULT001" && !problem.message.contains("canary"), "{problem}");
}

#[tokio::test]
async fn tokens_stay_held_when_the_line_breaks_and_are_settled_on_the_next() {
    let agent = Agent::start().await;
    put(agent.folder.path(), "openclaw", "model_key", "canary-key");
    agent.link.keeper.reload().await;
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let mut proxy = agent.connect().await;
    proxy.vault().await;
    assert!(proxy.ask(first, 600).await && !proxy.ask(second, 500).await);
    drop(proxy);
    let mut proxy = agent.connect().await;
    proxy.vault().await;
    assert!(!proxy.ask(second, 500).await);
    assert_eq!(agent.reserved(), 600);
    let usage =
        vec![Usage { model: "a/b".to_owned(), input: 90, output: 10, reported: true, first_token_ms: None }];
    for _ in 0..2 {
        proxy.say(&ToAgent::Settle { request: first, usage: usage.clone() }).await;
    }
    assert!(proxy.ask(second, 900).await && !proxy.ask(Uuid::from_u128(3), 1).await);
    assert_eq!(agent.link.meter.sign(1000, Utc::now()).used, 100);
}

#[tokio::test]
async fn who_says_something_unknown_or_too_long_is_cut_off() {
    let agent = Agent::start().await;
    put(agent.folder.path(), "openclaw", "model_key", "canary-key");
    agent.link.keeper.reload().await;
    for line in ["{\"say\":\"tell_me_all\"}\n".to_owned(), "x\n".to_owned(), "y".repeat(HEARD_BYTES + 1)] {
        let mut proxy = agent.connect().await;
        proxy.vault().await;
        // It may be cut off before all of it was written.
        let _ = proxy.write.write_all(line.as_bytes()).await;
        assert!(proxy.heard::<ToProxy>().await.is_none(), "the line ends");
    }
    assert!(agent.connect().await.vault().await.version > 0, "the next one is welcome");
}
