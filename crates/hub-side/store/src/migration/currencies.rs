//! In which currency a payment was made, and in which one a dispute of it counts.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(Debug)]
pub(super) struct Currencies;

impl MigrationName for Currencies {
    fn name(&self) -> &'static str {
        "m0015_currencies"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Currencies {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["payment_references", "payment_movements"] {
            let mut currency = text_null("currency");
            let table = Table::alter().table(Alias::new(table)).add_column(&mut currency).take();
            manager.alter_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom("payments are not forgotten: remove the database instead".into()))
    }
}
