//! The outbox: effects wait here, are leased to a worker, and end with the event that reports their result.
//!
//! A lease has an owner, an end and a fencing number. A worker that lost its lease (because it was too slow, or
//! dead) can no longer finish the effect: the number has moved on.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_lifecycle::order::{Effect, EffectKind, Event, Pace, Phase, State};
use letsbe_types::ids::{EffectId, OrderId};
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::Set,
    ColumnTrait as _, Condition, ConnectionTrait, DbErr, EntityTrait as _, PaginatorTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _,
    sea_query::{Expr, LockBehavior, LockType},
};

use crate::{
    Store, StoreError,
    entities::{effect, order},
    orders, row_error, timeline,
    timeline::NewEntry,
};

/// What has not ended.
const OPEN: [&str; 2] = ["pending", "running"];

/// An effect that this worker may carry out until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedEffect {
    /// The effect.
    pub id: EffectId,
    /// The order it is for.
    pub order: OrderId,
    /// What to do.
    pub kind: EffectKind,
    /// Grows with every lease of this effect.
    pub fence: i64,
}

/// What became of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// The order moved on.
    Applied(Box<State>),
    /// The order had taken another turn; the result is noted and has no consequence.
    Outdated,
    /// The lease was lost: another worker does, or did, the work.
    LeaseLost,
}

impl Store {
    /// Leases the effect that has been due longest, if any.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lease_effect(
        &self,
        owner: &str,
        lease: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Option<LeasedEffect>, StoreError> {
        let transaction = self.begin_lease().await?;
        let free = Condition::any().add(effect::Column::Status.eq("pending")).add(
            Condition::all()
                .add(effect::Column::Status.eq("running"))
                .add(effect::Column::LeaseUntil.lt(now)),
        );
        let row = effect::Entity::find()
            .filter(free)
            .filter(effect::Column::NotBefore.lte(now))
            .order_by_asc(effect::Column::NotBefore)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .one(&transaction)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let fence = row.fence + 1;
        let change = effect::ActiveModel {
            id: Set(row.id),
            status: Set("running".to_owned()),
            lease_owner: Set(Some(owner.to_owned())),
            lease_until: Set(Some(now + lease)),
            fence: Set(fence),
            ..Default::default()
        };
        change.update(&transaction).await?;
        self.commit(transaction).await?;
        let kind = EffectKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == row.kind)
            .ok_or_else(|| row_error("effects")(&format!("unknown kind {}", row.kind)))?;
        Ok(Some(LeasedEffect { id: EffectId(row.id), order: OrderId(row.order_id), kind, fence }))
    }

    /// Extends a lease; false if it was lost or the effect became void.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn extend_lease(
        &self,
        leased: &LeasedEffect,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let result = effect::Entity::update_many()
            .col_expr(effect::Column::LeaseUntil, Expr::value(until))
            .filter(held(leased))
            .exec(&self.db)
            .await?;
        Ok(result.rows_affected == 1)
    }

    /// Ends an effect with the event that it led to, in one transaction with what follows from that event.
    ///
    /// # Errors
    /// When the database fails, or the claimed server belongs to another order: the effect stays leased then.
    pub async fn finish_effect(
        &self,
        leased: &LeasedEffect,
        event: &Event,
        pace: &Pace,
        now: DateTime<Utc>,
    ) -> Result<Finished, StoreError> {
        let transaction = self.begin_write_of(leased.order).await?;
        let ended = effect::Entity::update_many()
            .col_expr(effect::Column::Status, Expr::value("done"))
            .col_expr(effect::Column::LeaseOwner, Expr::value(Option::<String>::None))
            .col_expr(effect::Column::LeaseUntil, Expr::value(Option::<DateTime<Utc>>::None))
            .filter(held(leased))
            .exec(&transaction)
            .await?;
        if ended.rows_affected == 0 {
            note_if_void(&transaction, leased, now).await?;
            self.commit(transaction).await?;
            return Ok(Finished::LeaseLost);
        }
        let finished = match orders::apply_in(&transaction, leased.order, event, pace, now).await {
            Ok(state) => Finished::Applied(Box::new(state)),
            Err(StoreError::Illegal(illegal)) => {
                let (kind, phase) = (leased.kind.as_str(), illegal.phase);
                let message =
                    format!("A result of {kind} came too late and was put aside: the order is {phase}");
                timeline::append(
                    &transaction,
                    leased.order,
                    &NewEntry::new("effect", "warning", message),
                    now,
                )
                .await?;
                Finished::Outdated
            }
            Err(other) => return Err(other),
        };
        self.commit(transaction).await?;
        Ok(finished)
    }

    /// Since when the order's effect of this kind is open, if one is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_since(
        &self,
        order: OrderId,
        kind: EffectKind,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let open = effect::Entity::find()
            .filter(effect::Column::OrderId.eq(order.0))
            .filter(effect::Column::Kind.eq(kind.as_str()))
            .filter(effect::Column::Status.is_in(OPEN))
            .order_by_desc(effect::Column::CreatedAt)
            .one(&self.db)
            .await?;
        Ok(open.map(|row| row.created_at))
    }

    /// How many effects are leased, and how many wait. For tests and for the desk.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outbox_counts(&self) -> Result<(u64, u64), StoreError> {
        // One look: an effect that is taken between two would be in neither.
        let counts: Vec<(String, i64)> = effect::Entity::find()
            .select_only()
            .column(effect::Column::Status)
            .column_as(effect::Column::Id.count(), "effects")
            .group_by(effect::Column::Status)
            .into_tuple()
            .all(&self.db)
            .await?;
        let of = |wanted: &str| {
            let count = counts.iter().find(|(status, _)| status == wanted).map_or(0, |(_, count)| *count);
            u64::try_from(count).unwrap_or_default()
        };
        Ok((of("running"), of("pending")))
    }
}

