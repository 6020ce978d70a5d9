//! Which orders, or tenants, a list is about: what a person types, or one domain.

use letsbe_types::DomainName;
use sea_orm::{DbBackend, Value};

/// Fewer characters of an id name too many.
const SHORTEST_ID: usize = 4;

/// What a list is narrowed down to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// A part of the domain or of the customer's address, or the beginning of the id.
    pub text: Option<String>,
    /// Exactly this domain.
    pub domain: Option<DomainName>,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// What is worst comes first; the newest of equals.
    #[default]
    Worst,
    /// The newest first.
    Newest,
    /// By domain.
    Domain,
}

impl Search {
    /// A condition on rows of `orders` with its values; `None` is all of them.
    pub(crate) fn condition(&self, backend: DbBackend) -> Option<(String, Vec<Value>)> {
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        if let Some(domain) = &self.domain {
            conditions.push("orders.domain = ?".to_owned());
            values.push(domain.as_str().into());
        }
        if let Some(text) = &self.text {
            let part = format!("%{}%", literal(text));
            // SQLite's LIKE knows no upper and lower case.
            let (like, digits) = match backend {
                DbBackend::Postgres => ("ILIKE", "replace(CAST(orders.id AS TEXT), '-', '')"),
                _ => ("LIKE", "lower(hex(orders.id))"),
            };
            let mut any = format!("orders.domain {like} ? ESCAPE '!' OR orders.email {like} ? ESCAPE '!'");
            values.extend([Value::from(part.clone()), part.into()]);
            if let Some(id) = beginning_of_id(text) {
                any += &format!(" OR {digits} LIKE ?");
                values.push(format!("{id}%").into());
            }
            conditions.push(format!("({any})"));
        }
        (!conditions.is_empty()).then(|| (conditions.join(" AND "), values))
    }
}

/// What is typed means itself: `%` and `_` are no patterns.
fn literal(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, letter| {
        // No text has a NUL, and PostgreSQL refuses to look for it.
        if letter == '\0' {
            return escaped;
        }
        if matches!(letter, '%' | '_' | '!') {
            escaped.push('!');
        }
        escaped.push(letter);
        escaped
    })
}

/// The hexadecimal digits, if the text could be the beginning of an id.
fn beginning_of_id(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|letter| *letter != '-').collect();
    let is_id = (SHORTEST_ID..=32).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_hexdigit());
    is_id.then(|| digits.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::{beginning_of_id, literal};

    #[test]
    fn what_is_typed_means_itself() {
        assert_eq!(literal("100%_a!b.c\0"), "100!%!_a!!b.c");
        assert_eq!(beginning_of_id("018F7b1e-0000-7").as_deref(), Some("018f7b1e00007"));
        for other in ["", "018", "acme", "018f7b1e000070008000000000000001f", "018f%"] {
            assert_eq!(beginning_of_id(other), None, "{other}");
        }
    }
}
