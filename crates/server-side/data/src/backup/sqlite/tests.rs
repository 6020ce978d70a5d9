use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use letsbe_types::Problem;
use rusqlite::Connection;

use super::{count, was_locked};

/// A volume with what a tool has in it, and a folder of root's beside it.
struct World {
    root: tempfile::TempDir,
    volume: PathBuf,
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let volume = root.path().join("_data");
        fs::create_dir(&volume).unwrap();
        Self { root, volume }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.volume.join(name)
    }

    fn to(&self) -> PathBuf {
        self.root.path().join("staging/data/kuma.db")
    }

    fn copy(&self) -> Result<BTreeMap<String, u64>, Problem> {
        let work = self.root.path().join("staging/.raw");
        let copied = super::copy(&self.volume, Path::new("kuma.db"), &work, &self.to());
        assert!(!work.exists(), "nothing of the copy's way stays");
        copied
    }
}

#[test]
fn a_database_that_is_written_to_is_copied_whole_with_its_log() {
    let world = World::new();
    let writer = Connection::open(world.at("kuma.db")).unwrap();
    writer.pragma_update(None, "journal_mode", "WAL").unwrap();
    writer.execute_batch("CREATE TABLE beat (id); CREATE TABLE \"odd \"\" name\" (id);").unwrap();
    for id in 0..1000 {
        writer.execute("INSERT INTO beat VALUES (?1)", [id]).unwrap();
    }
    let expected = BTreeMap::from([("beat".to_owned(), 1000), ("odd \" name".to_owned(), 0)]);
    let held = ["kuma.db", "kuma.db-wal", "kuma.db-shm"]
        .map(|name| (world.at(name), fs::read(world.at(name)).unwrap()));
    assert_eq!(world.copy().unwrap(), expected);
    for (path, before) in held {
        assert!(fs::read(&path).unwrap() == before, "{} was only read", path.display());
    }
    writer.execute_batch("INSERT INTO beat VALUES (-1)").unwrap();
    assert_eq!(world.copy().unwrap()["beat"], 1001, "a second copy replaces the first");
    assert_eq!(count(&world.to()).unwrap()["beat"], 1001);
    let left: Vec<_> = fs::read_dir(world.to().parent().unwrap()).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let log = fs::metadata(world.at("kuma.db-wal")).unwrap().len();
    assert!(log > 0, "the tool's own log was not taken in: it still has {log} bytes");
}

#[test]
fn a_change_that_was_cut_off_is_rolled_back_in_the_copy_only() {
    let world = World::new();
    let writer = Connection::open(world.at("live.db")).unwrap();
    writer.pragma_update(None, "cache_size", 2).unwrap();
    writer.pragma_update(None, "cache_spill", 1).unwrap();
    writer
        .execute_batch(
            "CREATE TABLE a (b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500)
        INSERT INTO a SELECT hex(zeroblob(200)) FROM n;",
        )
        .unwrap();
    writer.execute_batch("BEGIN; DELETE FROM a WHERE rowid % 2; UPDATE a SET b = 'gone';").unwrap();
    // The power goes: what is on the disk now is a database in the middle of a change, and its journal.
    for end in ["", "-journal"] {
        fs::copy(world.at(&format!("live.db{end}")), world.at(&format!("kuma.db{end}"))).unwrap();
    }
    let before = fs::read(world.at("kuma.db")).unwrap();
    assert_eq!(world.copy().unwrap()["a"], 500);
    assert_eq!(fs::read(world.at("kuma.db")).unwrap(), before);
    assert!(world.at("kuma.db-journal").exists(), "the tool's journal is the tool's");
}

#[test]
fn a_journal_that_names_a_file_of_the_server_costs_that_file_nothing() {
    let world = World::new();
    let canary = world.root.path().join("registry.key");
    fs::write(&canary, "the key of everything").unwrap();
    let database = Connection::open(world.at("kuma.db")).unwrap();
    database.execute_batch("CREATE TABLE a (b);").unwrap();
    drop(database);
    let size = fs::metadata(world.at("kuma.db")).unwrap().len();
    assert_eq!(size, 8192, "two pages");
    fs::write(world.at("kuma.db-journal"), hostile_journal(&canary, 2)).unwrap();
    // What the attack relies on: SQLite itself, on a copy of the two files, removes what the journal names.
    let naive = World::new();
    let bait = naive.root.path().join("bait");
    fs::write(&bait, "gone").unwrap();
    fs::copy(world.at("kuma.db"), naive.at("kuma.db")).unwrap();
    fs::write(naive.at("kuma.db-journal"), hostile_journal(&bait, 2)).unwrap();
    let opened = Connection::open(naive.at("kuma.db")).unwrap();
    opened.query_row("SELECT count(*) FROM a", [], |row| row.get::<_, i64>(0)).unwrap();
    assert!(!bait.exists(), "the journal of this test is not one that SQLite obeys");

    let problem = world.copy().unwrap_err();
    assert_eq!(problem.code, "BAK021", "{problem}");
    assert!(was_locked(&problem), "an honest one is gone a moment later");
    assert_eq!(fs::read_to_string(&canary).unwrap(), "the key of everything");
}

