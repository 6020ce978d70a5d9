//! How each engine is dumped, loaded and counted: the commands. Pure; passwords go through a file of variables that
//! only root can read and that is gone afterwards, never through an argument.

mod order;
mod others;
mod roles;
mod rows;
#[cfg(test)]
mod tests;

use std::{path::Path, time::Duration};

use letsbe_catalog::DatabaseEngine;
use letsbe_host::Command;
use letsbe_types::Secret;

pub use self::order::{contents, drop_order, in_order, keep_order, reordered};
pub use self::others::{others, parse_others};
pub use self::roles::{make_roles, roles};
use self::rows::{COUNTED, mysql_counts, postgresql_counts};
pub use self::rows::{is_last_count, parse_counts, parse_snapshot, session, snapshot_statements};
use crate::DatabaseSource;

/// The largest packet that the protocol of MySQL knows: a row of the largest value has room as text.
const PACKET: &str = "--max-allowed-packet=1G";
/// A row may be larger as text than its server takes by default; and what is to happen at a certain time must not
/// happen to rows that are being loaded and compared. Both end with the server's next start.
const TAKE_ANYTHING: &str = "SET GLOBAL max_allowed_packet = 1073741824; SET GLOBAL event_scheduler = OFF";
/// Whoever holds a table locked for so long is stuck, and the dump fails rather than wait for it.
const LOCK_PATIENCE: &str = "--lock-wait-timeout=30s";
/// A database of hundreds of gigabytes is through after so long.
const PATIENCE: Duration = Duration::from_secs(12 * 3600);

/// What somebody set for the database or its user must not stop a dump or a load: that it is read only, that statements
/// end after a while, that its user is somebody else. What a client is started with counts more.
const UNBOUND: &str = "-c role=none -c default_transaction_read_only=off -c statement_timeout=0 \
                       -c idle_in_transaction_session_timeout=0";
/// Nor may what the database does by itself, once it is there, change the rows that are loaded (its event triggers).
const QUIET: &str = "-c session_replication_role=replica";

/// Of the server's own collections mongodump takes only stored functions and the buckets of time series.
const DUMPED: &str = r"/^(?!system\.(?!js$|buckets\.))/";

/// How a client in the container gets in.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// `docker exec --env-file`: what [`variables`] says, for this one process.
    pub variables: &'a Path,
}

/// The text of the file of variables (0600, in memory) for a database: no password for PostgreSQL, which lets its
/// superuser in on its own socket, and for MongoDB, see [`first_line`].
#[must_use]
pub fn variables(database: &DatabaseSource, password: &Secret<String>) -> Secret<String> {
    match database.engine {
        DatabaseEngine::Postgresql => Secret::new(format!("PGOPTIONS={UNBOUND}\n")),
        DatabaseEngine::Mongodb => Secret::from(""),
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb => {
            Secret::new(format!("MYSQL_PWD={}\n", password.expose()))
        }
    }
}

/// What the clients of an engine read from their standard input before anything else: MongoDB's tools know no
/// variable for a password.
#[must_use]
pub fn first_line(database: &DatabaseSource, password: &Secret<String>) -> Option<Secret<String>> {
    let asks = database.engine == DatabaseEngine::Mongodb;
    asks.then(|| Secret::new(format!("{}\n", password.expose())))
}

/// The command with its client's [`first_line`] before its input.
#[must_use]
pub fn with_first_line(command: Command, database: &DatabaseSource, password: &Secret<String>) -> Command {
    let Some(line) = first_line(database, password) else { return command };
    let rest = command.input.as_ref().map_or("", |input| input.expose()).to_owned();
    command.with_input(Secret::new(line.expose().clone() + &rest))
}

