//! Which payments are what was ordered, so that an order can stand on another one of them; and indices for what is nobody's.

use sea_orm_migration::{prelude::*, schema::*};

use super::{may_have_rows, plain};

#[derive(Debug)]
pub(super) struct Fitting;

impl MigrationName for Fitting {
    fn name(&self) -> &'static str {
        "m0014_fitting_payments"
    }
}

/// Ids that an older Hub saw together for the first time are of one payment.
const TOGETHER: &str = "UPDATE payment_references SET group_id = made.id FROM \
    (SELECT order_id, seen_at, randomblob(16) AS id FROM payment_references \
     WHERE group_id IS NULL AND order_id IS NOT NULL GROUP BY order_id, seen_at) AS made \
    WHERE payment_references.group_id IS NULL AND payment_references.order_id = made.order_id \
     AND payment_references.seen_at = made.seen_at";
/// What an older Hub knew: what an order was begun for fits it, and so does what is as much as that.
const FITTING: &str = "UPDATE payment_references SET fits = TRUE WHERE counted OR EXISTS \
    (SELECT 1 FROM payment_references AS other WHERE other.order_id = payment_references.order_id \
     AND other.counted AND other.amount = payment_references.amount)";

#[async_trait::async_trait]
impl MigrationTrait for Fitting {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut fits = boolean("fits").default(false).take();
        let references = Table::alter().table(Alias::new("payment_references")).add_column(&mut fits).take();
        manager.alter_table(references).await?;
        if may_have_rows(manager) {
            for step in [TOGETHER, FITTING] {
                manager.get_connection().execute_unprepared(step).await?;
            }
        }
        for index in [
            plain("payment_references", &["order_id", "seen_at"]),
            plain("payment_movements", &["order_id", "seen_at"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom("payments are not forgotten: remove the database instead".into()))
    }
}

#[cfg(test)]
mod tests {
    use letsbe_lifecycle::order::{Pace, Phase};
    use letsbe_types::{Region, Tier, ids::OrderId, ids::ServerIdentity};
    use sea_orm_migration::{
        MigratorTrait as _,
        sea_orm::{ConnectionTrait as _, Database, sea_query::prelude::Uuid},
    };

    use super::super::Migrator;
    use crate::{MoneyStanding, Movement, MovementKind, NewOrder, PaymentNews, Store, StripeNews};

    /// An order that is paid, with what an older Hub kept of two payments and of a dispute.
    async fn older(store: Store, file: &std::path::Path) -> (Store, OrderId) {
        let id = OrderId::generate();
        let new = NewOrder {
            id,
            domain: "acme.example".parse().expect("a domain"),
            email: "owner@acme.example".parse().expect("an address"),
            tier: Tier::Build,
            region: Region::Eu,
            tools: vec!["ghost".into()],
            identity: ServerIdentity("planted".into()),
        };
        let now = chrono::Utc::now();
        store.create_order(&new, now).await.expect("stores");
        let paid = letsbe_lifecycle::order::Event::PaymentReceived;
        store.apply(id, &paid, None, &Pace::default(), now).await.expect("is paid");
        drop(store);
        let db = Database::connect(format!("sqlite://{}", file.display())).await.expect("opens");
        let insert = |table: &str, columns: &str, values: &str| {
            format!("INSERT INTO {table} ({columns}) VALUES ({values})")
        };
        let hex = |id: Uuid| format!("X'{}'", id.simple());
        let order = hex(id.0);
        let columns = "reference, order_id, counted, amount, seen_at, group_id";
        for (reference, counted, amount, at) in [
            ("cs_1", 1, 1800, 1),
            ("pi_1", 1, 1800, 1),
            ("cs_2", 0, 1800, 2),
            ("pi_2", 0, 1800, 2),
            ("cs_3", 0, 1200, 3),
            ("pi_3", 0, 1200, 3),
        ] {
            let at = format!("'2026-11-20 10:00:0{at}+00:00'");
            let values = format!("'{reference}', {order}, {counted}, {amount}, {at}, NULL");
            db.execute_unprepared(&insert("payment_references", columns, &values)).await.expect("inserts");
        }
        let at = "'2026-11-20 10:00:00+00:00'";
        let task = format!("{}, {order}, 'payment_dispute', {at}, {at}, 'a dispute'", hex(Uuid::now_v7()));
        let columns = "id, order_id, kind, opened_at, deadline, detail";
        db.execute_unprepared(&insert("tasks", columns, &task)).await.expect("inserts");
        db.execute_unprepared("UPDATE payment_references SET fits = FALSE").await.expect("as it was");
        for step in [super::TOGETHER, super::FITTING] {
            db.execute_unprepared(step).await.expect("is brought on");
        }
        db.close().await.expect("closes");
        (Store::open(file).await.expect("opens"), id)
    }

    fn moved(id: &str, (kind, standing): (MovementKind, MoneyStanding), payment: &str) -> StripeNews {
        let movement = Movement {
            id: id.to_owned(),
            kind,
            standing,
            amount: (kind == MovementKind::Refund).then_some(1800),
            paid: None,
            currency: None,
            charge: None,
            payment_intent: Some(payment.to_owned()),
            told_at: chrono::Utc::now(),
        };
        StripeNews {
            id: format!("evt_{id}"),
            kind: "test".to_owned(),
            order: None,
            references: vec![id.to_owned(), payment.to_owned()],
            news: PaymentNews::Moved(movement),
        }
    }

    #[tokio::test]
    async fn an_order_of_an_older_hub_goes_on_for_its_second_payment_and_its_tasks_end_by_themselves() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("hub.db");
        let (store, id) = older(Store::open(&file).await.expect("opens"), &file).await;
        let (pace, now) = (Pace::default(), chrono::Utc::now());
        let take = async |news: StripeNews| store.take_payment_event(&news, &pace, now).await.expect("takes");
        let phase = async || store.order(id).await.expect("reads").expect("is there").state.phase;
        let tasks = async || store.tasks().await.expect("reads").len();
        assert_eq!(tasks().await, 1);
        take(moved("dp_1", (MovementKind::Dispute, MoneyStanding::Kept), "pi_1")).await;
        assert_eq!((phase().await, tasks().await), (Phase::PaymentConfirmed, 0), "the dispute has ended");
        take(moved("re_1", (MovementKind::Refund, MoneyStanding::Back), "pi_1")).await;
        assert_eq!(phase().await, Phase::PaymentConfirmed, "it stands on pi_2");
        take(moved("re_2", (MovementKind::Refund, MoneyStanding::Back), "pi_2")).await;
        assert_eq!(phase().await, Phase::Stopped, "what is left differs");
    }

    #[tokio::test]
    async fn the_step_leads_from_what_an_older_hub_left() {
        let db = Database::connect("sqlite::memory:").await.expect("opens");
        Migrator::up(&db, Some(13)).await.expect("migrates");
        Migrator::up(&db, None).await.expect("migrates further");
    }
}
