//! Accounts that a dump names and does not bring: PostgreSQL's roles (as owners, in grants and settings; it cannot be loaded
//! where they are not), and those that triggers, views and routines of MySQL and MariaDB run as.

mod mysql;
mod postgresql;
#[cfg(test)]
mod tests;
mod text;

use letsbe_catalog::DatabaseEngine;
use letsbe_host::Command;
use letsbe_types::Secret;

use super::{Access, client, inside, neighbour, rows::session, user, words};
use crate::DatabaseSource;

/// Prints the accounts and what they may do, without passwords, in a form that [`make_roles`] reads; `None` where nobody may
/// ask, or there are none.
#[must_use]
pub fn roles(database: &DatabaseSource, access: Access<'_>) -> Option<Command> {
    match database.engine {
        DatabaseEngine::Postgresql => {
            // A database that is always there: roles are of the whole server.
            let any = DatabaseSource { name: "template1".to_owned(), ..database.clone() };
            Some(session(&any, access).with_input(Secret::new(postgresql::ROLES.to_owned())))
        }
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb if database.login != database.user => {
            let mut words = as_superuser(database);
            words.extend(["--raw", "--skip-column-names"].map(str::to_owned));
            words.push(database.name.clone());
            Some(inside(database, access, words).with_input(Secret::new(mysql::asked())))
        }
        _ => None,
    }
}

/// Carries out what [`roles`] has printed, of this release or a former one, on a new server. The account that makes the others
/// stays as it is, with its password; what a single statement could not do, the dump will say.
#[must_use]
pub fn make_roles(database: &DatabaseSource, access: Access<'_>, stored: &str) -> Option<Command> {
    let words = match database.engine {
        DatabaseEngine::Postgresql => {
            let mut words = words(&["psql", "--no-psqlrc", "--quiet", "--no-password"]);
            words.extend([user(database), format!("--dbname={}", neighbour(database))]);
            words
        }
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb if database.login != database.user => {
            let mut words = as_superuser(database);
            // Words to the client have no meaning in what is read so.
            words.extend(
                ["--force", "--binary-mode", "--init-command=SET SESSION sql_log_bin = 0"].map(str::to_owned),
            );
            words
        }
        _ => return None,
    };
    Some(inside(database, access, words).with_input(Secret::new(made(database, stored))))
}

fn as_superuser(database: &DatabaseSource) -> Vec<String> {
    let mut words =
        words(&[client(database, "mysql", "mariadb"), "--batch", "--default-character-set=utf8mb4"]);
    words.push(user(database));
    words
}

/// Statements about accounts and the database's own letters only: what was stored is not asked to do anything else.
fn made(database: &DatabaseSource, stored: &str) -> String {
    match database.engine {
        DatabaseEngine::Postgresql => postgresql::made(stored, &database.login),
        _ => mysql::made(stored, &database.name),
    }
}
