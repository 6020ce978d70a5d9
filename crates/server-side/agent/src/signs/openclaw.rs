//! The AI runtime: whether it answers, and what it calls itself.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use letsbe_host::{Command, LocalMachine, Machine as _};
use letsbe_types::tenant::{ContainerState, OpenClawSign, limits};

use tokio::sync::{Notify, Semaphore};

use super::docker::Container;

const CONTAINER: &str = "letsbe-openclaw";
const HEALTH: &str = "http://127.0.0.1:18789/health";
const PATIENCE: Duration = Duration::from_secs(5);
/// Its program takes seconds to start.
const VERSION_PATIENCE: Duration = Duration::from_secs(30);

/// Asks the AI runtime.
pub(crate) struct OpenClaw {
    http: reqwest::Client,
    version: Arc<Version>,
    /// Asks for a heartbeat once the version is known.
    report: Arc<Notify>,
}

struct Version {
    /// What a container has told: it does not change while the container lives.
    known: Mutex<Option<(String, String)>>,
    asking: Semaphore,
}

/// The release by the image's tag, as a wish names it.
fn release_of(image: &str) -> Option<String> {
    let (_, tag) = image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/') && !tag.is_empty())?;
    Some(format!("v{}", tag.chars().take(limits::NAME / 2).collect::<String>()))
}

impl OpenClaw {
    pub(crate) fn new(report: Arc<Notify>) -> Self {
        let version = Version { known: Mutex::new(None), asking: Semaphore::new(1) };
        Self { http: reqwest::Client::new(), version: Arc::new(version), report }
    }

    /// How it is; `None` on a server without it.
    pub(crate) async fn sign(&self, containers: &[Container]) -> Option<OpenClawSign> {
        let container = containers.iter().find(|container| container.sign.name == CONTAINER)?;
        let release = release_of(&container.image);
        let runs = !matches!(container.sign.state, ContainerState::Stopped | ContainerState::Restarting);
        if !runs {
            return Some(OpenClawSign {
                version: self.version.known(&container.id),
                healthy: false,
                release,
            });
        }
        let answer = self.http.get(HEALTH).timeout(PATIENCE).send().await;
        let healthy = answer.is_ok_and(|answer| answer.status().is_success());
        Some(OpenClawSign { version: self.version(&container.id), healthy, release })
    }

    /// What is known. The program takes long to start: it is asked beside, and no heartbeat waits for it.
    fn version(&self, id: &str) -> Option<String> {
        let known = self.version.known(id);
        if known.is_none() {
            let (id, version, report) = (id.to_owned(), Arc::clone(&self.version), Arc::clone(&self.report));
            tokio::spawn(async move {
                if version.ask(&id).await.is_some() {
                    report.notify_one();
                }
            });
        }
        known
    }
}

impl Version {
    fn known(&self, id: &str) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(of, _)| of == id).map(|(_, version)| version.clone())
    }

    async fn ask(&self, id: &str) -> Option<()> {
        let _alone = self.asking.try_acquire().ok()?;
        let ask = Command::new("docker", ["exec", id, "openclaw", "--version"]).within(VERSION_PATIENCE);
        let output = LocalMachine.run(&ask).await.ok().filter(|output| output.success())?;
        let version = version_in(&output.stdout)?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((id.to_owned(), version));
        Some(())
    }
}

/// The first word with a digit in it: `OpenClaw 2026.9.3 (abc)`.
fn version_in(text: &str) -> Option<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    let is_version = |word: &&str| {
        let number = word.trim_start_matches('v');
        number.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(good) && word.len() <= 64
    };
    text.split_whitespace().find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn a_version_is_found_in_what_the_program_says() {
        for (text, expected) in [
            ("2026.9.3\n", Some("2026.9.3")),
            ("OpenClaw 2026.9.3 (abc1234)\n", Some("2026.9.3")),
            ("openclaw v2026.10", Some("v2026.10")),
            ("error: no such command", None),
            ("", None),
        ] {
            assert_eq!(version_in(text).as_deref(), expected, "{text}");
        }
    }
}
