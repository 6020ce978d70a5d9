//! The log's file: appended durably, read back whole.

mod published;

use std::{
    collections::{BTreeMap, VecDeque},
    fs::File,
    io::{BufRead as _, BufReader, ErrorKind, Read as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use letsbe_gate::{Broken, Chain, Entry, Phase};
use letsbe_types::{Problem, tenant::LogHead, tenants::GateHead};

pub(super) use self::published::published_by_file;
use crate::gate::problem;
use letsbe_base::{files, jsonl::JsonLines};

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
pub(super) fn read(path: &Path, mut each: impl FnMut(&str, &LogHead)) -> Result<Found, Problem> {
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
        match letsbe_gate::verify(&found.head, &text) {
            Ok(head) => found.head = head,
            Err(broken) => {
                found.broken.get_or_insert(broken);
                found.head = claimed(&found.head, &text);
            }
        }
        each(&text, &found.head);
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
    open: Mutex<(JsonLines, Chain)>,
    /// The last lines' numbers and hashes, oldest first.
    recent: Mutex<VecDeque<LogHead>>,
}

impl Log {
    /// Opens the log. A torn last line is taken off with a note; damage is told and the log goes on behind it.
    pub(super) fn open(
        path: &Path,
        note: impl FnOnce(String) -> Entry,
    ) -> Result<(Self, Option<Broken>), Problem> {
        let unusable = |error| files::unusable(path, error);
        let mut recent = VecDeque::new();
        let found = read(path, |_, head| keep(&mut recent, head.clone()))?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(unusable)?;
        }
        let file = JsonLines::open_at(path, found.whole)?;
        let open = Mutex::new((file, Chain::from_head(found.head)));
        let log = Self { path: path.to_owned(), open, recent: Mutex::new(recent) };
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
        file.append_line_durably(line.as_bytes())?;
        *chain = next;
        keep(&mut self.recent.lock().unwrap_or_else(PoisonError::into_inner), chain.head());
        Ok(chain.head().entry)
    }

    /// The last entry.
    pub(super) fn head(&self) -> LogHead {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).1.head()
    }
}

/// Numbers and hashes of lines that are kept in memory.
const RECENT: usize = 1_024;

fn keep(recent: &mut VecDeque<LogHead>, head: LogHead) {
    if recent.len() == RECENT {
        recent.pop_front();
    }
    recent.push_back(head);
}

/// Checks a log; the number of its entries.
pub(super) fn verify(path: &Path) -> Result<LogHead, Problem> {
    let found = read(path, |_, _| {})?;
    match found.broken {
        Some(broken) => Err(problem::damaged(broken)),
        None if found.torn > 0 => Err(problem::damaged(format!(
            "{} bytes of a line without an end follow on the last entry",
            found.torn
        ))),
        None => Ok(found.head),
    }
}

/// Compares a log with what the Hub was told of it.
pub(super) fn compare(path: &Path, heads: &[GateHead]) -> Result<LogHead, Problem> {
    let wanted: BTreeMap<u64, &GateHead> =
        heads.iter().filter(|head| head.linked && head.entry > 0).map(|head| (head.entry, head)).collect();
    let (mut good, mut bad) = (0, None);
    let found = read(path, |_, line| {
        if let Some(head) = wanted.get(&line.entry).filter(|_| bad.is_none()) {
            if head.hash == line.hash { good = line.entry } else { bad = Some(line.entry) }
        }
    })?;
    if let Some(entry) = bad {
        let what = format!("one of the lines {} to {entry} is not what the Hub was told", good + 1);
        return Err(problem::not_as_told(what));
    }
    let last = wanted.keys().next_back().copied().unwrap_or_default();
    if found.head.entry < last {
        let what =
            format!("the lines {} to {last}, of which the Hub was told, are missing", found.head.entry + 1);
        return Err(problem::not_as_told(what));
    }
    verify(path)
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

    use letsbe_types::{
        tenant::{LogChain, LogHead, limits},
        tenants::GateHead,
    };

    use super::{Log, compare, note, read, verify};

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
        assert_eq!(read(&path, |_, _| lines += 1).expect("reads").broken.expect("still").line, 3);
        assert_eq!(lines, 6);
    }

    /// What root can do: change the text of lines and give them, and all lines behind them, new hashes.
    fn rewritten(log: &str, change: impl Fn(&str) -> String) -> String {
        let mut chain = letsbe_gate::Chain::default();
        let seal = |line: &str| {
            let entry = serde_json::from_str(&change(line)).expect("an entry");
            let (line, next) = chain.seal(entry).expect("writes");
            chain = next;
            line
        };
        log.lines().map(seal).collect()
    }

    #[test]
    fn a_log_that_root_wrote_anew_is_whole_here_and_found_by_what_the_hub_was_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gate.jsonl");
        let mut heads = Vec::new();
        let log = open(&path);
        for number in 1..=25 {
            append(&log, &format!("entry {number}."));
            if number % 10 == 0 {
                let LogHead { entry, hash } = log.head();
                heads.push(GateHead { entry, hash, received_at: chrono::Utc::now(), linked: true });
            }
        }
        let known = log.published(&LogHead { entry: 20, hash: String::new() }).1.expect("a piece").after;
        assert_eq!(known.hash, heads[1].hash);
        drop(log);
        assert_eq!(compare(&path, &heads).expect("as told").entry, 25);
        let text = fs::read_to_string(&path).expect("reads");
        let forged =
            rewritten(&text, |line| line.replace("entry 7.", "nothing").replace("entry 8.", "nothing"));
        fs::write(&path, &forged).expect("writes");
        assert_eq!(verify(&path).expect("whole in itself").entry, 25);
        let found = compare(&path, &heads).expect_err("found");
        assert!(found.code == "GATE021" && found.message.contains("lines 1 to 10 "), "{found}");
        // The agent, started again, goes on from another line than the Hub knows.
        let chain = open(&path).published(&known).1.expect("a piece");
        assert!(chain.after.entry == 20 && chain.after.hash != known.hash);
        // After line 12, and cut.
        let late = rewritten(&text, |line| line.replace("entry 12.", "nothing"));
        fs::write(&path, late).expect("writes");
        assert!(compare(&path, &heads).expect_err("found").message.contains("lines 11 to 20 "));
        let cut: String = text.lines().take(19).map(|line| format!("{line}\n")).collect();
        fs::write(&path, cut).expect("writes");
        assert!(compare(&path, &heads).expect_err("found").message.contains("lines 20 to 20"));
        assert_eq!(open(&path).published(&known), (verify(&path).expect("whole"), None));
    }

    #[test]
    fn a_long_log_is_told_in_pieces_from_memory_and_from_the_file_alike() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gate.jsonl");
        let log = open(&path);
        for number in 0..(super::RECENT + 300) {
            append(&log, &number.to_string());
        }
        let (mut known, mut pieces) = (LogHead::default(), 0);
        while known != log.head() {
            let (end, chain) = log.published(&known);
            assert_eq!((end.clone(), chain.clone()), super::published_by_file(&path, &known));
            let chain = chain.expect("a piece");
            assert_eq!((&chain.after, chain.hash_of(end.entry)), (&known, Some(end.hash.as_str())));
            (known, pieces) = (end, pieces + 1);
        }
        assert_eq!(pieces, (super::RECENT + 300).div_ceil(limits::LOG_HASHES));
        assert_eq!(
            log.published(&known),
            (known.clone(), Some(LogChain { after: known, hashes: Vec::new() }))
        );
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
