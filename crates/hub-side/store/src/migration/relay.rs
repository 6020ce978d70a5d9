//! Models through the Hub: tenants' keys, requests under way, tokens by day.

use sea_orm_migration::{prelude::*, schema::*};

use super::{plain, table, unique};

#[derive(Debug)]
pub(super) struct Relay;

impl MigrationName for Relay {
    fn name(&self) -> &'static str {
        "m0006_relay"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Relay {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [keys(), requests(), usage()] {
            manager.create_table(table).await?;
        }
        for index in [
            unique("relay_keys", &["key_hash"]),
            plain("relay_keys", &["previous_hash"]),
            plain("relay_requests", &["order_id"]),
            plain("relay_requests", &["at"]),
            plain("relay_usage", &["day"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom("what was counted is not thrown away: remove the database instead".into()))
    }
}

fn keys() -> TableCreateStatement {
    table(
        "relay_keys",
        [
            uuid("order_id").primary_key().take(),
            text("key_hash"),
            text_null("previous_hash"),
            timestamp_with_time_zone_null("previous_until"),
            timestamp_with_time_zone("made_at"),
        ],
    )
}

fn requests() -> TableCreateStatement {
    table(
        "relay_requests",
        [
            uuid("id").primary_key().take(),
            uuid("order_id"),
            text("model"),
            timestamp_with_time_zone("at"),
            big_integer("input"),
            big_integer("output"),
        ],
    )
}

fn usage() -> TableCreateStatement {
    let mut key = Index::create();
    for column in ["order_id", "day", "model"] {
        key.col(Alias::new(column));
    }
    let columns = [
        uuid("order_id"),
        big_integer("day"),
        text("model"),
        big_integer("input"),
        big_integer("output"),
        big_integer("requests"),
        big_integer("estimated"),
    ];
    table("relay_usage", columns).primary_key(&mut key).take()
}
