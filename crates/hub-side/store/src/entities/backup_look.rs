//! What a tenant's folder held, by hour and by day.

use sea_orm::entity::prelude::*;

/// What a tenant's folder held, by hour and by day.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "backup_looks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub period: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub start: i64,
    pub at: DateTimeUtc,
    pub objects: i64,
    pub bytes: i64,
    pub noncurrent_objects: i64,
    pub noncurrent_bytes: i64,
    pub delete_markers: i64,
    pub newest_at: Option<DateTimeUtc>,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
