//! The HTTP API and the pages, driven without a network: one module for each branch of the URL tree.
#![expect(clippy::unwrap_used, reason = "tests")]

mod admin;
mod backups;
mod converge;
mod desk;
mod edge;
mod envelope;
mod escrows;
mod floods;
mod html;
mod hub_tasks;
mod jobs;
mod large;
mod lists;
mod live;
mod messages;
mod movements;
mod own_backup;
mod pages;
mod parts;
mod payments;
mod public;
mod recovery;
mod relay;
mod scan;
mod tenant;
mod tenant_commands;
mod tenant_events;
mod tenants;
mod two_payments;
mod unpaid;
mod waiting;
mod webhooks;
mod work;
#[path = "../worker/mod.rs"]
mod worker;

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use chrono::{DateTime, Utc};
use letsbe_catalog::Catalog;
use letsbe_hub::{
    AppState, Shared,
    background::{Driver, Handle, Task},
    config::PaymentTerms,
    convergence::Planner,
    relay::{Relay, SharedRelay},
    router,
    security::passwords,
    tenants::Tenants,
};
use letsbe_lifecycle::order::{Event, Pace};
use letsbe_store::{Database, Defaults, NewOrder, Quotas, Store};
use letsbe_types::{
    Region, Secret, Tier,
    clock::{Clock, ManualClock},
    ids::{OrderId, ServerId, ServerIdentity},
};
use sea_orm::{ConnectionTrait as _, QueryResult, Statement};
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) const STRIPE_SECRET: &str = "whsec_test_secret";
pub(crate) const EMAIL: &str = "ann@letsbe.example";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A Hub on a fresh database, at a moment that stands still.
pub(crate) struct Hub {
    router: Router,
    state: AppState,
    pub(crate) store: Store,
    pub(crate) clock: ManualClock,
    pub(crate) tenants: Tenants,
    pub(crate) folder: Arc<tempfile::TempDir>,
}

/// The database of a test's folder: of SQLite, or of PostgreSQL when the suite runs once more.
pub(crate) async fn address(folder: &Path, name: &str) -> String {
    let migrate = async |url: String| {
        Store::open(&url.parse::<Database>().unwrap()).await.unwrap().close().await.unwrap();
    };
    letsbe_test_postgres::address_of(folder, name, migrate).await
}

pub(crate) async fn database(folder: &Path, name: &str) -> Database {
    address(folder, name).await.parse().unwrap()
}

/// What the database says to somebody beside the Hub.
pub(crate) async fn ask(folder: &Path, sql: &str) -> Vec<QueryResult> {
    let db = sea_orm::Database::connect(address(folder, "hub.db").await).await.unwrap();
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    db.close().await.unwrap();
    rows
}

