//! Tenants as staff read them.

use std::collections::HashMap;

use letsbe_types::{
    backups::{Alarm, DestinationEntry, Look},
    ids::OrderId,
    tenant::TenantConfiguration,
    tenants::{EscrowEntry, SealedKeys},
};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{consequences, unsigned};
use crate::{
    AgentStatus, Order, Store, StoreError,
    backups::{alarms, destinations, looks},
    entities::{
        agent, approval, backup_alarm, backup_destination, backup_look, configuration, escrow, order,
        tenant_state,
    },
    relay::usage::{self, MeteredDay},
    row_error,
};

/// A tenant: an order whose server has an agent.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The order.
    pub order: Order,
    /// Its agent.
    pub agent: AgentStatus,
    /// What was decided about it.
    pub configuration: TenantConfiguration,
    /// Approvals that wait.
    pub approvals_pending: u64,
    /// Where its copies go.
    pub destination: Option<DestinationEntry>,
    /// What is there, as it was counted last.
    pub look: Option<Look>,
    /// What the counting found wrong and nobody has acknowledged, newest first.
    pub alarms: Vec<Alarm>,
    /// The last days whose tokens the Hub's relay counted, oldest first; the present one is not over.
    pub metered: Vec<MeteredDay>,
}

impl Store {
    /// A page of tenants (pages count from 0), newest first, and how many there are; those of one domain if given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tenants(
        &self,
        page: u64,
        page_size: u64,
        domain: Option<&str>,
    ) -> Result<(Vec<Tenant>, u64), StoreError> {
        let mut query = agent::Entity::find()
            .order_by_desc(agent::Column::RegisteredAt)
            .order_by_desc(agent::Column::OrderId);
        if let Some(domain) = domain {
            let orders = Query::select()
                .column(order::Column::Id)
                .from(order::Entity)
                .and_where(order::Column::Domain.eq(domain))
                .take();
            query = query.filter(agent::Column::OrderId.in_subquery(orders));
        }
        let pages = query.paginate(&self.db, page_size);
        let agents = pages.fetch_page(page).await?;
        Ok((self.completed(agents).await?, pages.num_items().await?))
    }

    /// One tenant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tenant(&self, id: OrderId) -> Result<Option<Tenant>, StoreError> {
        let agent = agent::Entity::find_by_id(id.0).one(&self.db).await?;
        Ok(self.completed(agent.into_iter().collect()).await?.pop())
    }

    /// The keys that a server sealed away, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn escrows(&self, id: OrderId) -> Result<Vec<SealedKeys>, StoreError> {
        let rows = escrow::Entity::find()
            .filter(escrow::Column::OrderId.eq(id.0))
            .order_by_desc(escrow::Column::Sequence)
            .all(&self.db)
            .await?;
        let keys = |row: escrow::Model| {
            let recipients = serde_json::from_value(row.recipients);
            let recipients = recipients.map_err(|error| row_error("tenant_escrows")(&error))?;
            let entry = EscrowEntry {
                number: unsigned(row.sequence),
                at: row.at,
                recipients,
                fingerprint: row.fingerprint,
            };
            Ok(SealedKeys { entry, sealed: row.sealed })
        };
        rows.into_iter().map(keys).collect()
    }

    /// All that is known of these agents' tenants, in the same order.
    pub(super) async fn completed(&self, agents: Vec<agent::Model>) -> Result<Vec<Tenant>, StoreError> {
        let ids: Vec<Uuid> = agents.iter().map(|agent| agent.order_id).collect();
        let db = &self.db;
        let orders = order::Entity::find().filter(order::Column::Id.is_in(ids.clone())).all(db).await?;
        let mut orders: HashMap<Uuid, order::Model> = orders.into_iter().map(|row| (row.id, row)).collect();
        let states = tenant_state::Entity::find().filter(tenant_state::Column::OrderId.is_in(ids.clone()));
        let mut states: HashMap<Uuid, tenant_state::Model> =
            states.all(db).await?.into_iter().map(|row| (row.order_id, row)).collect();
        let decided = configuration::Entity::find().filter(configuration::Column::OrderId.is_in(ids.clone()));
        let mut decided: HashMap<Uuid, configuration::Model> =
            decided.all(db).await?.into_iter().map(|row| (row.order_id, row)).collect();
        let mut outside = Outside::of(self, &ids).await?;
        let mut metered = usage::metered(db, &ids).await?;
        let pending: Vec<(Uuid, i64)> = approval::Entity::find()
            .select_only()
            .column(approval::Column::OrderId)
            .column_as(approval::Column::Id.count(), "pending")
            .filter(approval::Column::OrderId.is_in(ids))
            .filter(
                approval::Column::State.eq(consequences::word(letsbe_types::tenant::ApprovalState::Pending)),
            )
            .group_by(approval::Column::OrderId)
            .into_tuple()
            .all(db)
            .await?;
        let pending: HashMap<Uuid, i64> = pending.into_iter().collect();
        let mut tenants = Vec::with_capacity(agents.len());
        for agent in agents {
            let id = agent.order_id;
            let order = orders.remove(&id).ok_or(StoreError::NoSuchOrder(OrderId(id)))?;
            tenants.push(Tenant {
                order: order.try_into()?,
                agent: AgentStatus::of(agent, states.remove(&id))?,
                configuration: decided.remove(&id).map(TryInto::try_into).transpose()?.unwrap_or_default(),
                approvals_pending: unsigned(pending.get(&id).copied().unwrap_or(0)),
                destination: outside.destinations.remove(&id).map(destinations::entry).transpose()?,
                look: outside.looks.remove(&id).as_ref().map(looks::look),
                alarms: outside.alarms.remove(&id).unwrap_or_default(),
                metered: metered.remove(&id).unwrap_or_default(),
            });
        }
        Ok(tenants)
    }
}

/// What is known of tenants' copies outside.
struct Outside {
    destinations: HashMap<Uuid, backup_destination::Model>,
    looks: HashMap<Uuid, backup_look::Model>,
    alarms: HashMap<Uuid, Vec<Alarm>>,
}

impl Outside {
    async fn of(store: &Store, ids: &[Uuid]) -> Result<Self, StoreError> {
        let ids = || ids.iter().copied();
        let destinations = backup_destination::Entity::find()
            .filter(backup_destination::Column::OrderId.is_in(ids()))
            .all(&store.db)
            .await?;
        // The last look of each day is kept longest; the newest of them is the newest of all.
        let newest = "backup_looks.start = (SELECT MAX(later.start) FROM backup_looks AS later \
                      WHERE later.order_id = backup_looks.order_id AND later.period = 'day')";
        let looks = backup_look::Entity::find()
            .filter(backup_look::Column::OrderId.is_in(ids()))
            .filter(backup_look::Column::Period.eq("day"))
            .filter(Expr::cust(newest))
            .all(&store.db)
            .await?;
        let rows = backup_alarm::Entity::find()
            .filter(backup_alarm::Column::OrderId.is_in(ids()))
            .filter(alarms::open())
            .order_by_desc(backup_alarm::Column::BeganAt)
            .order_by_desc(backup_alarm::Column::Id)
            .all(&store.db)
            .await?;
        let mut open: HashMap<Uuid, Vec<Alarm>> = HashMap::new();
        for row in rows {
            open.entry(row.order_id).or_default().push(alarms::alarm(row)?);
        }
        Ok(Self {
            destinations: destinations.into_iter().map(|row| (row.order_id, row)).collect(),
            looks: looks.into_iter().map(|row| (row.order_id, row)).collect(),
            alarms: open,
        })
    }
}
