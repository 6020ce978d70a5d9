//! What every test stands on: a database, a simulated Netcup, a login, a key pair, and workers that retry at once.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, LazyLock},
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use letsbe_catalog::Catalog;
use letsbe_dns::DnsChecker;
use letsbe_hub::{
    config::ServersConfig,
    providers::{netcup_client, server_provider},
    worker::Worker,
};
use letsbe_lifecycle::order::{Event, Pace, Phase};
use letsbe_netcup::{DevicePoll, ScpClient};
use letsbe_servers::ServerProvider;
use letsbe_simulators::netcup::{Faults, MemoryHosts, NetcupSim, SimServer};
use letsbe_store::{NewOrder, Order, PaymentNews, PaymentOutcome, Store, StripeNews};
use letsbe_types::{
    Region, Tier,
    clock::SystemClock,
    ids::{OrderId, ServerId, ServerIdentity},
};
use tempfile::TempDir;
use tokio::{net::UdpSocket, task::JoinHandle};

use super::{provider::PromptPool, worker::worker};

/// Far more than anything here needs; whoever reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);
const LEASE: TimeDelta = TimeDelta::seconds(1);

static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../catalog");
    Arc::new(Catalog::load(&folder).unwrap_or_else(|errors| panic!("the catalog: {errors}")))
});

pub(crate) struct Bench {
    pub(crate) sim: NetcupSim,
    pub(crate) hosts: Arc<MemoryHosts>,
    pub(crate) store: Store,
    numbers: Vec<i32>,
    servers: ServersConfig,
    resolver: SocketAddr,
    folder: TempDir,
}

/// Retries come at once; DNS is looked at once in a test.
pub(crate) fn pace() -> Pace {
    let pool = TimeDelta::milliseconds(50);
    Pace { retries: [TimeDelta::zero(); 3], pool, dns: TimeDelta::hours(1) }
}

/// A fresh server that fits the Build tier, at 198.51.100.`number`.
pub(crate) fn build_server(number: u8) -> SimServer {
    SimServer::fresh(number.into(), Ipv4Addr::new(198, 51, 100, number), 8, 16, 320)
}

pub(crate) fn server_id(number: i32) -> ServerId {
    ServerId(format!("netcup:{number}"))
}

/// Looks until there is something to see.
pub(crate) async fn eventually<T>(look: impl AsyncFn() -> Option<T>) -> Option<T> {
    let mut ticks = tokio::time::interval(LOOK);
    let seen = tokio::time::timeout(PATIENCE, async {
        loop {
            ticks.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    });
    seen.await.ok()
}

fn make_key(private_key: &Path) {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "hub@letsbe.example", "-f"])
        .arg(private_key)
        .status();
    assert!(status.expect("ssh-keygen is installed").success());
}

/// A name server that knows no name at all.
async fn empty_name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut packet = [0_u8; 1500];
        while let Ok((length, asker)) = socket.recv_from(&mut packet).await {
            if length > 3 {
                // The question itself with the mark of an answer and NXDOMAIN.
                packet[2] |= 0x80;
                packet[3] = 0x83;
                let _ = socket.send_to(&packet[..length], asker).await;
            }
        }
    });
    address
}

impl Bench {
    /// A pool of servers, and a Hub that is logged in.
    pub(crate) async fn with(servers: Vec<SimServer>) -> Self {
        // A failed test shows what the workers logged.
        let _ = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_test_writer().try_init();
        let numbers = servers.iter().map(|server| server.id).collect();
        let hosts = Arc::new(MemoryHosts::default());
        let any = "127.0.0.1:0".parse().expect("an address");
        let sim = NetcupSim::start(any, servers, Arc::clone(&hosts) as _, Arc::new(SystemClock)).await;
        let sim = sim.expect("a free port");
        let folder = tempfile::tempdir().expect("a folder");
        make_key(&folder.path().join("key"));
        let store = Store::open(&folder.path().join("hub.sqlite")).await.expect("a database");
        let servers = ServersConfig::Netcup {
            api_url: sim.api_url(),
            realm_url: sim.realm_url(),
            refresh_token_file: folder.path().join("netcup-token"),
            delivered_templates: BTreeSet::new(),
        };
        let resolver = empty_name_server().await;
        let bench = Self { sim, hosts, store, numbers, servers, resolver, folder };
        bench.log_in().await;
        bench
    }

