//! Accounts that a dump names and does not bring: PostgreSQL's roles (as owners, in grants and settings; it cannot be loaded
//! where they are not), and those that triggers, views and routines of MySQL and MariaDB run as.

use letsbe_catalog::DatabaseEngine;
use letsbe_host::Command;
use letsbe_types::Secret;

use super::{Access, client, inside, neighbour, rows::PATIENT, user, words};
use crate::DatabaseSource;

/// What a database gives to whatever is made in it later; its image makes it anew with the image's own.
const LETTERS: &str = "SELECT CONCAT('ALTER DATABASE `', REPLACE(DATABASE(), '`', '``'), '` CHARACTER SET ', \
    DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', DEFAULT_COLLATION_NAME, ';') FROM information_schema.SCHEMATA \
    WHERE SCHEMA_NAME = DATABASE();\n";
/// Accounts that something in the database runs as. They cannot log in where they are made anew. One of MariaDB without
/// a host is a role.
const DEFINERS: &str = "SELECT DISTINCT IF(h = '' AND VERSION() LIKE '%MariaDB%', CONCAT('CREATE ROLE IF NOT EXISTS ', \
    QUOTE(a), ';'), CONCAT('CREATE USER IF NOT EXISTS ', QUOTE(a), '@', QUOTE(h), ' ACCOUNT LOCK;')) FROM (SELECT \
    LEFT(d, CHAR_LENGTH(d) - CHAR_LENGTH(SUBSTRING_INDEX(d, '@', -1)) - 1) a, SUBSTRING_INDEX(d, '@', -1) h \
    FROM (SELECT CONVERT(DEFINER USING utf8mb4) d FROM \
    information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE() UNION SELECT CONVERT(DEFINER USING utf8mb4) \
    FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() UNION SELECT CONVERT(DEFINER \
    USING utf8mb4) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() UNION SELECT \
    CONVERT(DEFINER USING utf8mb4) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()) s \
    WHERE d LIKE '%@%') n;\n";
/// What accounts may do: everywhere, in the database, with its tables, their columns, its routines.
const GRANTS: &str = "SELECT CONCAT('GRANT ', p, ' ON ', o, ' TO ', IF(g LIKE '%@''''' AND VERSION() LIKE '%MariaDB%', \
    LEFT(g, CHAR_LENGTH(g) - 3), g), ';') FROM (\
    SELECT CONVERT(GRANTEE USING utf8mb4) g, CONVERT(PRIVILEGE_TYPE USING utf8mb4) p, CONCAT(<DATABASE()>, '.*') o \
    FROM information_schema.SCHEMA_PRIVILEGES WHERE DATABASE() LIKE TABLE_SCHEMA \
    UNION SELECT CONVERT(GRANTEE USING utf8mb4), CONVERT(PRIVILEGE_TYPE USING utf8mb4), CONCAT(<DATABASE()>, '.*') \
    FROM information_schema.USER_PRIVILEGES \
    UNION SELECT CONVERT(GRANTEE USING utf8mb4), CONVERT(PRIVILEGE_TYPE USING utf8mb4), \
    CONCAT(<DATABASE()>, '.', <TABLE_NAME>) FROM information_schema.TABLE_PRIVILEGES WHERE TABLE_SCHEMA = DATABASE() \
    UNION SELECT CONVERT(GRANTEE USING utf8mb4), CONCAT(CONVERT(PRIVILEGE_TYPE USING utf8mb4), ' (', <COLUMN_NAME>, ')'), \
    CONCAT(<DATABASE()>, '.', <TABLE_NAME>) FROM information_schema.COLUMN_PRIVILEGES WHERE TABLE_SCHEMA = DATABASE() \
    UNION SELECT CONCAT(QUOTE(CONVERT(User USING utf8mb4)), '@', QUOTE(CONVERT(Host USING utf8mb4))), 'EXECUTE', \
    CONCAT(CONVERT(Routine_type USING utf8mb4), ' ', <DATABASE()>, '.', <Routine_name>) FROM mysql.procs_priv \
    WHERE Db = DATABASE() AND Routine_type IN ('FUNCTION', 'PROCEDURE') AND FIND_IN_SET('Execute', Proc_priv)) s \
    WHERE SUBSTRING_INDEX(p, ' (', 1) IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'EXECUTE', 'TRIGGER', 'EVENT', \
    'CREATE TEMPORARY TABLES', 'LOCK TABLES', 'SHOW VIEW') AND g NOT LIKE '''root''@%' AND g NOT LIKE '''mysql.%' \
    AND g NOT LIKE '''mariadb.%' AND g NOT LIKE '''''@%';\n";

/// Prints the statements that make the accounts again, without passwords; `None` where nobody may ask, or there are none.
#[must_use]
pub fn roles(database: &DatabaseSource, access: Access<'_>) -> Option<Command> {
    match database.engine {
        DatabaseEngine::Postgresql => {
            let mut words = words(&["pg_dumpall", "--roles-only", "--no-role-passwords", "--no-password"]);
            words.push(user(database));
            Some(inside(database, access, words))
        }
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb if database.login != database.user => {
            let mut words = as_superuser(database);
            words.extend(["--raw", "--skip-column-names"].map(str::to_owned));
            words.push(database.name.clone());
            let statements = format!("{PATIENT}{LETTERS}{DEFINERS}{}", grants());
            Some(inside(database, access, words).with_input(Secret::new(statements)))
        }
        _ => None,
    }
}

