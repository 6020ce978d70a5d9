//! Keys in escrow say which keys they are, and none goes before what it opens.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(Debug)]
pub(super) struct Escrows;

impl MigrationName for Escrows {
    fn name(&self) -> &'static str {
        "m0006_escrows"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Escrows {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            text_null("fingerprint"),
            big_integer("generation").default(0).take(),
            timestamp_with_time_zone_null("received_at"),
        ];
        for mut column in columns {
            let mut table = Table::alter();
            manager
                .alter_table(table.table(Alias::new("tenant_escrows")).add_column(&mut column).take())
                .await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom("keys in escrow are not thrown away: remove the database instead".into()))
    }
}