/// The order took another turn while this worker worked: whoever reads the timeline learns what happened outside.
async fn note_if_void(
    transaction: &impl ConnectionTrait,
    leased: &LeasedEffect,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = effect::Entity::find_by_id(leased.id.0).one(transaction).await?;
    if row.is_some_and(|row| row.status == "void" && row.fence == leased.fence) {
        let message = format!("A result of {} came too late and was put aside", leased.kind.as_str());
        timeline::append(transaction, leased.order, &NewEntry::new("effect", "warning", message), now)
            .await?;
    }
    Ok(())
}

fn held(leased: &LeasedEffect) -> Condition {
    Condition::all()
        .add(effect::Column::Id.eq(leased.id.0))
        .add(effect::Column::Fence.eq(leased.fence))
        .add(effect::Column::Status.eq("running"))
}

pub(crate) async fn insert_in(
    transaction: &impl ConnectionTrait,
    order: OrderId,
    effects: &[Effect],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    for new in effects {
        effect::ActiveModel {
            id: Set(EffectId::generate().0),
            order_id: Set(order.0),
            kind: Set(new.kind.as_str().to_owned()),
            status: Set("pending".to_owned()),
            not_before: Set(new.not_before),
            lease_owner: Set(None),
            lease_until: Set(None),
            fence: Set(0),
            created_at: Set(now),
        }
        .insert(transaction)
        .await?;
    }
    Ok(())
}

/// How many runs on live servers wait or are under way.
pub(crate) async fn convergences_in(transaction: &impl ConnectionTrait) -> Result<u64, DbErr> {
    let live = order::Entity::find()
        .select_only()
        .column(order::Column::Id)
        .filter(order::Column::Phase.eq(Phase::Fulfilled.as_str()));
    effect::Entity::find()
        .filter(effect::Column::Kind.eq(EffectKind::Provision.as_str()))
        .filter(effect::Column::Status.is_in(OPEN))
        .filter(effect::Column::OrderId.in_subquery(live.into_query()))
        .count(transaction)
        .await
}

/// The order took another turn: what has not ended is void.
pub(crate) async fn void_in(transaction: &impl ConnectionTrait, order: OrderId) -> Result<(), DbErr> {
    effect::Entity::update_many()
        .col_expr(effect::Column::Status, Expr::value("void"))
        .filter(effect::Column::OrderId.eq(order.0))
        .filter(effect::Column::Status.is_in(OPEN))
        .exec(transaction)
        .await?;
    Ok(())
}
