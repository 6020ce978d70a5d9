//! Two Hubs, each a process of its own, on one PostgreSQL: load on both, and one of them killed again and again.

mod hubs;
mod servers;

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use letsbe_simulators::{
    netcup::{MemoryHosts, NetcupSim, SimServer},
    stripe::Stripe,
};
use letsbe_store::{Database, Store};
use letsbe_types::{Secret, clock::SystemClock, ids::OrderId};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};

use self::{
    hubs::{Ask, Client, POLL, TwoHubs},
    servers::{AllSent, Sent, carry_out_runs, install_provisioner},
};
use crate::{add_staff, letsbe_hub};

const ORDERS: usize = 12;
/// Orders that are paid before each kill.
const PAID_AT_ONCE: usize = 2;
const KILLS: usize = 6;
/// Heartbeats that were acknowledged since the former kill.
const ACKNOWLEDGED: u64 = 10;
const STRIPE_SECRET: &str = "whsec_0123456789abcdef";
/// All of it takes a third of this on two cores that are busy; whoever reaches it has failed.
const LIMIT: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hubs_of_which_one_is_killed_again_and_again_fulfil_every_order_once_and_lose_no_heartbeat() {
    tokio::time::timeout(LIMIT, holds()).await.expect("it ends in time");
}

async fn holds() {
    let bench = Bench::new().await;
    let mut hubs = TwoHubs::start(&bench.config);
    let client = hubs.client();
    let staff = log_in(&client).await;
    let sent = AllSent::default();
    let runs = carry_out_runs(client.clone(), bench.folder.path().to_owned(), sent.clone());
    let mut around = JoinSet::new();
    around.spawn(runs);
    around.spawn(skip_dns(client.clone(), staff.clone()));
    let orders = tokio::select! {
        orders = ordered_and_killed(&bench, &mut hubs, &staff, &sent) => orders,
        ended = around.join_next() => panic!("it goes on for ever: {ended:?}"),
    };
    around.shutdown().await;
    let mut taken = BTreeSet::new();
    for order in &orders {
        let server = fulfilled_once(&client, &staff, *order).await;
        let number: i32 = server.trim_start_matches("netcup:").parse().unwrap();
        assert_eq!(bench.netcup.installs(number), 1, "{server} was installed once");
        assert!(taken.insert(server.clone()), "{server} has one order");
    }
    drop(hubs);
    bench.nothing_is_lost_or_double(&orders, &sent).await;
}

/// Orders come and are paid, and a Hub is killed each time, until all of them are fulfilled.
async fn ordered_and_killed(bench: &Bench, hubs: &mut TwoHubs, staff: &str, sent: &AllSent) -> Vec<OrderId> {
    let client = &hubs.client();
    let mut orders = Vec::new();
    for number in 1..=ORDERS {
        orders.push(check_out(client, number).await);
    }
    let mut unpaid = orders.chunks(PAID_AT_ONCE);
    pay(client, unpaid.next().unwrap()).await;
    let mut killed = Vec::new();
    while killed.len() < KILLS {
        if let Some(next) = unpaid.next() {
            pay(client, next).await;
        }
        let before = acknowledged(sent);
        while acknowledged(sent) < before + ACKNOWLEDGED {
            tokio::time::sleep(POLL).await;
        }
        let former = killed.last().map_or(1, |(hub, _)| *hub);
        let (hub, work) = bench.working_hub(hubs, former).await;
        hubs.kill_and_restart(hub);
        killed.push((hub, work));
    }
    println!("Killed, and in the middle of what: {killed:?}");
    let both: BTreeSet<usize> = killed.iter().map(|(hub, _)| *hub).collect();
    assert!(both.len() == 2 && killed.iter().any(|(_, work)| work.is_some()), "{killed:?}");
    for order in &orders {
        until_fulfilled(client, staff, *order).await;
    }
    orders
}

