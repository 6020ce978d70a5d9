//! The journal of a run: numbered lines of JSON, each on the disk before anything else happens.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::Utc;
use letsbe_host::{Journal, Question};
use letsbe_types::{
    Code, Problem,
    ids::JobId,
    job::{Outcome, RunEvent, RunEventKind},
};
use rand::RngExt as _;

use crate::run::keys;
use letsbe_base::{files, jsonl::JsonLines, layout::Layout, vault};

/// How often the answer to a confirmation is looked for.
const POLL: Duration = Duration::from_millis(50);

/// Reads whole lines; answers the events, and how many bytes they take. A torn last line is left out.
///
/// # Errors
/// When a line in the middle is damaged, or numbers are missing: then the journal cannot be trusted.
pub(crate) fn parse(content: &[u8], mut expected: u64) -> Result<(Vec<RunEvent>, usize), String> {
    let (mut events, mut good) = (Vec::new(), 0);
    while let Some(length) = content[good..].iter().position(|byte| *byte == b'\n') {
        let line = &content[good..good + length];
        let rest_is_empty = good + length + 1 == content.len();
        match serde_json::from_slice::<RunEvent>(line) {
            Ok(event) if event.sequence == expected => events.push(event),
            Ok(event) => return Err(format!("event {} follows event {}", event.sequence, expected - 1)),
            // A crash of the machine may leave a block of zeros that ends in a line break.
            Err(_) if rest_is_empty => break,
            Err(error) => return Err(format!("event {expected} is damaged: {error}")),
        }
        expected += 1;
        good += length + 1;
    }
    Ok((events, good))
}

/// All events of a run; empty if it has none.
pub(crate) fn read(layout: &Layout, job: JobId) -> Result<Vec<RunEvent>, Problem> {
    let path = layout.journal(job);
    let content = files::read(&path)?.unwrap_or_default();
    parse(&content, 1).map(|(events, _)| events).map_err(|error| damaged(&path, &error))
}

fn damaged(path: &Path, error: &str) -> Problem {
    Problem::permanent(
        Code::NODE006,
        format!("The journal {} is damaged: {error}", path.display()),
        "Look at the disk's health. Move the file away to start the run anew; steps that are done stay done.",
    )
}

/// An open journal. Only one process may hold it.
pub(crate) struct FileJournal {
    layout: Layout,
    path: PathBuf,
    open: Mutex<Open>,
}

struct Open {
    lines: JsonLines,
    next: u64,
}

impl FileJournal {
    /// Opens a run's journal, makes it if need be, and cuts a torn last line off. Answers what is in it, too.
    pub(crate) fn open(layout: &Layout, job: JobId) -> Result<(Self, Vec<RunEvent>), Problem> {
        let path = layout.journal(job);
        let content = files::read(&path)?.unwrap_or_default();
        let (events, good) = parse(&content, 1).map_err(|error| damaged(&path, &error))?;
        let lines = JsonLines::open_at(&path, good as u64)?;
        let next = events.len() as u64 + 1;
        Ok((Self { layout: layout.clone(), path, open: Mutex::new(Open { lines, next }) }, events))
    }

    /// Appends an event; it is on the disk when this returns.
    ///
    /// A failure may quote what a program said, and a program may quote a password: known values are masked before
    /// anybody else sees the event.
    pub(crate) fn append(&self, event: RunEventKind) -> Result<RunEvent, Problem> {
        let event = if may_quote(&event) { self.masked(event)? } else { event };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let event = RunEvent { sequence: open.next, at: Utc::now(), event };
        open.lines.append_durably(&event)?;
        open.next += 1;
        Ok(event)
    }

    fn masked(&self, event: RunEventKind) -> Result<RunEventKind, Problem> {
        let Ok(mask) = vault::mask(&self.layout) else { return Ok(withheld(event)) };
        let unusable = |why: &dyn std::fmt::Display| files::unusable(&self.path, why);
        let text = serde_json::to_string(&event).map_err(|error| unusable(&error))?;
        serde_json::from_str(&mask.apply(text)).map_err(|error| unusable(&error))
    }
}

