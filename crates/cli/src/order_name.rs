//! How a person names an order: by its id, the beginning of it, or the customer's domain.

use anyhow::bail;
use letsbe_types::{DomainName, api::OrderSummary, ids::OrderId};

use crate::hub::Hub;

/// The fewest characters of an id that name an order.
const SHORTEST: usize = 6;

/// An order: its id, the beginning of its id, or its domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OrderName {
    Id(OrderId),
    Prefix(String),
    Domain(DomainName),
}

impl std::str::FromStr for OrderName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        if let Ok(domain) = text.parse::<DomainName>() {
            return Ok(Self::Domain(domain));
        }
        let hex = text.len() >= SHORTEST && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        if hex {
            return Ok(Self::Prefix(text.to_ascii_lowercase()));
        }
        Err(format!("neither an id, nor its first {SHORTEST} characters, nor a domain"))
    }
}

impl OrderName {
    fn names(&self, order: &OrderSummary) -> bool {
        match self {
            Self::Id(id) => order.id == *id,
            Self::Prefix(prefix) => order.id.to_string().starts_with(prefix),
            Self::Domain(domain) => order.domain == *domain,
        }
    }

    /// The id of the one order that is meant.
    ///
    /// # Errors
    /// When no order, or more than one, has this name; the latter are listed.
    pub(crate) async fn resolve(&self, hub: &Hub) -> anyhow::Result<OrderId> {
        let mut found = match self {
            Self::Id(id) => return Ok(*id),
            Self::Domain(domain) => hub.orders_of(domain).await?,
            Self::Prefix(prefix) => hub.orders_like(prefix).await?,
        };
        found.retain(|order| self.names(order));
        match found.as_slice() {
            [] => bail!("there is no order {self}; `letsbe orders list` shows what there is"),
            [one] => Ok(one.id),
            several => {
                let lines: Vec<String> = several
                    .iter()
                    .map(|order| format!("{} ({}, {})", order.id, order.domain, order.state))
                    .collect();
                bail!(
                    "{self} could be one of {} orders; name one by its id: {}",
                    several.len(),
                    lines.join(", ")
                )
            }
        }
    }
}

impl std::fmt::Display for OrderName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Prefix(prefix) => prefix.fmt(f),
            Self::Domain(domain) => domain.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::OrderName;

    #[test]
    fn an_order_is_named_by_its_id_the_beginning_of_it_or_its_domain() {
        let name = |text: &str| text.parse::<OrderName>();
        assert!(matches!(name("018f7b1e-0000-7000-8000-000000000001"), Ok(OrderName::Id(_))));
        assert_eq!(name("018F7B1E-00"), Ok(OrderName::Prefix("018f7b1e-00".to_owned())));
        assert!(matches!(name("acme.example"), Ok(OrderName::Domain(_))));
        for bad in ["", "018f", "not_a_name", "018f7b1e/.."] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
