//! Logging in to the server, as whom it lets in by now; one that is away is waited for.

use std::{sync::Arc, time::Duration};

use letsbe_protocol::{ADMIN_PORT, ADMIN_USER};
use letsbe_types::{Code, Problem};
use tokio::time::{Instant, sleep};

use super::{Flow, Progress};
use crate::ssh::{self, Session, Target};

/// How long a server that does not answer is waited for.
const PATIENCE: Duration = Duration::from_secs(600);
/// Longest pause between two attempts to connect.
const PAUSE_MAX: Duration = Duration::from_secs(15);

impl Flow<'_> {
    /// Logs in, as the admin user if that works already and as root otherwise; waits for a server that is away.
    pub(super) async fn connect(&mut self) -> Result<Session, Problem> {
        let began = Instant::now();
        let give_up = began + self.options.connect_patience.unwrap_or(PATIENCE);
        let mut pause = Duration::from_secs(1);
        loop {
            let problem = match self.connect_once().await {
                Ok(session) => {
                    self.connected = true;
                    let (user, host_key) = (session.user().to_owned(), session.host_key().to_owned());
                    (self.watcher)(Progress::Connected { user, host_key });
                    return Ok(session);
                }
                Err(problem) if Instant::now() + pause > give_up => return Err(problem),
                Err(problem) if !problem.retryable && !self.may_boot(&problem, began) => return Err(problem),
                Err(problem) => problem,
            };
            (self.watcher)(Progress::Note(format!("{problem}; next attempt in {} s", pause.as_secs())));
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Whether a server that shows another key may still be booting for the first time: the key that it was installed
    /// with takes its place then. Until it has, nothing is sent.
    fn may_boot(&self, problem: &Problem, since: Instant) -> bool {
        problem.code == Code::SSH002 && !self.connected && since.elapsed() < self.options.first_boot
    }

    async fn connect_once(&mut self) -> Result<Session, Problem> {
        if self.host_key.is_empty() {
            let ports = [ADMIN_PORT, self.job.first_port];
            self.host_key = ssh::known_key(self.job.address, &ports, self.known.as_ref()).await?;
        }
        let refused = match Session::connect(&self.target(ADMIN_USER, ADMIN_PORT)).await {
            Err(problem) if problem.code != Code::SSH002 => problem,
            settled => return settled,
        };
        match Session::connect(&self.target("root", self.job.first_port)).await {
            // A server that answers on its final port was set up before: that port's answer is the better one.
            Err(problem) if problem.code == ssh::UNREACHABLE => Err(refused),
            other => other,
        }
    }

    pub(super) fn target(&self, user: &str, port: u16) -> Target {
        let (address, key, host_key) = (self.job.address, Arc::clone(&self.key), self.host_key.clone());
        Target { address, port, user: user.to_owned(), key, host_key }
    }
}
