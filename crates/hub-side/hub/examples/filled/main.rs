//! A Hub with 500 tenants and 2,000 orders, to look at its pages and lists at that size:
//! `filled FOLDER` makes `FOLDER/hub.db` where it is missing, prints the Hub's address and a key that logs in, and
//! serves. Nobody works on the orders.
#![expect(clippy::unwrap_used, reason = "an example")]

mod fill;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::TimeDelta;
use letsbe_catalog::Catalog;
use letsbe_hub::{
    AppState, Shared,
    background::{Driver, Handle, tasks},
    config::PaymentTerms,
    convergence::Planner,
    router,
    security::passwords,
    tenants::Tenants,
};
use letsbe_lifecycle::order::Pace;
use letsbe_serve::Bounds;
use letsbe_store::{Defaults, Store, token_hash};
use letsbe_types::{
    Secret,
    clock::{Clock, SystemClock},
};
use serde_json::json;
use tokio::net::TcpListener;

const KEY: &str = "a-key-for-looking-around";
const EMAIL: &str = "ann@letsbe.example";

#[tokio::main]
async fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap());
    let (tenants, orders) = (number(2).unwrap_or(500), number(3).unwrap_or(1_500));
    let file = folder.join("hub.db");
    let is_new = !file.exists();
    let store = Store::open(&file).await.unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    if is_new {
        fill::fill(&store, tenants, orders, clock.now()).await;
    }
    let hash = passwords::hash(&Secret::from("correct horse battery staple")).unwrap();
    store.save_staff(EMAIL, &hash, clock.now()).await.unwrap();
    let staff = store.staff_by_email(EMAIL).await.unwrap().unwrap();
    let until = clock.now() + TimeDelta::hours(12);
    store.create_session(&token_hash(KEY), staff.id, until, clock.now()).await.unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    println!("http://{} {KEY}", listener.local_addr().unwrap());
    // The lists are sorted by what this finds; nothing else of the Hub's work is done.
    let ratings =
        Driver::new(store.clone(), Arc::clone(&clock), ("filled", TimeDelta::seconds(30)), Handle::default())
            .with(tasks::health_ratings(store.clone()));
    tokio::spawn(ratings.run(std::future::pending()));
    let app = router(state(&folder, store, clock));
    letsbe_serve::serve(listener, app, Bounds::default(), std::future::pending::<()>()).await;
}

fn number(place: usize) -> Option<u128> {
    std::env::args().nth(place).map(|text| text.parse().unwrap())
}

fn state(folder: &Path, store: Store, clock: Arc<dyn Clock>) -> AppState {
    let defaults = Defaults { token_pools: [1; 4], escrow_recipients: vec![] };
    let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../catalog");
    // Nothing is provisioned here.
    let provisioning = json!({
        "provisioner": folder, "bundle": folder, "private_key": folder, "timezone": "UTC", "docker": "distro",
        "certificates": { "contact": "ops@letsbe.example" },
    });
    let provisioning = serde_json::from_value(provisioning).unwrap();
    AppState::from(Shared {
        relay: None,
        tenants: Tenants::start(&store, &clock, defaults),
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
        planner: Arc::new(Planner::new(provisioning, "https://localhost".to_owned())),
    })
}
