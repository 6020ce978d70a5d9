//! Telling people.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_catalog::Tool;
use letsbe_lifecycle::order::{EffectKind, Event};
use letsbe_store::Order;
use letsbe_types::{DomainName, Problem, recovery::RecoveryState};

use crate::worker::{Worker, inside, selection_of, store_problem};

/// A server should be bought within a day.
const PURCHASE_TIME: TimeDelta = TimeDelta::hours(24);

/// Repeatable: the message has the same id each time, so that a second copy can be told from a new message.
pub(in crate::worker) async fn notify_customer(worker: &Worker, order: &Order) -> Result<Event, Problem> {
    let domain = &order.new.domain;
    let selection = selection_of(worker, order, "Tell the customer by hand.")?;
    let tools: Vec<_> = selection.entries(&worker.catalog).collect();
    let recovery = worker.store.latest_recovery(order.new.id).await.map_err(store_problem)?;
    let (id, subject, text) = match recovery.filter(|recovery| recovery.state == RecoveryState::Finished) {
        Some(recovery) => (
            format!("{}.recovered", recovery.id),
            format!("Your server for {domain} is back"),
            message_of_recovery(domain, recovery.data_as_of()),
        ),
        None => (
            format!("{}.fulfilled", order.new.id),
            format!("Your server for {domain} is ready"),
            message(domain, &tools),
        ),
    };
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

/// What a customer reads whose server was lost: what is missing is said, because nobody else can make up for it.
fn message_of_recovery(domain: &DomainName, data_as_of: Option<DateTime<Utc>>) -> String {
    let missing = match data_as_of {
        Some(moment) => format!(
            "Your data are those of {} (UTC) or newer. What was added or changed after that, until the fault, is\n\
             missing: please have a look, and enter again what you need.",
            moment.format("%-d %B %Y, %H:%M")
        ),
        None => "What was added or changed between the last backup and the fault is missing.".to_owned(),
    };
    format!(
        "Your server for {domain} had a fault, and we have replaced it by another one. All your tools are back under\n\
         their addresses, with the same passwords, and we have checked each of them from outside.\n\n{missing}\n\n\
         If something does not look right, just answer this message.\n\nLetsBe\n"
    )
}

/// Repeatable: the task is opened once for an order.
pub(in crate::worker) async fn request_purchase(worker: &Worker, order: &Order) -> Result<Event, Problem> {
    let now = worker.clock.now();
    inside(EffectKind::RequestPurchase);
    let wanted_by = order.state.recovery.as_ref().map_or(order.new.id.0, |recovery| recovery.id.0);
    worker
        .store
        .open_purchase_task(wanted_by, order.new.id, now + PURCHASE_TIME, now)
        .await
        .map_err(store_problem)?;
    Ok(Event::PurchaseRequested)
}

#[cfg(test)]
mod tests {
    use letsbe_catalog::Catalog;

    use super::{message, message_of_recovery};

    #[test]
    fn whoever_lost_a_server_reads_from_when_the_data_are() {
        let domain = "bakery.example".parse().unwrap();
        let text = message_of_recovery(&domain, Some("2026-11-22T02:00:00Z".parse().unwrap()));
        assert!(text.contains("bakery.example") && text.contains("22 November 2026, 02:00"), "{text}");
        assert!(message_of_recovery(&domain, None).contains("is missing"));
    }

    #[test]
    fn the_message_names_every_address_and_what_the_first_visit_needs() {
        let catalog = Catalog::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../catalog").as_ref()).unwrap();
        let wanted = ["ghost", "uptime-kuma"].map(|name| name.parse().unwrap());
        let mut tools: Vec<_> = wanted.iter().filter_map(|id| catalog.tool(id)).cloned().collect();
        tools[1].first_visit = Some("The first visitor chooses a theme.".to_owned());
        let tools: Vec<_> = tools.iter().collect();
        let text = message(&"bakery.example".parse().unwrap(), &tools);
        for expected in [
            "https://blog.bakery.example/",
            "https://status.bakery.example/",
            "Please note: The first visitor chooses a theme.",
        ] {
            assert!(text.contains(expected), "{expected} is missing: {text}");
        }
    }
}
