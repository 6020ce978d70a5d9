//! Where tenants' copies go, what is there as seen from outside, and drills.

use sea_orm_migration::{prelude::*, schema::*};

use super::{plain, table, unique};

#[derive(Debug)]
pub(super) struct Backups;

impl MigrationName for Backups {
    fn name(&self) -> &'static str {
        "m0005_backups"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Backups {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [destinations(), looks(), alarms(), drills()] {
            manager.create_table(table).await?;
        }
        for index in [
            plain("backup_alarms", &["order_id", "began_at"]),
            plain("backup_looks", &["period", "start"]),
            unique("drills", &["order_id", "kind", "period"]),
            plain("drills", &["due_at"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom("where backups are is not thrown away: remove the database instead".into()))
    }
}

fn destinations() -> TableCreateStatement {
    table(
        "backup_destinations",
        [
            uuid("order_id").primary_key().take(),
            text("kind"),
            text("endpoint"),
            text("bucket"),
            text("prefix"),
            text_null("access_key_id"),
            json("protection"),
            timestamp_with_time_zone("made_at"),
            boolean("watched"),
        ],
    )
}

fn looks() -> TableCreateStatement {
    let mut key = Index::create();
    for column in ["order_id", "period", "start"] {
        key.col(Alias::new(column));
    }
    let columns = [
        uuid("order_id"),
        text("period"),
        big_integer("start"),
        timestamp_with_time_zone("at"),
        big_integer("objects"),
        big_integer("bytes"),
        big_integer("noncurrent_objects"),
        big_integer("noncurrent_bytes"),
        big_integer("delete_markers"),
        timestamp_with_time_zone_null("newest_at"),
    ];
    table("backup_looks", columns).primary_key(&mut key).take()
}

fn alarms() -> TableCreateStatement {
    table(
        "backup_alarms",
        [
            uuid("id").primary_key().take(),
            uuid("order_id"),
            text("kind"),
            text("message"),
            timestamp_with_time_zone("began_at"),
            json("before"),
            timestamp_with_time_zone_null("ended_at"),
            text_null("acknowledged_by"),
            timestamp_with_time_zone_null("acknowledged_at"),
        ],
    )
}

fn drills() -> TableCreateStatement {
    table(
        "drills",
        [
            uuid("id").primary_key().take(),
            uuid("order_id"),
            text("kind"),
            text("period"),
            timestamp_with_time_zone("due_at"),
            uuid_null("command_id"),
            timestamp_with_time_zone_null("began_at"),
            timestamp_with_time_zone_null("finished_at"),
            json_null("report"),
        ],
    )
}
