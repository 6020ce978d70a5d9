//! How a person names something: by its id or the beginning of it; an order and its tenant also by the customer's domain.

use letsbe_types::{Code, DomainName, Problem, ids::OrderId};
use uuid::Uuid;

use crate::hub::Hub;

/// The fewest characters of an id that name something.
const SHORTEST: usize = 6;
/// How long an id is.
const WHOLE: usize = 36;
/// Candidates that an error names; they are shown in one line.
const NAMED: usize = 10;

/// An id, or the beginning of it, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdName(String);

impl std::str::FromStr for IdName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse::<Uuid>() {
            return Ok(Self(id.to_string()));
        }
        let hex = text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        if hex && (SHORTEST..WHOLE).contains(&text.len()) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(format!("neither an id nor its first {SHORTEST} or more characters"))
    }
}

impl std::fmt::Display for IdName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl IdName {
    /// The whole id, if it was typed.
    pub(crate) fn whole(&self) -> Option<Uuid> {
        self.0.parse().ok()
    }

    /// The one of these that is meant; `kind` is the word for several, each comes with what tells it apart, and `list`
    /// is the command that shows them all. A whole id needs none: the Hub knows more than it lists.
    ///
    /// # Errors
    /// When none, or more than one, begins so; the latter are named.
    pub(crate) fn among(
        &self,
        kind: &str,
        list: &str,
        there: impl IntoIterator<Item = (Uuid, String)>,
    ) -> Result<Uuid, Problem> {
        if let Some(id) = self.whole() {
            return Ok(id);
        }
        let there = there.into_iter().filter(|(id, _)| id.to_string().starts_with(&self.0));
        one(&self.0, kind, list, there.collect())
    }
}

/// The only one; none and several are errors.
fn one(typed: &str, kind: &str, list: &str, found: Vec<(Uuid, String)>) -> Result<Uuid, Problem> {
    match found.as_slice() {
        [(id, _)] => Ok(*id),
        [] => Err(Problem::permanent(
            Code::API404,
            format!("Among the {kind} there is no {typed}."),
            format!("`{list}` shows what there is."),
        )),
        several => {
            let more = several.len().saturating_sub(NAMED);
            let named = several.iter().take(NAMED).map(|(id, what)| format!("{id} ({what})"));
            let mut named: Vec<String> = named.collect();
            named.extend((more > 0).then(|| format!("and {more} more")));
            Err(Problem::permanent(
                Code::HUB049,
                format!("{typed} could be one of {} {kind}: {}", several.len(), named.join(", ")),
                "Type more of the id: as much as tells them apart.",
            ))
        }
    }
}

/// An order or its tenant: its id, the beginning of its id, or its domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    Id(IdName),
    Domain(DomainName),
}

impl std::str::FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let id = text.parse().map(Self::Id);
        let name = id.or_else(|_| text.parse().map(Self::Domain));
        name.map_err(|_| format!("neither an id, nor its first {SHORTEST} characters, nor a domain"))
    }
}

impl From<OrderId> for Name {
    fn from(id: OrderId) -> Self {
        Self::Id(IdName(id.to_string()))
    }
}

impl Name {
    /// The id of the one order that is meant.
    ///
    /// # Errors
    /// When no order, or more than one, has this name; the latter are named.
    pub(crate) async fn order(&self, hub: &Hub) -> anyhow::Result<OrderId> {
        let found = match self {
            Self::Id(id) => match id.whole() {
                Some(id) => return Ok(OrderId(id)),
                None => hub.orders_like(&id.to_string()).await?,
            },
            Self::Domain(domain) => hub.orders_of(domain).await?,
        };
        let found = found.into_iter().map(|order| (order.id, order.domain, order.state.clone()));
        self.meant("orders", "letsbe orders list", found)
    }

    /// The id of the one tenant that is meant.
    ///
    /// # Errors
    /// When no tenant, or more than one, has this name; the latter are named.
    pub(crate) async fn tenant(&self, hub: &Hub) -> anyhow::Result<OrderId> {
        let found = match self {
            Self::Id(id) => match id.whole() {
                Some(id) => return Ok(OrderId(id)),
                None => hub.tenants_like(&id.to_string()).await?,
            },
            Self::Domain(domain) => hub.tenants_of(domain).await?,
        };
        let found = found.into_iter().map(|tenant| (tenant.id, tenant.domain, tenant.health.as_str()));
        self.meant("tenants", "letsbe tenants list", found)
    }

    /// The only one of what a search found that has this name.
    fn meant<S: std::fmt::Display>(
        &self,
        kind: &str,
        list: &str,
        found: impl Iterator<Item = (OrderId, DomainName, S)>,
    ) -> anyhow::Result<OrderId> {
        let typed = match self {
            Self::Id(id) => id.to_string(),
            Self::Domain(domain) => domain.to_string(),
        };
        let found = found.filter(|(id, domain, _)| self.names(*id, domain));
        let found = found.map(|(id, domain, how)| (id.0, format!("{domain}, {how}")));
        Ok(OrderId(one(&typed, kind, list, found.collect())?))
    }

    /// A search finds more: what has it in the middle, or in another field.
    fn names(&self, id: OrderId, domain: &DomainName) -> bool {
        match self {
            Self::Id(prefix) => id.to_string().starts_with(&prefix.0),
            Self::Domain(wanted) => domain == wanted,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{IdName, Name};

    #[test]
    fn an_order_is_named_by_its_id_the_beginning_of_it_or_its_domain() {
        let name = |text: &str| text.parse::<Name>();
        let whole = "018f7b1e-0000-7000-8000-000000000001";
        for id in [whole, "018F7B1E-00", "018f7b1e-0000-7000-8000-00000000000"] {
            assert!(matches!(name(id), Ok(Name::Id(_))), "{id}");
        }
        assert!(matches!(name("acme.example"), Ok(Name::Domain(_))));
        for bad in ["", "018f", "not_a_name", "018f7b1e/..", "018f7b1e-0000-7000-8000-0000000000011"] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_beginning_of_an_id_names_one_of_those_there_are_or_none_or_says_between_which() {
        let id = |text: &str| text.parse::<Uuid>().unwrap();
        let (a, b) = (id("018f7b1e-0000-7000-8000-000000000001"), id("018f7b1e-1111-7000-8000-000000000002"));
        let there = || [(a, "ghost".to_owned()), (b, "odoo".to_owned())];
        let among = |text: &str| text.parse::<IdName>().unwrap().among("approvals", "letsbe x", there());
        assert_eq!((among("018F7B1E-00"), among("018f7b1e-1")), (Ok(a), Ok(b)));
        let several = among("018f7b1e").unwrap_err();
        assert_eq!(several.code, "HUB049");
        for part in
            ["018f7b1e could be one of 2 approvals", &a.to_string(), "(ghost)", &b.to_string(), "(odoo)"]
        {
            assert!(several.message.contains(part), "{part}: {several}");
        }
        let none = among("ffffff").unwrap_err();
        assert!(none.code == "API404" && none.hint.contains("letsbe x"), "{none}");
        let whole = "ffffffff-0000-7000-8000-000000000001";
        assert_eq!(among(whole), Ok(id(whole)), "the Hub knows more than it lists");
        let many = (0..30).map(|number| (Uuid::from_u128(number), String::new()));
        let many = "000000".parse::<IdName>().unwrap().among("orders", "l", many).unwrap_err();
        assert!(many.message.contains("30 orders") && many.message.ends_with("and 20 more"), "{many}");
    }
}
