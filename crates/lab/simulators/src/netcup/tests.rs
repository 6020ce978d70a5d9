//! The real client and the real pool against the simulation.

mod description;
mod login;

use std::{collections::BTreeSet, net::Ipv4Addr, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_netcup::{ErrorKind, MemoryTokenStore, Power, ScpClient, ScpConfig, TaskEnd, TaskState, types};
use letsbe_servers::{
    Begun, InstallRequest, NetcupPool, NoServer, OsImage, PlantedKey, ProviderError, ServerProvider,
    TierSize, Wanted, choose_server,
};
use letsbe_types::{Region, Tier, clock::ManualClock, ids::ServerId};

use super::{MemoryHosts, NetcupSim, SimServer};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBvB5sVZc2hMJ7f3u0o7bC8rYf1nq4pXo2m1n3o5q7s9 hub@letsbe.example";

struct Bench {
    sim: NetcupSim,
    hosts: Arc<MemoryHosts>,
    clock: ManualClock,
    store: Arc<MemoryTokenStore>,
}

impl Bench {
    async fn with(servers: Vec<SimServer>) -> Self {
        let clock = ManualClock::at("2026-11-21T12:00:00Z".parse().expect("a time"));
        let hosts = Arc::new(MemoryHosts::default());
        let any = "127.0.0.1:0".parse().expect("an address");
        let sim = NetcupSim::start(any, servers, Arc::clone(&hosts) as _, Arc::new(clock.clone())).await;
        let sim = sim.expect("a free port");
        let store = Arc::new(MemoryTokenStore::with(sim.login(), clock_now(&clock)));
        Self { sim, hosts, clock, store }
    }

    /// Two servers of the Build tier.
    async fn new() -> Self {
        Self::with(vec![build_server(1), build_server(2)]).await
    }

    fn client(&self) -> ScpClient {
        let config = ScpConfig {
            api_url: self.sim.api_url(),
            realm_url: self.sim.realm_url(),
            timeout: Duration::from_secs(20),
            user_id: None,
        };
        ScpClient::new(config, Arc::clone(&self.store) as _, Arc::new(self.clock.clone())).expect("a client")
    }

    fn pool(&self) -> NetcupPool {
        NetcupPool::new(Arc::new(self.client()))
    }

    fn request(&self) -> InstallRequest {
        InstallRequest {
            hostname: "srv.shop.example".parse().expect("a name"),
            image: OsImage::Debian12,
            public_keys: vec![KEY.into()],
            host_key: PlantedKey::generate(&mut rand::rng()).expect("a key"),
            requested_at: clock_now(&self.clock),
        }
    }
}

fn clock_now(clock: &ManualClock) -> DateTime<Utc> {
    letsbe_types::clock::Clock::now(clock)
}

fn build_server(id: u8) -> SimServer {
    SimServer::fresh(id.into(), Ipv4Addr::new(198, 51, 100, id), 8, 16, 320)
}

fn wanted() -> Wanted {
    Wanted {
        tier: Tier::Build,
        size: TierSize { vcpu: 8, memory_gb: 16, disk_gb: 320 },
        region: Region::Eu,
        delivered_templates: BTreeSet::new(),
    }
}

fn one() -> ServerId {
    ServerId("netcup:1".into())
}

#[tokio::test]
async fn a_server_is_chosen_installed_and_then_no_longer_free() {
    let bench = Bench::new().await;
    let pool = bench.pool();
    let servers = pool.list().await.expect("a list");
    let chosen = choose_server(&servers, &wanted(), &BTreeSet::new()).expect("a free server");
    assert_eq!(chosen, one());

    let task = pool.start_install(&chosen, &bench.request()).await.expect("a task").into_task();
    bench.sim.settled().await;
    assert_eq!(pool.task(&chosen, &task).await, Ok(TaskState::Finished));
    assert_eq!(bench.hosts.done(), ["wipe 1", "install 1 srv.shop.example"]);

    let server = pool.server(&chosen).await.expect("the server");
    assert_eq!(server.address(), Some(Ipv4Addr::new(198, 51, 100, 1).into()));
    assert_eq!(server.power, letsbe_servers::Power::On);
    // Even a Hub that forgot everything would not take it again: its name shows that it is used.
    let servers = pool.list().await.expect("a list");
    assert_eq!(choose_server(&servers, &wanted(), &BTreeSet::new()), Ok(ServerId("netcup:2".into())));
}

#[tokio::test]
async fn a_lost_reply_is_settled_by_reading_and_installs_once() {
    let bench = Bench::new().await;
    bench.sim.faults(|faults| {
        faults.lose_install_reply = 1;
        faults.hold_tasks = true;
    });
    let pool = bench.pool();
    let request = bench.request();
    let task = pool.start_install(&one(), &request).await.expect("found by reading");
    let Begun::Now(task) = task else { panic!("it was posted by this call") };
    assert_eq!(pool.task(&one(), &task).await, Ok(TaskState::Running(Some(10))));
    // The worker that asked dies; another one asks the same, while it runs and after it has ended.
    assert_eq!(bench.pool().start_install(&one(), &request).await, Ok(Begun::Before(task.clone())));
    bench.sim.faults(|faults| faults.hold_tasks = false);
    bench.sim.settled().await;
    assert_eq!(bench.pool().start_install(&one(), &request).await, Ok(Begun::Before(task.clone())));
    assert_eq!(bench.sim.installs(1), 1);
    let posts =
        bench.sim.calls().into_iter().filter(|call| call.path.ends_with("/image") && call.method == "POST");
    assert_eq!(posts.map(|call| call.status).collect::<Vec<_>>(), [0]);

    // A new request, later, is a new installation.
    bench.clock.advance(TimeDelta::hours(1));
    let second = bench.pool().start_install(&one(), &bench.request()).await.expect("a task").into_task();
    assert_ne!(second, task);
    assert_eq!(bench.sim.installs(1), 2);
}

#[tokio::test]
async fn failures_are_sorted_by_what_to_do() {
    type Change = fn(&mut super::Faults);
    let cases: [(&str, Change, &str, bool); 7] = [
        ("lock", |faults| faults.locked = 1, "NETCUP_LOCKED", true),
        ("maintenance", |faults| faults.maintenance = 1, "NETCUP_MAINTENANCE", true),
        ("too many", |faults| faults.busy = 1, "NETCUP_BUSY", true),
        ("dropped", |faults| faults.drop_connection = 1, "NETCUP_REPLY_LOST", true),
        ("allow-list", |faults| faults.address_forbidden = true, "NETCUP_FORBIDDEN", false),
        ("dead login", |faults| faults.login_dead = true, "NETCUP_LOGIN_REQUIRED", false),
        ("key refused", |faults| faults.refuse_ssh_keys = true, "NETCUP_REFUSED", false),
    ];
    for (case, change, code, retryable) in cases {
        let bench = Bench::new().await;
        bench.sim.faults(change);
        let pool = bench.pool();
        let error: ProviderError = pool.start_install(&one(), &bench.request()).await.expect_err(case);
        assert_eq!((error.problem.code.as_str(), error.retryable()), (code, retryable), "{case}: {error}");
        assert_eq!(bench.sim.installs(1), 0, "{case}");
        if case == "too many" {
            assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
        }
        if retryable {
            pool.start_install(&one(), &bench.request()).await.expect("the next try");
            assert_eq!(bench.sim.installs(1), 1, "{case}");
        }
    }
    let bench = Bench::new().await;
    let error = bench.pool().server(&ServerId("netcup:99".into())).await.expect_err("no such server");
    assert_eq!((error.problem.code.as_str(), error.retryable()), ("NETCUP_NOT_FOUND", false));
}

#[tokio::test]
async fn nobody_there_is_told_from_a_lost_reply() {
    let bench = Bench::new().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let config = ScpConfig { realm_url: format!("http://{}", free.expect("a port")), ..ScpConfig::default() };
    let client = ScpClient::new(config, Arc::clone(&bench.store) as _, Arc::new(bench.clock.clone()));
    let error = client.expect("a client").ping().await.expect_err("nobody listens");
    assert_eq!((error.kind, error.problem.retryable), (ErrorKind::Unreachable, true));
    assert!(!error.outcome_unknown());

    // Takes the connection and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let realm_url = format!("http://{}", silent.local_addr().expect("an address"));
    let config = ScpConfig { realm_url, timeout: Duration::from_millis(50), ..ScpConfig::default() };
    let client = ScpClient::new(config, Arc::clone(&bench.store) as _, Arc::new(bench.clock.clone()));
    let error = client.expect("a client").ping().await.expect_err("silence");
    assert_eq!((error.kind, error.problem.retryable), (ErrorKind::ReplyLost, true));
    assert!(error.outcome_unknown());
}

#[tokio::test]
async fn a_held_server_is_neither_chosen_nor_installed_again() {
    let bench = Bench::with(vec![build_server(1)]).await;
    let client = bench.client();
    bench.sim.faults(|faults| faults.hold_tasks = true);
    client.set_power(1, Power::Off).await.expect("accepted").expect("a task");
    let pool = bench.pool();
    let servers = pool.list().await.expect("a list");
    let refused: NoServer = choose_server(&servers, &wanted(), &BTreeSet::new()).expect_err("held");
    assert!(refused.to_string().contains("held by a task"), "{refused}");
    let error = pool.start_install(&one(), &bench.request()).await.expect_err("locked");
    assert_eq!(error.problem.code, "NETCUP_LOCKED");
    bench.sim.faults(|faults| faults.hold_tasks = false);
    bench.sim.settled().await;
    pool.start_install(&one(), &bench.request()).await.expect("free now");
}

#[tokio::test]
async fn a_failed_task_says_how_and_the_next_try_is_a_new_one() {
    for (word, end) in
        [("ERROR", TaskEnd::Error), ("CANCELED", TaskEnd::Canceled), ("ROLLBACK", TaskEnd::RolledBack)]
    {
        let bench = Bench::new().await;
        bench.sim.faults(|faults| faults.end_next_task = Some(word.into()));
        let (pool, request) = (bench.pool(), bench.request());
        let task = pool.start_install(&one(), &request).await.expect("a task").into_task();
        bench.sim.settled().await;
        let state = pool.task(&one(), &task).await.expect("a state");
        assert!(
            matches!(&state, TaskState::Failed(ended, message) if *ended == end && !message.is_empty()),
            "{state:?}"
        );
        let second = pool.start_install(&one(), &request).await.expect("a task").into_task();
        bench.sim.settled().await;
        assert_eq!(pool.task(&one(), &second).await, Ok(TaskState::Finished));
        assert_eq!(bench.sim.installs(1), 2);
    }
}

#[tokio::test]
async fn the_same_key_is_never_uploaded_twice() {
    let bench = Bench::new().await;
    let client = bench.client();
    let id = client.ensure_ssh_key("letsbe", KEY).await.expect("added");
    let with_other_comment = KEY.replace("hub@letsbe.example", "someone");
    assert_eq!(client.ensure_ssh_key("letsbe", &with_other_comment).await.expect("found"), id);
    assert_eq!(bench.sim.ssh_keys(), [KEY]);
    client.delete_ssh_key(id).await.expect("removed");
    assert!(bench.sim.ssh_keys().is_empty());
}

#[tokio::test]
async fn the_list_has_neither_addresses_nor_power_states() {
    let bench = Bench::new().await;
    let client = bench.client();
    let listed = serde_json::to_value(client.servers().await.expect("a list")).expect("JSON");
    let members: BTreeSet<_> = listed[0].as_object().expect("an object").keys().cloned().collect();
    let expected = ["disabled", "hostname", "id", "name", "nickname"].map(str::to_owned);
    assert_eq!(members, expected.into());
    bench.sim.faults(|faults| faults.empty_pool = true);
    assert!(bench.pool().list().await.expect("a list").is_empty());
}

#[tokio::test]
async fn a_long_list_is_read_to_its_end() {
    let servers = (1..=230).map(|id| {
        let [high, low] = u16::try_from(id).expect("small").to_be_bytes();
        let server = SimServer::fresh(id, Ipv4Addr::new(10, 1, high, low), 8, 16, 320);
        SimServer { nickname: Some("tenant".into()), ..server }
    });
    let bench = Bench::with(servers.collect()).await;
    assert_eq!(bench.pool().list().await.expect("a list").len(), 230);
    // What the list alone rules out costs no call of its own.
    let calls = bench.sim.calls();
    assert_eq!(calls.len(), 3, "{calls:?}");
}

#[tokio::test]
async fn writes_carry_the_content_types_that_netcup_demands() {
    let bench = Bench::new().await;
    let client = bench.client();
    assert_eq!(client.set_hostname(1, "a.example").await.expect("done at once"), None);
    client.set_power(1, Power::HardOff).await.expect("accepted").expect("a task");
    bench.sim.settled().await;
    client.set_rescue_system(1, true).await.expect("a task");
    bench.sim.settled().await;
    assert!(client.rescue_system(1).await.expect("a state"));
    client.set_rescue_system(1, false).await.expect("a task");
    bench.sim.settled().await;
    let kinds = bench.sim.calls().into_iter().filter(|call| call.method != "GET");
    let kinds: Vec<_> = kinds.map(|call| (call.method, call.content_type.unwrap_or_default())).collect();
    let (patch, json) = ("application/merge-patch+json".to_owned(), "application/json".to_owned());
    assert_eq!(
        kinds,
        [
            ("PATCH".into(), patch.clone()),
            ("PATCH".into(), patch),
            ("POST".into(), json.clone()),
            ("DELETE".into(), json)
        ]
    );
    assert_eq!(bench.hosts.done(), ["power 1 HardOff"]);
}

#[tokio::test]
async fn snapshots_firewall_and_reverse_names() {
    let bench = Bench::new().await;
    let client = bench.client();
    let check = types::ServerSnapshotCreateCheck { online_snapshot: Some(true), ..Default::default() };
    assert!(client.check_snapshot(1, &check).await.expect("a check").is_empty());
    let snapshot = types::ServerSnapshotCreate {
        name: "before".into(),
        online_snapshot: Some(true),
        description: None,
        disk_name: None,
    };
    client.create_snapshot(1, &snapshot).await.expect("a task");
    bench.sim.settled().await;
    assert_eq!(client.snapshots(1).await.expect("a list").len(), 1);
    let twice = client.create_snapshot(1, &snapshot).await.expect_err("the name is taken");
    assert_eq!(twice.kind, ErrorKind::Refused);
    client.delete_snapshot(1, "before").await.expect("a task");
    bench.sim.settled().await;
    assert!(client.snapshots(1).await.expect("a list").is_empty());

    let mac = client.interfaces(1).await.expect("interfaces")[0].mac.clone().expect("a MAC");
    let closed = types::ServerFirewallSave {
        active: Some(true),
        copied_policies: Vec::new(),
        user_policies: Vec::new(),
    };
    client.set_firewall(1, &mac, &closed).await.expect("a task");
    bench.sim.settled().await;
    assert_eq!(client.firewall(1, &mac).await.expect("a firewall").active, Some(true));

    let address = Ipv4Addr::new(198, 51, 100, 1).into();
    client.set_reverse_name(address, "mail.shop.example").await.expect("set");
    assert_eq!(client.reverse_name(address).await.expect("a name").as_deref(), Some("mail.shop.example"));
    client.remove_reverse_name(address).await.expect("removed");
    assert_eq!(client.reverse_name(address).await.expect("no name"), None);
}

#[tokio::test]
async fn faults_can_be_set_from_another_process() {
    let bench = Bench::new().await;
    let http = reqwest::Client::new();
    let url = format!("{}/faults", bench.sim.control_url());
    let set = http.patch(&url).json(&serde_json::json!({"maintenance": 2})).send().await.expect("sent");
    assert!(set.status().is_success());
    let client = bench.client();
    for _ in 0..2 {
        assert_eq!(client.ping().await.expect_err("maintenance").kind, ErrorKind::Maintenance);
    }
    client.ping().await.expect("over");
    let unknown = http.patch(&url).json(&serde_json::json!({"earthquake": 1})).send().await.expect("sent");
    assert_eq!(unknown.status(), 400);
}
