//! The provisioner's flow: connect, install what differs, start the run, follow it, check it from outside, report.
//!
//! Nothing depends on one connection staying up, nor on this program: the run and its journal live on the server.

mod answers;
mod connect;
pub mod crash_points;
mod follow;
mod install;
mod plan;
mod verify;

use std::{sync::Arc, time::Duration};

use letsbe_protocol::{
    ADMIN_USER, NodeCommand,
    bundle::{self, Bundle},
};
use letsbe_types::{
    Code, HostKeyPin, Problem, crash,
    job::{DesiredServer, ProvisionJob, RunEvent},
};
use letsbe_vault::EscrowKeys;
use russh::keys::PrivateKey;
use tokio::task::JoinHandle;

use self::follow::End;
pub use self::plan::plan;
use crate::{
    job,
    report::Reporter,
    ssh::{self, Session},
};

/// How often a run whose unit vanished is started again.
const RESTARTS_MAX: u32 = 10;

/// Progress of a job, for a person or a log.
#[derive(Debug, Clone)]
pub enum Progress {
    /// Logged in.
    Connected {
        /// As whom.
        user: String,
        /// The host key seen.
        host_key: String,
    },
    /// A file is on its way.
    Uploading {
        /// Its name.
        file: &'static str,
        /// Bytes sent.
        sent: u64,
        /// Bytes in all.
        total: u64,
    },
    /// A line of the run's journal.
    Event(RunEvent),
    /// Something worth a line in a log.
    Note(String),
}

/// Who watches.
pub type Watcher<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Choices that are not part of the job.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Scan all 65,535 ports from outside, instead of the ones that matter most.
    pub full_scan: bool,
    /// How long the whole job may take; `None` is [`patience`].
    pub patience: Option<Duration>,
    /// How long a server that nobody has logged in to may show another host key than it was installed with: it takes
    /// it at its first boot.
    pub first_boot: Duration,
    /// The keys from the escrow, for a server that is brought back without a Hub. With one, the Hub is asked for them.
    pub keys: Option<EscrowKeys>,
    /// How long a server that does not answer is waited for; `None` is ten minutes.
    pub connect_patience: Option<Duration>,
}

/// Carries out a job and reports its end.
///
/// # Errors
/// Why the server is not provisioned (it has been reported), or why the end could not be reported.
pub async fn run(job: &ProvisionJob, options: Options, watcher: Watcher<'_>) -> Result<(), Problem> {
    let reporter = job.report.as_ref().map(|target| Reporter::start(target, job.id)).transpose()?;
    let patience = options.patience.unwrap_or_else(|| patience(job));
    let mut flow = Flow::new(job, options, reporter.as_ref(), watcher)?;
    let result = tokio::time::timeout(patience, flow.carry_out()).await;
    flow.stop_answering();
    let result = result.unwrap_or_else(|_| Err(too_long(job, patience)));
    if let Some(reporter) = reporter {
        reporter.finish(result.as_ref().err().cloned()).await?;
        crash::point(&crash_points::flow::REPORTED);
    }
    result
}

/// How long a job may take: an hour is much, but a server that is brought back waits a day for its keys, and its data
/// may come over a slow line. Without a limit a server that sends nothing would occupy one of few workers for ever.
#[must_use]
pub const fn patience(job: &ProvisionJob) -> Duration {
    let hours = if job.desired.restore.is_some() { 72 } else { 6 };
    Duration::from_secs(hours * 3600)
}

fn too_long(job: &ProvisionJob, patience: Duration) -> Problem {
    Problem::transient(
        Code::SSH011,
        format!("{} has not come to an end after {} minutes", job.address, patience.as_secs() / 60),
        "Look at `journalctl -u 'letsbe-run-*'` on the server: what is it waiting for?",
    )
}

fn unexpected(what: &str, output: &ssh::Output) -> Problem {
    Problem::transient(
        Code::NODE003,
        format!("`{what}` on the server ended with code {}: {}", output.code, output.stderr),
        "The message is the program's own. Mend the cause and retry the order.",
    )
}

fn desired_json(desired: &DesiredServer) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(desired)
        .map_err(|error| Problem::permanent(Code::NODE002, error.to_string(), "Report this as a bug."))
}

