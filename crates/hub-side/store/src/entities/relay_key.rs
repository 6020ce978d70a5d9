//! A tenant's key at the relay: its hash, and that of the one before, which works for a while.

use sea_orm::entity::prelude::*;

/// A tenant's key at the relay: its hash, and that of the one before, which works for a while.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "relay_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: Uuid,
    pub key_hash: String,
    pub previous_hash: Option<String>,
    pub previous_until: Option<DateTimeUtc>,
    pub made_at: DateTimeUtc,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
