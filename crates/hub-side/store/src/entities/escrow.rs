//! Keys of a server, sealed to the escrow recipients.

use sea_orm::entity::prelude::*;

/// Keys of a server, sealed to the escrow recipients.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant_escrows")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub sequence: i64,
    pub order_id: Uuid,
    pub at: DateTimeUtc,
    pub recipients: Json,
    pub sealed: String,
    pub fingerprint: Option<String>,
    pub generation: i64,
    pub received_at: Option<DateTimeUtc>,
}

/// No relations: joins are written where they are needed.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
