//! The order in which PostgreSQL takes a dump in. pg_dump makes event triggers before it fills materialized views, and one
//! that is `ENABLE ALWAYS` fires for that, whatever a session says: it writes rows that were not there, or refuses. So they
//! are made last.

use std::time::Duration;

use letsbe_catalog::DatabaseEngine;
use letsbe_host::Command;
use letsbe_types::Secret;

use super::{Access, inside, words};
use crate::DatabaseSource;

/// Each of these takes a moment; the list of a dump as long as its head takes to be read.
const LIMIT: Duration = Duration::from_secs(300);

/// Reads a dump from standard input as far as it takes, and prints what is in it, an entry a line; only PostgreSQL's has an
/// order that matters.
#[must_use]
pub fn contents(database: &DatabaseSource, access: Access<'_>) -> Option<Command> {
    let is_postgresql = database.engine == DatabaseEngine::Postgresql;
    let list = || inside(database, access, words(&["pg_restore", "--list", "--create"]));
    is_postgresql.then(|| list().within(LIMIT))
}

/// The entries that [`contents`] printed with event triggers at their end; `None` where there are none.
#[must_use]
pub fn reordered(contents: &str) -> Option<String> {
    let (last, first): (Vec<&str>, Vec<&str>) = contents.lines().partition(|line| is_of_event_trigger(line));
    (!last.is_empty()).then(|| first.into_iter().chain(last).flat_map(|line| [line, "\n"]).collect())
}

/// `3206; 3466 16397 EVENT TRIGGER - watch tool`, or a comment or label on one.
fn is_of_event_trigger(line: &str) -> bool {
    let Some((_, entry)) = line.split_once("; ") else { return false };
    let Some(entry) = entry.splitn(3, ' ').nth(2) else { return false };
    ["", "COMMENT - ", "SECURITY LABEL - "]
        .iter()
        .any(|on| entry.strip_prefix(on).is_some_and(|rest| rest.starts_with("EVENT TRIGGER ")))
}

/// Keeps an order in the memory of the database's container, for [`in_order`].
#[must_use]
pub fn keep_order(database: &DatabaseSource, access: Access<'_>, order: &str) -> Command {
    let words = vec!["dd".to_owned(), format!("of={}", kept(access))];
    inside(database, access, words).within(LIMIT).with_input(Secret::new(order.to_owned()))
}

/// Removes what [`keep_order`] kept.
#[must_use]
pub fn drop_order(database: &DatabaseSource, access: Access<'_>) -> Command {
    inside(database, access, vec!["rm".to_owned(), "-f".to_owned(), kept(access)]).within(LIMIT)
}

/// [`super::load`] or [`super::load_with_owners`] in the order that was kept.
#[must_use]
pub fn in_order(mut load: Command, access: Access<'_>) -> Command {
    let program = load.arguments.iter().position(|word| word == "pg_restore");
    load.arguments.insert(program.map_or(0, |at| at + 1), format!("--use-list={}", kept(access)));
    load
}

fn kept(access: Access<'_>) -> String {
    format!("/dev/shm/order{}", access.variables.to_string_lossy().replace('/', "-"))
}

#[cfg(test)]
mod tests {
    use super::reordered;

    #[test]
    fn event_triggers_come_last_and_nothing_else_moves() {
        let contents = ";\n; Selected TOC Entries:\n;\n3206; 3466 16397 EVENT TRIGGER - watch tool\n\
                        3361; 0 0 COMMENT - EVENT TRIGGER watch tool\n\
                        1; 1259 7 TABLE public EVENT TRIGGER - x tool\n\
                        3354; 0 16391 MATERIALIZED VIEW DATA public m tool\n";
        let wanted = ";\n; Selected TOC Entries:\n;\n1; 1259 7 TABLE public EVENT TRIGGER - x tool\n\
                      3354; 0 16391 MATERIALIZED VIEW DATA public m tool\n\
                      3206; 3466 16397 EVENT TRIGGER - watch tool\n\
                      3361; 0 0 COMMENT - EVENT TRIGGER watch tool\n";
        assert_eq!(reordered(contents).as_deref(), Some(wanted));
        assert_eq!(reordered("1; 1259 7 TABLE public t tool\n"), None);
    }
}