/// Writes the dump to standard output; `snapshot` is the one that PostgreSQL exported, where it did.
#[must_use]
pub fn dump(database: &DatabaseSource, access: Access<'_>, snapshot: Option<&str>) -> Command {
    let name = database.name.as_str();
    match database.engine {
        DatabaseEngine::Postgresql => {
            // A disk of this server's is not on another: where tables lie is no part of them.
            let fixed = ["pg_dump", "--format=custom", "--compress=0", "--no-tablespaces", "--no-password"];
            let mut words = words(&fixed);
            words.extend([LOCK_PATIENCE.to_owned(), user(database), format!("--dbname={name}")]);
            words.extend(snapshot.map(|id| format!("--snapshot={id}")));
            inside(database, access, words)
        }
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb => {
            // Without its date, a dump of the same rows is the same dump.
            let fixed = [
                client(database, "mysqldump", "mariadb-dump"),
                "--single-transaction",
                "--skip-extended-insert",
                "--no-autocommit",
                "--skip-add-drop-table",
                // A table that takes its numbers from a sequence could not be filled while only itself is locked.
                "--skip-add-locks",
                "--skip-dump-date",
                "--no-tablespaces",
                "--routines",
                "--triggers",
                "--events",
                "--hex-blob",
                "--default-character-set=utf8mb4",
                PACKET,
            ];
            let mut words = words(&fixed);
            if database.engine == DatabaseEngine::Mysql {
                // MySQL's own; `loose` makes it a warning where MariaDB answers in its place.
                words.push("--loose-set-gtid-purged=OFF".to_owned());
            } else {
                // Rows that were: of tables that keep their history. Before 10.11 no client can bring it back.
                words.push("--loose-dump-history".to_owned());
            }
            words.extend([user(database), name.to_owned()]);
            inside(database, access, words)
        }
        DatabaseEngine::Mongodb => {
            let mut words = mongodb(database, "mongodump", "--archive");
            words.extend(["--quiet".to_owned(), format!("--db={name}")]);
            inside(database, access, words)
        }
    }
}

/// Makes a new server ready to take a dump of any row; nothing to do where `None`.
#[must_use]
pub fn prepare(database: &DatabaseSource, access: Access<'_>) -> Option<Command> {
    // Only the superuser may say such things.
    let told = matches!(database.engine, DatabaseEngine::Mysql | DatabaseEngine::Mariadb);
    (told && database.login != database.user).then(|| {
        let mut words = words(&[client(database, "mysql", "mariadb"), "--batch"]);
        words.extend([user(database), format!("--execute={TAKE_ANYTHING}")]);
        inside(database, access, words)
    })
}

/// Reads a dump from standard input (see [`prepare`]); the first error ends it. A database of MySQL, MariaDB or MongoDB
/// must be there and empty; PostgreSQL's is made anew, with the encoding and collation that it had, and it must not
/// be in use. What was the tool's user's, or the superuser's where that is the same, belongs to the tool's user.
#[must_use]
pub fn load(database: &DatabaseSource, access: Access<'_>) -> Command {
    let name = database.name.as_str();
    match database.engine {
        DatabaseEngine::Postgresql => {
            let alone = ["--no-owner", "--no-privileges"];
            let owners = if database.login == database.user { &alone[..] } else { &[] };
            restore(database, access, owners)
        }
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb => {
            let fixed = [
                client(database, "mysql", "mariadb"),
                "--binary-mode",
                "--default-character-set=utf8mb4",
                PACKET,
            ];
            let mut words = words(&fixed);
            if database.login != database.user {
                words.push("--init-command=SET SESSION sql_log_bin = 0".to_owned());
            }
            words.extend([user(database), name.to_owned()]);
            inside(database, access, words)
        }
        DatabaseEngine::Mongodb => {
            let mut words = mongodb(database, "mongorestore", "--archive");
            words.extend(self::words(&["--quiet", "--stopOnError", "--maintainInsertionOrder"]));
            words.push(format!("--nsInclude={name}.*"));
            inside(database, access, words)
        }
    }
}

/// The same on a server that has every role of the dump's (see [`make_roles`]): what belonged to one belongs to it again,
/// and what was granted is granted.
#[must_use]
pub fn load_with_owners(database: &DatabaseSource, access: Access<'_>) -> Command {
    match database.engine {
        DatabaseEngine::Postgresql => restore(database, access, &[]),
        _ => load(database, access),
    }
}

fn restore(database: &DatabaseSource, access: Access<'_>, owners: &[&str]) -> Command {
    let mut words =
        words(&["pg_restore", "--exit-on-error", "--no-password", "--create", "--clean", "--if-exists"]);
    // The superuser writes every row; whoever else fills a view sees what he always does, and that is no error.
    words.extend(["--enable-row-security", "--no-tablespaces"].map(str::to_owned));
    words.extend(self::words(owners));
    let place = format!("--dbname=dbname={} options='{UNBOUND} {QUIET}'", neighbour(database));
    words.extend([user(database), place]);
    inside(database, access, words)
}

