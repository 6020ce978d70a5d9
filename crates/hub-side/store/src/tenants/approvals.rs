//! Approvals of tenants' AI teams, mirrored: the server decides, the Hub shows and passes on.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use letsbe_types::{
    ids::{ApprovalId, OrderId},
    tenant::{Approval, ApprovalState},
    tenants::ApprovalEntry,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    Value,
};

use super::signed;
use crate::{Store, StoreError, entities::approval, row_error, sql};

/// Approvals in one list.
const LISTED: u64 = 100;

fn entry(row: approval::Model) -> Result<ApprovalEntry, StoreError> {
    let bad = row_error("tenant_approvals");
    let state: ApprovalState = serde_json::from_value(row.state.into()).map_err(|error| bad(&error))?;
    let asked: Approval = serde_json::from_value(row.approval).map_err(|error| bad(&error))?;
    let approval = Approval { state, ..asked };
    Ok(ApprovalEntry { approval, settled_by: row.settled_by, settled_at: row.settled_at })
}

/// Forgets approvals from before a moment.
pub(crate) async fn forget_before(
    db: &impl ConnectionTrait,
    moment: DateTime<Utc>,
) -> Result<(), StoreError> {
    approval::Entity::delete_many().filter(approval::Column::RequestedAt.lt(moment)).exec(db).await?;
    Ok(())
}

impl Store {
    /// A tenant's approvals, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn approvals(&self, order: OrderId) -> Result<Vec<ApprovalEntry>, StoreError> {
        let rows = approval::Entity::find()
            .filter(approval::Column::OrderId.eq(order.0))
            .order_by_desc(approval::Column::RequestedAt)
            .order_by_desc(approval::Column::Id)
            .limit(LISTED)
            .all(&self.db)
            .await?;
        rows.into_iter().map(entry).collect()
    }

    /// What waits at these tenants for an answer, in one reading; the newest of each, no more than of [`Self::approvals`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pending_approvals(
        &self,
        orders: &[OrderId],
    ) -> Result<HashMap<OrderId, Vec<Approval>>, StoreError> {
        let newer = "(SELECT COUNT(*) FROM (SELECT 1 FROM tenant_approvals AS newer \
                     WHERE newer.order_id = tenant_approvals.order_id AND newer.state = 'pending' \
                     AND (newer.requested_at, newer.id) > (tenant_approvals.requested_at, tenant_approvals.id) \
                     LIMIT ?) AS counted) < ?";
        let listed = || Value::from(signed(LISTED));
        let rows = approval::Entity::find()
            .filter(approval::Column::OrderId.is_in(orders.iter().map(|order| order.0)))
            .filter(approval::Column::State.eq("pending"))
            .filter(sql::with_values(self.db.get_database_backend(), newer, [listed(), listed()]))
            .order_by_desc(approval::Column::RequestedAt)
            .order_by_desc(approval::Column::Id)
            .all(&self.db)
            .await?;
        let mut pending: HashMap<OrderId, Vec<Approval>> = HashMap::new();
        for row in rows {
            let order = OrderId(row.order_id);
            pending.entry(order).or_default().push(entry(row)?.approval);
        }
        Ok(pending)
    }

    /// One approval of a tenant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn approval(
        &self,
        order: OrderId,
        id: ApprovalId,
    ) -> Result<Option<ApprovalEntry>, StoreError> {
        let row = approval::Entity::find_by_id((order.0, id.0)).one(&self.db).await?;
        row.map(entry).transpose()
    }
}
