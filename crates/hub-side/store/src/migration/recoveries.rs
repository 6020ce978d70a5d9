//! Lost servers and what took their place.

use sea_orm_migration::{prelude::*, schema::*};

use super::{plain, table};

#[derive(Debug)]
pub(super) struct Recoveries;

impl MigrationName for Recoveries {
    fn name(&self) -> &'static str {
        "m0004_recoveries"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Recoveries {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [recoveries(), runs()] {
            manager.create_table(table).await?;
        }
        for index in
            [plain("recoveries", &["order_id", "requested_at"]), plain("recovery_runs", &["recovery_id"])]
        {
            manager.create_index(index).await?;
        }
        for (table, mut column) in
            [("claims", timestamp_with_time_zone_null("lost_at")), ("jobs", uuid_null("recovery_id"))]
        {
            let change = Table::alter().table(Alias::new(table)).add_column(&mut column).take();
            manager.alter_table(change).await?;
        }
        // While a lost server is replaced its order has two: at most one of them is in use.
        let one_for_each = Index::drop().name("claims_order_id").table(Alias::new("claims")).to_owned();
        manager.drop_index(one_for_each).await?;
        let in_use = "CREATE UNIQUE INDEX claims_in_use ON claims (order_id) \
                      WHERE released_at IS NULL AND lost_at IS NULL";
        manager.get_connection().execute_unprepared(in_use).await?;
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom("which servers were lost is not forgotten: remove the database instead".into()))
    }
}

fn recoveries() -> TableCreateStatement {
    table(
        "recoveries",
        [
            uuid("id").primary_key().take(),
            uuid("order_id"),
            text("state"),
            timestamp_with_time_zone("requested_at"),
            text("requested_by"),
            text("reason"),
            timestamp_with_time_zone("clock_started_at"),
            timestamp_with_time_zone_null("at"),
            timestamp_with_time_zone_null("as_of"),
            text_null("region"),
            text_null("lost_server"),
            text_null("lost_address"),
            text_null("lost_host_key"),
            timestamp_with_time_zone_null("last_heard_at"),
            text_null("server"),
            text_null("address"),
            timestamp_with_time_zone_null("finished_at"),
            big_integer_null("rto_seconds"),
            big_integer_null("rpo_seconds"),
            json_null("settled"),
        ],
    )
}

fn runs() -> TableCreateStatement {
    table(
        "recovery_runs",
        [
            uuid("job_id").primary_key().take(),
            uuid("recovery_id"),
            big_integer("asked_sequence"),
            text_null("recipient"),
            timestamp_with_time_zone_null("needed_at"),
            timestamp_with_time_zone_null("deadline"),
            text_null("sealed"),
            timestamp_with_time_zone_null("given_at"),
            text_null("given_by"),
            timestamp_with_time_zone_null("handed_at"),
            big_integer("restored_sequence"),
            json("restored"),
        ],
    )
}
