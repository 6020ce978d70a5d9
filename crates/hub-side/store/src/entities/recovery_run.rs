//! What a run on a replacement asked for and brought back. Its sealed keys are here until its job ends.

use sea_orm::entity::prelude::*;

/// What a run on a replacement asked for and brought back.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery_runs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_id: Uuid,
    pub recovery_id: Uuid,
    pub asked_sequence: i64,
    pub recipient: Option<String>,
    pub needed_at: Option<DateTimeUtc>,
    pub deadline: Option<DateTimeUtc>,
    pub sealed: Option<String>,
    pub given_at: Option<DateTimeUtc>,
    pub given_by: Option<String>,
    pub handed_at: Option<DateTimeUtc>,
    pub restored_sequence: i64,
    pub restored: Json,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
