//! Lost servers and what takes their place: the request, what its run asks for and brings back, how it ends.
//!
//! Sealed keys are kept until the job ends that they are for. Nothing here, or anywhere in this crate, can open them.

mod effects;
mod follow;
mod reads;
mod runs;

use chrono::{DateTime, Utc};
use letsbe_lifecycle::{
    order::{Event, Pace, State},
    recovery as machine,
};
use letsbe_types::{
    Region,
    ids::{OrderId, RecoveryId, ServerId},
    recovery::{RecoveryState, SettleLost, SettledServer},
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _,
};

use crate::{
    NewEntry, Store, StoreError,
    entities::{claim, recovery, tenant_state},
    orders, row_error, timeline,
};

pub(crate) use follow::follow_in;
pub use reads::Recovery;
pub use runs::KeysGiven;
pub(crate) use runs::{end_in, take_in};

/// A recovery to be begun.
#[derive(Debug, Clone)]
pub struct NewRecovery {
    /// Its id.
    pub id: RecoveryId,
    /// Whose server is lost.
    pub order: OrderId,
    /// Who says so.
    pub requested_by: String,
    /// What happened.
    pub reason: String,
    /// Where the other server shall stand.
    pub region: Option<Region>,
    /// The newest data before this moment.
    pub at: Option<DateTime<Utc>>,
    /// Read the copies outside as of this moment.
    pub as_of: Option<DateTime<Utc>>,
}

/// How a state stands in the database.
pub(crate) const fn word(state: RecoveryState) -> &'static str {
    match state {
        RecoveryState::Running => "running",
        RecoveryState::Finished => "finished",
        RecoveryState::Cancelled => "cancelled",
        RecoveryState::Superseded => "superseded",
    }
}

/// A state as it stands in the database.
fn stored(text: &str) -> Result<RecoveryState, StoreError> {
    let mut states = machine::State::ALL.into_iter().filter_map(machine::State::stored);
    let state = states.find(|state| word(*state) == text);
    state.ok_or_else(|| row_error("recoveries")(&format!("unknown state {text}")))
}

/// Where a recovery stands.
fn state_of(row: &recovery::Model) -> Result<machine::State, StoreError> {
    let stored = stored(&row.state)?;
    Ok(machine::State::of(stored, row.lost_server.is_some() && row.settled.is_none()))
}

impl Store {
    /// Begins a recovery: the order's event, the record whose clock runs from now, and the end of the lost server's
    /// key, together or not at all.
    ///
    /// # Errors
    /// When there is no such order, its state allows no recovery, or the database fails.
    pub async fn request_recovery(
        &self,
        new: &NewRecovery,
        pace: &Pace,
        now: DateTime<Utc>,
    ) -> Result<State, StoreError> {
        let transaction = self.begin_write_of(new.order).await?;
        let order = orders::find(&transaction, new.order).await?.ok_or(StoreError::NoSuchOrder(new.order))?;
        let former = match &order.state.recovery {
            Some(former) => recovery::Entity::find_by_id(former.id.0).one(&transaction).await?,
            None => None,
        };
        let message = format!("{} said that the server is lost: {}", new.requested_by, new.reason);
        timeline::append(&transaction, new.order, &NewEntry::new("operator", "warning", message), now)
            .await?;
        let event = Event::OperatorRecover { recovery: new.id, region: new.region };
        let state = orders::apply_in(&transaction, new.order, &event, pace, now).await?;
        let heard = tenant_state::Entity::find_by_id(new.order.0).one(&transaction).await?;
        let lost = state.recovery.as_ref();
        // `follow_in` has carried out what follows from it beside this row.
        recovery::ActiveModel {
            id: Set(new.id.0),
            order_id: Set(new.order.0),
            state: Set(word(RecoveryState::Running).to_owned()),
            requested_at: Set(now),
            requested_by: Set(new.requested_by.clone()),
            reason: Set(new.reason.clone()),
            clock_started_at: Set(former.as_ref().map_or(now, |former| former.clock_started_at)),
            at: Set(new.at),
            as_of: Set(new.as_of),
            region: Set(new.region.map(|region| region.as_str().to_owned())),
            lost_server: Set(lost.and_then(|lost| lost.lost.clone()).map(|server| server.0)),
            lost_address: Set(lost.and_then(|lost| lost.lost_address).map(|address| address.to_string())),
            lost_host_key: Set(match &former {
                Some(former) => former.lost_host_key.clone(),
                None => order.host_key,
            }),
            last_heard_at: Set(match &former {
                Some(former) => former.last_heard_at,
                None => heard.map(|heard| heard.received_at),
            }),
            server: Set(None),
            address: Set(None),
            finished_at: Set(None),
            rto_seconds: Set(None),
            rpo_seconds: Set(None),
            settled: Set(None),
        }
        .insert(&transaction)
        .await?;
        self.commit(transaction).await?;
        Ok(state)
    }

    /// Writes down what became of a lost server; false if no such server is open. A wiped one may be returned to the
    /// pool from now on, by the person who wiped it; a cancelled one stays taken.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settle_lost(
        &self,
        order: OrderId,
        settle: &SettleLost,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin_write_of(order).await?;
        let Some(id) = follow::settle_in(&transaction, order, settle, now).await? else { return Ok(false) };
        let settled = SettledServer {
            became: settle.became,
            evidence: settle.evidence.clone(),
            by: by.to_owned(),
            at: now,
        };
        let settled = serde_json::to_value(settled).map_err(|error| row_error("recoveries")(&error))?;
        recovery::ActiveModel { id: Set(id.0), settled: Set(Some(settled)), ..Default::default() }
            .update(&transaction)
            .await?;
        let became = match settle.became {
            letsbe_types::recovery::LostServerFate::Wiped => "wiped",
            letsbe_types::recovery::LostServerFate::Cancelled => "cancelled at the provider",
        };
        let message = format!("{by}: the lost server {} was {became} ({})", settle.server, settle.evidence);
        timeline::append(&transaction, order, &NewEntry::new("operator", "ok", message), now).await?;
        self.commit(transaction).await?;
        Ok(true)
    }

    /// Servers that were lost and that nobody has accounted for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lost_servers(&self) -> Result<Vec<ServerId>, StoreError> {
        let rows = claim::Entity::find()
            .filter(claim::Column::LostAt.is_not_null())
            .filter(claim::Column::ReleasedAt.is_null())
            .all(&self.db)
            .await?;
        Ok(rows.into_iter().map(|row| ServerId(row.server_id)).collect())
    }
}
