//! Prints a run's journal, and follows it to the run's end.

use std::{
    fs::File,
    io::{ErrorKind, Read as _, Seek as _, SeekFrom},
    time::Duration,
};

use letsbe_host::{Command, LocalMachine, Machine as _};
use letsbe_protocol::EXIT_GONE;
use letsbe_types::{Code, Problem, ids::JobId, job::RunEvent};
use tokio::time::{Instant, sleep};

use super::{Request, decide, print, unit};
use crate::journal;
use letsbe_base::{files, layout::Layout};

/// How often the journal is looked at. A look is one system call.
const POLL: Duration = Duration::from_millis(20);
/// How often the unit is looked at.
const UNIT_POLL: Duration = Duration::from_secs(1);

/// Prints events from number `from` on, until the run has ended. Answers the exit code.
pub(crate) async fn attach(layout: &Layout, job: JobId, from: u64) -> Result<u8, Problem> {
    let request = files::read_json::<Request>(&layout.request(job))?;
    let mut follower = Follower { layout, job, offset: 0, events: Vec::new() };
    let (mut printed, mut unit_seen) = (0, Instant::now());
    loop {
        follower.read_on()?;
        for event in follower.events[printed..].iter().filter(|event| event.sequence >= from) {
            if let Err(error) = print(event) {
                tracing::info!(%error, "nobody reads any more");
                return Ok(0);
            }
        }
        printed = follower.events.len();
        let ended = match &request {
            Some(request) => decide::end(&follower.events, request.after),
            None => decide::last_end(&follower.events),
        };
        if ended.is_some() {
            return Ok(0);
        }
        if unit_seen.elapsed() > UNIT_POLL || request.is_none() {
            if !is_alive(job).await? && follower.read_on()? == 0 {
                return Ok(u8::try_from(EXIT_GONE).unwrap_or(u8::MAX));
            }
            unit_seen = Instant::now();
        }
        sleep(POLL).await;
    }
}

struct Follower<'a> {
    layout: &'a Layout,
    job: JobId,
    offset: u64,
    events: Vec<RunEvent>,
}

impl Follower<'_> {
    /// Reads the events that are new; answers how many there are.
    fn read_on(&mut self) -> Result<usize, Problem> {
        let path = self.layout.journal(self.job);
        let mut content = Vec::new();
        let mut read = || -> std::io::Result<()> {
            let mut file = File::open(&path)?;
            if file.metadata()?.len() > self.offset {
                file.seek(SeekFrom::Start(self.offset))?;
                file.read_to_end(&mut content)?;
            }
            Ok(())
        };
        match read() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            other => other.map_err(|error| files::unusable(&path, error))?,
        }
        let expected = self.events.len() as u64 + 1;
        let (events, length) =
            journal::parse(&content, expected).map_err(|error| files::unusable(&path, error))?;
        self.offset += length as u64;
        let count = events.len();
        self.events.extend(events);
        Ok(count)
    }
}

/// Whether the run's unit is up, or about to come up again.
pub(crate) async fn is_alive(job: JobId) -> Result<bool, Problem> {
    let command = Command::new("systemctl", ["is-active", &unit(job)]);
    let output = LocalMachine.run(&command).await.map_err(|error| {
        Problem::transient(
            Code::NODE007,
            format!("systemd cannot be asked: {error}"),
            "Check the server's systemd.",
        )
    })?;
    Ok(matches!(output.stdout.trim(), "active" | "activating" | "reloading" | "deactivating"))
}

#[cfg(test)]
mod tests {
    use letsbe_types::{ids::JobId, job::RunEventKind};

    use super::Follower;
    use crate::journal::FileJournal;
    use letsbe_base::layout::Layout;

    #[test]
    fn a_follower_reads_what_is_new_and_waits_for_whole_lines() {
        use std::io::Write as _;
        let folder = tempfile::tempdir().unwrap();
        let (layout, job) = (Layout::under(folder.path()), JobId::generate());
        let mut follower = Follower { layout: &layout, job, offset: 0, events: Vec::new() };
        assert_eq!(follower.read_on().unwrap(), 0);
        let (journal, _) = FileJournal::open(&layout, job).unwrap();
        journal.append(RunEventKind::Started { attempt: 1 }).unwrap();
        assert_eq!(follower.read_on().unwrap(), 1);
        let second = journal.append(RunEventKind::Finished { problem: None }).unwrap();
        assert_eq!(follower.read_on().unwrap(), 1);
        assert_eq!(follower.events.last(), Some(&second));
        let mut file = std::fs::OpenOptions::new().append(true).open(layout.journal(job)).unwrap();
        write!(file, "{{\"sequence\":3").unwrap();
        assert_eq!(follower.read_on().unwrap(), 0);
        writeln!(file, ",\"at\":\"2026-11-21T10:00:00Z\",\"event\":\"started\",\"attempt\":2}}").unwrap();
        assert_eq!(follower.read_on().unwrap(), 1);
    }
}