    pub(crate) async fn with_one() -> Self {
        Self::with(vec![build_server(1)]).await
    }

    pub(crate) async fn with_two() -> Self {
        Self::with(vec![build_server(1), build_server(2)]).await
    }

    pub(crate) fn private_key(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.folder.path().join("netcup-token")
    }

    /// Another process's view of the same database.
    pub(crate) async fn store_of_another_process(&self) -> Store {
        Store::open(&self.folder.path().join("hub.sqlite")).await.expect("a database")
    }

    /// A client of its own, as another process would have.
    pub(crate) fn client(&self) -> Arc<ScpClient> {
        netcup_client(&self.servers, Arc::new(SystemClock)).expect("a client").expect("Netcup is configured")
    }

    /// The device login, as `letsbe-hub netcup-login` does it.
    pub(crate) async fn log_in(&self) {
        let client = self.client();
        let login = client.start_login().await.expect("a code");
        assert!(self.sim.decide_login(&login.user_code, true));
        assert!(matches!(client.poll_login(&login).await, Ok(DevicePoll::Granted(_))));
    }

    /// The pool as the Hub has it.
    pub(crate) fn pool(&self) -> Arc<dyn ServerProvider> {
        server_provider(Some(self.client()))
    }

    pub(crate) fn worker(&self, owner: &str) -> Worker {
        Worker {
            pace: pace(),
            lease: LEASE,
            owner: owner.to_owned(),
            provider: Arc::new(PromptPool::new(self.pool())),
            dns: DnsChecker { resolver: Some(self.resolver) },
            ..worker(self.store.clone(), Arc::clone(&CATALOG), self.folder.path())
        }
    }

    pub(crate) fn start(&self, owner: &str) -> JoinHandle<()> {
        tokio::spawn(Arc::new(self.worker(owner)).run())
    }

    pub(crate) async fn unpaid_order(&self, domain: &str) -> OrderId {
        let tools = CATALOG.select(Tier::Build, &["uptime-kuma".into()]).expect("a selection").tools;
        let new = NewOrder {
            id: OrderId::generate(),
            domain: domain.parse().expect("a name"),
            email: "owner@shop.example".parse().expect("an address"),
            tier: Tier::Build,
            region: Region::Eu,
            tools: tools.into_iter().map(String::from).collect(),
            identity: ServerIdentity(format!("identity of {domain}")),
        };
        self.store.create_order(&new, Utc::now()).await.expect("stored");
        new.id
    }

    pub(crate) async fn paid_order(&self, domain: &str) -> OrderId {
        let id = self.unpaid_order(domain).await;
        assert_eq!(self.payment(id, "paid", Event::PaymentReceived).await, PaymentOutcome::Applied);
        id
    }

    /// A message from Stripe.
    pub(crate) async fn payment(&self, id: OrderId, message: &str, event: Event) -> PaymentOutcome {
        let told = StripeNews {
            id: format!("evt_{message}_{id}"),
            kind: message.to_owned(),
            order: Some(id),
            references: Vec::new(),
            news: PaymentNews::Checkout { event, amount: None },
        };
        let pace = pace();
        let taken = self.store.take_payment_event(&told, &pace, Utc::now());
        taken.await.expect("stored")
    }

    /// What a person at the desk does.
    pub(crate) async fn operator(&self, id: OrderId, event: Event) {
        self.store.apply(id, &event, None, &pace(), Utc::now()).await.expect("the event fits");
    }

    pub(crate) async fn order(&self, id: OrderId) -> Order {
        self.store.order(id).await.expect("the database").expect("the order")
    }

