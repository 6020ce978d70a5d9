//! From when a tenant's server and its backups are not well, as the last heartbeat has it.

use sea_orm::entity::prelude::*;

/// From when a tenant's server and its backups are not well; moments are milliseconds of Unix.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant_standings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: Uuid,
    pub heard_at: i64,
    pub troubled_from: Option<i64>,
    pub backup_made: bool,
    pub backup_unproven: bool,
    pub backup_troubled_from: Option<i64>,
    pub backup_failed_from: Option<i64>,
    pub tokens_differ: bool,
    pub rules: i16,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
