//! The provisioner's flow: connect, install what differs, start the run, follow it, check it from outside, report.
//!
//! Nothing depends on one connection staying up, nor on this program: the run and its journal live on the server.

mod answers;
mod plan;

use std::{path::Path, sync::Arc, time::Duration};

use letsbe_types::{
    Problem, crash,
    job::{DesiredServer, Outcome, ProvisionJob, RunEvent, RunEventKind},
};
use letsbe_vault::EscrowKeys;
use russh::keys::PrivateKey;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    bundle::{self, Bundle},
    outside,
    protocol::{
        ADMIN_PORT, ADMIN_USER, EXIT_GONE, EXIT_NO_PROGRAM, EXIT_STALE, Installed, NODE_PROGRAM, NodeLine,
    },
    report::Reporter,
    ssh::{self, Session, Target},
    wishes,
};

use answers::KeySource;
pub use plan::plan;

/// Where a debug build can be killed by a test.
pub const CRASH_POINTS: &[&str] = &[
    "provisioner.connected",
    "provisioner.uploaded",
    "provisioner.started",
    "provisioner.confirmed",
    "provisioner.verified",
    "provisioner.reported",
];

/// How long a server that does not answer is waited for.
const PATIENCE: Duration = Duration::from_secs(600);
/// Longest pause between two attempts to connect.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// How often a run whose unit vanished is started again.
const RESTARTS_MAX: u32 = 10;

/// What is going on, for whoever watches.
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

/// Where a debug build that brings a lost server back can be killed by a test, beside [`CRASH_POINTS`].
pub const RECOVERY_CRASH_POINTS: &[&str] = &["provisioner.keys_handed"];

/// Choices that are not part of the job.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Scan all 65,535 ports from outside, instead of the ones that matter most.
    pub full_scan: bool,
    /// The keys from the escrow, for a server that is brought back without a Hub. With one, the Hub is asked for them.
    pub keys: Option<EscrowKeys>,
}

/// Carries out a job and reports its end.
///
/// # Errors
/// Why the server is not provisioned (it has been reported), or why the end could not be reported.
pub async fn run(job: &ProvisionJob, options: Options, watcher: Watcher<'_>) -> Result<(), Problem> {
    let reporter = job.report.as_ref().map(|target| Reporter::start(target, job.id)).transpose()?;
    let result = Flow::new(job, options, reporter.as_ref(), watcher)?.carry_out().await;
    if let Some(reporter) = reporter {
        reporter.finish(result.as_ref().err().cloned()).await?;
        crash::point("provisioner.reported");
    }
    result
}

fn unexpected(what: &str, output: &ssh::Output) -> Problem {
    Problem::transient(
        "NODE003",
        format!("`{what}` on the server ended with code {}: {}", output.code, output.stderr),
        "The message is the program's own. Mend the cause and retry the order.",
    )
}

fn desired_json(desired: &DesiredServer) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(desired)
        .map_err(|error| Problem::permanent("NODE002", error.to_string(), "Report this as a bug."))
}

fn pack_in_background(job: &ProvisionJob) -> JoinHandle<Result<Bundle, Problem>> {
    let folder = job.bundle.clone();
    tokio::task::spawn_blocking(move || bundle::pack(&folder))
}

async fn packed_bundle(packed: JoinHandle<Result<Bundle, Problem>>) -> Result<Bundle, Problem> {
    packed.await.map_err(|error| Problem::transient("NODE001", error.to_string(), "Retry the order."))?
}

/// The node program with arguments, as root.
fn node(session: &Session, arguments: &[&str]) -> Vec<String> {
    let sudo: &[&str] = if session.user() == "root" { &[] } else { &["sudo", "-n"] };
    sudo.iter().chain(&[NODE_PROGRAM]).chain(arguments).map(|&word| word.to_owned()).collect()
}

/// The places at which a test cuts the connection: every boundary of a step, as soon as it is known.
fn connection_point(event: &RunEventKind) -> Option<String> {
    match event {
        RunEventKind::StepStarted { step, .. } => Some(format!("connection.step.{step}.started")),
        RunEventKind::Operation { operation, outcome: Outcome::Changed { .. }, .. } => {
            Some(format!("connection.operation.{operation}"))
        }
        RunEventKind::StepFinished { step, .. } => Some(format!("connection.step.{step}.finished")),
        _ => None,
    }
}

/// How one command that follows a run ended.
enum End {
    Finished,
    Stale(Installed),
    Gone,
}

