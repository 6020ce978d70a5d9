//! Something only a person can do.

use sea_orm::entity::prelude::*;

/// Something only a person can do.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tasks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub order_id: Uuid,
    pub kind: String,
    pub opened_at: DateTimeUtc,
    pub deadline: DateTimeUtc,
    pub closed_at: Option<DateTimeUtc>,
    pub detail: Option<String>,
    pub closed_by: Option<String>,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
