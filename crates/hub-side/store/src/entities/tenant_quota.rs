//! How much a tenant's server has sent.

use sea_orm::entity::prelude::*;

/// How much a tenant's server has sent.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant_quotas")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: Uuid,
    /// When all events that were taken will be earned, in milliseconds.
    pub events_until: i64,
    /// The same for their KiB.
    pub kib_until: i64,
    pub kept_events: i64,
    pub kept_bytes: i64,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
