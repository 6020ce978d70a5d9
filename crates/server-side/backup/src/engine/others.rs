//! Databases on the tool's own database server that the catalog does not know: somebody made them, and no set has them.

use letsbe_catalog::DatabaseEngine;
use letsbe_host::Command;
use letsbe_types::Secret;

use super::{Access, client, inside, mongosh, neighbour, rows::session, user, words};
use crate::DatabaseSource;

/// No more names are kept.
const MOST: usize = 50;

/// One name a line, as JSON. The one that is always there counts if somebody keeps something in it.
const POSTGRESQL: &str = "SELECT pg_catalog.to_json(datname::text) FROM pg_catalog.pg_database \
    WHERE NOT datistemplate AND datname OPERATOR(pg_catalog.<>) ALL ('{postgres}') \
    UNION ALL SELECT pg_catalog.to_json('postgres'::text) WHERE pg_catalog.current_database() \
    OPERATOR(pg_catalog.=) 'postgres' AND EXISTS (SELECT FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'm') \
    AND n.nspname OPERATOR(pg_catalog.!~) '^(pg_|information_schema$)');\n";

/// The same of those that hold something: an empty one is no loss.
const MYSQL: &str = "SELECT DISTINCT JSON_QUOTE(table_schema) FROM information_schema.tables WHERE table_schema NOT IN \
    ('mysql', 'information_schema', 'performance_schema', 'sys') \
    UNION SELECT JSON_QUOTE(routine_schema) FROM information_schema.routines WHERE routine_schema NOT IN ('mysql', 'sys');\n";

const MONGODB: &str = "db.adminCommand({listDatabases: 1, nameOnly: true}).databases.map(d => d.name)\
    .filter(n => !['admin', 'config', 'local'].includes(n)).forEach(n => print(JSON.stringify(n)))";

/// Prints the databases of a server, its own apart; [`parse_others`] reads it. `None` where nobody may ask.
#[must_use]
pub fn others(database: &DatabaseSource, access: Access<'_>) -> Option<Command> {
    match database.engine {
        DatabaseEngine::Postgresql => {
            let any = DatabaseSource { name: neighbour(database).to_owned(), ..database.clone() };
            Some(session(&any, access).with_input(Secret::new(POSTGRESQL.to_owned())))
        }
        // Whoever is not the superuser sees only his own.
        _ if database.login == database.user => None,
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb => {
            let fixed = [
                client(database, "mysql", "mariadb"),
                "--batch",
                "--raw",
                "--skip-column-names",
                "--default-character-set=utf8mb4",
            ];
            let mut words = words(&fixed);
            words.push(user(database));
            Some(inside(database, access, words).with_input(Secret::new(MYSQL.to_owned())))
        }
        DatabaseEngine::Mongodb => Some(inside(database, access, mongosh(database, MONGODB))),
    }
}

/// The names that [`others`] printed, without the tool's `own`, sorted.
///
/// # Errors
/// What is not understood.
pub fn parse_others(text: &str, own: &[&str]) -> Result<Vec<String>, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let name = |line: &str| {
        serde_json::from_str::<String>(line).map_err(|_| format!("a name is not understood: {line:?}"))
    };
    let mut names: Vec<String> = lines.map(name).collect::<Result<_, _>>()?;
    names.retain(|name| !own.contains(&name.as_str()));
    names.sort();
    names.dedup();
    names.truncate(MOST);
    Ok(names)
}