/// What both Hubs stand on.
struct Bench {
    folder: tempfile::TempDir,
    config: PathBuf,
    netcup: NetcupSim,
    store: Store,
    database: DatabaseConnection,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let migrate = async |url: String| {
            Store::open(&url.parse::<Database>().unwrap()).await.unwrap().close().await.unwrap();
        };
        let address = letsbe_test_postgres::database_of(folder.path(), "two hubs", migrate).await;
        let server =
            |number: u8| SimServer::fresh(number.into(), Ipv4Addr::new(198, 51, 100, number), 8, 16, 320);
        let servers = (1..=u8::try_from(ORDERS).unwrap() + 2).map(server).collect();
        let (any, clock) = ("127.0.0.1:0".parse().unwrap(), Arc::new(SystemClock));
        let netcup = NetcupSim::start(any, servers, Arc::new(MemoryHosts::default()), clock).await.unwrap();
        install_provisioner(folder.path());
        let config = configured(folder.path(), &netcup, &address).await;
        let made = letsbe_hub(&config, &["init"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        add_staff(&config, "ann@letsbe.example");
        Self {
            config,
            netcup,
            store: Store::open(&address.parse::<Database>().unwrap()).await.unwrap(),
            database: sea_orm::Database::connect(&address).await.unwrap(),
            folder,
        }
    }

    /// A Hub that is at work on an order just now, and on what: the one that was not killed last, if both are. When no order
    /// has any work left, that one too.
    async fn working_hub(&self, hubs: &TwoHubs, former: usize) -> (usize, Option<String>) {
        loop {
            for hub in [1 - former, former] {
                let held = format!(
                    "SELECT kind FROM effects WHERE status = 'running' AND lease_until > now() \
                     AND lease_owner LIKE '%/{}-%' LIMIT 1",
                    hubs.pid(hub)
                );
                if let Some(kind) = self.texts(&held).await.pop() {
                    return (hub, Some(kind));
                }
            }
            if self.texts("SELECT kind FROM effects WHERE status IN ('pending', 'running')").await.is_empty()
            {
                return (1 - former, None);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn texts(&self, sql: &str) -> Vec<String> {
        let ask = Statement::from_string(DbBackend::Postgres, sql);
        let rows = self.database.query_all_raw(ask).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// What the database has of each agent is what was acknowledged, or was sent without an answer.
    async fn nothing_is_lost_or_double(&self, orders: &[OrderId], sent: &AllSent) {
        let sent = sent.lock().unwrap().clone();
        assert_eq!(sent.len(), orders.len(), "every server has an agent");
        let always = DateTime::UNIX_EPOCH;
        for (number, order) in orders.iter().enumerate() {
            let Sent { heartbeats, heartbeats_acknowledged, events, events_acknowledged } =
                sent[&domain(number + 1)];
            let hours = self.store.hours(*order, always).await.unwrap();
            let stored: u64 = hours.iter().map(|hour| hour.beats).sum();
            assert!(
                (heartbeats_acknowledged..=heartbeats).contains(&stored) && heartbeats_acknowledged > 0,
                "{heartbeats_acknowledged} acknowledged, {stored} stored, {heartbeats} sent"
            );
            let tokens = self.store.tokens(*order, always).await.unwrap();
            let tokens: u64 = tokens.iter().map(|hour| hour.input).sum();
            let kept = self.store.tenant_events(*order, 1_000_000).await.unwrap();
            let last = kept.first().map_or(0, |event| event.sequence);
            assert_eq!((tokens, kept.len() as u64), (last, last), "each event once");
            assert!(
                (events_acknowledged..=events).contains(&last) && events_acknowledged > 0,
                "{events_acknowledged} acknowledged, {last} stored, {events} sent"
            );
        }
        let payments = self.texts("SELECT id FROM stripe_events").await;
        assert_eq!(payments.len(), orders.len(), "{payments:?}");
    }
}

/// The settings of both Hubs: each takes a free port when it starts.
async fn configured(folder: &Path, netcup: &NetcupSim, database: &str) -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let secret = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    };
    let token = json!({"refresh_token": netcup.login().expose(), "used_at": Utc::now()});
    let bundle = folder.join("bundle");
    std::fs::create_dir_all(bundle.join("catalog")).unwrap();
    std::fs::copy(folder.join("provisioner"), bundle.join("letsbe-node")).unwrap();
    let settings = json!({
        "listen": "127.0.0.1:0",
        "public_url": "https://hub.example.com",
        "data_folder": folder.join("data"),
        "database": database,
        "catalog_folder": repository.join("catalog"),
        "stripe": {"webhook_secret_file": secret("stripe-secret", STRIPE_SECRET), "mode": "test"},
        "servers": {
            "mode": "netcup",
            "api_url": netcup.api_url(),
            "realm_url": netcup.realm_url(),
            "refresh_token_file": secret("netcup-token", &token.to_string()),
        },
        "dns": {"resolver": empty_name_server().await},
        "provisioning": {
            "provisioner": folder.join("provisioner"),
            "bundle": bundle,
            "private_key": folder.join("data/tenants-key"),
            "timezone": "Europe/Berlin",
            "docker": "distro",
            "certificates": {"contact": "certificates@letsbe.example"},
        },
        "mail": {"smtp_url_file": secret("smtp-url", &format!("smtp://{}", mail_server().await)), "from": "hello@letsbe.example"},
        "pace": {"retries": [1, 1, 1], "pool": 1, "dns": 1, "lease": 2},
    });
    let path = folder.join("hub.toml");
    std::fs::write(&path, toml::to_string(&settings).unwrap()).unwrap();
    path
}

/// A name server that knows no name at all.
async fn empty_name_server() -> std::net::SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
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

/// A mail server that takes everything.
async fn mail_server() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(take_mail(connection));
        }
    });
    address
}

