//! Background work of the Hub, with its leases and how each task ended last.

use sea_orm_migration::{prelude::*, schema::*};

use super::table;

#[derive(Debug)]
pub(super) struct Background;

impl MigrationName for Background {
    fn name(&self) -> &'static str {
        "m0016_background_tasks"
    }
}

/// What an older Hub did regularly and knew by other names: old and new name, and how often it is done, in seconds.
const FORMER: [(&str, &str, i64); 2] = [("hub_backup", "hub-backup", 86_400), ("drills", "drills", 3_600)];

#[async_trait::async_trait]
impl MigrationTrait for Background {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            text("name"),
            text("hub"),
            text_null("lease_owner"),
            big_integer_null("lease_until"),
            big_integer("fence").default(0).take(),
            big_integer_null("started_at"),
            big_integer_null("finished_at"),
            big_integer("took_ms").default(0).take(),
            text_null("report"),
            text_null("problem"),
            big_integer("failures").default(0).take(),
            big_integer_null("due_at"),
            big_integer_null("requested_at"),
            text_null("requested_by"),
        ];
        let mut tasks = table("background_tasks", columns);
        let key = Index::create().col(Alias::new("name")).col(Alias::new("hub")).take();
        manager.create_table(tasks.primary_key(&mut key.to_owned()).take()).await?;
        let db = manager.get_connection();
        for (old, new, every) in FORMER {
            db.execute_unprepared(&format!(
                "INSERT INTO background_tasks (name, hub, due_at) \
                 SELECT '{new}', '', (through + {every}) * 1000 FROM upkeep WHERE name = '{old}'"
            ))
            .await?;
        }
        db.execute_unprepared("DELETE FROM upkeep WHERE name IN ('hub_backup', 'drills', 'backup_looks')")
            .await?;
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom("how tasks ended is not forgotten: remove the database instead".into()))
    }
}

#[cfg(test)]
mod tests {
    use sea_orm_migration::{
        MigratorTrait as _,
        sea_orm::{ConnectionTrait as _, Database},
    };

    use super::super::Migrator;
    use crate::Store;

    #[tokio::test]
    async fn work_that_an_older_hub_did_regularly_is_due_when_it_would_have_been() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("hub.db");
        let db = Database::connect(format!("sqlite://{}?mode=rwc", file.display())).await.expect("opens");
        Migrator::up(&db, Some(15)).await.expect("migrates");
        db.execute_unprepared(
            "INSERT INTO upkeep (name, through) VALUES ('hub_backup', 1000), ('backup_looks', 7), ('rollups', 9)",
        )
        .await
        .expect("inserts");
        db.close().await.expect("closes");
        let store = Store::open(&file).await.expect("migrates further");
        let tasks = store.background_tasks().await.expect("reads");
        let due: Vec<_> = tasks.iter().map(|task| (&*task.name, task.record.due_at)).collect();
        assert_eq!(due, [("hub-backup", chrono::DateTime::from_timestamp(1000 + 86_400, 0))]);
    }
}
