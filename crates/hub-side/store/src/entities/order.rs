//! One order.

use sea_orm::entity::prelude::*;

/// One order.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub phase: String,
    pub state: Json,
    pub domain: String,
    pub email: String,
    pub tier: String,
    pub region: String,
    pub tools: Json,
    pub identity: String,
    pub host_key: Option<String>,
    pub install_requested_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub language: String,
    pub urgency: i16,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
