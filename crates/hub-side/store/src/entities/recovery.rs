//! The replacement of a lost server.

use sea_orm::entity::prelude::*;

/// The replacement of a lost server.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "recoveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub order_id: Uuid,
    pub state: String,
    pub requested_at: DateTimeUtc,
    pub requested_by: String,
    pub reason: String,
    pub clock_started_at: DateTimeUtc,
    pub at: Option<DateTimeUtc>,
    pub as_of: Option<DateTimeUtc>,
    pub region: Option<String>,
    pub lost_server: Option<String>,
    pub lost_address: Option<String>,
    pub lost_host_key: Option<String>,
    pub last_heard_at: Option<DateTimeUtc>,
    pub server: Option<String>,
    pub address: Option<String>,
    pub finished_at: Option<DateTimeUtc>,
    pub rto_seconds: Option<i64>,
    pub rpo_seconds: Option<i64>,
    pub settled: Option<Json>,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
