//! Proofs of tenants' backups.

use letsbe_types::{backup::Proof, ids::OrderId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entities::backup_proof::{ActiveModel, Column, Entity},
    row_error,
};

/// Proofs kept for each tenant: half a year of nights and a drill each month.
const KEPT: u64 = 1_000;

impl Store {
    /// What became of a tenant's proofs, newest first; also those that failed or could not be carried through.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn proofs(&self, order: OrderId, limit: u64) -> Result<Vec<Proof>, StoreError> {
        let evidence: Vec<serde_json::Value> = Entity::find()
            .select_only()
            .column(Column::Evidence)
            .filter(Column::OrderId.eq(order.0))
            .order_by_desc(Column::Sequence)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .await?;
        let proof = |json| serde_json::from_value(json).map_err(|error| row_error("backup_proofs")(&error));
        evidence.into_iter().map(proof).collect()
    }
}

/// Keeps a proof; one that is told again is kept once.
pub(super) async fn keep(db: &impl ConnectionTrait, order: Uuid, proof: &Proof) -> Result<(), StoreError> {
    let evidence = serde_json::to_value(proof).map_err(|error| row_error("backup_proofs")(&error))?;
    let row = ActiveModel {
        order_id: Set(order),
        tool: Set(proof.tool.clone()),
        set_id: Set(proof.set.0),
        taken_at: Set(proof.taken_at),
        began_at: Set(proof.began_at),
        holds: Set(proof.holds()),
        evidence: Set(evidence),
        ..Default::default()
    };
    let once = OnConflict::columns([Column::OrderId, Column::SetId, Column::BeganAt]).do_nothing().to_owned();
    Entity::insert(row).on_conflict(once).exec_without_returning(db).await?;
    let oldest_kept: Option<i64> = Entity::find()
        .select_only()
        .column(Column::Sequence)
        .filter(Column::OrderId.eq(order))
        .order_by_desc(Column::Sequence)
        .offset(KEPT - 1)
        .limit(1)
        .into_tuple()
        .one(db)
        .await?;
    if let Some(oldest) = oldest_kept {
        Entity::delete_many()
            .filter(Column::OrderId.eq(order))
            .filter(Column::Sequence.lt(oldest))
            .exec(db)
            .await?;
    }
    Ok(())
}
