//! Messages to people, and the language in which a customer is written to.

use sea_orm_migration::{prelude::*, schema::*};

use super::{plain, table, unique};

#[derive(Debug)]
pub(super) struct Messages;

impl MigrationName for Messages {
    fn name(&self) -> &'static str {
        "m0011_messages"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Messages {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let messages = table(
            "messages",
            [
                uuid("id").primary_key().take(),
                uuid("order_id"),
                text("kind"),
                text_null("detail"),
                text("once_key"),
                text("status"),
                timestamp_with_time_zone("not_before"),
                timestamp_with_time_zone_null("lease_until"),
                big_integer("fence"),
                big_integer("tries"),
                json_null("problem"),
                timestamp_with_time_zone("created_at"),
                timestamp_with_time_zone_null("ended_at"),
            ],
        );
        manager.create_table(messages).await?;
        let mut language = text("language").default("en").take();
        let mut orders = Table::alter();
        manager.alter_table(orders.table(Alias::new("orders")).add_column(&mut language).take()).await?;
        for index in [
            unique("messages", &["once_key"]),
            plain("messages", &["status", "not_before"]),
            plain("messages", &["order_id"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom("messages are not taken back: remove the database instead".into()))
    }
}
