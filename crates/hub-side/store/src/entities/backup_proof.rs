//! The evidence of one proof of a backup.

use sea_orm::entity::prelude::*;

/// The evidence of one proof of a backup.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "backup_proofs")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub sequence: i64,
    pub order_id: Uuid,
    pub tool: String,
    pub set_id: Uuid,
    pub taken_at: DateTimeUtc,
    pub began_at: DateTimeUtc,
    pub holds: bool,
    pub evidence: Json,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
