//! A run is started or joined, and its journal read to the end; what it asks of us is answered meanwhile.

use letsbe_protocol::{
    ADMIN_PORT, ADMIN_USER, EXIT_GONE, EXIT_NO_PROGRAM, EXIT_STALE, Installed, NodeLine, bundle::Bundle,
};
use letsbe_types::{
    Problem, crash, harmless,
    job::{Outcome, RunEvent, RunEventKind},
};

use super::{
    Flow, Progress,
    answers::{self, KeySource},
    desired_json, node, points, unexpected,
};
use crate::ssh::{self, Session};

/// The most that is read of one run, over all connections.
const RUN_BYTES_MAX: usize = 16 << 20;
/// Lines that are no events: a warning of the shell or of sudo, not more.
const STRANGE_LINES_MAX: u32 = 100;
/// What is shown of such a line.
const STRANGE_LINE_SHOWN: usize = 200;

/// How one command that follows a run ended.
pub(super) enum End {
    Finished,
    Stale(Installed),
    Gone,
}

impl Flow<'_> {
    /// Starts the run, or joins the one that is there, and reads its journal to the end.
    pub(super) async fn follow(&mut self, session: &Session, bundle: &Bundle) -> Result<End, Problem> {
        let (id, from) = (self.job.id.to_string(), (self.last + 1).to_string());
        let clock = chrono::Utc::now().timestamp().to_string();
        let hashes = ["--node-sha256", &bundle.node_sha256, "--bundle-sha256", &bundle.bundle_sha256];
        let mut program = node(session, &["run", "start", "--job", &id, "--from", &from, "--clock", &clock]);
        program.extend(hashes.map(str::to_owned));
        let mut running = session.start(&program, &desired_json(&self.job.desired)?).await?;
        let mut stale = Installed::default();
        let mut refusal = None;
        while let Some(line) = running.next_line().await? {
            self.count(&line)?;
            match serde_json::from_str(&line) {
                Ok(NodeLine::Event(event)) => {
                    let cut = points::cut_after(&event.event).is_some_and(|point| crash::strikes(&point));
                    self.handle(event).await;
                    if cut {
                        return Err(Problem::transient(
                            ssh::UNREACHABLE,
                            "The connection was cut by a test.",
                            "",
                        ));
                    }
                }
                Ok(NodeLine::Refused { problem }) => refusal = Some(problem),
                Ok(NodeLine::Stale { installed }) => stale = installed,
                Err(_) => self.not_understood(&line)?,
            }
        }
        self.stop_answering();
        match (running.code().unwrap_or(-1), refusal) {
            (_, Some(problem)) => Err(problem),
            (0, None) if self.finished.is_some() => Ok(End::Finished),
            (EXIT_STALE, None) => Ok(End::Stale(stale)),
            (EXIT_NO_PROGRAM, None) if session.user() == "root" => Ok(End::Stale(stale)),
            (EXIT_GONE, None) => Ok(End::Gone),
            (code, None) => {
                let output = ssh::Output { code, lines: Vec::new(), stderr: running.stderr() };
                Err(unexpected("run start", &output))
            }
        }
    }

    /// Over all connections of the run: a server may cut each of them.
    fn count(&mut self, line: &str) -> Result<(), Problem> {
        self.received = self.received.saturating_add(line.len() + 1);
        if self.received > RUN_BYTES_MAX {
            let what = format!("more than {} MiB for one run", RUN_BYTES_MAX >> 20);
            return Err(ssh::too_much(self.job.address, &what));
        }
        Ok(())
    }

    fn not_understood(&mut self, line: &str) -> Result<(), Problem> {
        self.strange += 1;
        if self.strange > STRANGE_LINES_MAX {
            return Err(ssh::too_much(self.job.address, "line after line that is no event of a run"));
        }
        let shown: String = harmless(line).chars().take(STRANGE_LINE_SHOWN).collect();
        (self.watcher)(Progress::Note(format!("not understood: {shown}")));
        Ok(())
    }

    async fn handle(&mut self, event: RunEvent) {
        if event.sequence <= self.last {
            return;
        }
        if self.last == 0 {
            crash::point(&points::flow::STARTED);
        }
        self.last = event.sequence;
        // Whatever comes after the request shows that it was answered, or is over.
        self.stop_answering();
        match &event.event {
            RunEventKind::Started { .. } => self.finished = None,
            RunEventKind::Finished { problem } => self.finished = Some(problem.clone()),
            RunEventKind::Operation { outcome: Outcome::Changed { .. }, .. } => self.changed = true,
            RunEventKind::SshConfirmationNeeded { port, user, nonce, .. } => {
                let confirm = answers::confirm(self.target(user, *port), nonce.clone());
                self.answering = Some(tokio::spawn(confirm));
            }
            RunEventKind::KeysNeeded { recipient, .. } => self.bring_keys(recipient),
            _ => {}
        }
        self.pass_on(event).await;
    }

    fn bring_keys(&mut self, recipient: &str) {
        match KeySource::of(self.job, &self.options, recipient) {
            Ok(source) => {
                let target = self.target(ADMIN_USER, ADMIN_PORT);
                self.answering = Some(tokio::spawn(answers::bring_keys(source, target, self.job.id)));
            }
            // The run goes on waiting: somebody may bring them by hand.
            Err(problem) => (self.watcher)(Progress::Note(problem.to_string())),
        }
    }

    pub(super) fn stop_answering(&mut self) {
        if let Some(task) = self.answering.take() {
            task.abort();
        }
    }
}
