//! Recoveries among the workflows.

use futures::FutureExt as _;
use letsbe_lifecycle::{
    Machine as _,
    order::Event,
    recovery::{RecoveryMachine, State, waits_for},
};
use letsbe_store::{Order, Recovery, Store, StoreError};
use letsbe_types::{ids::RecoveryId, recovery::WaitsFor, work::WorkActionKind};
use uuid::Uuid;

use super::{Registered, Workflow};

pub(super) const REGISTERED: Registered =
    Registered { open: |store, most| open(store, most).boxed(), find: |store, id| find(store, id).boxed() };

async fn open(store: &Store, most: u64) -> Result<Vec<Workflow>, StoreError> {
    let (recoveries, _) = store.open_recoveries(most).await?;
    let ids: Vec<_> = recoveries.iter().map(|recovery| recovery.order).collect();
    let orders = store.orders_of(&ids).await?;
    let with_order = |recovery: Recovery| {
        let order = orders.get(&recovery.order)?.clone();
        Some(workflow(&recovery, order))
    };
    Ok(recoveries.into_iter().filter_map(with_order).collect())
}

async fn find(store: &Store, id: Uuid) -> Result<Option<Workflow>, StoreError> {
    let Some(recovery) = store.recovery(RecoveryId(id)).await? else { return Ok(None) };
    Ok(store.order(recovery.order).await?.map(|order| workflow(&recovery, order)))
}

fn workflow(recovery: &Recovery, order: Order) -> Workflow {
    let lost = &recovery.lost;
    let state = State::of(recovery.state, lost.server.is_some() && lost.settled.is_none());
    let under_way = is_under_way(&order, recovery.id.0);
    let keys = under_way && waits_for(&order.state, recovery.keys.as_ref()) == WaitsFor::Keys;
    Workflow {
        id: recovery.id.0,
        machine: RecoveryMachine::NAME,
        phase: RecoveryMachine::phase(&state).to_string(),
        activity: RecoveryMachine::activity(&state),
        needs_operator: state == State::Unaccounted || keys || (under_way && order.state.needs_operator),
        problem: order.state.problem.clone().filter(|_| under_way),
        order,
        event,
    }
}

fn is_under_way(order: &Order, id: Uuid) -> bool {
    order.state.recovery.as_ref().is_some_and(|recovery| recovery.id.0 == id)
}

/// What has ended, or waits for word of the lost server (`letsbe backups settle-lost`), takes none of these.
fn event(order: &Order, id: Uuid, action: WorkActionKind, reason: String) -> Option<Event> {
    is_under_way(order, id).then_some(match action {
        WorkActionKind::Retry => Event::OperatorRetry,
        WorkActionKind::Skip => Event::OperatorSkip { reason },
        WorkActionKind::Abandon => Event::OperatorCancelRecovery { reason },
    })
}
