//! Proofs of tenants' backups.

use sea_orm_migration::{prelude::*, schema::*};

use super::{plain, table, unique};

#[derive(Debug)]
pub(super) struct Proofs;

impl MigrationName for Proofs {
    fn name(&self) -> &'static str {
        "m0003_backup_proofs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Proofs {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let proofs = table(
            "backup_proofs",
            [
                big_pk_auto("sequence"),
                uuid("order_id"),
                text("tool"),
                uuid("set_id"),
                timestamp_with_time_zone("taken_at"),
                timestamp_with_time_zone("began_at"),
                boolean("holds"),
                json("evidence"),
            ],
        );
        manager.create_table(proofs).await?;
        manager.create_index(unique("backup_proofs", &["order_id", "set_id", "began_at"])).await?;
        manager.create_index(plain("backup_proofs", &["order_id", "began_at"])).await
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Custom("proofs of backups are not thrown away: remove the database instead".into()))
    }
}