/// Carries out what [`roles`] has printed, on a new server. An account that is there already stays as it is, with its
/// password; what a single statement could not do, the dump will say.
#[must_use]
pub fn make_roles(database: &DatabaseSource, access: Access<'_>, statements: &str) -> Option<Command> {
    let words = match database.engine {
        DatabaseEngine::Postgresql => {
            let mut words = words(&["psql", "--no-psqlrc", "--quiet", "--no-password"]);
            words.extend([user(database), format!("--dbname={}", neighbour(database))]);
            words
        }
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb if database.login != database.user => {
            let mut words = as_superuser(database);
            words.extend(["--force", "--init-command=SET SESSION sql_log_bin = 0"].map(str::to_owned));
            words
        }
        _ => return None,
    };
    Some(inside(database, access, words).with_input(Secret::new(made(database, statements))))
}

fn as_superuser(database: &DatabaseSource) -> Vec<String> {
    let mut words =
        words(&[client(database, "mysql", "mariadb"), "--batch", "--default-character-set=utf8mb4"]);
    words.push(user(database));
    words
}

/// [`GRANTS`] with the names in it quoted: neither engine has a function for that.
fn grants() -> String {
    let mut text = GRANTS.to_owned();
    for name in ["DATABASE()", "TABLE_NAME", "COLUMN_NAME", "Routine_name"] {
        let quoted = format!("CONCAT('`', REPLACE(CONVERT({name} USING utf8mb4), '`', '``'), '`')");
        text = text.replace(&format!("<{name}>"), &quoted);
    }
    text
}

/// The statements about accounts and the database's own letters only: what was stored is not asked to do anything else.
fn made(database: &DatabaseSource, statements: &str) -> String {
    let is_kept = |line: &&str| match database.engine {
        // One that goes over several lines (a setting with a line break in it) is left out.
        DatabaseEngine::Postgresql => {
            let starts = ["CREATE ROLE ", "ALTER ROLE ", "GRANT "];
            line.ends_with(';') && starts.iter().any(|start| line.starts_with(start))
        }
        _ => line.ends_with(';') && (is_about_an_account(line) || is_about_letters(line, &database.name)),
    };
    statements.lines().filter(is_kept).map(|line| format!("{line}\n")).collect()
}

/// One statement about one account or role whose name holds no quote.
fn is_about_an_account(line: &str) -> bool {
    let quotes: &[usize] = match line {
        _ if line.starts_with("CREATE USER IF NOT EXISTS '") => &[4],
        _ if line.starts_with("CREATE ROLE IF NOT EXISTS '") => &[2],
        _ if line.starts_with("GRANT ") => &[2, 4],
        _ => return false,
    };
    quotes.contains(&line.matches('\'').count()) && !line.contains('\\') && line.matches(';').count() == 1
}

fn is_about_letters(line: &str, database: &str) -> bool {
    let start = format!("ALTER DATABASE `{}` CHARACTER SET ", database.replace('`', "``"));
    let rest = line.strip_prefix(&start).and_then(|rest| rest.strip_suffix(';'));
    let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    rest.and_then(|rest| rest.split_once(" COLLATE "))
        .is_some_and(|(letters, order)| is_name(letters) && is_name(order))
}

#[cfg(test)]
mod tests {
    use letsbe_catalog::DatabaseEngine::{self, Mariadb, Postgresql};

    use crate::DatabaseSource;

    fn made(engine: DatabaseEngine, statements: &str) -> String {
        let [container, name, user, password, login] =
            ["c", "shop", "tool", "key", "root"].map(str::to_owned);
        super::made(&DatabaseSource { engine, container, name, user, password, login }, statements)
    }

    #[test]
    fn of_what_was_stored_only_accounts_and_the_databases_own_letters_are_made() {
        let stored = "--\n\\restrict x\nSET client_encoding = 'UTF8';\nCREATE ROLE app;\nALTER ROLE app WITH LOGIN;\n\\! id\n\
                      DROP ROLE tool;\nALTER ROLE x SET y TO 'a\nb';\nGRANT a TO b;\n\\unrestrict x\n";
        assert_eq!(made(Postgresql, stored), "CREATE ROLE app;\nALTER ROLE app WITH LOGIN;\nGRANT a TO b;\n");
        let stored = "CREATE USER IF NOT EXISTS 'report'@'%' ACCOUNT LOCK;\nGRANT SELECT ON `shop`.* TO 'o'x'@'%';\n\
                      GRANT SELECT ON `shop`.* TO 'report'@'%';\nGRANT SELECT ON `a`.* TO 'b'@'%'; DROP DATABASE shop;\n\
                      CREATE USER IF NOT EXISTS 'o\\'x'@'%' ACCOUNT LOCK;\nDROP USER 'tool'@'%';\n\
                      CREATE ROLE IF NOT EXISTS 'clerk';\nALTER DATABASE `shop` CHARACTER SET latin1 COLLATE latin1_bin;\n\
                      ALTER DATABASE `mysql` CHARACTER SET latin1 COLLATE latin1_bin;\n\
                      ALTER DATABASE `shop` CHARACTER SET latin1 COLLATE latin1_bin; DROP DATABASE `shop`;\n";
        let kept = "CREATE USER IF NOT EXISTS 'report'@'%' ACCOUNT LOCK;\nGRANT SELECT ON `shop`.* TO 'report'@'%';\n\
                    CREATE ROLE IF NOT EXISTS 'clerk';\nALTER DATABASE `shop` CHARACTER SET latin1 COLLATE latin1_bin;\n";
        assert_eq!(made(Mariadb, stored), kept);
    }
}
