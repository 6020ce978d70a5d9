//! Refunds and disputes one by one, so that parts add up and what did not take place is told; and ids of Stripe's that
//! belong together before it is known to which order.

use sea_orm_migration::{prelude::*, schema::*};

use super::{plain, table};

#[derive(Debug)]
pub(super) struct Movements;

impl MigrationName for Movements {
    fn name(&self) -> &'static str {
        "m0013_payment_movements"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Movements {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let movements = table(
            "payment_movements",
            [
                text("id").primary_key().take(),
                uuid_null("order_id"),
                text("kind"),
                text("standing"),
                big_integer_null("amount"),
                big_integer_null("paid"),
                text_null("charge"),
                text_null("payment_intent"),
                timestamp_with_time_zone("told_at"),
                timestamp_with_time_zone("seen_at"),
            ],
        );
        manager.create_table(movements).await?;
        let mut references = Table::alter();
        let mut group = uuid_null("group_id");
        references.table(Alias::new("payment_references")).add_column(&mut group);
        manager.alter_table(references.take()).await?;
        for index in [
            plain("payment_movements", &["order_id"]),
            plain("payment_movements", &["charge"]),
            plain("payment_movements", &["payment_intent"]),
            plain("payment_references", &["group_id"]),
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
    use letsbe_lifecycle::order::{Event, Pace, Phase};
    use letsbe_types::{Region, Tier, ids::OrderId, ids::ServerIdentity};
    use sea_orm_migration::{
        MigratorTrait as _,
        sea_orm::{ConnectionTrait as _, Database},
    };

    use super::super::Migrator;
    use crate::{MoneyStanding, Movement, MovementKind, NewOrder, PaymentNews, Store, StripeNews, Sum};

    async fn order(store: &Store) -> OrderId {
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
        store.create_order(&new, chrono::Utc::now()).await.expect("stores");
        id
    }

    fn news(id: &str, order: Option<OrderId>, reference: &str, news: PaymentNews) -> StripeNews {
        let references = vec![reference.to_owned()];
        StripeNews { id: id.to_owned(), kind: "test".to_owned(), order, references, news }
    }

    #[tokio::test]
    async fn what_an_older_hub_knew_of_payments_is_known_still() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("hub.db");
        let db = Database::connect(format!("sqlite://{}?mode=rwc", file.display())).await.expect("opens");
        Migrator::up(&db, Some(12)).await.expect("migrates");
        let columns = "(reference, order_id, counted, amount, withdrawn, seen_at)";
        let withdrawn = "('pi_back', NULL, 0, NULL, 'refund', '2026-11-20 10:00:00+00:00')";
        db.execute_unprepared(&format!("INSERT INTO payment_references {columns} VALUES {withdrawn}"))
            .await
            .expect("inserts");
        db.close().await.expect("closes");
        let store = Store::open(&file).await.expect("migrates further");
        let (pace, now) = (Pace::default(), chrono::Utc::now());
        let paid = || PaymentNews::Checkout {
            event: Event::PaymentReceived,
            amount: Some(Sum { amount: 1800, currency: "eur".into() }),
        };
        let (back, kept) = (order(&store).await, order(&store).await);
        for told in
            [news("evt_1", Some(back), "pi_back", paid()), news("evt_2", Some(kept), "pi_kept", paid())]
        {
            store.take_payment_event(&told, &pace, now).await.expect("takes");
        }
        let phase = async |id| store.order(id).await.expect("reads").expect("is there").state.phase;
        assert_eq!((phase(back).await, phase(kept).await), (Phase::Stopped, Phase::PaymentConfirmed));

        // A payment of before, which has no group, is found by a refund of today.
        drop(store);
        let db = Database::connect(format!("sqlite://{}", file.display())).await.expect("opens");
        db.execute_unprepared("UPDATE payment_references SET group_id = NULL").await.expect("as it was");
        db.close().await.expect("closes");
        let store = Store::open(&file).await.expect("opens");
        let refund = Movement {
            id: "re_1".into(),
            kind: MovementKind::Refund,
            standing: MoneyStanding::Back,
            amount: Some(1800),
            paid: None,
            currency: None,
            charge: None,
            payment_intent: Some("pi_kept".into()),
            told_at: now,
        };
        let told = news("evt_3", None, "pi_kept", PaymentNews::Moved(refund));
        store.take_payment_event(&told, &pace, now).await.expect("takes");
        let order = store.order(kept).await.expect("reads").expect("is there");
        assert_eq!(order.state.phase, Phase::Stopped);
    }
}
