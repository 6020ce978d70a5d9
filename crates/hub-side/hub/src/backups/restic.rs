//! The restic program, for the Hub's own backup: argument vectors, a password in a file, a clean environment.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use letsbe_types::{Code, Problem};
use tokio::process::Command;

/// Longer than this something hangs: a Hub's database has some hundred MB.
const LONGEST: Duration = Duration::from_secs(2 * 3600);
/// What restic says when there is no repository.
const NO_REPOSITORY: i32 = 10;
/// What it says is cut here.
const SAID_CHARACTERS: usize = 500;
/// Variables that restic needs from the Hub's own environment.
const INHERITED: [&str; 3] = ["PATH", "HOME", "TMPDIR"];

/// A repository and what opens it.
#[derive(Debug, Clone)]
pub(crate) struct Restic {
    pub(crate) repository: String,
    pub(crate) password_file: PathBuf,
    pub(crate) files: BTreeMap<String, PathBuf>,
    pub(crate) cache: Option<PathBuf>,
}

impl Restic {
    /// Runs restic in a folder; its output.
    pub(crate) async fn run<S: AsRef<OsStr>>(
        &self,
        folder: &Path,
        arguments: &[S],
    ) -> Result<String, Problem> {
        let (code, output, said) = self.ended(folder, arguments).await?;
        if code == Some(0) {
            return Ok(output);
        }
        let what = arguments.first().map(|word| word.as_ref().to_string_lossy()).unwrap_or_default();
        let code = code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        Err(failed(&format!("restic {what} ended with {code}: {said}")))
    }

    /// Makes the repository if there is none.
    pub(crate) async fn ensure(&self, folder: &Path) -> Result<(), Problem> {
        match self.ended(folder, &["cat", "config"]).await? {
            (Some(0), ..) => Ok(()),
            (Some(NO_REPOSITORY), ..) => self.run(folder, &["init"]).await.map(drop),
            (_, _, said) => Err(failed(&format!("the repository cannot be opened: {said}"))),
        }
    }

    async fn ended<S: AsRef<OsStr>>(
        &self,
        folder: &Path,
        arguments: &[S],
    ) -> Result<(Option<i32>, String, String), Problem> {
        let mut command = Command::new("restic");
        command.env_clear().current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
        for name in INHERITED {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.envs(&self.files).arg("--repo").arg(&self.repository);
        command.arg("--password-file").arg(&self.password_file).args(["--retry-lock", "5m"]);
        match &self.cache {
            Some(cache) => command.arg("--cache-dir").arg(cache),
            None => command.arg("--no-cache"),
        };
        let output = tokio::time::timeout(LONGEST, command.args(arguments).output()).await;
        let output = output.map_err(|_| failed("restic did not end"))?;
        let output = output.map_err(|error| failed(&format!("restic could not be started: {error}")))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let said: String =
            said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_CHARACTERS).collect();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok((output.status.code(), text, said.trim().to_owned()))
    }
}

/// As a person meets it.
pub(crate) fn failed(why: &str) -> Problem {
    Problem::transient(
        Code::DEST004,
        format!("The Hub's own backup: {why}."),
        "Look at [backups.hub] in the Hub's settings, at the repository and at the disk; then: letsbe-hub admin backup.",
    )
}
