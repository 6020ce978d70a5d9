//! Looking at the customer's DNS records.

use letsbe_lifecycle::order::{EffectKind, Event};
use letsbe_store::Order;
use letsbe_types::Problem;

use crate::worker::{Worker, address_of, inside, selection_of};

/// Repeatable: it only reads.
pub(in crate::worker) async fn check_dns(worker: &Worker, order: &Order) -> Result<Event, Problem> {
    let selection = selection_of(worker, order, "Agree a change with the customer.")?;
    let names = selection.hostnames(&worker.catalog, &order.new.domain);
    let looked = worker.dns.missing(&order.new.domain, &names, address_of(order)?).await;
    inside(EffectKind::CheckDns);
    match looked {
        Ok(missing) if missing.is_empty() => Ok(Event::DnsComplete),
        Ok(missing) => Ok(Event::DnsIncomplete { missing }),
        // Silence is not absence.
        Err(error) => Ok(Event::DnsUnreadable { why: error.to_string() }),
    }
}
