//! The Hub as it serves, with TLS in its own process, and the tenants in its database.

use std::{fs, io, net::SocketAddr, path::Path, process::Command, sync::Arc};

use axum::serve::Listener;
use letsbe_catalog::Catalog;
use letsbe_hub::{
    AppState, Shared,
    background::Handle,
    config::{PaymentTerms, ProvisioningConfig},
    convergence::Planner,
    router::router,
    tenants::Tenants,
};
use letsbe_lifecycle::order::Pace;
use letsbe_serve::Bounds;
use letsbe_store::{Defaults, Store, token_hash};
use letsbe_types::{
    Secret,
    clock::{Clock, SystemClock},
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use sea_orm::{ConnectionTrait as _, Database, DbBackend, Statement};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{TENANTS, key};

/// A Hub that serves.
pub(crate) struct Hub {
    pub(crate) port: u16,
    pub(crate) certificate_pem: String,
}

impl Hub {
    pub(crate) async fn start(folder: &Path, store: Store) -> Self {
        // As the Hub logs, to nowhere.
        let filter = tracing_subscriber::EnvFilter::new("info,sqlx=warn");
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::sink).init();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../catalog");
        let state = AppState::from(Shared {
            relay: None,
            tenants: Tenants::start(
                &store,
                &clock,
                Defaults { token_pools: [1; 4], escrow_recipients: vec![] },
            ),
            store,
            catalog: Arc::new(Catalog::load(&catalog).unwrap()),
            clock,
            pace: Pace::default(),
            payments: PaymentTerms { live: false, free: false },
            logins: Arc::default(),
            stripe_secret: Arc::new(Secret::from("whsec_of_nobody")),
            public_url: "https://localhost".into(),
            jobs_folder: folder.join("jobs").into(),
            own_backup: None,
            background: Handle::default(),
            planner: Arc::new(Planner::new(no_provisioning(folder), "https://localhost".to_owned())),
        });
        let (certificate_pem, config) = certificate(folder);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shaken = Shaken::start(listener, TlsAcceptor::from(Arc::new(config)));
        tokio::spawn(letsbe_serve::serve(
            shaken,
            router(state),
            Bounds::default(),
            std::future::pending::<()>(),
        ));
        Self { port, certificate_pem }
    }
}

/// Nothing is provisioned here.
fn no_provisioning(folder: &Path) -> ProvisioningConfig {
    serde_json::from_value(json!({
        "provisioner": folder, "bundle": folder, "private_key": folder, "timezone": "UTC", "docker": "distro",
        "certificates": { "contact": "ops@letsbe.example" },
    }))
    .unwrap()
}

/// A certificate for `localhost`, and what serves with it.
fn certificate(folder: &Path) -> (String, ServerConfig) {
    let at = |name: &str| folder.join(name).display().to_string();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args([
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            &at("key.pem"),
            "-out",
            &at("cert.pem"),
        ])
        .output()
        .unwrap();
    assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let chain = vec![CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap()];
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    (fs::read_to_string(folder.join("cert.pem")).unwrap(), config)
}

/// Connections whose handshake is over; none waits for another's.
struct Shaken {
    address: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl Shaken {
    fn start(listener: TcpListener, acceptor: TlsAcceptor) -> Self {
        let address = listener.local_addr().unwrap();
        let (shaken, ready) = mpsc::channel(16);
        tokio::spawn(async move {
            loop {
                let (stream, caller) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (acceptor, shaken) = (acceptor.clone(), shaken.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = shaken.send((stream, caller)).await;
                    }
                });
            }
        });
        Self { address, ready }
    }
}

impl Listener for Shaken {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        self.ready.recv().await.unwrap()
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// As many agents as asked for, without the orders that they would belong to.
pub(crate) async fn add_tenants(file: &Path) {
    let db = Database::connect(format!("sqlite://{}", file.display())).await.unwrap();
    let hashes: Vec<String> = (0..TENANTS).map(|tenant| token_hash(&key(tenant))).collect();
    let insert = "INSERT INTO agents (order_id, key_hash, node_version, registered_at) \
                  SELECT randomblob(16), value, '0.1.0', '2026-11-21 12:00:00+00:00' FROM json_each(?)";
    let hashes = serde_json::to_string(&hashes).unwrap();
    db.execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, insert, [hashes.into()])).await.unwrap();
    let configure = "INSERT INTO tenant_configurations \
                     (order_id, version, autonomy, external_unlocked, token_pool, escrow_recipients) \
                     SELECT order_id, 1, 1, '[]', 1000000, '[]' FROM agents";
    db.execute_unprepared(configure).await.unwrap();
}

pub(crate) async fn beats_kept(file: &Path) -> u64 {
    let db = Database::connect(format!("sqlite://{}", file.display())).await.unwrap();
    let sum = Statement::from_string(DbBackend::Sqlite, "SELECT SUM(beats) AS beats FROM tenant_rollups");
    let beats: i64 = db.query_one_raw(sum).await.unwrap().unwrap().try_get("", "beats").unwrap();
    u64::try_from(beats).unwrap()
}

/// Seconds of processor time that a process has used; the kernel counts hundredths.
#[derive(Clone, Copy)]
pub(crate) struct Used {
    own: f64,
    pub(crate) kernel: f64,
}

impl Used {
    pub(crate) fn of_this() -> Self {
        Self::of(std::process::id())
    }

    pub(crate) fn of(process: u32) -> Self {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        let mut after_name = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11);
        let mut next = || after_name.next().unwrap().parse::<f64>().unwrap() / 100.0;
        Self { own: next(), kernel: next() }
    }

    pub(crate) fn all(self) -> f64 {
        self.own + self.kernel
    }
}

/// The most that this process ever held.
pub(crate) fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap().div_ceil(1024)
}