/// A journal without a page in it that ends with the name of a super-journal, by SQLite's file format.
fn hostile_journal(names: &Path, pages: u32) -> Vec<u8> {
    let magic = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    let name = names.to_str().unwrap().as_bytes();
    let mut journal = magic.to_vec();
    // No pages, no nonce, so many pages before, sectors of 512 bytes, pages of 4096.
    for word in [0, 0, pages, 512, 4096_u32] {
        journal.extend(word.to_be_bytes());
    }
    journal.resize(512, 0);
    let lock_page = 0x4000_0000_u32 / 4096 + 1;
    journal.extend(lock_page.to_be_bytes());
    journal.extend(name);
    journal.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
    // SQLite adds the letters up as signed characters; these are plain ASCII.
    journal.extend(name.iter().map(|byte| u32::from(*byte)).sum::<u32>().to_be_bytes());
    journal.extend(magic);
    journal
}

#[test]
fn what_a_tool_puts_in_a_databases_place_is_not_followed_waited_for_or_opened() {
    let world = World::new();
    let outside = world.root.path().join("other.db");
    Connection::open(&outside).unwrap().execute_batch("CREATE TABLE secret (a);").unwrap();
    let before = fs::read(&outside).unwrap();
    let place = world.at("kuma.db");
    let fifo = |path: &Path| {
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o666));
        rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
    };
    symlink(&outside, &place).unwrap();
    assert_eq!(world.copy().unwrap_err().code, "BAK020", "a link");
    fs::remove_file(&place).unwrap();
    fifo(&place);
    assert_eq!(world.copy().unwrap_err().code, "BAK020", "a FIFO");
    fs::remove_file(&place).unwrap();
    fs::hard_link(&outside, &place).unwrap();
    assert_eq!(world.copy().unwrap_err().code, "BAK020", "a second name");
    fs::remove_file(&place).unwrap();
    fs::write(&place, &before).unwrap();
    for end in ["-wal", "-shm", "-journal"] {
        let companion = world.at(&format!("kuma.db{end}"));
        symlink(&outside, &companion).unwrap();
        assert_eq!(world.copy().unwrap_err().code, "BAK020", "a link at {end}");
        fs::remove_file(&companion).unwrap();
        fifo(&companion);
        assert_eq!(world.copy().unwrap_err().code, "BAK020", "a FIFO at {end}");
        fs::remove_file(&companion).unwrap();
    }
    assert_eq!(world.copy().unwrap()["secret"], 0, "a plain file is fine");
    assert_eq!(fs::read(&outside).unwrap(), before);
    let sparse = fs::File::options().write(true).open(&place).unwrap();
    sparse.set_len(1 << 42).unwrap();
    let problem = world.copy().unwrap_err();
    assert_eq!(problem.code, "BAK022", "a file that claims four terabytes: {problem}");
}

#[test]
fn a_lock_that_stays_is_told_from_damage() {
    let world = World::new();
    let writer = Connection::open(world.at("kuma.db")).unwrap();
    writer.execute_batch("CREATE TABLE a (b); BEGIN EXCLUSIVE; INSERT INTO a VALUES (1);").unwrap();
    let problem = world.copy().unwrap_err();
    assert!(was_locked(&problem), "{problem}");
}

#[test]
fn a_log_that_is_being_written_is_waited_for() {
    let world = World::new();
    let writer = Connection::open(world.at("kuma.db")).unwrap();
    writer.pragma_update(None, "journal_mode", "WAL").unwrap();
    writer.execute_batch("CREATE TABLE a (b); BEGIN IMMEDIATE; INSERT INTO a VALUES (1);").unwrap();
    assert!(was_locked(&world.copy().unwrap_err()));
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(world.copy().unwrap()["a"], 1);
}

#[test]
fn what_is_no_database_is_refused() {
    let world = World::new();
    assert_eq!(world.copy().unwrap_err().code, "BAK008");
    let text = "no database at all, but longer than a header of one hundred bytes ".repeat(4);
    fs::write(world.at("kuma.db"), text).unwrap();
    let problem = world.copy().unwrap_err();
    assert_eq!((problem.code.as_str(), was_locked(&problem)), ("BAK008", false));
}
