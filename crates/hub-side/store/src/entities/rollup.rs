//! Heartbeats of one hour or day, summed up.

use sea_orm::entity::prelude::*;

/// Heartbeats of one hour or day, summed up.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant_rollups")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub period: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub start: i64,
    pub beats: i64,
    pub disk_used_percent: i64,
    pub disk_max: i64,
    pub memory_used_mib: i64,
    pub memory_max: i64,
    pub not_ok_min: i64,
    pub not_ok_max: i64,
    pub tokens_used: i64,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
