//! The last heartbeat of a tenant's server.

use sea_orm::entity::prelude::*;

/// The last heartbeat of a tenant's server.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant_states")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: Uuid,
    pub received_at: DateTimeUtc,
    pub body: Option<String>,
    pub gate_entry: i64,
    pub gate_hash: String,
    pub log_cut_at: Option<DateTimeUtc>,
    pub log_cut_kind: Option<String>,
    pub log_cut_from: Option<i64>,
    pub log_cut_to: Option<i64>,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
