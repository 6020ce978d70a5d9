//! The log's file: appended durably, read back whole.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use letsbe_gate::{Broken, Chain, Entry, Phase};
use letsbe_types::{Problem, tenant::LogHead};

use crate::{files, gate::problem};

/// A line that is longer was not written by us.
const LINE_BYTES: u64 = 128 * 1024;
/// Longest note.
const NOTE_BYTES: usize = 1_000;

/// What a log file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The last entry.
    pub(super) head: LogHead,
    /// The first line that does not follow on the one before it.
    pub(super) broken: Option<Broken>,
    /// Bytes up to the end of the last whole line.
    pub(super) whole: u64,
    /// Bytes behind it: a line that a crash tore.
    pub(super) torn: u64,
}

/// Reads a log to its end. A broken line does not end the reading: the log goes on from what it says last.
pub(super) fn read(path: &Path, mut each: impl FnMut(&str)) -> Result<Found, Problem> {
    let mut found = Found { head: LogHead::default(), broken: None, whole: 0, torn: 0 };
    let unusable = |error| files::unusable(path, error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(unusable(error)),
    };
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut count =
            reader.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line).map_err(unusable)? as u64;
        if count == 0 {
            return Ok(found);
        }
        if line.pop() != Some(b'\n') {
            if count < LINE_BYTES {
                found.torn = count;
                return Ok(found);
            }
            count += reader.skip_until(b'\n').map_err(unusable)? as u64;
        }
        found.whole += count;
        let text = String::from_utf8_lossy(&line);
        each(&text);
        match letsbe_gate::verify(&found.head, &text) {
            Ok(head) => found.head = head,
            Err(broken) => {
                found.broken.get_or_insert(broken);
                found.head = claimed(&found.head, &text);
            }
        }
    }
}

/// What a line says of itself, for the lines behind it: where one line is missing, only one is told.
fn claimed(head: &LogHead, line: &str) -> LogHead {
    #[derive(serde::Deserialize)]
    struct Claim {
        number: u64,
        hash: String,
    }
    let next = head.entry + 1;
    match serde_json::from_str(line) {
        Ok(Claim { number, hash }) => LogHead { entry: number.max(next), hash },
        Err(_) => LogHead { entry: next, hash: String::new() },
    }
}

/// The log, open for writing.
pub(super) struct Log {
    path: PathBuf,
    open: Mutex<(File, Chain)>,
}

impl Log {
    /// Opens the log. A torn last line is taken off with a note; damage is told and the log goes on behind it.
    pub(super) fn open(
        path: &Path,
        note: impl FnOnce(String) -> Entry,
    ) -> Result<(Self, Option<Broken>), Problem> {
        let unusable = |error| files::unusable(path, error);
        let found = read(path, |_| {})?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(unusable)?;
        }
        let options =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path);
        let mut file = options.map_err(unusable)?;
        file.set_len(found.whole).map_err(unusable)?;
        let end = file.seek(SeekFrom::End(0)).map_err(unusable)?;
        let mut last = [b'\n'];
        if end > 0 {
            file.read_exact_at(&mut last, end - 1).map_err(unusable)?;
        }
        if last != [b'\n'] {
            // Something that is no line of ours; it stays, and the next line begins behind it.
            file.write_all(b"\n").map_err(unusable)?;
        }
        let log = Self { path: path.to_owned(), open: Mutex::new((file, Chain::from_head(found.head))) };
        if found.torn > 0 {
            log.append(note(format!("{} bytes of a torn last line were taken off", found.torn)))?;
        }
        Ok((log, found.broken))
    }

    /// Appends an entry durably; its number.
    pub(super) fn append(&self, entry: Entry) -> Result<u64, Problem> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, chain) = &mut *open;
        let (line, next) = chain.seal(entry).map_err(|error| files::unusable(&self.path, error))?;
        let end = file.stream_position().map_err(|error| files::unusable(&self.path, error))?;
        let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_data());
        if let Err(error) = written {
            // Half a line in the middle would break the chain for good.
            let _ = file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end)));
            return Err(files::unusable(&self.path, error));
        }
        *chain = next;
        Ok(chain.head().entry)
    }

    /// The last entry.
    pub(super) fn head(&self) -> LogHead {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).1.head()
    }
}

