//! Telling people.

use chrono::TimeDelta;
use letsbe_lifecycle::order::{EffectKind, Event, Phase};
use letsbe_store::Order;
use letsbe_types::{Problem, recovery::RecoveryState};

use crate::worker::{
    Worker, inside,
    messages::letters::{Letter, Reader},
    selection_of, store_problem,
};

/// A server should be bought within a day.
const PURCHASE_TIME: TimeDelta = TimeDelta::hours(24);

/// Repeatable: the message has the same id each time, so that a second copy can be told from a new message.
pub(in crate::worker) async fn notify_customer(worker: &Worker, order: &Order) -> Result<Event, Problem> {
    let selection = selection_of(worker, order, "Tell the customer by hand.")?;
    let tools: Vec<_> = selection.entries(&worker.catalog).collect();
    let recovery = worker.store.latest_recovery(order.new.id).await.map_err(store_problem)?;
    let reader = Reader::of(worker, order);
    let (id, letter) = match recovery.filter(|recovery| recovery.state == RecoveryState::Finished) {
        Some(recovery) => (format!("{}.recovered", recovery.id), reader.recovered(recovery.data_as_of())),
        None => (format!("{}.fulfilled", order.new.id), reader.ready(&tools)),
    };
    let Letter { subject, text } = letter;
    inside(EffectKind::NotifyCustomer);
    worker.mailer.send(&order.new.email, &id, &subject, text).await?;
    Ok(Event::CustomerNotified)
}

/// Repeatable: the task is opened once for an order.
pub(in crate::worker) async fn request_purchase(worker: &Worker, order: &Order) -> Result<Event, Problem> {
    let (now, state) = (worker.clock.now(), &order.state);
    inside(EffectKind::RequestPurchase);
    let phase = state.resume.filter(|_| state.phase == Phase::Failed).unwrap_or(state.phase);
    if !matches!(phase, Phase::PaymentConfirmed | Phase::ServerLost) {
        // One was found, or none is wanted any more.
        return Ok(Event::PurchaseRequested);
    }
    let wanted_by = state.recovery.as_ref().map_or(order.new.id.0, |recovery| recovery.id.0);
    let problem = state.problem.as_ref();
    let detail = problem.map(letsbe_store::whole).unwrap_or_default();
    worker
        .store
        .open_purchase_task(wanted_by, order.new.id, &detail, now + PURCHASE_TIME, now)
        .await
        .map_err(store_problem)?;
    Ok(Event::PurchaseRequested)
}