/// Prints a line `rows<TAB>table` for every table of the database as it is; [`parse_counts`] reads it.
#[must_use]
pub fn counts(database: &DatabaseSource, access: Access<'_>) -> Command {
    match database.engine {
        DatabaseEngine::Postgresql => session(database, access).with_input(Secret::new(postgresql_counts())),
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb => {
            let fixed = [
                client(database, "mysql", "mariadb"),
                "--batch",
                "--skip-column-names",
                "--default-character-set=utf8mb4",
            ];
            let mut words = words(&fixed);
            words.extend([user(database), database.name.clone()]);
            inside(database, access, words).with_input(Secret::new(mysql_counts()))
        }
        DatabaseEngine::Mongodb => {
            let script = format!(
                "const d = db.getSiblingDB({:?}); d.getCollectionInfos({{type: 'collection'}})\
                 .filter(c => {DUMPED}.test(c.name)).forEach(c => \
                 print(d.getCollection(c.name).countDocuments({{}}) + '\\t' + c.name)); print('{COUNTED}')",
                database.name
            );
            inside(database, access, mongosh(database, &script))
        }
    }
}

/// What a server says of its own version.
#[must_use]
pub fn server_version(database: &DatabaseSource, access: Access<'_>) -> Option<Command> {
    let statement = match database.engine {
        DatabaseEngine::Postgresql => "SHOW server_version",
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb => "SELECT VERSION()",
        DatabaseEngine::Mongodb => return None,
    };
    asked(database, access, statement)
}

/// Asks a database for one value: the catalog's statement, printed without a head. Nothing asks MongoDB yet.
#[must_use]
pub fn asked(database: &DatabaseSource, access: Access<'_>, statement: &str) -> Option<Command> {
    let (fixed, name): (Vec<&str>, _) = match database.engine {
        DatabaseEngine::Postgresql => (
            vec!["psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password"],
            format!("--dbname={}", database.name),
        ),
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb => (
            vec![client(database, "mysql", "mariadb"), "--batch", "--skip-column-names"],
            format!("--database={}", database.name),
        ),
        DatabaseEngine::Mongodb => return None,
    };
    let mut words = words(&fixed);
    let said = if database.engine == DatabaseEngine::Postgresql { "command" } else { "execute" };
    words.extend([user(database), name, format!("--{said}={statement}")]);
    Some(inside(database, access, words).within(Duration::from_secs(30)))
}

/// Ends well once the database takes connections, and not while its image still prepares it: asked over the network,
/// which every image opens last.
#[must_use]
pub fn ready(database: &DatabaseSource, access: Access<'_>) -> Command {
    let words = match database.engine {
        DatabaseEngine::Postgresql => {
            let mut words = words(&["pg_isready", "--quiet", "--host=127.0.0.1"]);
            words.push(user(database));
            words
        }
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb => {
            let program = client(database, "mysqladmin", "mariadb-admin");
            let mut words = words(&[program, "--host=127.0.0.1", "--protocol=tcp", "--silent"]);
            words.extend([user(database), "ping".to_owned()]);
            words
        }
        DatabaseEngine::Mongodb => mongosh(database, "db.adminCommand({ping: 1})"),
    };
    inside(database, access, words).within(Duration::from_secs(20))
}

fn inside(database: &DatabaseSource, access: Access<'_>, words: Vec<String>) -> Command {
    let variables = access.variables.to_string_lossy().into_owned();
    let arguments = ["exec", "--interactive", "--env-file"].map(str::to_owned);
    let arguments = arguments.into_iter().chain([variables, database.container.clone()]).chain(words);
    Command::new("docker", arguments).within(PATIENCE)
}

fn words(fixed: &[&str]) -> Vec<String> {
    fixed.iter().map(|word| (*word).to_owned()).collect()
}

fn user(database: &DatabaseSource) -> String {
    format!(
        "--user{}={}",
        if database.engine == DatabaseEngine::Postgresql { "name" } else { "" },
        database.login
    )
}

/// MariaDB's images have its programs under its own names only, MySQL's under MySQL's.
fn client<'a>(database: &DatabaseSource, mysql: &'a str, mariadb: &'a str) -> &'a str {
    if database.engine == DatabaseEngine::Mariadb { mariadb } else { mysql }
}

/// A database of PostgreSQL that is always there, to make another one from.
fn neighbour(database: &DatabaseSource) -> &'static str {
    if database.name == "postgres" { "template1" } else { "postgres" }
}

/// The user's own database knows him, or the one of all administrators.
fn mongodb(database: &DatabaseSource, program: &str, fixed: &str) -> Vec<String> {
    let home = if database.login == database.user { database.name.as_str() } else { "admin" };
    let login = database.login.as_str();
    [program, fixed, &format!("--username={login}"), &format!("--authenticationDatabase={home}")]
        .map(str::to_owned)
        .into()
}

fn mongosh(database: &DatabaseSource, script: &str) -> Vec<String> {
    let mut words = mongodb(database, "mongosh", "--quiet");
    words.extend(["--eval", script].map(str::to_owned));
    words
}
