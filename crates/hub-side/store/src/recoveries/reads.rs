//! Recoveries as staff reads them.

use chrono::{DateTime, Utc};
use letsbe_types::{
    Region,
    ids::{OrderId, RecoveryId, ServerId},
    job::RestoredTool,
    recovery::{KeysRequest, LostServer, RecoveryState},
};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
};
use uuid::Uuid;

use super::{effects::gap, runs, stored, word};
use crate::{
    Store, StoreError,
    entities::{recovery, recovery_run},
    row_error,
};

/// A recovery as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Its id.
    pub id: RecoveryId,
    /// Whose server.
    pub order: OrderId,
    /// How far it is.
    pub state: RecoveryState,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// By whom.
    pub requested_by: String,
    /// What had happened.
    pub reason: String,
    /// From when the time is counted.
    pub clock_started_at: DateTime<Utc>,
    /// The newest data before this moment was asked for.
    pub at: Option<DateTime<Utc>>,
    /// The copies outside are read as of this moment.
    pub as_of: Option<DateTime<Utc>>,
    /// Where the other server was to stand.
    pub region: Option<Region>,
    /// The lost server.
    pub lost: LostServer,
    /// When it was last heard.
    pub last_heard_at: Option<DateTime<Utc>>,
    /// The server in its place.
    pub server: Option<ServerId>,
    /// Where that one answers.
    pub address: Option<std::net::IpAddr>,
    /// The keys that its newest run asked for.
    pub keys: Option<KeysRequest>,
    /// What came back.
    pub restored: Vec<RestoredTool>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How much time of data is gone, in seconds; known once something came back.
    pub rpo_seconds: Option<u64>,
    rto_seconds: Option<u64>,
}

impl Recovery {
    /// How long the customer was, or has been until `now`, without a server.
    #[must_use]
    pub fn rto_seconds(&self, now: DateTime<Utc>) -> u64 {
        let until = self.finished_at.unwrap_or(now);
        let counted = (until - self.clock_started_at).num_seconds();
        self.rto_seconds.unwrap_or_else(|| u64::try_from(counted).unwrap_or(0))
    }

    /// The moment of the oldest data that came back.
    #[must_use]
    pub fn data_as_of(&self) -> Option<DateTime<Utc>> {
        self.restored.iter().map(|tool| tool.taken_at).min()
    }

    fn of(row: recovery::Model, run: Option<recovery_run::Model>) -> Result<Self, StoreError> {
        let bad = row_error("recoveries");
        let restored = run.as_ref().map(runs::restored_of).transpose()?.unwrap_or_default();
        let data_as_of = restored.iter().map(|tool| tool.taken_at).min();
        let measured = || data_as_of.map(|data| gap(row.clock_started_at, row.last_heard_at, data));
        let seconds = |counted: i64| u64::try_from(counted).unwrap_or(0);
        let address = |text: Option<String>| text.map(|text| text.parse()).transpose();
        let settled = row.settled.map(serde_json::from_value).transpose();
        Ok(Self {
            id: RecoveryId(row.id),
            order: OrderId(row.order_id),
            state: stored(&row.state)?,
            requested_at: row.requested_at,
            requested_by: row.requested_by,
            reason: row.reason,
            clock_started_at: row.clock_started_at,
            at: row.at,
            as_of: row.as_of,
            region: row.region.map(|text| text.parse()).transpose().map_err(|error| bad(&error))?,
            lost: LostServer {
                server: row.lost_server.map(ServerId),
                address: address(row.lost_address).map_err(|error| bad(&error))?,
                settled: settled.map_err(|error| bad(&error))?,
            },
            last_heard_at: row.last_heard_at,
            server: row.server.map(ServerId),
            address: address(row.address).map_err(|error| bad(&error))?,
            finished_at: row.finished_at,
            rpo_seconds: row.rpo_seconds.or_else(measured).map(seconds),
            rto_seconds: row.rto_seconds.map(seconds),
            keys: run.and_then(keys_of),
            restored,
        })
    }
}

fn keys_of(run: recovery_run::Model) -> Option<KeysRequest> {
    Some(KeysRequest {
        recipient: run.recipient?,
        needed_at: run.needed_at?,
        deadline: run.deadline?,
        given_at: run.given_at,
        given_by: run.given_by,
        handed_at: run.handed_at,
    })
}

impl Store {
    /// One recovery.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recovery(&self, id: RecoveryId) -> Result<Option<Recovery>, StoreError> {
        let Some(row) = recovery::Entity::find_by_id(id.0).one(&self.db).await? else { return Ok(None) };
        Ok(self.with_runs(vec![row]).await?.pop())
    }

    /// The newest recovery of an order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn latest_recovery(&self, order: OrderId) -> Result<Option<Recovery>, StoreError> {
        let (mut rows, _) = self.recoveries(Some(order), 0, 1).await?;
        Ok(rows.pop())
    }

    /// A page of recoveries (pages count from 0), newest first, and how many there are; those of one order if given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recoveries(
        &self,
        order: Option<OrderId>,
        page: u64,
        page_size: u64,
    ) -> Result<(Vec<Recovery>, u64), StoreError> {
        let mut query = recovery::Entity::find()
            .order_by_desc(recovery::Column::RequestedAt)
            .order_by_desc(recovery::Column::Id);
        if let Some(order) = order {
            query = query.filter(recovery::Column::OrderId.eq(order.0));
        }
        let pages = query.paginate(&self.db, page_size);
        let total = pages.num_items().await?;
        Ok((self.with_runs(pages.fetch_page(page).await?).await?, total))
    }

    /// Recoveries that somebody has to see to, the newest first, at most `limit`, and how many there are: those under
    /// way, and those that ended without a word about what became of the lost server.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_recoveries(&self, limit: u64) -> Result<(Vec<Recovery>, u64), StoreError> {
        let column = recovery::Column::State;
        let unsettled = Condition::all()
            .add(column.eq(word(RecoveryState::Finished)))
            .add(recovery::Column::LostServer.is_not_null())
            .add(recovery::Column::Settled.is_null());
        let pages = recovery::Entity::find()
            .filter(Condition::any().add(column.eq(word(RecoveryState::Running))).add(unsettled))
            .order_by_desc(recovery::Column::RequestedAt)
            .order_by_desc(recovery::Column::Id)
            .paginate(&self.db, limit);
        let rows = pages.fetch_page(0).await?;
        Ok((self.with_runs(rows).await?, pages.num_items().await?))
    }

    async fn with_runs(&self, rows: Vec<recovery::Model>) -> Result<Vec<Recovery>, StoreError> {
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let mut runs = runs::newest(&self.db, &ids).await?;
        rows.into_iter()
            .map(|row| {
                let run = runs.remove(&row.id);
                Recovery::of(row, run)
            })
            .collect()
    }
}
