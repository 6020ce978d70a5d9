//! Copies of a tool's SQLite files: whole, whatever the tool writes meanwhile, and harmless, whatever it wrote before.

mod source;

use std::{collections::BTreeMap, path::Path};

use letsbe_types::{Code, Problem};
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig, limits::Limit};

use letsbe_base::files;

const HINT: &str =
    "Look at it with `sqlite3 FILE 'PRAGMA integrity_check'`. The sets of former nights are untouched.";

/// Copies the file `relative` of a volume to `to`, by way of the folder `work`, which is made for it and removed; answers
/// the rows by table that the copy has.
///
/// # Errors
/// When it is no database, is damaged, is locked for too long, or is not what a tool's own program leaves there.
pub(super) fn copy(
    volume: &Path,
    relative: &Path,
    work: &Path,
    to: &Path,
) -> Result<BTreeMap<String, u64>, Problem> {
    if let Some(folder) = to.parent() {
        files::make_folder(folder)?;
    }
    files::remove(to)?;
    let copied = source::copy_out(volume, relative, work)
        .and_then(|copy| settled(&copy, &volume.join(relative)).map(|rows| (copy, rows)))
        .and_then(|(copy, rows)| {
            std::fs::rename(&copy, to).map_err(|error| files::unusable(to, error)).map(|()| rows)
        });
    let removed = match std::fs::remove_dir_all(work) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(files::unusable(work, error)),
        _ => Ok(()),
    };
    copied.and_then(|rows| removed.map(|()| rows))
}

/// Takes the log or the journal beside a copy in, so that it is one file.
fn settled(copy: &Path, of: &Path) -> Result<BTreeMap<String, u64>, Problem> {
    let refused = |error: rusqlite::Error| refused(of, &error);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let database = distrusting(copy, flags).map_err(refused)?;
    // Nobody else opens it: no shared memory is made for the log.
    database.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(refused)?;
    database.pragma_update(None, "journal_mode", "DELETE").map_err(refused)?;
    let sound: String = database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(refused)?;
    if sound != "ok" {
        return Err(damaged(of, &sound));
    }
    let rows = rows(&database).map_err(refused)?;
    database.close().map_err(|(_, error)| refused(error))?;
    Ok(rows)
}

/// Opens a database whose every byte may be chosen by somebody else: nothing in its schema is carried out.
fn distrusting(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let database = Connection::open_with_flags(path, flags)?;
    for (setting, value) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    ] {
        database.set_db_config(setting, value)?;
    }
    database.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    Ok(database)
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
    distrusting(path, flags).and_then(|database| rows(&database)).map_err(|error| refused(path, &error))
}

/// Whether a copy failed because a writer was in the middle of something: it may stand still with its lock.
pub(super) fn was_locked(problem: &Problem) -> bool {
    problem.is_one_of(&[Code::BAK008, Code::BAK021]) && problem.retryable
}

fn refused(path: &Path, error: &rusqlite::Error) -> Problem {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => locked(path),
        Some(ErrorCode::DiskFull) => Problem::permanent(
            Code::REPO005,
            format!("{}: the disk is full for a copy of it", path.display()),
            "Make room. What was stored before is still there, and nothing of this attempt counts.",
        ),
        _ => damaged(path, &error.to_string()),
    }
}

fn locked(path: &Path) -> Problem {
    Problem::transient(Code::BAK008, message(path, "it is locked all the time"), HINT)
}

fn damaged(path: &Path, why: &str) -> Problem {
    Problem::permanent(Code::BAK008, message(path, why), HINT)
}

fn message(path: &Path, why: &str) -> String {
    format!("The SQLite database {} could not be copied: {why}", path.display())
}

#[cfg(test)]
mod tests;