/// A failure without its words: for when nobody can tell which of them are secret. The code still says what it is.
fn withheld(event: RunEventKind) -> RunEventKind {
    const WHY: &str = "The message is withheld: the vault cannot be opened, so nothing can be masked by it.";
    let quiet = |problem: Problem| Problem { message: WHY.to_owned(), ..problem };
    match event {
        RunEventKind::Operation { step, operation, outcome, milliseconds } => {
            let outcome = match outcome {
                Outcome::Failed { problem } => Outcome::Failed { problem: quiet(problem) },
                Outcome::Warned { .. } => Outcome::Warned { warning: WHY.to_owned() },
                other => other,
            };
            RunEventKind::Operation { step, operation, outcome, milliseconds }
        }
        RunEventKind::Finished { problem } => RunEventKind::Finished { problem: problem.map(quiet) },
        other => other,
    }
}

/// Whether an event may hold words of another program.
const fn may_quote(event: &RunEventKind) -> bool {
    matches!(
        event,
        RunEventKind::Operation { outcome: Outcome::Failed { .. } | Outcome::Warned { .. }, .. }
            | RunEventKind::Finished { problem: Some(_) }
    )
}

#[async_trait]
impl Journal for FileJournal {
    async fn record(&self, event: RunEventKind) -> Result<(), Problem> {
        self.append(event).map(|_| ())
    }

    async fn ask(&self, question: &Question, patience: Duration) -> Result<(), Problem> {
        match question {
            Question::SshConfirmation { port, user } => self.await_ssh(*port, user, patience).await,
            Question::Keys => self.await_keys(patience).await,
        }
    }
}

/// What is asked of somebody outside.
impl FileJournal {
    async fn await_ssh(&self, port: u16, user: &str, patience: Duration) -> Result<(), Problem> {
        let nonce = format!("{:032x}", rand::rng().random::<u128>());
        let confirmed = self.layout.state("ssh-confirmed");
        files::remove(&confirmed)?;
        files::write(&self.layout.pending_confirmation(), nonce.as_bytes())?;
        let deadline = Utc::now() + patience;
        let user = user.to_owned();
        self.append(RunEventKind::SshConfirmationNeeded { port, user, nonce: nonce.clone(), deadline })?;
        let outcome =
            until(patience, || Ok(files::read(&confirmed)?.as_deref() == Some(nonce.as_bytes()))).await;
        files::remove(&self.layout.pending_confirmation())?;
        if outcome? {
            return Ok(());
        }
        Err(Problem::transient(
            Code::NODE021,
            format!("Nobody logged in from outside on port {port} within {} s", patience.as_secs()),
            "SSH goes back to how it was by itself. Check that the port is open at the provider's firewall.",
        ))
    }

    /// The identity stays the same when the run was killed meanwhile: what was sealed to it still opens.
    async fn await_keys(&self, patience: Duration) -> Result<(), Problem> {
        let recipient = keys::recipient(&self.layout)?;
        let deadline = Utc::now() + patience;
        self.append(RunEventKind::KeysNeeded { recipient, deadline })?;
        if until(patience, || keys::have_come(&self.layout)).await? {
            return Ok(());
        }
        Err(Problem::transient(
            Code::NODE080,
            format!("Nobody brought the keys from the escrow within {} hours", patience.as_secs() / 3600),
            "Retry, and let somebody who can open the escrow run `letsbe backups unseal` meanwhile.",
        ))
    }
}

/// Looks again and again; whether it became true within the patience.
async fn until(patience: Duration, answered: impl Fn() -> Result<bool, Problem>) -> Result<bool, Problem> {
    let looking = async {
        while !answered()? {
            tokio::time::sleep(POLL).await;
        }
        Ok(true)
    };
    tokio::time::timeout(patience, looking).await.unwrap_or(Ok(false))
}

