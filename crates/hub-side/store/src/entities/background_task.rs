//! Background work of the Hub: who runs a task now, how its last activation ended, and when the next is due.

use sea_orm::entity::prelude::*;

/// One task; moments are milliseconds of Unix.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "background_tasks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The Hub whose own it is; empty where one Hub runs it for all.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hub: String,
    pub lease_owner: Option<String>,
    pub lease_until: Option<i64>,
    pub fence: i64,
    pub started_at: Option<i64>,
    pub finished_at: Option<i64>,
    pub took_ms: i64,
    pub report: Option<String>,
    pub problem: Option<String>,
    pub failures: i64,
    pub due_at: Option<i64>,
    pub requested_at: Option<i64>,
    pub requested_by: Option<String>,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