struct Flow<'a> {
    job: &'a ProvisionJob,
    options: Options,
    reporter: Option<&'a Reporter>,
    watcher: Watcher<'a>,
    key: Arc<PrivateKey>,
    host_key: Option<String>,
    /// Sequence of the last event that was handled.
    last: u64,
    /// How the run ended, as far as has been read.
    finished: Option<Option<Problem>>,
    /// Whether the run changed anything.
    changed: bool,
    /// What the run asked of us, being answered.
    answering: Option<JoinHandle<()>>,
}

impl<'a> Flow<'a> {
    fn new(
        job: &'a ProvisionJob,
        options: Options,
        reporter: Option<&'a Reporter>,
        watcher: Watcher<'a>,
    ) -> Result<Self, Problem> {
        let (key, host_key) = (ssh::load_key(&job.private_key)?, job.host_key.clone());
        let (last, finished, changed, answering) = (0, None, false, None);
        Ok(Self { job, options, reporter, watcher, key, host_key, last, finished, changed, answering })
    }

    async fn carry_out(&mut self) -> Result<(), Problem> {
        wishes::check(self.job)?;
        let packed = pack_in_background(self.job);
        let mut session = self.connect().await?;
        if let Some(reporter) = self.reporter {
            reporter.host_key(session.host_key()).await;
        }
        crash::point("provisioner.connected");
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
                    crash::point("provisioner.uploaded");
                }
                Ok(End::Gone) if restarts < RESTARTS_MAX => restarts += 1,
                Ok(_) => {
                    return Err(Problem::transient(
                        "NODE004",
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

    /// Logs in, as the admin user if that works already and as root otherwise; waits for a server that is away.
    async fn connect(&mut self) -> Result<Session, Problem> {
        let give_up = Instant::now() + PATIENCE;
        let mut pause = Duration::from_secs(1);
        loop {
            let problem = match self.connect_once().await {
                Ok(session) => {
                    self.host_key = Some(session.host_key().to_owned());
                    let (user, host_key) = (session.user().to_owned(), session.host_key().to_owned());
                    (self.watcher)(Progress::Connected { user, host_key });
                    return Ok(session);
                }
                Err(problem) if !problem.retryable || Instant::now() + pause > give_up => {
                    return Err(problem);
                }
                Err(problem) => problem,
            };
            (self.watcher)(Progress::Note(format!("{problem}; next attempt in {} s", pause.as_secs())));
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn connect_once(&self) -> Result<Session, Problem> {
        let refused = match Session::connect(&self.target(ADMIN_USER, ADMIN_PORT)).await {
            Err(problem) if problem.code != "SSH002" => problem,
            settled => return settled,
        };
        match Session::connect(&self.target("root", self.job.first_port)).await {
            // A server that answers on its final port was set up before: that port's answer is the better one.
            Err(problem) if problem.code == ssh::UNREACHABLE => Err(refused),
            other => other,
        }
    }

    fn target(&self, user: &str, port: u16) -> Target {
        let (address, key, host_key) = (self.job.address, Arc::clone(&self.key), self.host_key.clone());
        Target { address, port, user: user.to_owned(), key, host_key }
    }

    /// Uploads what differs from `there`, and has it installed.
    async fn install(&self, session: &Session, bundle: &Bundle, there: &Installed) -> Result<(), Problem> {
        let root = session.user() == "root";
        let home = if root { "/opt/letsbe" } else { "/home/letsbe-admin" };
        let folder = Path::new(home).join("incoming");
        let incoming = folder.to_string_lossy().into_owned();
        let made = session.run(&["mkdir", "-p", "-m", "700", &incoming], b"").await?;
        if made.code != 0 {
            return Err(unexpected("mkdir", &made));
        }
        let with_node = self.upload(session, bundle, &folder, there).await?;
        let mut program = node(session, &["install"]);
        if root && with_node {
            program[0] = folder.join(bundle::NODE_FILE).to_string_lossy().into_owned();
        }
        for (name, value) in [
            ("--from", &incoming),
            ("--node-sha256", &bundle.node_sha256),
            ("--bundle-sha256", &bundle.bundle_sha256),
        ] {
            program.extend([name.to_owned(), value.clone()]);
        }
        let output = session.run(&program, b"").await?;
        let refusal = output.lines.iter().find_map(|line| match serde_json::from_str(line) {
            Ok(NodeLine::Refused { problem }) => Some(problem),
            _ => None,
        });
        match refusal {
            Some(problem) => Err(problem),
            None if output.code == 0 => Ok(()),
            None => Err(unexpected("install", &output)),
        }
    }

    /// Uploads what differs; answers whether the node program was among it.
    async fn upload(
        &self,
        session: &Session,
        bundle: &Bundle,
        folder: &Path,
        there: &Installed,
    ) -> Result<bool, Problem> {
        let with_node = there.node_sha256.as_ref() != Some(&bundle.node_sha256);
        if with_node {
            let file = bundle::NODE_FILE;
            let mut tell = |sent, total| (self.watcher)(Progress::Uploading { file, sent, total });
            session.upload(&bundle.node, &folder.join(file), 0o755, &mut tell).await?;
        }
        if there.bundle_sha256.as_ref() != Some(&bundle.bundle_sha256) {
            let file = bundle::TAR_FILE;
            let mut tell = |sent, total| (self.watcher)(Progress::Uploading { file, sent, total });
            session.upload(bundle.tar.path(), &folder.join(file), 0o644, &mut tell).await?;
        }
        Ok(with_node)
    }

    /// Starts the run, or joins the one that is there, and reads its journal to the end.
    async fn follow(&mut self, session: &Session, bundle: &Bundle) -> Result<End, Problem> {
        let (id, from) = (self.job.id.to_string(), (self.last + 1).to_string());
        let clock = chrono::Utc::now().timestamp().to_string();
        let hashes = ["--node-sha256", &bundle.node_sha256, "--bundle-sha256", &bundle.bundle_sha256];
        let mut program = node(session, &["run", "start", "--job", &id, "--from", &from, "--clock", &clock]);
        program.extend(hashes.map(str::to_owned));
        let mut running = session.start(&program, &desired_json(&self.job.desired)?).await?;
        let mut stale = Installed::default();
        let mut refusal = None;
        while let Some(line) = running.next_line().await? {
            match serde_json::from_str(&line) {
                Ok(NodeLine::Event(event)) => {
                    let cut = connection_point(&event.event).is_some_and(|point| crash::strikes(&point));
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
                Err(_) => (self.watcher)(Progress::Note(format!("not understood: {line}"))),
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

    async fn handle(&mut self, event: RunEvent) {
        if event.sequence <= self.last {
            return;
        }
        if self.last == 0 {
            crash::point("provisioner.started");
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

    async fn pass_on(&self, event: RunEvent) {
        (self.watcher)(Progress::Event(event.clone()));
        if let Some(reporter) = self.reporter {
            reporter.event(event).await;
        }
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

    fn stop_answering(&mut self) {
        if let Some(task) = self.answering.take() {
            task.abort();
        }
    }

    fn check_early(&self, session: &Session) -> JoinHandle<Result<outside::Results, Problem>> {
        let (job, key) = (self.job.clone(), Arc::clone(&self.key));
        let host_key = session.host_key().to_owned();
        let options = outside::Options { full_scan: self.options.full_scan, try_root: false };
        tokio::spawn(async move { outside::verify(&job, &key, &host_key, options).await })
    }

    /// Checks from outside, and has the results written to the run's journal, which numbers them.
    async fn verify(
        &mut self,
        session: &Session,
        early: Option<JoinHandle<Result<outside::Results, Problem>>>,
    ) -> Result<(), Problem> {
        let early = match early {
            Some(early) if !self.changed => early.await.ok().and_then(Result::ok),
            _ => None,
        };
        let (events, problem) = match early {
            Some((events, None)) => (events, None),
            _ => {
                let options = outside::Options { full_scan: self.options.full_scan, try_root: self.changed };
                outside::verify(self.job, &self.key, session.host_key(), options).await?
            }
        };
        let mut input = Vec::new();
        for event in &events {
            serde_json::to_writer(&mut input, event)
                .map_err(|error| Problem::permanent("NODE002", error.to_string(), "Report this as a bug."))?;
            input.push(b'\n');
        }
        let output = session
            .run(&node(session, &["run", "record", "--job", &self.job.id.to_string()]), &input)
            .await?;
        if output.code != 0 {
            return Err(unexpected("run record", &output));
        }
        for line in &output.lines {
            if let Ok(NodeLine::Event(event)) = serde_json::from_str(line) {
                self.pass_on(event).await;
            }
        }
        crash::point("provisioner.verified");
        problem.map_or(Ok(()), Err)
    }
}
