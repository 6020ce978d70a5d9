//! One call of `letsbe provision` or `letsbe-provisioner`, followed line by line.

use std::{
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use letsbe_types::{
    Problem,
    job::{ProvisionJob, RunEvent, RunEventKind},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    task::JoinHandle,
};

use letsbe_end_to_end::site::Site;

/// Longest time for one event, and for the end.
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) struct Run {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    events: Vec<RunEvent>,
    /// What the CLI prints last when it fails.
    error: Option<Problem>,
    printed: Arc<Mutex<String>>,
    complaints: JoinHandle<()>,
}

/// How a call ended.
pub(crate) struct Ended {
    pub(crate) events: Vec<RunEvent>,
    /// Why it failed; `None` if it did not.
    pub(crate) problem: Option<Problem>,
    /// Everything that was printed.
    pub(crate) printed: String,
}

impl Run {
    /// `letsbe-provisioner`, with the job on its standard input.
    pub(crate) async fn provisioner(site: &Site, job: &ProvisionJob) -> Self {
        let job = serde_json::to_vec(job).expect("a job");
        Self::start(Command::new(&site.programs.provisioner), &job).await
    }

    /// `letsbe provision --json`, for the Build tier's static website.
    pub(crate) async fn cli(site: &Site, name: &str, address: &str, more: &[(&str, &str)]) -> Self {
        let pem = |file: &str, text: &str| -> PathBuf {
            let path = site.folder.path().join(file);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let roots = pem("acme-roots.pem", &site.lab.acme.ca_pem);
        let issued = pem("issued-roots.pem", &site.lab.acme.issuer_pem);
        let (domain, email) = (site.domain(name), format!("owner@{name}.test"));
        let settings = [
            ("--host", address),
            ("--key", site.key.to_str().expect("text")),
            ("--domain", &domain),
            ("--tier", "build"),
            ("--tools", "static-website"),
            ("--email", &email),
            ("--bundle", site.bundle.to_str().expect("text")),
            ("--docker", "distro"),
            ("--registry-mirror", &site.lab.registry.mirror),
            ("--acme-directory", &site.lab.acme.directory),
            ("--acme-roots", roots.to_str().expect("text")),
            ("--issued-roots", issued.to_str().expect("text")),
        ];
        let mut command = Command::new(&site.programs.cli);
        command.args(["--json", "provision"]).env("XDG_STATE_HOME", site.folder.path().join("remembered"));
        let replaced = |name: &str| more.iter().any(|(other, _)| *other == name);
        for (name, value) in settings.iter().filter(|(name, _)| !replaced(name)).chain(more) {
            command.arg(name).arg(value);
        }
        if let Some(host_key) = site.host_key(name).filter(|_| !replaced("--host-key")) {
            command.args(["--host-key", &host_key]);
        }
        Self::start(command, b"").await
    }

    async fn start(mut command: Command, input: &[u8]) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the program starts");
        child.stdin.take().expect("an input").write_all(input).await.expect("it reads its input");
        let lines = BufReader::new(child.stdout.take().expect("an output")).lines();
        let mut stderr = child.stderr.take().expect("an error output");
        let printed = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&printed);
        let complaints = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
                kept.lock().expect("no panic").push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        Self { child, lines, events: Vec::new(), error: None, printed, complaints }
    }

    /// The next event; `None` at the end of the output.
    async fn next(&mut self) -> Option<RunEvent> {
        loop {
            let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("silence: {}", self.text())).expect("text")?;
            self.printed.lock().expect("no panic").push_str(&format!("{line}\n"));
            if let Ok(event) = serde_json::from_str::<RunEvent>(&line) {
                self.events.push(event.clone());
                return Some(event);
            }
            let value: serde_json::Value = serde_json::from_str(&line).expect("every line is JSON");
            if let Some(error) = value.get("error") {
                let problem = serde_json::from_value(error.clone());
                self.error = Some(problem.unwrap_or_else(|_| panic!("no problem with a code: {line}")));
            }
        }
    }

    fn text(&self) -> String {
        self.printed.lock().expect("no panic").clone()
    }

    /// Waits for an event.
    pub(crate) async fn until(&mut self, what: &str, wanted: impl Fn(&RunEventKind) -> bool) -> RunEvent {
        while let Some(event) = self.next().await {
            if wanted(&event.event) {
                return event;
            }
        }
        panic!("it ended without {what}: {}", self.text());
    }

    /// Waits for the run's n-th start: before it comes what the run's journal tells of the starts before.
    pub(crate) async fn started(&mut self, wanted: u32) -> RunEvent {
        let is_it =
            |event: &RunEventKind| matches!(event, RunEventKind::Started { attempt } if *attempt == wanted);
        self.until(&format!("start {wanted}"), is_it).await
    }

    /// Kills it (SIGKILL).
    pub(crate) async fn kill(mut self) -> Ended {
        self.child.kill().await.expect("it is killed");
        self.complaints.await.expect("read");
        let printed = self.printed.lock().expect("no panic").clone();
        Ended { events: self.events, problem: None, printed }
    }

    /// Waits for its end.
    pub(crate) async fn end(mut self) -> Ended {
        while self.next().await.is_some() {}
        let status =
            tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("an end").expect("a status");
        self.complaints.await.expect("read");
        let printed = self.printed.lock().expect("no panic").clone();
        let problem = self.error.or_else(|| said_last(&printed));
        let problem = (!status.success()).then(|| problem.unwrap_or_else(|| panic!("no problem: {printed}")));
        Ended { events: self.events, problem, printed }
    }
}

/// The provisioner's last words: `[CODE] message`, then the hint.
fn said_last(printed: &str) -> Option<Problem> {
    let said = |(code, message): (&str, &str)| {
        let (code, message) = (code.to_owned(), message.to_owned());
        Problem { code, message, hint: String::new(), retryable: true }
    };
    let line = printed.lines().rev().find(|line| line.starts_with('['))?;
    line[1..].split_once("] ").map(said)
}

impl Ended {
    /// It was refused with this code, in words that hold all of these.
    pub(crate) fn refused(&self, code: &str, words: &[&str]) -> &Problem {
        let problem = self.problem.as_ref().unwrap_or_else(|| panic!("not refused: {}", self.printed));
        assert_eq!(problem.code, code, "{problem}");
        for word in words {
            assert!(problem.message.contains(word), "no {word} in: {problem}");
        }
        problem
    }
}
