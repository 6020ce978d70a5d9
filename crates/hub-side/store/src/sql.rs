//! The few places where SQLite and PostgreSQL want other words.

use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{DbBackend, Value};

/// A condition or value in SQL with `?` for each value, in the marks of this database.
pub(crate) fn with_values(
    backend: DbBackend,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> SimpleExpr {
    let marked = if backend == DbBackend::Postgres { numbered(sql, 0) } else { sql.to_owned() };
    Expr::cust_with_values(marked, values)
}

/// `?` after `?` as `$1`, `$2` and so on, which both databases read in a whole statement; the first has this many before it.
pub(crate) fn numbered(sql: &str, before: usize) -> String {
    let mut parts = sql.split('?');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.enumerate().fold(first, |text, (place, part)| format!("{text}${}{part}", before + place + 1))
}

/// Whether a JSON column has `true` in this field: PostgreSQL reads it as the word, SQLite as 1.
pub(crate) fn is_true(column: &str, field: &str) -> String {
    format!("CAST({column} ->> '{field}' AS TEXT) IN ('true', '1')")
}

/// The smaller one of two numbers, of which the second may be larger than an integer.
pub(crate) fn bounded(backend: DbBackend, most: i64, left: &str, right: &str) -> String {
    match backend {
        DbBackend::Postgres => {
            format!("CAST(LEAST({most}, CAST({left} AS NUMERIC) + {right}) AS BIGINT)")
        }
        _ => format!("CAST(MIN({most}, {left} + {right}) AS INTEGER)"),
    }
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn marks_are_numbered_from_what_was_before() {
        assert_eq!(numbered("a = ? AND b LIKE ?", 4), "a = $5 AND b LIKE $6");
        assert_eq!(numbered("a", 4), "a");
    }
}
