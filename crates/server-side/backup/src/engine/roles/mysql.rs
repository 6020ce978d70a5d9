//! Accounts of MySQL and MariaDB: what is asked, and which of the lines that were stored are carried out.

use super::super::rows::PATIENT;

/// What an account may be given: rights over rows and routines of the database.
const RIGHTS: [&str; 10] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "EXECUTE",
    "TRIGGER",
    "EVENT",
    "CREATE TEMPORARY TABLES",
    "LOCK TABLES",
    "SHOW VIEW",
];
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
    WHERE d LIKE '%@%' AND d NOT REGEXP '[[:cntrl:]]') n;\n";
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
    WHERE SUBSTRING_INDEX(p, ' (', 1) IN (<RIGHTS>) AND g NOT LIKE '''root''@%' AND g NOT LIKE '''mysql.%' \
    AND g NOT LIKE '''mariadb.%' AND g NOT LIKE '''''@%' AND CONCAT(p, o, g) NOT REGEXP '[[:cntrl:]]';\n";

/// All that is asked. Each answer is one line: whatever has a line break or another control character in its name is left out.
pub(super) fn asked() -> String {
    format!("{PATIENT}{LETTERS}{DEFINERS}{}", grants())
}

/// [`GRANTS`] with the names in it quoted: neither engine has a function for that.
fn grants() -> String {
    let rights = RIGHTS.map(|right| format!("'{right}'")).join(", ");
    let mut text = GRANTS.replace("<RIGHTS>", &rights);
    for name in ["DATABASE()", "TABLE_NAME", "COLUMN_NAME", "Routine_name"] {
        let quoted = format!("CONCAT('`', REPLACE(CONVERT({name} USING utf8mb4), '`', '``'), '`')");
        text = text.replace(&format!("<{name}>"), &quoted);
    }
    text
}

/// Of what was stored, the lines that make accounts and give them rights over the database, and its own letters. Each is read
/// to its end: names of the database's own are in back quotes, where a back quote is two, so none can look like a statement.
pub(super) fn made(stored: &str, database: &str) -> String {
    let is_kept = |line: &&str| {
        line.strip_suffix(';').is_some_and(|line| {
            !line.contains(char::is_control)
                && (is_account(line) || is_grant(line, database) || is_letters(line, database))
        })
    };
    stored.split('\n').filter(is_kept).map(|line| format!("{line}\n")).collect()
}

fn is_account(line: &str) -> bool {
    let user =
        line.strip_prefix("CREATE USER IF NOT EXISTS ").and_then(|rest| rest.strip_suffix(" ACCOUNT LOCK"));
    let role = line.strip_prefix("CREATE ROLE IF NOT EXISTS ");
    user.is_some_and(|user| grantee(user) == Some(2)) || role.is_some_and(|role| grantee(role) == Some(1))
}

fn is_grant(line: &str, database: &str) -> bool {
    let right = |rest: &str| RIGHTS.iter().find_map(|right| Some(rest.strip_prefix(right)?.to_owned()));
    let given = || {
        let rest = right(line.strip_prefix("GRANT ")?)?;
        let rest = match rest.strip_prefix(" (") {
            Some(column) => in_back_quotes(column)?.1.strip_prefix(')')?,
            None => &rest,
        };
        let rest = rest.strip_prefix(" ON ")?;
        let kind = ["FUNCTION ", "PROCEDURE "].iter().find_map(|kind| rest.strip_prefix(kind));
        let (named, rest) = in_back_quotes(kind.unwrap_or(rest))?;
        let rest = rest.strip_prefix('.')?;
        let rest = match rest.strip_prefix('*') {
            Some(rest) if kind.is_none() => rest,
            _ => in_back_quotes(rest)?.1,
        };
        (named == database).then_some(())?;
        grantee(rest.strip_prefix(" TO ")?)
    };
    given().is_some()
}

/// Whether it is one account, `'name'@'host'`, or one role, `'name'`: how many parts it has.
fn grantee(text: &str) -> Option<usize> {
    let is_name = |part: &str| {
        let inside = part.strip_prefix('\'').and_then(|part| part.strip_suffix('\''));
        inside.is_some_and(|name| !name.contains(['\'', '\\']))
    };
    match text.split_once("'@'") {
        Some((name, host)) => (is_name(&format!("{name}'")) && is_name(&format!("'{host}"))).then_some(2),
        None => is_name(text).then_some(1),
    }
}

/// A name, and what comes after it.
fn in_back_quotes(text: &str) -> Option<(String, &str)> {
    let (mut name, mut rest) = (String::new(), text.strip_prefix('`')?);
    loop {
        let (piece, after) = rest.split_once('`')?;
        name.push_str(piece);
        let Some(more) = after.strip_prefix('`') else { return Some((name, after)) };
        name.push('`');
        rest = more;
    }
}

fn is_letters(line: &str, database: &str) -> bool {
    let start = format!("ALTER DATABASE `{}` CHARACTER SET ", database.replace('`', "``"));
    let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    line.strip_prefix(&start)
        .and_then(|rest| rest.split_once(" COLLATE "))
        .is_some_and(|(letters, order)| is_name(letters) && is_name(order))
}
