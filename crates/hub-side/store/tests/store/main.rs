//! The store's promises: leases with fences, one claim for each server, payments taken once, nothing half stored.
#![expect(clippy::unwrap_used, reason = "tests")]

mod background;
mod leases;
mod messages;
mod orders;
mod payments;
mod records;
mod recoveries;
mod relay;
mod tenants;
mod upgrade;

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_lifecycle::order::{Event, Pace, Phase};
use letsbe_store::{
    Database, Finished, LeasedEffect, NewOrder, PaymentNews, PaymentOutcome, Store, StoreError, StripeNews,
};
use letsbe_types::{
    Region, Tier,
    clock::{Clock as _, ManualClock},
    ids::{OrderId, ServerId, ServerIdentity},
};

struct World {
    store: Store,
    clock: ManualClock,
    pace: Pace,
    database: Database,
    _folder: tempfile::TempDir,
}

/// The database of a test's folder: on SQLite, or on PostgreSQL when the suite runs once more.
async fn database(folder: &Path) -> Database {
    if !letsbe_test_postgres::is_wanted() {
        return Database::Sqlite(folder.join("hub.db"));
    }
    let migrate = async |url: String| {
        Store::open(&url.parse::<Database>().unwrap()).await.unwrap().close().await.unwrap();
    };
    letsbe_test_postgres::database_of(folder, "hub", migrate).await.parse().unwrap()
}

#[test]
fn all_of_it_holds_on_postgresql_too() {
    letsbe_test_postgres::rerun(&["all_of_it_holds_on_postgresql_too"]);
}

fn start() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn server(number: u32) -> ServerId {
    ServerId(format!("netcup:{number}"))
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = database(folder.path()).await;
        let store = Store::open(&database).await.unwrap();
        Self { store, clock: ManualClock::at(start()), pace: Pace::default(), database, _folder: folder }
    }

    /// The same database as another process sees it.
    async fn another_process(&self) -> Store {
        Store::open(&self.database).await.unwrap()
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    async fn order(&self) -> OrderId {
        let id = OrderId::generate();
        let new = NewOrder {
            id,
            domain: "acme.example".parse().unwrap(),
            email: "owner@acme.example".parse().unwrap(),
            tier: Tier::Build,
            region: Region::Eu,
            tools: vec!["ghost".into()],
            identity: ServerIdentity(format!("identity-{id}")),
        };
        self.store.create_order(&new, self.now()).await.unwrap();
        id
    }

    async fn paid_order(&self) -> OrderId {
        let id = self.order().await;
        self.apply(id, &Event::PaymentReceived).await.unwrap();
        id
    }

    async fn apply(&self, id: OrderId, event: &Event) -> Result<(), StoreError> {
        self.store.apply(id, event, None, &self.pace, self.now()).await.map(|_| ())
    }

    async fn lease(&self, owner: &str) -> Option<LeasedEffect> {
        self.store.lease_effect(owner, TimeDelta::seconds(30), self.now()).await.unwrap()
    }

    async fn finish(&self, leased: &LeasedEffect, event: &Event) -> Finished {
        self.store.finish_effect(leased, event, &self.pace, self.now()).await.unwrap()
    }

    async fn phase(&self, id: OrderId) -> Phase {
        self.store.order(id).await.unwrap().unwrap().state.phase
    }

    async fn lines(&self, id: OrderId) -> Vec<String> {
        self.store.timeline(id, 0, 1_000).await.unwrap().into_iter().map(|line| line.message).collect()
    }

    async fn pay(&self, event_id: &str, id: OrderId, event: &Event) -> PaymentOutcome {
        self.store.take_payment_event(&checkout(event_id, id, event), &self.pace, self.now()).await.unwrap()
    }
}

fn claimed(number: u32) -> Event {
    Event::ServerClaimed { server: server(number) }
}

/// What a checkout says about its order.
fn checkout(event_id: &str, order: OrderId, event: &Event) -> StripeNews {
    StripeNews {
        id: event_id.to_owned(),
        kind: "test".to_owned(),
        order: Some(order),
        references: Vec::new(),
        news: PaymentNews::Checkout { event: event.clone(), amount: None },
    }
}