async fn take_mail(connection: TcpStream) -> std::io::Result<()> {
    let (input, mut output) = connection.into_split();
    output.write_all(b"220 mail.example\r\n").await?;
    let (mut lines, mut is_body) = (BufReader::new(input).lines(), false);
    while let Some(line) = lines.next_line().await? {
        let answer = match (&*line, is_body) {
            ("DATA", false) => "354 go on\r\n",
            (".", true) | (_, false) => "250 ok\r\n",
            _ => continue,
        };
        is_body = line == "DATA";
        output.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

async fn log_in(client: &Client) -> String {
    let login = json!({"email": "ann@letsbe.example", "password": "correct horse battery"});
    let answer = client.must(&Ask::post("/api/v1/admin/login", None, login)).await;
    answer["token"].as_str().unwrap().to_owned()
}

fn domain(number: usize) -> String {
    format!("shop{number}.example")
}

async fn check_out(client: &Client, number: usize) -> OrderId {
    let wanted = json!({"domain": domain(number), "email": "owner@shop.example", "tier": "build", "region": "eu",
                        "tools": ["uptime-kuma"]});
    let answer = client.must(&Ask::post("/api/v1/public/orders", None, wanted)).await;
    serde_json::from_value(answer["order_id"].clone()).unwrap_or_else(|_| panic!("{answer}"))
}

/// Stripe tells both Hubs of each payment at the same moment.
async fn pay(client: &Client, orders: &[OrderId]) {
    for order in orders {
        let stripe = [0, 1].map(|hub| Stripe::new(&client.address(hub), Secret::from(STRIPE_SECRET)));
        let event = format!("evt_{order}");
        let (one, other) = tokio::join!(stripe[0].paid(*order, &event), stripe[1].paid(*order, &event));
        one.and(other).unwrap();
    }
}

/// An operator who goes on without DNS wherever an order waits for it.
async fn skip_dns(client: Client, staff: String) {
    loop {
        let list = client.must(&Ask::get("/api/v1/admin/orders?pageSize=100", &staff)).await;
        for order in list.as_array().unwrap().iter().filter(|order| order["state"] == "DNS_PENDING") {
            let path = format!("/api/v1/admin/orders/{}/actions", order["id"].as_str().unwrap());
            let skip = json!({"action": "skip", "reason": "no name server here"});
            // It may have gone on meanwhile.
            client.ask_any(&Ask::post(&path, Some(&staff), skip)).await;
        }
        tokio::time::sleep(POLL).await;
    }
}

fn acknowledged(sent: &AllSent) -> u64 {
    sent.lock().unwrap().values().map(|sent| sent.heartbeats_acknowledged).sum()
}

async fn order(client: &Client, staff: &str, order: OrderId) -> Value {
    client.must(&Ask::get(&format!("/api/v1/admin/orders/{order}"), staff)).await
}

async fn until_fulfilled(client: &Client, staff: &str, id: OrderId) {
    loop {
        let found = order(client, staff, id).await;
        assert_ne!(found["attention"], "needs_you", "{found:#}");
        if found["state"] == "FULFILLED" {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Each thing that happens once has one line in the timeline; the server.
async fn fulfilled_once(client: &Client, staff: &str, id: OrderId) -> String {
    let found = order(client, staff, id).await;
    let lines = found["timeline"].as_array().unwrap();
    for once in [
        "The payment has arrived",
        " claimed",
        "Debian is installed",
        "The run on the server is finished",
        "FULFILLED",
    ] {
        let said = lines.iter().filter(|line| line["message"].as_str().unwrap().contains(once)).count();
        assert_eq!(said, 1, "{once}: {lines:#?}");
    }
    found["server"].as_str().unwrap().to_owned()
}