/// Checks a log; the number of its entries.
pub(super) fn verify(path: &Path) -> Result<LogHead, Problem> {
    let found = read(path, |_| {})?;
    match found.broken {
        Some(broken) => Err(problem::damaged(broken)),
        None if found.torn > 0 => Err(problem::damaged(format!(
            "{} bytes of a line without an end follow on the last entry",
            found.torn
        ))),
        None => Ok(found.head),
    }
}

/// An entry without a call.
pub(super) fn note(now: chrono::DateTime<chrono::Utc>, mut text: String) -> Entry {
    text.truncate(text.floor_char_boundary(NOTE_BYTES));
    Entry {
        number: 0,
        at: now,
        phase: Phase::Note,
        agent: "letsbe-node".to_owned(),
        verb: String::new(),
        tool: None,
        arguments: String::new(),
        class: None,
        autonomy: None,
        decision: text,
        plan: String::new(),
        approval: None,
        by: None,
        begun: None,
        outcome: None,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{Log, note, read, verify};

    fn open(path: &Path) -> Log {
        Log::open(path, |text| note(chrono::Utc::now(), text)).expect("opens").0
    }

    fn append(log: &Log, text: &str) {
        log.append(note(chrono::Utc::now(), text.to_owned())).expect("writes");
    }

    #[test]
    fn a_log_goes_on_after_a_restart_and_a_torn_line_is_taken_off_with_a_note() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log/gate.jsonl");
        let log = open(&path);
        (0..3).for_each(|number| append(&log, &format!("entry {number}")));
        drop(log);
        let whole = fs::read_to_string(&path).expect("reads");
        for cut in [1, 20, whole.lines().last().expect("a line").len()] {
            fs::write(&path, &whole[..whole.len() - cut]).expect("writes");
            assert!(verify(&path).is_err(), "torn");
            let log = open(&path);
            append(&log, "after");
            assert_eq!(verify(&path).expect("good"), log.head());
            assert_eq!(log.head().entry, 4, "two of before, the note, one after");
            let text = fs::read_to_string(&path).expect("reads");
            assert!(text.lines().nth(2).expect("the note").contains("torn last line"), "{text}");
        }
    }

    #[test]
    fn damage_is_found_by_its_line_and_the_log_goes_on_behind_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gate.jsonl");
        let log = open(&path);
        (0..5).for_each(|number| append(&log, &format!("entry {number}")));
        drop(log);
        let good = fs::read_to_string(&path).expect("reads");
        fs::write(&path, good.replace("entry 2", "entry X")).expect("writes");
        let problem = verify(&path).expect_err("damaged");
        assert!(problem.code == "GATE012" && problem.message.contains("line 3 "), "{problem}");
        let (log, broken) = Log::open(&path, |text| note(chrono::Utc::now(), text)).expect("opens");
        assert_eq!(broken.expect("told").line, 3);
        append(&log, "after");
        assert_eq!(log.head().entry, 6);
        let mut lines = 0;
        assert_eq!(read(&path, |_| lines += 1).expect("reads").broken.expect("still").line, 3);
        assert_eq!(lines, 6);
    }

    #[test]
    fn a_missing_line_and_rubbish_are_told_and_numbers_go_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gate.jsonl");
        let log = open(&path);
        (0..5).for_each(|number| append(&log, &format!("entry {number}")));
        let head = log.head();
        drop(log);
        let good = fs::read_to_string(&path).expect("reads");
        let without: String = good
            .lines()
            .enumerate()
            .filter(|(at, _)| *at != 2)
            .map(|(_, line)| format!("{line}\n"))
            .collect();
        fs::write(&path, &without).expect("writes");
        let (log, broken) = Log::open(&path, |text| note(chrono::Utc::now(), text)).expect("opens");
        assert_eq!((broken.expect("told").line, log.head()), (3, head.clone()));
        drop(log);
        fs::write(&path, format!("{good}{}", "x".repeat(300_000))).expect("writes");
        let log = open(&path);
        append(&log, "after");
        assert!(log.head().entry > head.entry + 1);
        assert_eq!(verify(&path).expect_err("told").code, "GATE012");
        assert!(fs::read_to_string(&path).expect("reads").starts_with(&good), "nothing is taken away");
    }
}
