//! Orders among the workflows.

use futures::FutureExt as _;
use letsbe_lifecycle::{
    Machine as _,
    machine::Activity,
    order::{Event, OrderMachine},
};
use letsbe_store::{Order, OrderQuery, Store, StoreError};
use letsbe_types::{ids::OrderId, work::WorkActionKind};
use uuid::Uuid;

use super::{Registered, Workflow};

pub(super) const REGISTERED: Registered =
    Registered { open: |store, most| open(store, most).boxed(), find: |store, id| find(store, id).boxed() };

/// The list begins with the orders that need a person, and ends with those that are live or have ended.
async fn open(store: &Store, most: u64) -> Result<Vec<Workflow>, StoreError> {
    let query = OrderQuery { page_size: most, ..OrderQuery::default() };
    let orders = store.list_orders(&query).await?.orders;
    let all = orders.into_iter().map(workflow);
    Ok(all.filter(|workflow| workflow.activity == Activity::Open).collect())
}

async fn find(store: &Store, id: Uuid) -> Result<Option<Workflow>, StoreError> {
    Ok(store.order(OrderId(id)).await?.map(workflow))
}

fn workflow(order: Order) -> Workflow {
    Workflow {
        id: order.new.id.0,
        machine: OrderMachine::NAME,
        phase: OrderMachine::phase(&order.state).to_string(),
        activity: OrderMachine::activity(&order.state),
        needs_operator: order.state.needs_operator,
        problem: order.state.problem.clone(),
        order,
        event: |_, _, action, reason| Some(event(action, reason)),
    }
}

fn event(action: WorkActionKind, reason: String) -> Event {
    match action {
        WorkActionKind::Retry => Event::OperatorRetry,
        WorkActionKind::Skip => Event::OperatorSkip { reason },
        WorkActionKind::Abandon => Event::OperatorAbandon { reason },
    }
}
