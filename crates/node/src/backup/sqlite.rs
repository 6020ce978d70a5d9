//! Copies of SQLite files by SQLite's own backup API: whole, whatever the tool writes meanwhile.

use std::{collections::BTreeMap, path::Path, time::Duration};

use letsbe_types::Problem;
use rusqlite::{
    Connection, ErrorCode, OpenFlags,
    backup::{Backup, StepResult},
};

use crate::files;

/// Pages that are copied in one go.
const PAGES: i32 = 4096;
/// A writer is waited for this long.
const PATIENCE: Duration = Duration::from_secs(5);
const HINT: &str =
    "Look at it with `sqlite3 FILE 'PRAGMA integrity_check'`. The sets of former nights are untouched.";

/// Copies one file and answers the rows by table that the copy has.
///
/// # Errors
/// When it is no database, is damaged, or is locked for too long.
pub(super) fn copy(from: &Path, to: &Path) -> Result<BTreeMap<String, u64>, Problem> {
    let refused = |error: rusqlite::Error| refused(from, &error);
    if let Some(folder) = to.parent() {
        files::make_folder(folder)?;
    }
    files::remove(to)?;
    // Writable: a database in WAL mode is only whole together with its log, which a reader may have to take in.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags).map_err(refused)?;
    source.busy_timeout(PATIENCE).map_err(refused)?;
    let mut copy = Connection::open(to).map_err(refused)?;
    all_pages(&source, &mut copy, from)?;
    // One file: the copy needs no log beside it.
    copy.pragma_update(None, "journal_mode", "DELETE").map_err(refused)?;
    let sound: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(refused)?;
    if sound != "ok" {
        return Err(damaged(from, &sound));
    }
    let rows = rows(&copy).map_err(refused)?;
    copy.close().map_err(|(_, error)| refused(error))?;
    Ok(rows)
}

fn all_pages(source: &Connection, copy: &mut Connection, from: &Path) -> Result<(), Problem> {
    let began = std::time::Instant::now();
    let backup = Backup::new(source, copy).map_err(|error| refused(from, &error))?;
    loop {
        match backup.step(PAGES).map_err(|error| refused(from, &error))? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // Each try has waited inside SQLite already.
            _ if began.elapsed() > PATIENCE => return Err(locked(from)),
            _ => std::thread::park_timeout(Duration::from_millis(50)),
        }
    }
}

/// Rows by table.
///
/// # Errors
/// When the database cannot be read.
pub(crate) fn rows(database: &Connection) -> rusqlite::Result<BTreeMap<String, u64>> {
    let list = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
                AND sql NOT LIKE 'CREATE VIRTUAL%'";
    let mut statement = database.prepare(list)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let count = |name: String| {
        let quoted = name.replace('"', "\"\"");
        let rows: i64 =
            database.query_row(&format!("SELECT count(*) FROM \"{quoted}\""), [], |row| row.get(0))?;
        Ok((name, rows.unsigned_abs()))
    };
    names.into_iter().map(count).collect()
}

/// Rows by table of a file that nobody writes: a copy that was restored.
///
/// # Errors
/// When it is no database.
pub(crate) fn count(path: &Path) -> Result<BTreeMap<String, u64>, Problem> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
        .and_then(|database| rows(&database))
        .map_err(|error| refused(path, &error))
}

/// Whether a copy failed because a writer had the database locked: it may stand still with its lock.
pub(super) fn was_locked(problem: &Problem) -> bool {
    problem.code == "BAK008" && problem.retryable
}

fn refused(path: &Path, error: &rusqlite::Error) -> Problem {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => locked(path),
        Some(ErrorCode::DiskFull) => Problem::permanent(
            "REPO005",
            format!("{}: the disk is full for a copy of it", path.display()),
            "Make room. What was stored before is still there, and nothing of this attempt counts.",
        ),
        _ => damaged(path, &error.to_string()),
    }
}

fn locked(path: &Path) -> Problem {
    Problem::transient("BAK008", message(path, "it is locked all the time"), HINT)
}

fn damaged(path: &Path, why: &str) -> Problem {
    Problem::permanent("BAK008", message(path, why), HINT)
}

fn message(path: &Path, why: &str) -> String {
    format!("The SQLite database {} could not be copied: {why}", path.display())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rusqlite::Connection;

    use super::{copy, count, was_locked};

    #[test]
    fn a_database_that_is_written_to_is_copied_whole_with_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("kuma.db"), folder.path().join("copies/kuma.db"));
        let writer = Connection::open(&from).unwrap();
        writer.pragma_update(None, "journal_mode", "WAL").unwrap();
        writer.execute_batch("CREATE TABLE beat (id); CREATE TABLE \"odd \"\" name\" (id);").unwrap();
        for id in 0..1000 {
            writer.execute("INSERT INTO beat VALUES (?1)", [id]).unwrap();
        }
        writer.execute_batch("BEGIN; INSERT INTO beat VALUES (-1);").unwrap();
        let expected = BTreeMap::from([("beat".to_owned(), 1000), ("odd \" name".to_owned(), 0)]);
        assert_eq!(copy(&from, &to).unwrap(), expected, "what was not committed is not there");
        writer.execute_batch("COMMIT").unwrap();
        assert_eq!(copy(&from, &to).unwrap()["beat"], 1001, "a second copy replaces the first");
        assert_eq!(count(&to).unwrap()["beat"], 1001);
        let left: Vec<_> = std::fs::read_dir(to.parent().unwrap()).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_lock_that_stays_is_told_from_damage() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("kuma.db");
        let writer = Connection::open(&from).unwrap();
        writer.execute_batch("CREATE TABLE a (b); BEGIN EXCLUSIVE; INSERT INTO a VALUES (1);").unwrap();
        let problem = copy(&from, &folder.path().join("copy")).unwrap_err();
        assert!(was_locked(&problem), "{problem}");
    }

    #[test]
    fn what_is_no_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("copy");
        let from = folder.path().join("text");
        std::fs::write(&from, "no database at all, but longer than a header of one hundred bytes ".repeat(4))
            .unwrap();
        assert_eq!(copy(&from, &to).unwrap_err().code, "BAK008");
        assert_eq!(copy(&folder.path().join("gone"), &to).unwrap_err().code, "BAK008");
    }
}
