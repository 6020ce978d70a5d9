//! The agent of a tenant's server.

use sea_orm::entity::prelude::*;

/// The agent of a tenant's server.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "agents")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: Uuid,
    pub key_hash: String,
    pub node_version: String,
    pub registered_at: DateTimeUtc,
    pub registration_job: Option<Uuid>,
    pub generation: i64,
    pub taken_through: i64,
    pub revoked_at: Option<DateTimeUtc>,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
