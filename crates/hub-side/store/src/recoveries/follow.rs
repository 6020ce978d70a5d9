//! What an order's event means for its recoveries, in the event's own transaction. What follows is decided by
//! `letsbe_lifecycle::recovery`.

use chrono::{DateTime, Utc};
use letsbe_lifecycle::{
    order,
    recovery::{Event, State, events_of, transition},
};
use letsbe_types::ids::RecoveryId;
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _,
    QueryFilter as _, QueryOrder as _,
};

use super::{
    effects::{Case, perform},
    state_of, word,
};
use crate::{Order, StoreError, entities::recovery, row_error};

/// Follows an event from the order as it was to its state now.
pub(crate) async fn follow_in(
    transaction: &impl ConnectionTrait,
    before: &Order,
    after: &order::State,
    event: &order::Event,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for (id, event) in events_of(&before.state, after, event) {
        let row = recovery::Entity::find_by_id(id.0).one(transaction).await?;
        let case = Case {
            id,
            order: before.new.id,
            lost: after.recovery.as_ref().or(before.state.recovery.as_ref()).and_then(|of| of.lost.clone()),
            former: before.state.server.clone(),
            server: after.server.clone(),
            address: after.address,
            row,
        };
        apply_in(transaction, &case, event, now).await?;
    }
    Ok(())
}

/// The one way an event changes a recovery.
async fn apply_in(
    transaction: &impl ConnectionTrait,
    case: &Case,
    event: Event,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let state = case.row.as_ref().map_or(Ok(State::New), state_of)?;
    // An order and its recovery are stored together: where they do not agree, somebody else wrote.
    let next = transition(state, event, now).map_err(|refused| row_error("recoveries")(&refused))?;
    if let (Some(former), Some(stored)) = (state.stored(), next.state.stored())
        && former != stored
    {
        recovery::ActiveModel {
            id: Set(case.id.0),
            state: Set(word(stored).to_owned()),
            finished_at: Set(Some(now)),
            ..Default::default()
        }
        .update(transaction)
        .await?;
    }
    for effect in next.effects {
        perform(transaction, case, effect.kind, now).await?;
    }
    Ok(())
}

/// Says what became of a lost server, to the recovery that waits for it; `None` if none does.
pub(super) async fn settle_in(
    transaction: &impl ConnectionTrait,
    order: letsbe_types::ids::OrderId,
    settle: &letsbe_types::recovery::SettleLost,
    now: DateTime<Utc>,
) -> Result<Option<RecoveryId>, StoreError> {
    let event = Event::Settled { became: settle.became };
    let rows = recovery::Entity::find()
        .filter(recovery::Column::OrderId.eq(order.0))
        .filter(recovery::Column::LostServer.eq(settle.server.0.as_str()))
        .order_by_desc(recovery::Column::RequestedAt)
        .all(transaction)
        .await?;
    for row in rows {
        if transition(state_of(&row)?, event, now).is_ok() {
            let (id, lost) = (RecoveryId(row.id), Some(settle.server.clone()));
            let case = Case { id, order, lost, former: None, server: None, address: None, row: Some(row) };
            apply_in(transaction, &case, event, now).await?;
            return Ok(Some(id));
        }
    }
    Ok(None)
}