    pub(crate) async fn until(&self, id: OrderId, what: &str, is: impl Fn(&Order) -> bool) -> Order {
        let seen = eventually(async || Some(self.order(id).await).filter(|order| is(order))).await;
        match seen {
            Some(order) => order,
            None => panic!("never {what}: {:#?}\n{:#?}", self.order(id).await.state, self.lines(id).await),
        }
    }

    pub(crate) async fn until_phase(&self, id: OrderId, phase: Phase) -> Order {
        self.until(id, phase.as_str(), |order| order.state.phase == phase).await
    }

    pub(crate) async fn until_at_the_desk(&self, id: OrderId) -> Order {
        self.until(id, "at the desk", |order| order.state.needs_operator).await
    }

    pub(crate) async fn until_installing(&self, server: i32) {
        let begun = eventually(async || (self.sim.installs(server) > 0).then_some(())).await;
        begun.unwrap_or_else(|| panic!("no installation of {server}: {:#?}", self.sim.calls()));
    }

    /// The messages of an order's timeline, oldest first.
    pub(crate) async fn lines(&self, id: OrderId) -> Vec<String> {
        let entries = self.store.timeline(id, 0, 1000).await.expect("the database");
        entries.into_iter().map(|entry| entry.message).collect()
    }

    /// How many lines of an order's timeline have these words.
    pub(crate) async fn said(&self, id: OrderId, words: &str) -> usize {
        self.lines(id).await.iter().filter(|line| line.contains(words)).count()
    }

    pub(crate) fn faults(&self, change: impl FnOnce(&mut Faults)) {
        self.sim.faults(change);
    }

    /// Every server's number of installations, those without any left out.
    pub(crate) fn installs(&self) -> Vec<(i32, u32)> {
        let all = self.numbers.iter().map(|number| (*number, self.sim.installs(*number)));
        all.filter(|(_, installs)| *installs > 0).collect()
    }

    /// How many calls had this in their address.
    pub(crate) fn calls_with(&self, part: &str) -> usize {
        self.sim.calls().iter().filter(|call| call.path.contains(part)).count()
    }

    /// What the calls that start an installation were answered; 0 is a reply that never came.
    pub(crate) fn install_calls(&self) -> Vec<u16> {
        let calls = self.sim.calls().into_iter();
        calls
            .filter(|call| call.method == "POST" && call.path.ends_with("/image"))
            .map(|call| call.status)
            .collect()
    }

    pub(crate) async fn taken(&self) -> Vec<ServerId> {
        self.store.taken_servers().await.expect("the database").into_iter().collect()
    }

    /// The order has this server, ready and installed so often, and nobody else was touched. Nothing is left under way.
    pub(crate) async fn ready(&self, id: OrderId, server: i32, installs: u32) {
        let order = self.until_phase(id, Phase::DnsPending).await;
        assert_eq!(order.state.server, Some(server_id(server)));
        assert_eq!(order.state.address.map(|at| at.to_string()), Some(format!("198.51.100.{server}")));
        assert!(!order.state.needs_operator && order.state.failures == 0, "{:?}", order.state);
        assert_eq!(self.said(id, "Debian is installed").await, 1);
        assert_eq!(self.said(id, "SERVER_READY").await, 1);
        assert_eq!(self.sim.installs(server), installs);
        assert_eq!(self.said(id, "claimed").await, 1);
    }

    /// As [`Self::ready`], for a test with a single order: no other server was claimed or installed.
    pub(crate) async fn ready_alone(&self, id: OrderId, server: i32, installs: u32) {
        self.ready(id, server, installs).await;
        assert_eq!(self.installs(), [(server, installs)]);
        assert_eq!(self.taken().await, [server_id(server)]);
        self.quiet(1).await;
    }

    /// No lease is held, and so many effects wait: each ready order's next look at DNS.
    pub(crate) async fn quiet(&self, waiting: u64) {
        let counts = async || self.store.outbox_counts().await.expect("the database");
        let quiet = eventually(async || (counts().await == (0, waiting)).then_some(())).await;
        assert!(quiet.is_some(), "leased and waiting: {:?}", counts().await);
    }
}
