//! Every end of a gate's log that the Hub was told, and where one did not follow on another.

use sea_orm_migration::{prelude::*, schema::*};

use super::table;

#[derive(Debug)]
pub(super) struct GateHeads;

impl MigrationName for GateHeads {
    fn name(&self) -> &'static str {
        "m0010_gate_heads"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for GateHeads {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut key = Index::create();
        for column in ["order_id", "generation", "minute", "linked"] {
            key.col(Alias::new(column));
        }
        let columns = [
            uuid("order_id"),
            big_integer("generation"),
            big_integer("minute"),
            boolean("linked"),
            big_integer("entry"),
            text("hash"),
            timestamp_with_time_zone("received_at"),
        ];
        manager.create_table(table("gate_heads", columns).primary_key(&mut key).take()).await?;
        for mut column in
            [text_null("log_cut_kind"), big_integer_null("log_cut_from"), big_integer_null("log_cut_to")]
        {
            let states = Table::alter().table(Alias::new("tenant_states")).add_column(&mut column).take();
            manager.alter_table(states).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom("evidence is not thrown away: remove the database instead".into()))
    }
}
