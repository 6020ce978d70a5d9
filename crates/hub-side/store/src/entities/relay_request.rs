//! A request that the relay has begun, with the most that it can use.

use sea_orm::entity::prelude::*;

/// A request that the relay has begun, with the most that it can use.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "relay_requests")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub order_id: Uuid,
    pub model: String,
    pub at: DateTimeUtc,
    pub input: i64,
    pub output: i64,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
