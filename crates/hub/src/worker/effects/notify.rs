//! Telling people.

use chrono::TimeDelta;
use letsbe_lifecycle::order::{EffectKind, Event};
use letsbe_store::Order;
use letsbe_types::Problem;

use crate::worker::{Worker, inside, store_problem};

/// A server should be bought within a day.
const PURCHASE_TIME: TimeDelta = TimeDelta::hours(24);

/// Repeatable: the message has the same id each time, so that a second copy can be told from a new message.
pub(in crate::worker) async fn notify_customer(worker: &Worker, order: &Order) -> Result<Event, Problem> {
    let domain = &order.new.domain;
    let selection = worker.catalog.select(order.new.tier, &order.new.tools).map_err(|_| {
        Problem::permanent("CAT001", "The order no longer fits the catalog.", "Tell the customer by hand.")
    })?;
    let lines: Vec<String> = selection
        .entries(&worker.catalog)
        .flat_map(|tool| tool.vhosts.iter().map(move |vhost| (tool, vhost)))
        .filter_map(|(tool, vhost)| {
            Some(format!("  {}: https://{}/", tool.title, domain.child(&vhost.label).ok()?))
        })
        .collect();
    let text = format!(
        "Good news: your server for {domain} is ready, and we have checked every tool from outside.\n\n{}\n\n\
         Nothing needs to be installed. If something does not look right, just answer this message.\n\nLetsBe\n",
        lines.join("\n")
    );
    let id = format!("{}.fulfilled", order.new.id);
    let subject = format!("Your server for {domain} is ready");
    inside(EffectKind::NotifyCustomer);
    worker.mailer.send(&order.new.email, &id, &subject, text).await?;
    Ok(Event::CustomerNotified)
}

/// Repeatable: the task is opened once for an order.
pub(in crate::worker) async fn request_purchase(worker: &Worker, order: &Order) -> Result<Event, Problem> {
    let now = worker.clock.now();
    inside(EffectKind::RequestPurchase);
    worker.store.open_purchase_task(order.new.id, now + PURCHASE_TIME, now).await.map_err(store_problem)?;
    Ok(Event::PurchaseRequested)
}