#[test]
fn all_of_it_holds_on_postgresql_too() {
    // The tests of the Hub's own backup name the databases that they are about.
    letsbe_test_postgres::rerun(&["all_of_it_holds_on_postgresql_too", "own_backup::"]);
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Status and body, as kept in snapshots.
    pub(crate) fn shown(&self) -> String {
        format!("{}\n{}", self.status, serde_json::to_string_pretty(&self.json()).unwrap())
    }

    /// The code of what stands in the way.
    #[track_caller]
    pub(crate) fn conflict(&self) -> String {
        assert_eq!(self.status, StatusCode::CONFLICT, "{self:?}");
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The fields that were refused.
    pub(crate) fn fields(&self) -> Vec<String> {
        let json = self.json();
        let details = json["error"]["details"].as_array().unwrap();
        details.iter().map(|detail| detail["field"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) fn catalog() -> Arc<Catalog> {
    static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
    let load = || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../catalog");
        Arc::new(Catalog::load(&root).unwrap_or_else(|errors| panic!("{errors}")))
    };
    Arc::clone(CATALOG.get_or_init(load))
}

pub(crate) fn start() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(crate) fn order_id(number: u128) -> OrderId {
    OrderId(uuid::Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + number))
}

pub(crate) fn defaults() -> Defaults {
    Defaults { token_pools: [1, 2_000, 3, 4], escrow_recipients: vec!["age1first".into()] }
}

impl Hub {
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap())).await
    }

    pub(crate) async fn on(folder: Arc<tempfile::TempDir>) -> Self {
        Self::at(folder, "hub.db").await
    }

    /// On the database of this name.
    pub(crate) async fn at(folder: Arc<tempfile::TempDir>, database: &str) -> Self {
        Self::built(folder, database, None).await
    }

    /// One that relays models.
    pub(crate) async fn with_relay(relay: Relay) -> Self {
        Self::built(Arc::new(tempfile::tempdir().unwrap()), "hub.db", Some(Arc::new(relay))).await
    }

    async fn built(folder: Arc<tempfile::TempDir>, database: &str, relay: SharedRelay) -> Self {
        let store = Store::open(&self::database(folder.path(), database).await).await.unwrap();
        Self::with(folder, store, relay)
    }

    /// With quotas that a test can reach.
    pub(crate) async fn limited(quotas: Quotas) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let store = Store::open(&database(folder.path(), "hub.db").await).await.unwrap();
        Self::with(folder, store.limited(quotas), None)
    }

    fn with(folder: Arc<tempfile::TempDir>, store: Store, relay: SharedRelay) -> Self {
        let clock = ManualClock::at(start());
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let tenants = Tenants::start(&store, &shared, defaults());
        let state = AppState::from(Shared {
            tenants: tenants.clone(),
            store: store.clone(),
            catalog: catalog(),
            clock: shared,
            pace: Pace::default(),
            payments: PaymentTerms { live: false, free: false },
            logins: Arc::default(),
            stripe_secret: Arc::new(Secret::from(STRIPE_SECRET)),
            relay,
            planner: Arc::new(Planner::new(
                worker::provisioning(folder.path()),
                "https://hub.example.com".to_owned(),
            )),
            public_url: "https://hub.example.com".into(),
            jobs_folder: folder.path().join("jobs").into(),
            own_backup: Some(folder.path().join("backup-status.json").into()),
            background: Handle::default(),
        });
        Self { router: router(state.clone()), state, store, clock, tenants, folder }
    }

    /// Another process on the same database, with a member of staff.
    pub(crate) async fn another_process(&self) -> (Self, String) {
        Self::on(self.folder.clone()).await.staffed().await
    }

    /// Runs these tasks of the Hub, as long as the test's runtime.
    pub(crate) fn driven(&self, tasks: impl IntoIterator<Item = Task>) {
        self.driven_as(self.state.background.clone(), tasks);
    }

    /// The same by another process: this Hub does not hear of it.
    pub(crate) fn driven_elsewhere(&self, tasks: impl IntoIterator<Item = Task>) {
        self.driven_as(Handle::default(), tasks);
    }

    fn driven_as(&self, handle: Handle, tasks: impl IntoIterator<Item = Task>) {
        let me = ("test", chrono::TimeDelta::seconds(30));
        let clock = Arc::new(self.clock.clone());
        let mut driver = Driver::new(self.store.clone(), clock, me, handle);
        for task in tasks {
            driver = driver.with(task);
        }
        tokio::spawn(driver.run(std::future::pending()));
    }

    /// What its requests share.
    pub(crate) fn state(&self) -> AppState {
        self.state.clone()
    }

    /// Where the files of jobs are.
    pub(crate) fn jobs_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("jobs")
    }

    /// With a member of staff; returns the bearer key of a session.
    pub(crate) async fn with_staff() -> (Self, String) {
        Self::new().await.staffed().await
    }

    pub(crate) async fn staffed(self) -> (Self, String) {
        let key = self.staff().await;
        (self, key)
    }

    pub(crate) async fn staff(&self) -> String {
        // One hash for all tests: hashing is slow on purpose.
        static HASH: OnceLock<String> = OnceLock::new();
        let hash = HASH.get_or_init(|| passwords::hash(&Secret::from(PASSWORD)).unwrap());
        self.store.save_staff(EMAIL, hash, start()).await.unwrap();
        let staff = self.store.staff_by_email(EMAIL).await.unwrap().unwrap();
        let token = "test-session".to_owned();
        let until = start() + chrono::TimeDelta::hours(12);
        self.store.create_session(&letsbe_store::token_hash(&token), staff.id, until, start()).await.unwrap();
        token
    }

    pub(crate) async fn raw(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.raw(request.body(body.into()).unwrap()).await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 4 << 20).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn json(&self, method: &str, path: &str, key: Option<&str>, body: &Value) -> Answer {
        let bearer = key.map(|key| format!("Bearer {key}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        self.send(method, path, &headers, body.to_string()).await
    }

    pub(crate) async fn get(&self, path: &str, key: Option<&str>) -> Answer {
        let bearer = key.map(|key| format!("Bearer {key}"));
        let headers: Vec<_> = bearer.as_deref().map(|bearer| ("authorization", bearer)).into_iter().collect();
        self.send("GET", path, &headers, Body::empty()).await
    }

    /// A checked-out order with a known id.
    pub(crate) async fn order(&self, number: u128) -> OrderId {
        let id = order_id(number);
        let new = NewOrder {
            id,
            domain: "acme.example".parse().unwrap(),
            email: "owner@acme.example".parse().unwrap(),
            tier: Tier::Build,
            region: Region::Eu,
            tools: vec!["static-website".into(), "ghost".into()],
            identity: ServerIdentity("planted".into()),
        };
        self.store.create_order(&new, self.clock.now()).await.unwrap();
        id
    }

    pub(crate) async fn apply(&self, id: OrderId, event: &Event) {
        self.store.apply(id, event, None, &Pace::default(), self.clock.now()).await.unwrap();
    }

    /// An order that waits for DNS.
    pub(crate) async fn order_waiting_for_dns(&self, number: u128) -> OrderId {
        let id = self.order(number).await;
        self.apply(id, &Event::PaymentReceived).await;
        let server = ServerId(format!("netcup:{number}"));
        self.apply(id, &Event::ServerClaimed { server }).await;
        self.apply(id, &Event::ServerInstalled { address: [192, 0, 2, 7].into() }).await;
        let missing = vec!["blog.acme.example. A 192.0.2.7 (ns1.acme.example gives nothing)".to_owned()];
        self.apply(id, &Event::DnsIncomplete { missing }).await;
        id
    }
}
