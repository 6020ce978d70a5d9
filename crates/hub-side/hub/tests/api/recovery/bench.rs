//! A Hub with a worker, a pool of two servers, and a provisioner that hands its work to the test and waits.

use std::{
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use letsbe_dns::DnsChecker;
use letsbe_hub::worker::Worker;
use letsbe_lifecycle::order::{Event, Phase};
use letsbe_servers::{
    Begun, Capabilities, InstallRequest, Power, ProviderError, Resources, ServerProvider, ServerView, TaskId,
    TaskState,
};
use letsbe_types::{
    Region,
    clock::Clock as _,
    ids::{OrderId, ServerId},
    job::ProvisionJob,
};
use serde_json::{Value, json};

use crate::{Answer, Hub, catalog, tenant::HEARTBEAT, worker::worker};

/// Far more than anything here needs; whoever reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);

/// Servers 1 and 2 in Europe, 3 in America; all free, installed at once.
struct Pool;

fn view(number: u8) -> ServerView {
    let region = if number == 3 { Region::Na } else { Region::Eu };
    ServerView {
        id: ServerId(format!("netcup:{number}")),
        name: format!("v{number}"),
        hostname: None,
        nickname: None,
        disabled: false,
        template: None,
        site: Some("a place".into()),
        region: Some(region),
        power: Power::Off,
        locked: Some(false),
        rescue: false,
        snapshots: 0,
        ipv4: vec![Ipv4Addr::new(192, 0, 2, number)],
        ipv6: Vec::new(),
        resources: Some(Resources { memory_mib: 16 << 10, vcpu: 8, disk_mib: 320 << 10 }),
    }
}

#[async_trait]
impl ServerProvider for Pool {
    fn name(&self) -> &'static str {
        "netcup"
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities { can_install: true, ..Capabilities::default() }
    }
    async fn list(&self) -> Result<Vec<ServerView>, ProviderError> {
        Ok((1..=3).map(view).collect())
    }
    async fn server(&self, id: &ServerId) -> Result<ServerView, ProviderError> {
        Ok(view(id.0.trim_start_matches("netcup:").parse().unwrap()))
    }
    async fn find_install(
        &self,
        _: &ServerId,
        _: chrono::DateTime<chrono::Utc>,
    ) -> Result<Option<TaskId>, ProviderError> {
        Ok(None)
    }
    async fn start_install(&self, id: &ServerId, _: &InstallRequest) -> Result<Begun, ProviderError> {
        Ok(Begun::Now(TaskId(format!("install {id}"))))
    }
    async fn task(&self, _: &ServerId, _: &TaskId) -> Result<TaskState, ProviderError> {
        Ok(TaskState::Finished)
    }
}

