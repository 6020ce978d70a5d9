//! The story of one order: the customer orders and pays, sets DNS when asked, and waits.

use std::time::Duration;

use anyhow::bail;
use letsbe_types::{
    DomainName,
    api::{OrderDetail, TimelineEntry},
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
        let mut records_set = false;
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            if let Some(detail) = customer.look(order).await? {
                for entry in detail.timeline.iter().filter(|entry| entry.sequence > seen) {
                    tell(entry);
                }
                seen = detail.timeline.last().map_or(seen, |entry| entry.sequence);
                match detail.summary.state.as_str() {
                    "FULFILLED" => return Ok(detail),
                    "DNS_PENDING" if !records_set => {
                        self.set_records(&detail.summary.domain).await?;
                        records_set = true;
                    }
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

    async fn set_records(&self, domain: &DomainName) -> anyhow::Result<()> {
        let address = self.machines.address_of(domain.as_str())?.to_string();
        for name in [domain.to_string(), format!("*.{domain}")] {
            // A server that replaces a lost one has another address.
            self.lab.dns.remove_record(&name, "A").await?;
            self.lab.dns.add_record(&name, "A", &address).await?;
        }
        Ok(())
    }
}
