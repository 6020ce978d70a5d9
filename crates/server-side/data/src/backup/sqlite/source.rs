//! A SQLite database as it lies in a tool's volume, copied byte by byte while SQLite's own locks keep writers away.
//!
//! SQLite must not open such a file as root: a journal beside it may name any file of the server as its "super-journal",
//! and SQLite removes that. So the files are copied into a folder of root's own, and what the copies say is looked at
//! before SQLite sees them.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use letsbe_types::{Code, Problem};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, fcntl},
    libc,
};

use super::{damaged, locked};
use letsbe_base::{beneath::Beneath, files};

/// A writer is waited for this long.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The bytes of a database file that SQLite locks (its file format, "locking").
const PENDING: Bytes = Bytes { from: 0x4000_0000, length: 1 };
const SHARED: Bytes = Bytes { from: 0x4000_0002, length: 510 };
/// The bytes of a `-shm` file: who writes to the log, who takes it over into the database, who recovers it.
const LOG: Bytes = Bytes { from: 120, length: 3 };
/// Stands at the end of a journal that names a super-journal, and at every journal's beginning.
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
/// Disk that a copy leaves to everybody else.
const ROOM_LEFT: u64 = 64 << 20;

#[derive(Clone, Copy)]
struct Bytes {
    from: i64,
    length: i64,
}

/// Copies a database of a volume, with its log or journal, into the empty folder `work`, which only root can enter.
///
/// # Errors
/// `BAK020` for anything but plain files, `BAK021` for a journal that names another file, `BAK022` when there is no room,
/// `BAK008` when it is locked all the time.
pub(super) fn copy_out(volume: &Path, relative: &Path, work: &Path) -> Result<PathBuf, Problem> {
    let place = volume.join(relative);
    let beneath = Beneath::open(volume)?;
    let database = beneath.file(relative)?.ok_or_else(|| damaged(&place, "it is not there"))?;
    shared(&database, &place)?;
    let shm = beneath.file(&beside(relative, "-shm"))?;
    if let Some(shm) = &shm {
        wait_for(shm, LOG, &place)?;
    }
    let log = beneath.file(&beside(relative, "-wal"))?;
    let journal = beneath.file(&beside(relative, "-journal"))?;
    let before = state(&database, log.as_ref(), &place)?;
    make_work(work)?;
    let copy = work.join("db");
    let named = |end: &str| work.join(format!("db{end}"));
    let all = [
        (Some(&database), copy.clone()),
        (log.as_ref(), named("-wal")),
        (journal.as_ref(), named("-journal")),
    ];
    has_room(&all, work, &place)?;
    for (from, to) in all {
        if let Some(from) = from {
            copy_bytes(from, &to).map_err(|error| files::unusable(&to, error))?;
        }
    }
    // A program that has just opened it may have begun to write without having met our locks.
    let opened_since = shm.is_none() && beneath.file(&beside(relative, "-shm"))?.is_some();
    if opened_since || state(&database, log.as_ref(), &place)? != before {
        return Err(locked(&place));
    }
    names_nothing(&named("-journal"), &place)?;
    Ok(copy)
}

fn beside(relative: &Path, end: &str) -> PathBuf {
    let mut name = relative.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn make_work(work: &Path) -> Result<(), Problem> {
    let made = || {
        match std::fs::remove_dir_all(work) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        DirBuilder::new().recursive(true).mode(0o700).create(work)
    };
    made().map_err(|error| files::unusable(work, error))
}

/// What a write would change.
fn state(database: &File, log: Option<&File>, place: &Path) -> Result<[(u64, i64, i64); 2], Problem> {
    let of = |file: Option<&File>| -> Result<_, Problem> {
        let Some(file) = file else { return Ok((0, 0, 0)) };
        let found = file.metadata().map_err(|error| files::unusable(place, error))?;
        Ok((found.len(), found.mtime(), found.mtime_nsec()))
    };
    Ok([of(Some(database))?, of(log)?])
}

/// A file can claim any size; what is copied must fit.
fn has_room(all: &[(Option<&File>, PathBuf)], work: &Path, place: &Path) -> Result<(), Problem> {
    let mut needed = ROOM_LEFT;
    for file in all.iter().filter_map(|(file, _)| *file) {
        let size = file.metadata().map_err(|error| files::unusable(place, error))?.len();
        needed = needed.saturating_add(size);
    }
    let found = rustix::fs::statvfs(work).map_err(|error| files::unusable(work, error))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    if needed <= free {
        return Ok(());
    }
    Err(Problem::transient(
        Code::BAK022,
        format!(
            "The copy of {} takes {} MiB for a moment, and {} MiB are free",
            place.display(),
            needed >> 20,
            free >> 20
        ),
        "Make room on the server's disk, or look why the database is so large. Former sets are untouched.",
    ))
}

fn copy_bytes(from: &File, to: &Path) -> io::Result<()> {
    let size = from.metadata()?.len();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut from.take(size), &mut file).map(drop)
}

/// A journal may name another file, which SQLite removes when it has rolled the journal back.
fn names_nothing(journal: &Path, place: &Path) -> Result<(), Problem> {
    let read = || -> io::Result<bool> {
        let mut end = [0; 8];
        let mut file = match File::open(journal) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        if file.metadata()?.len() < 2 * end.len() as u64 {
            return Ok(false);
        }
        file.seek(SeekFrom::End(-8))?;
        file.read_exact(&mut end)?;
        Ok(end == JOURNAL_MAGIC)
    };
    if !read().map_err(|error| files::unusable(journal, error))? {
        return Ok(());
    }
    Err(Problem::transient(
        Code::BAK021,
        format!("The journal beside {} names another file of the server", place.display()),
        "SQLite writes that while one change spans several databases; the copy is tried again. If it stays, somebody put \
         it there to have that file removed: look at the container.",
    ))
}

/// Takes SQLite's shared lock, as a reader does: nobody changes the file while it is held. It goes with the file.
fn shared(database: &File, place: &Path) -> Result<(), Problem> {
    wait_for(database, PENDING, place)?;
    wait_for(database, SHARED, place)?;
    set(database, PENDING, libc::F_UNLCK).map_err(|error| files::unusable(place, error))
}

fn wait_for(file: &File, bytes: Bytes, place: &Path) -> Result<(), Problem> {
    let began = Instant::now();
    loop {
        match set(file, bytes, libc::F_RDLCK) {
            Ok(()) => return Ok(()),
            Err(Errno::EAGAIN | Errno::EACCES) if began.elapsed() > PATIENCE => return Err(locked(place)),
            Err(Errno::EAGAIN | Errno::EACCES) => std::thread::park_timeout(LOOK_AGAIN),
            Err(error) => return Err(files::unusable(place, error)),
        }
    }
}

/// A lock of this open file, not of the process: closing another one does not end it.
fn set(file: &File, bytes: Bytes, kind: libc::c_int) -> nix::Result<()> {
    let lock = libc::flock {
        l_type: libc::c_short::try_from(kind).unwrap_or_default(),
        l_whence: libc::c_short::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: bytes.from,
        l_len: bytes.length,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_OFD_SETLK(&lock)).map(drop)
}