/// A name server that knows no name at all.
async fn empty_name_server() -> SocketAddr {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
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

/// The Hub, its operator's session, and the folder in which the provisioner meets the test.
pub(crate) struct Bench {
    pub(crate) hub: Hub,
    pub(crate) staff: String,
}

/// A run of the provisioner, as the test plays it.
pub(crate) struct Run {
    pub(crate) job: ProvisionJob,
    pub(crate) token: String,
    sequence: u64,
}

impl Bench {
    /// A live tenant on server 1 that was heard once, and a worker.
    pub(crate) async fn live() -> (Self, OrderId) {
        let (hub, staff) = Hub::with_staff().await;
        let (bench, id, _) = Self::on(hub, staff, 1).await;
        (bench, id)
    }

    /// The same on a Hub that is there: order `number` becomes live; with its agent's key.
    pub(crate) async fn on(hub: Hub, staff: String, number: u128) -> (Self, OrderId, String) {
        let bench = Self { hub, staff };
        bench.start(empty_name_server().await);
        let id = bench.hub.order(number).await;
        bench.hub.apply(id, &Event::PaymentReceived).await;
        bench.until(id, Phase::DnsPending).await;
        bench.hub.apply(id, &Event::OperatorSkip { reason: "no name server here".into() }).await;
        let mut run = bench.run().await;
        let key = bench.register(&run).await;
        bench.report(&mut run, "COMPLETED", &[]).await;
        bench.end(run);
        bench.until(id, Phase::Fulfilled).await;
        (bench, id, key)
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.hub.folder.path().to_owned()
    }

    fn start(&self, resolver: SocketAddr) {
        let folder = self.folder();
        let fifo = folder.join("provisioner-may-end");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let program = folder.join("provisioner");
        // It says what it was given, and ends when the test lets it.
        let script = format!(
            "#!/bin/sh\ncat > {work}.new && mv {work}.new {work}\nread line < {fifo}\n",
            work = folder.join("work.json").display(),
            fifo = fifo.display()
        );
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(folder.join("key.pub"), "ssh-ed25519 AAAA hub").unwrap();
        let worker = Worker {
            clock: Arc::new(self.hub.clock.clone()),
            provider: Arc::new(Pool),
            dns: DnsChecker { resolver: Some(resolver) },
            ..worker(self.hub.store.clone(), catalog(), &folder)
        };
        tokio::spawn(Arc::new(worker).run());
    }

    pub(crate) async fn until(&self, id: OrderId, phase: Phase) {
        let reached = tokio::time::timeout(PATIENCE, async {
            while self.hub.store.order(id).await.unwrap().unwrap().state.phase != phase {
                tokio::time::sleep(LOOK).await;
            }
        });
        if reached.await.is_err() {
            let order = self.hub.store.order(id).await.unwrap().unwrap();
            panic!("never {phase}: {:#?}", order.state);
        }
    }

    /// The next run of the provisioner, with the work that it was given.
    pub(crate) async fn run(&self) -> Run {
        let path = self.folder().join("work.json");
        let given = tokio::time::timeout(PATIENCE, async {
            while !path.exists() {
                tokio::time::sleep(LOOK).await;
            }
        });
        given.await.expect("the provisioner was started");
        let job: ProvisionJob = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        std::fs::remove_file(&path).unwrap();
        let token = std::fs::read_to_string(&job.report.as_ref().unwrap().token_file).unwrap();
        Run { job, token, sequence: 0 }
    }

    /// Lets the provisioner end.
    pub(crate) fn end(&self, run: Run) {
        drop(run);
        std::fs::write(self.folder().join("provisioner-may-end"), "\n").unwrap();
    }

    /// The agent of the run's server introduces itself and is heard; its key.
    pub(crate) async fn register(&self, run: &Run) -> String {
        let link = run.job.desired.hub.as_ref().unwrap();
        let who = json!({"identity": run.job.desired.identity.0, "node_version": "0.1.0"});
        let answer =
            self.hub.json("POST", "/api/v1/tenant/register", Some(&link.registration_token), &who).await;
        let key = answer.json()["data"]["agent_key"].as_str().unwrap().to_owned();
        let heard = self.hub.json("POST", HEARTBEAT, Some(&key), &crate::tenant::heartbeat()).await;
        assert_eq!(heard.status, 200, "{heard:?}");
        key
    }

    pub(crate) async fn report(&self, run: &mut Run, status: &str, events: &[Value]) {
        let mut numbered = Vec::new();
        for event in events {
            run.sequence += 1;
            let mut event = event.clone();
            event["sequence"] = json!(run.sequence);
            event["at"] = json!(self.hub.clock.now());
            numbered.push(event);
        }
        let host_key = &run.job.host_key;
        let body = json!({"status": status, "events": numbered, "host_key": host_key});
        let path = format!("/api/v1/jobs/{}", run.job.id);
        let answer = self.hub.json("PATCH", &path, Some(&run.token), &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    pub(crate) async fn keys(&self, run: &Run) -> Answer {
        self.hub.get(&format!("/api/v1/jobs/{}/keys", run.job.id), Some(&run.token)).await
    }

    pub(crate) async fn recovery(&self, id: OrderId) -> Value {
        let path = format!("/api/v1/admin/tenants/{id}/recovery");
        self.hub.get(&path, Some(&self.staff)).await.json()["data"].clone()
    }

    /// The tenant's page.
    pub(crate) async fn page(&self, id: OrderId) -> String {
        let answer = self.hub.page(&format!("/tenants/{id}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// What the operator asks about a tenant's recovery.
    pub(crate) async fn ask(&self, id: OrderId, rest: &str, body: &Value) -> Answer {
        let path = format!("/api/v1/admin/tenants/{id}/recovery{rest}");
        self.hub.json("POST", &path, Some(&self.staff), body).await
    }
}
