//! One order as a customer makes it: orders and pays, sets DNS when asked, and waits.

use std::{collections::BTreeSet, time::Duration};

use anyhow::bail;
use letsbe_types::{
    api::{OrderDetail, OrderSummary, TimelineEntry},
    ids::OrderId,
};

use super::{Customer, Fleet, OrderRequest};

impl Fleet {
    /// A customer (and operator) at this fleet's Hub.
    ///
    /// # Errors
    /// When the Hub does not let us in.
    pub async fn customer(&self) -> anyhow::Result<Customer> {
        Customer::at(&self.hub.url, super::hub::STAFF_EMAIL, self.hub.staff_password().expose()).await
    }

    /// A request for the Build tier with `tools`, for a shop in the lab's zone.
    #[must_use]
    pub fn request(&self, shop: &str, tools: &[&str]) -> OrderRequest {
        OrderRequest {
            domain: format!("{shop}.{}", self.lab.dns.zone),
            email: format!("owner@{shop}.test"),
            tier: "build".into(),
            region: "eu".into(),
            tools: tools.iter().map(|tool| (*tool).to_owned()).collect(),
            language: None,
        }
    }

    /// Orders and pays.
    ///
    /// # Errors
    /// When the Hub refuses.
    pub async fn place(&self, customer: &Customer, request: &OrderRequest) -> anyhow::Result<OrderId> {
        let order = customer.order(request).await?;
        self.stripe.paid(order, &format!("evt_{order}")).await?;
        Ok(order)
    }

    /// Follows an order until it is FULFILLED, telling every new line of its timeline; sets the DNS records that
    /// the Hub asks for, as the customer would.
    ///
    /// # Errors
    /// When it needs the operator, or is not done within `patience`.
    pub async fn follow(
        &self,
        customer: &Customer,
        order: OrderId,
        patience: Duration,
        mut tell: impl FnMut(&TimelineEntry),
    ) -> anyhow::Result<OrderDetail> {
        let mut seen = 0;
        let mut records = BTreeSet::new();
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            if let Some(detail) = customer.look(order).await? {
                for entry in detail.timeline.iter().filter(|entry| entry.sequence > seen) {
                    tell(entry);
                }
                seen = detail.timeline.last().map_or(seen, |entry| entry.sequence);
                match detail.summary.state.as_str() {
                    "FULFILLED" => return Ok(detail),
                    "DNS_PENDING" => self.set_records(&detail.summary, &mut records).await?,
                    _ => {}
                }
                if detail.timeline.iter().any(|entry| entry.message.contains("waiting for the operator")) {
                    bail!("the order needs the operator: {:?}", detail.summary.problem);
                }
            }
            if tokio::time::Instant::now() > deadline {
                bail!("the order was not fulfilled within {} s", patience.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Sets the records that the order's page lists, each once, and no other: one that the list forgets is missing.
    async fn set_records(
        &self,
        order: &OrderSummary,
        known: &mut BTreeSet<(String, String, String)>,
    ) -> anyhow::Result<()> {
        let Some(problem) = &order.problem else { return Ok(()) };
        for record in listed(&problem.message) {
            if known.contains(&record) {
                continue;
            }
            let (name, kind, value) = &record;
            // A server that replaces a lost one has another address.
            self.lab.dns.remove_record(name, kind).await?;
            self.lab.dns.add_record(name, kind, value).await?;
            known.insert(record);
        }
        Ok(())
    }
}

/// The records in the words of the page: `…: blog.acme.test. A 192.0.2.7 (…); …`.
fn listed(message: &str) -> Vec<(String, String, String)> {
    let list = message.split_once(": ").map_or("", |(_, list)| list);
    let read = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, kind, value) = (words.next()?.strip_suffix('.')?, words.next()?, words.next()?);
        matches!(kind, "A" | "AAAA").then(|| (name.to_owned(), kind.to_owned(), value.to_owned()))
    };
    list.split("; ").filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn the_records_of_the_page_are_read_and_nothing_else() {
        let message = "2 DNS records are missing or wrong: acme.test. A 192.0.2.7 (ns1.acme.test gives nothing); \
                       blog.acme.test. A 192.0.2.7 (ns1.acme.test gives A 192.0.2.9 instead)";
        let record = |name: &str| (name.to_owned(), "A".to_owned(), "192.0.2.7".to_owned());
        assert_eq!(listed(message), [record("acme.test"), record("blog.acme.test")]);
        for nothing in ["", "the name servers are silent", "why: nobody answers. A pity"] {
            assert_eq!(listed(nothing), [], "{nothing}");
        }
    }
}
