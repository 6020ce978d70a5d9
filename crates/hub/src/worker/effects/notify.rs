//! Telling people.

use chrono::TimeDelta;
use letsbe_catalog::Tool;
use letsbe_lifecycle::order::{EffectKind, Event};
use letsbe_store::Order;
use letsbe_types::{DomainName, Problem};

use crate::worker::{Worker, inside, selection_of, store_problem};

/// A server should be bought within a day.
const PURCHASE_TIME: TimeDelta = TimeDelta::hours(24);

/// Repeatable: the message has the same id each time, so that a second copy can be told from a new message.
pub(in crate::worker) async fn notify_customer(worker: &Worker, order: &Order) -> Result<Event, Problem> {
    let domain = &order.new.domain;
    let selection = selection_of(worker, order, "Tell the customer by hand.")?;
    let text = message(domain, &selection.entries(&worker.catalog).collect::<Vec<_>>());
    let id = format!("{}.fulfilled", order.new.id);
    let subject = format!("Your server for {domain} is ready");
    inside(EffectKind::NotifyCustomer);
    worker.mailer.send(&order.new.email, &id, &subject, text).await?;
    Ok(Event::CustomerNotified)
}

/// What the customer reads. It holds no password: those never leave the server by mail.
fn message(domain: &DomainName, tools: &[&Tool]) -> String {
    let mut addresses = String::new();
    for tool in tools {
        for name in tool.vhosts.iter().filter_map(|vhost| domain.child(&vhost.label).ok()) {
            addresses.push_str(&format!("  {}: https://{name}/\n", tool.title));
        }
        if let Some(first_visit) = &tool.first_visit {
            addresses.push_str(&format!("    Please note: {first_visit}\n"));
        }
    }
    format!(
        "Good news: your server for {domain} is ready, and we have checked every tool from outside.\n\n{addresses}\n\
         Nothing needs to be installed. Your passwords were made on your server and are kept there only; for safety\n\
         they are not in this message. Answer it, and we hand them over to you in person.\n\n\
         If something does not look right, just answer this message, too.\n\nLetsBe\n"
    )
}

/// Repeatable: the task is opened once for an order.
pub(in crate::worker) async fn request_purchase(worker: &Worker, order: &Order) -> Result<Event, Problem> {
    let now = worker.clock.now();
    inside(EffectKind::RequestPurchase);
    worker.store.open_purchase_task(order.new.id, now + PURCHASE_TIME, now).await.map_err(store_problem)?;
    Ok(Event::PurchaseRequested)
}

#[cfg(test)]
mod tests {
    use letsbe_catalog::Catalog;

    use super::message;

    #[test]
    fn the_message_names_every_address_and_what_the_first_visit_needs() {
        let catalog = Catalog::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../catalog").as_ref()).unwrap();
        let wanted = ["ghost", "uptime-kuma"].map(|name| name.parse().unwrap());
        let tools: Vec<_> = wanted.iter().filter_map(|id| catalog.tool(id)).collect();
        let text = message(&"bakery.example".parse().unwrap(), &tools);
        for expected in [
            "https://blog.bakery.example/",
            "https://status.bakery.example/",
            "Please note: The first visitor",
        ] {
            assert!(text.contains(expected), "{expected} is missing: {text}");
        }
    }
}
