//! What was decided about a tenant.

use sea_orm::entity::prelude::*;

/// What was decided about a tenant.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant_configurations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: Uuid,
    pub version: i64,
    pub autonomy: i16,
    pub external_unlocked: Json,
    pub token_pool: i64,
    pub escrow_recipients: String,
    pub openclaw_version: Option<String>,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
