//! One line of a timeline.

use sea_orm::entity::prelude::*;

/// One line of a timeline.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "timeline")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub sequence: i64,
    pub order_id: Uuid,
    pub at: DateTimeUtc,
    pub kind: String,
    pub level: String,
    pub message: String,
    pub once_key: Option<String>,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
