//! A server that belongs to an order. A released one stays here until the operator has wiped it, a lost one until
//! somebody has found out what became of it.

use sea_orm::entity::prelude::*;

/// A server that belongs to an order, was released by one, or was lost.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "claims")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub server_id: String,
    pub order_id: Uuid,
    pub claimed_at: DateTimeUtc,
    pub released_at: Option<DateTimeUtc>,
    pub lost_at: Option<DateTimeUtc>,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