fn pack_in_background(job: &ProvisionJob) -> JoinHandle<Result<Bundle, Problem>> {
    let folder = job.bundle.clone();
    tokio::task::spawn_blocking(move || bundle::pack(&folder))
}

async fn packed_bundle(packed: JoinHandle<Result<Bundle, Problem>>) -> Result<Bundle, Problem> {
    packed.await.map_err(|error| Problem::transient(Code::NODE061, error.to_string(), "Retry the order."))?
}

/// A command of the node program, as root.
fn node(session: &Session, command: impl Into<NodeCommand>) -> Vec<String> {
    let sudo: &[&str] = if session.user() == "root" { &[] } else { &["sudo", "-n"] };
    sudo.iter().map(|&word| word.to_owned()).chain(command.into().command_line()).collect()
}

struct Flow<'a> {
    job: &'a ProvisionJob,
    options: Options,
    reporter: Option<&'a Reporter>,
    watcher: Watcher<'a>,
    key: Arc<PrivateKey>,
    /// What is known of the server's host key.
    known: Option<HostKeyPin>,
    /// The host key that the server must show; empty as long as only its fingerprint is known.
    host_key: String,
    /// Whether a login has worked.
    connected: bool,
    /// Sequence of the last event that was handled.
    last: u64,
    /// How the run ended, as far as has been read.
    finished: Option<Option<Problem>>,
    /// Whether the run changed anything.
    changed: bool,
    /// What the run asked of us, being answered.
    answering: Option<JoinHandle<()>>,
    /// Bytes of the run's journal that were read.
    received: usize,
    /// Lines that were no events.
    strange: u32,
}

impl<'a> Flow<'a> {
    fn new(
        job: &'a ProvisionJob,
        options: Options,
        reporter: Option<&'a Reporter>,
        watcher: Watcher<'a>,
    ) -> Result<Self, Problem> {
        let (key, known) = (ssh::load_key(&job.private_key)?, job::host_key(job)?);
        Ok(Self {
            job,
            options,
            reporter,
            watcher,
            key,
            known,
            host_key: String::new(),
            connected: false,
            last: 0,
            finished: None,
            changed: false,
            answering: None,
            received: 0,
            strange: 0,
        })
    }

    async fn carry_out(&mut self) -> Result<(), Problem> {
        job::check(self.job)?;
        let packed = pack_in_background(self.job);
        let mut session = self.connect().await?;
        if let Some(reporter) = self.reporter {
            reporter.host_key(session.host_key()).await;
        }
        crash::point(&crash_points::flow::CONNECTED);
        let bundle = packed_bundle(packed).await?;
        // A server that was hardened before is checked while its run goes on: if the run changes nothing, what the
        // checks saw is what it left.
        let early = (session.user() == ADMIN_USER).then(|| self.check_early(&session));
        let (mut installed, mut restarts) = (false, 0);
        loop {
            match self.follow(&session, &bundle).await {
                Ok(End::Finished) => break,
                Ok(End::Stale(there)) if !installed => {
                    self.install(&session, &bundle, &there).await?;
                    installed = true;
                    crash::point(&crash_points::flow::UPLOADED);
                }
                Ok(End::Gone) if restarts < RESTARTS_MAX => restarts += 1,
                Ok(_) => {
                    return Err(Problem::transient(
                        Code::NODE004,
                        "The run on the server does not stay up",
                        "Look at `journalctl -u 'letsbe-run-*'` on the server.",
                    ));
                }
                Err(problem) if problem.code == ssh::UNREACHABLE => {
                    (self.watcher)(Progress::Note(problem.to_string()));
                    session = self.connect().await?;
                }
                Err(problem) => return Err(problem),
            }
        }
        if let Some(Some(problem)) = self.finished.take() {
            return Err(problem);
        }
        let verified = self.verify(&session, early).await;
        session.close().await;
        verified
    }

    async fn pass_on(&self, event: RunEvent) {
        (self.watcher)(Progress::Event(event.clone()));
        if let Some(reporter) = self.reporter {
            reporter.event(event).await;
        }
    }
}
