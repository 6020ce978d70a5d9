//! A drill and what it showed.

use sea_orm::entity::prelude::*;

/// A drill and what it showed.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "drills")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub order_id: Uuid,
    pub kind: String,
    pub period: String,
    pub due_at: DateTimeUtc,
    pub command_id: Option<Uuid>,
    pub began_at: Option<DateTimeUtc>,
    pub finished_at: Option<DateTimeUtc>,
    pub report: Option<Json>,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
