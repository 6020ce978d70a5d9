//! Where a tenant's copies go, without what opens it.

use sea_orm::entity::prelude::*;

/// Where a tenant's copies go, without what opens it.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "backup_destinations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: Uuid,
    pub kind: String,
    pub endpoint: String,
    pub bucket: String,
    pub prefix: String,
    pub access_key_id: Option<String>,
    pub protection: Json,
    pub made_at: DateTimeUtc,
    pub watched: bool,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
