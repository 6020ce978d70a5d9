//! Rows by table: the statements that count them, and what they print.

use std::collections::BTreeMap;

use letsbe_host::Command;

use super::{Access, inside, user, words};
use crate::DatabaseSource;

/// The line after the last count.
pub(super) const COUNTED: &str = "counted";

/// What a client of MySQL or MariaDB is told first: its server's own modes and limits are for the tool. Each engine's word
/// for "as long as it takes" is a comment to the other.
pub(super) const PATIENT: &str = "SET SESSION sql_mode = '';\n\
                                  /*M!100101 SET SESSION max_statement_time = 0 */;\n\
                                  /*!80000 SET SESSION max_execution_time = 0 */;\n";

/// A client of PostgreSQL that reads statements until its standard input ends. Its transaction ends with it.
#[must_use]
pub fn session(database: &DatabaseSource, access: Access<'_>) -> Command {
    let fixed = [
        "psql",
        "--no-psqlrc",
        "--quiet",
        "--no-align",
        "--tuples-only",
        "--field-separator=\t",
        "--set=ON_ERROR_STOP=1",
        "--no-password",
    ];
    let mut words = words(&fixed);
    words.extend([user(database), format!("--dbname={}", database.name)]);
    inside(database, access, words)
}

/// What a [`session`] is told: it opens a transaction, prints the snapshot for [`dump`] as its first line
/// ([`parse_snapshot`]), then counts every table as of that snapshot ([`parse_counts`]). The snapshot is there for
/// others until the session's input ends, which must be after the dump has begun.
#[must_use]
pub fn snapshot_statements() -> String {
    // The count waits no longer for a table than the dump does.
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n\
                 SET LOCAL lock_timeout = '30s';\n\
                 SELECT 'snapshot', pg_export_snapshot();\n";
    format!("{begin}{}", postgresql_counts())
}

/// The snapshot that a session has printed.
#[must_use]
pub fn parse_snapshot(line: &str) -> Option<&str> {
    line.trim_end().strip_prefix("snapshot\t").filter(|id| !id.is_empty())
}

/// Whether a session has printed all counts.
#[must_use]
pub fn is_last_count(line: &str) -> bool {
    line.trim_end() == COUNTED
}

/// Rows by table, from what [`counts`] printed or a session told to its last count.
///
/// # Errors
/// What is not understood, or that it does not end as it should.
pub fn parse_counts(text: &str) -> Result<BTreeMap<String, u64>, String> {
    let mut tables = BTreeMap::new();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && parse_snapshot(line).is_none());
    for line in lines.by_ref() {
        if is_last_count(line) {
            return match lines.next() {
                None => Ok(tables),
                Some(more) => Err(format!("the counts go on after their end: {more:?}")),
            };
        }
        let count = line.split_once('\t').and_then(|(rows, name)| Some((rows.trim().parse().ok()?, name)));
        let Some((rows, name)) = count else { return Err(format!("a count is not understood: {line:?}")) };
        tables.insert(unescaped(name), rows);
    }
    Err("the counts do not come to their end".to_owned())
}

/// `\t`, `\n`, `\0` and `\\`, as clients write them in names.
fn unescaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut characters = name.chars();
    while let Some(c) = characters.next() {
        match (c, c == '\\') {
            (_, true) => out.push(match characters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('0') => '\0',
                Some(other) => other,
                None => '\\',
            }),
            (c, false) => out.push(c),
        }
    }
    out
}

/// Tables of extensions are left out: their rows come with the extension and are in no dump.
pub(super) fn postgresql_counts() -> String {
    // A name is told in one encoding, whatever the database's own.
    format!(
        "SET client_encoding = 'UTF8';\n\
         SELECT format('SELECT count(*), %L FROM ONLY %I.%I', \
         replace(replace(replace(n.nspname || '.' || c.relname, E'\\\\', E'\\\\\\\\'), E'\\t', E'\\\\t'), E'\\n', E'\\\\n'), \
         n.nspname, c.relname) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
         WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') \
         ORDER BY n.nspname, c.relname \\gexec\n\
         SELECT '{COUNTED}';\n"
    )
}

pub(super) fn mysql_counts() -> String {
    // What only shows the rows of others is in no dump; of a table with a history the rows that were are counted too.
    format!(
        "{PATIENT}\
         SET SESSION group_concat_max_len = 67108864;\n\
         SELECT COALESCE(GROUP_CONCAT(IF(engine IN ('MRG_MYISAM', 'FEDERATED'), \
         CONCAT('SELECT 0, ', QUOTE(table_name)), \
         CONCAT('SELECT COUNT(*), ', QUOTE(table_name), ' FROM `', REPLACE(table_name, '`', '``'), '`', \
         IF(table_type = 'SYSTEM VERSIONED', ' FOR SYSTEM_TIME ALL', ''))) \
         SEPARATOR ' UNION ALL '), 'DO 0') INTO @counts \
         FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED');\n\
         PREPARE counts FROM @counts;\n\
         EXECUTE counts;\n\
         SELECT '{COUNTED}';\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{COUNTED, parse_counts, parse_snapshot};

    #[test]
    fn counts_are_read_to_their_end_and_nothing_else_is_taken() {
        let told = parse_counts("snapshot\t00000003-1\n3\tpublic.posts\n0\ta\\tb\\\\c\\nd\ncounted\n")
            .expect("counts");
        let told: Vec<_> = told.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
        assert_eq!(told, [("a\tb\\c\nd", 0), ("public.posts", 3)]);
        assert_eq!(parse_counts(COUNTED), Ok(std::collections::BTreeMap::new()));
        for wrong in ["", "3\tposts\n", "ERROR: no\ncounted", "x\tposts\ncounted", "counted\n3\tposts\n"] {
            assert!(parse_counts(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_snapshot_is_told_from_a_count() {
        assert_eq!(parse_snapshot("snapshot\t00000003-0000001B-1\n"), Some("00000003-0000001B-1"));
        assert_eq!(parse_snapshot("snapshot\t"), None);
        assert_eq!(parse_snapshot("3\tsnapshot"), None);
    }
}
