//! Which of Stripe's ids are about which order, and what a task is about.

use sea_orm_migration::{prelude::*, schema::*};

use super::{plain, table};

#[derive(Debug)]
pub(super) struct Payments;

impl MigrationName for Payments {
    fn name(&self) -> &'static str {
        "m0007_payments"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Payments {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let references = table(
            "payment_references",
            [
                text("reference").primary_key().take(),
                uuid_null("order_id"),
                boolean("counted"),
                big_integer_null("amount"),
                text_null("withdrawn"),
                timestamp_with_time_zone("seen_at"),
            ],
        );
        manager.create_table(references).await?;
        for mut column in [text_null("detail"), text_null("closed_by")] {
            let mut tasks = Table::alter();
            manager.alter_table(tasks.table(Alias::new("tasks")).add_column(&mut column).take()).await?;
        }
        for index in [
            plain("payment_references", &["order_id"]),
            plain("tasks", &["closed_at", "deadline"]),
            plain("orders", &["domain"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom("payments are not forgotten: remove the database instead".into()))
    }
}
