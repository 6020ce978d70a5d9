//! Accounts that a dump names and does not bring: PostgreSQL's roles (as owners, in grants and settings; it cannot be loaded
//! where they are not), and those that triggers, views and routines of MySQL and MariaDB run as.

use letsbe_catalog::DatabaseEngine;
use letsbe_host::Command;
use letsbe_types::Secret;

use super::{Access, client, inside, neighbour, user, words};
use crate::DatabaseSource;

/// Accounts that something in the database runs as. They cannot log in where they are made anew.
const DEFINERS: &str = "SELECT DISTINCT CONCAT('CREATE USER IF NOT EXISTS ', a, ' ACCOUNT LOCK;') FROM (SELECT \
    CONCAT(QUOTE(LEFT(d, CHAR_LENGTH(d) - CHAR_LENGTH(SUBSTRING_INDEX(d, '@', -1)) - 1)), '@', \
    QUOTE(SUBSTRING_INDEX(d, '@', -1))) a FROM (SELECT CONVERT(DEFINER USING utf8mb4) d FROM \
    information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE() UNION SELECT CONVERT(DEFINER USING utf8mb4) \
    FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() UNION SELECT CONVERT(DEFINER \
    USING utf8mb4) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() UNION SELECT \
    CONVERT(DEFINER USING utf8mb4) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()) s \
    WHERE d LIKE '%@%') n;\n";
/// What accounts may do in the database, and everywhere.
const GRANTS: &str = "SELECT CONCAT('GRANT ', p, ' ON `', REPLACE(DATABASE(), '`', '``'), '`.* TO ', g, ';') FROM (SELECT \
    CONVERT(GRANTEE USING utf8mb4) g, CONVERT(PRIVILEGE_TYPE USING utf8mb4) p FROM \
    information_schema.SCHEMA_PRIVILEGES WHERE DATABASE() LIKE TABLE_SCHEMA UNION SELECT CONVERT(GRANTEE \
    USING utf8mb4), CONVERT(PRIVILEGE_TYPE USING utf8mb4) FROM information_schema.USER_PRIVILEGES) s \
    WHERE p IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'EXECUTE', 'TRIGGER', 'EVENT', 'CREATE TEMPORARY \
    TABLES', 'LOCK TABLES', 'SHOW VIEW') AND g NOT LIKE '''root''@%' AND g NOT LIKE '''mysql.%' AND g \
    NOT LIKE '''mariadb.%' AND g NOT LIKE '''''@%';\n";
/// What accounts may do with single tables.
const TABLES: &str = "SELECT CONCAT('GRANT ', CONVERT(PRIVILEGE_TYPE USING utf8mb4), ' ON `', REPLACE(DATABASE(), '`', \
    '``'), '`.`', REPLACE(CONVERT(TABLE_NAME USING utf8mb4), '`', '``'), '` TO ', CONVERT(GRANTEE USING \
    utf8mb4), ';') FROM information_schema.TABLE_PRIVILEGES WHERE TABLE_SCHEMA = DATABASE() AND \
    PRIVILEGE_TYPE IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRIGGER', 'SHOW VIEW');\n";

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
            let statements = format!("{DEFINERS}{GRANTS}{TABLES}");
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
    Some(inside(database, access, words).with_input(Secret::new(made(database.engine, statements))))
}

fn as_superuser(database: &DatabaseSource) -> Vec<String> {
    let mut words =
        words(&[client(database, "mysql", "mariadb"), "--batch", "--default-character-set=utf8mb4"]);
    words.push(user(database));
    words
}

/// The statements about accounts only: what was stored is not asked to do anything else.
fn made(engine: DatabaseEngine, statements: &str) -> String {
    let is_postgresql = engine == DatabaseEngine::Postgresql;
    let kept = if is_postgresql {
        &["CREATE ROLE ", "ALTER ROLE ", "GRANT "][..]
    } else {
        &["CREATE USER IF NOT EXISTS '", "GRANT "]
    };
    // One that goes over several lines (a setting with a line break in it) is left out; so is a name with a quote.
    let is_plain = |line: &str| {
        line.matches('\'').count() == 4 && !line.contains('\\') && line.matches(';').count() == 1
    };
    let is_whole = |line: &&str| {
        line.ends_with(';')
            && kept.iter().any(|start| line.starts_with(start))
            && (is_postgresql || is_plain(line))
    };
    let lines = statements.lines().filter(is_whole);
    lines.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use letsbe_catalog::DatabaseEngine::{Mariadb, Postgresql};

    use super::made;

    #[test]
    fn of_what_was_stored_only_roles_are_made() {
        let stored = "--\n\\restrict x\nSET client_encoding = 'UTF8';\nCREATE ROLE app;\nALTER ROLE app WITH LOGIN;\n\\! id\n\
                      DROP ROLE tool;\nALTER ROLE x SET y TO 'a\nb';\nGRANT a TO b;\n\\unrestrict x\n";
        assert_eq!(made(Postgresql, stored), "CREATE ROLE app;\nALTER ROLE app WITH LOGIN;\nGRANT a TO b;\n");
        let stored = "CREATE USER IF NOT EXISTS 'report'@'%' ACCOUNT LOCK;\nGRANT SELECT ON `shop`.* TO 'o'x'@'%';\n\
                      GRANT SELECT ON `shop`.* TO 'report'@'%';\nGRANT SELECT ON `a`.* TO 'b'@'%'; DROP DATABASE shop;\n\
                      CREATE USER IF NOT EXISTS 'o\\'x'@'%' ACCOUNT LOCK;\nDROP USER 'tool'@'%';\n";
        let kept = "CREATE USER IF NOT EXISTS 'report'@'%' ACCOUNT LOCK;\nGRANT SELECT ON `shop`.* TO 'report'@'%';\n";
        assert_eq!(made(Mariadb, stored), kept);
    }
}