/// Answers a pending confirmation.
pub(crate) fn confirm_ssh(layout: &Layout, nonce: &str) -> Result<(), Problem> {
    match files::read(&layout.pending_confirmation())? {
        Some(pending) if pending == nonce.as_bytes() => {
            files::write(&layout.state("ssh-confirmed"), nonce.as_bytes())
        }
        _ => Err(Problem::permanent(
            Code::NODE022,
            "No confirmation with this number is pending",
            "It was answered already, or its time is over.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, time::Duration};

    use letsbe_host::{Journal as _, Question};
    use letsbe_types::{Code, Problem, ids::JobId, job::RunEventKind};

    use letsbe_vault::{Origin, Vault, VaultFiles};

    use super::{FileJournal, confirm_ssh, read};
    use letsbe_base::layout::Layout;

    fn started(attempt: u32) -> RunEventKind {
        RunEventKind::Started { attempt }
    }

    #[test]
    fn numbers_have_no_gaps_over_restarts_and_torn_lines_are_repaired() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, job) = (Layout::under(folder.path()), JobId::generate());
        for (round, torn) in
            ["", "{\"sequence\":", "{\"sequence\":4,\"at\"", "\0\0\0\0\n"].into_iter().enumerate()
        {
            let (journal, events) = FileJournal::open(&layout, job).unwrap();
            assert_eq!(events.len(), round, "{torn:?}");
            journal.append(started(1)).unwrap();
            let mut file = std::fs::OpenOptions::new().append(true).open(layout.journal(job)).unwrap();
            file.write_all(torn.as_bytes()).unwrap();
        }
        let sequences: Vec<u64> = read(&layout, job).unwrap().iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, [1, 2, 3, 4]);
    }

    #[test]
    fn damage_in_the_middle_and_gaps_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, job) = (Layout::under(folder.path()), JobId::generate());
        let (journal, _) = FileJournal::open(&layout, job).unwrap();
        (1..=3).for_each(|attempt| drop(journal.append(started(attempt)).unwrap()));
        let content = std::fs::read_to_string(layout.journal(job)).unwrap();
        let lines: Vec<&str> = content.lines().collect();
        for broken in [format!("{}\n{}\n", lines[0], lines[2]), format!("{}\nx\n{}\n", lines[0], lines[1])] {
            std::fs::write(layout.journal(job), broken).unwrap();
            assert_eq!(FileJournal::open(&layout, job).err().unwrap().code, "NODE006");
        }
    }

    #[test]
    fn a_failure_that_quotes_a_password_is_masked() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, job) = (Layout::under(folder.path()), JobId::generate());
        let mut credentials = letsbe_vault::Credentials::default();
        credentials.insert_missing("ghost", "database_password", "canary+7f3a/==".into());
        letsbe_base::files::write(&layout.credentials(), credentials.to_file().expose().as_bytes()).unwrap();
        let files = VaultFiles::under(folder.path());
        Vault::update(&files, &mut rand::rng(), |vault| {
            vault.put("odoo", "a", "canary-sealed".into(), Origin::Made, chrono::Utc::now());
            Ok(())
        })
        .unwrap();
        let (journal, _) = FileJournal::open(&layout, job).unwrap();
        let said = || {
            let problem =
                Problem::transient(Code::NODE012, "bad password canary+7f3a/==, not canary-sealed", "");
            journal.append(RunEventKind::Finished { problem: Some(problem) }).unwrap();
            std::fs::read_to_string(layout.journal(job)).unwrap()
        };
        let content = said();
        assert!(content.contains("bad password ‹secret›, not ‹secret›"), "{content}");
        std::fs::write(&files.sealed, "damaged").unwrap();
        let content = content + &said();
        assert!(content.contains("withheld") && !content.contains("canary"), "{content}");
    }

    #[tokio::test]
    async fn a_confirmation_needs_the_pending_number() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, job) = (Layout::under(folder.path()), JobId::generate());
        let (journal, _) = FileJournal::open(&layout, job).unwrap();
        assert_eq!(confirm_ssh(&layout, "x").unwrap_err().code, "NODE022");
        let confirm = async {
            loop {
                if let Some(RunEventKind::SshConfirmationNeeded { nonce, .. }) =
                    read(&layout, job).unwrap().last().map(|event| event.event.clone())
                {
                    assert!(confirm_ssh(&layout, "wrong").is_err());
                    break confirm_ssh(&layout, &nonce).unwrap();
                }
                tokio::task::yield_now().await;
            }
        };
        let user = "letsbe-admin".to_owned();
        let question = Question::SshConfirmation { port: 22022, user };
        let wait = journal.ask(&question, Duration::from_secs(10));
        let (waited, ()) = tokio::join!(wait, confirm);
        waited.unwrap();
        let late = journal.ask(&question, Duration::from_millis(60)).await;
        assert_eq!(late.unwrap_err().code, "NODE021");
    }
}
