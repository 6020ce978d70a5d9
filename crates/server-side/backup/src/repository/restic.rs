//! The one way in which restic is run: its arguments, its environment, and what it may take.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use letsbe_types::{Code, Problem, backup::RESTIC_MIN, process::Process};
use tokio::process::Command;

use super::{
    Repository, children,
    confine::Reach,
    locks::Holder,
    problem,
    process::{self, Bounds, Ended},
};

/// Another restic may hold the repository locked against us this long.
const LOCKED: Duration = Duration::from_mins(2);

/// What keeps restic's memory within what a unit allows (300 MiB) and leaves cores to the tools.
const RUNTIME: [(&str, &str); 3] = [("GOGC", "40"), ("GOMEMLIMIT", "200MiB"), ("GOMAXPROCS", "2")];

/// Variables that would change what restic or rclone do.
const FOREIGN: [&str; 3] = ["AWS_", "RESTIC_", "RCLONE_"];

/// Answers that are collected whole end here.
const ANSWER: usize = 64 << 20;

/// One run of restic.
pub(super) struct Call<'a> {
    /// For people: what is being done, as the beginning of a sentence.
    doing: &'a str,
    arguments: Vec<OsString>,
    input: &'a [u8],
    limit: Duration,
    /// Exit codes that are an answer.
    answers: &'a [i32],
    /// What it reads of others, where that is all it may open beside its own.
    only: Option<Vec<PathBuf>>,
}

impl<'a> Call<'a> {
    /// A call that may take some minutes, and must end with 0.
    pub(super) fn new(doing: &'a str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(OsString::from).collect();
        Self { doing, arguments, input: b"", limit: Duration::from_mins(15), answers: &[0], only: None }
    }

    /// A call over a lot of data: hours.
    pub(super) fn long(mut self) -> Self {
        self.limit = Duration::from_hours(8);
        self
    }

    pub(super) fn arguments(mut self, more: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(more.into_iter().map(Into::into));
        self
    }

    /// restic may open these, its repository and what every program needs, and nothing else of the server.
    pub(super) fn only(mut self, paths: &[PathBuf]) -> Self {
        self.only = Some(paths.to_vec());
        self
    }

    pub(super) const fn input(mut self, input: &'a [u8]) -> Self {
        self.input = input;
        self
    }

    pub(super) const fn answers(mut self, codes: &'a [i32]) -> Self {
        self.answers = codes;
        self
    }
}

/// A program may stand still for so long because its machine is busy.
const BUSY: Duration = Duration::from_secs(30);

/// A far side that says nothing for so long is given up.
fn still_after(retrying: Duration) -> Duration {
    retrying.max(BUSY)
}

/// How long a lock is waited for: a restic that waits stands still, too, and must say why before it is given up.
fn locked_for(still: Duration) -> Duration {
    if still >= LOCKED + BUSY { LOCKED } else { still / 2 }
}

impl Repository {
    /// Runs restic; standard output goes to `sink`. Whether a far side lets us in is asked first, because restic by
    /// itself would ask it for a quarter of an hour.
    pub(super) async fn run(
        &self,
        call: Call<'_>,
        sink: &mut (dyn FnMut(&[u8]) -> Result<(), Problem> + Send),
    ) -> Result<Ended, Problem> {
        self.reach().await?;
        let mut command = self.restic();
        command.args(&call.arguments);
        let reach = call.only.as_ref().map(|paths| self.reach_of(paths));
        if reach.is_some() {
            // What everybody may write is not its own.
            command.env("TMPDIR", &self.cache);
        }
        let still = self.location.folder.is_none().then_some(still_after(self.retrying));
        let bounds = Bounds { reach: reach.as_ref(), retrying: self.retrying, still };
        let ended = process::run_within(bounds, command, call.input, call.limit, sink)
            .await
            .map_err(|stopped| problem::of_stopped(&self.location.name, call.doing, stopped))?;
        if ended.code.is_some_and(|code| call.answers.contains(&code)) {
            return Ok(ended);
        }
        if ended.code == Some(problem::LOCKED)
            && let Some(holder) = Holder::told(&ended.errors)
        {
            let (words, advice) = holder.in_words();
            return Err(problem::locked(&self.location.name, call.doing, &words, advice));
        }
        Err(problem::of(&self.location, call.doing, &ended))
    }

    /// What restic opens to store these paths in a repository on this server.
    fn reach_of(&self, paths: &[PathBuf]) -> Reach {
        let own = [self.programs.restic.clone(), self.key_file.clone()];
        // Only what is there can be allowed.
        let _ = std::fs::create_dir_all(&self.cache);
        Reach {
            read: own.into_iter().chain(paths.iter().cloned()).collect(),
            write: [self.cache.clone()].into_iter().chain(self.location.folder.clone()).collect(),
        }
    }

    /// The same, with the whole answer as text.
    pub(super) async fn ask(&self, call: Call<'_>) -> Result<(Ended, Vec<u8>), Problem> {
        let mut answer = Vec::new();
        let doing = call.doing.to_owned();
        let ended = self.run(call, &mut |piece| collect(&mut answer, piece, ANSWER, &doing)).await?;
        Ok((ended, answer))
    }

    /// The same for a call that reads `source` too.
    pub(super) async fn ask_from(&self, source: &Self, call: Call<'_>) -> Result<(), Problem> {
        source.reach().await?;
        let location = self.location.with(&source.location);
        Self { location, ..self.clone() }.ask(call).await.map(drop)
    }

    /// restic with everything that does not depend on what it shall do.
    pub(super) fn restic(&self) -> Command {
        let mut command = bare(&self.programs.restic);
        command.envs(self.location.environment.iter().map(|(name, value)| (name, value)));
        command.arg("--repo").arg(&self.location.repository);
        command.arg("--password-file").arg(&self.key_file);
        command.arg("--cache-dir").arg(&self.cache);
        let still = still_after(self.retrying);
        command.args(["--quiet", "--retry-lock", &format!("{}s", locked_for(still).as_secs())]);
        // We give up first: a request that it sends anew would look like something that moves.
        let hangs = format!("{}s", 2 * still.as_secs());
        command.arg("--stuck-request-timeout").arg(hangs);
        // Where proc(5) does not tell, nobody could tell it from a later process.
        if let Some(own) = Process::of(std::process::id()) {
            command.arg("--option").arg(children::started_by(&own));
        }
        for option in &self.location.options {
            command.args(["--option", option]);
        }
        if self.upload_kib > 0 {
            command.args(["--limit-upload", &self.upload_kib.to_string()]);
        }
        command
    }
}

/// A program without what our own environment would tell it; it ends with us.
pub(super) fn bare(program: &Path) -> Command {
    let mut command = children::command(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if FOREIGN.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    // Times are given and read in UTC.
    command.envs(RUNTIME).env("TZ", "UTC");
    command
}

/// Adds to an answer that must stay small.
pub(super) fn collect(answer: &mut Vec<u8>, piece: &[u8], limit: usize, doing: &str) -> Result<(), Problem> {
    if answer.len() + piece.len() > limit {
        return Err(too_much(doing, &format!("{} MiB", limit >> 20)));
    }
    answer.extend_from_slice(piece);
    Ok(())
}

/// More than is read at once.
pub(super) fn too_much(doing: &str, limit: &str) -> Problem {
    Problem::permanent(
        Code::REPO012,
        format!("{doing}: the answer is larger than {limit}"),
        "Restore it into a folder instead of reading it.",
    )
}

/// restic said something that is not understood.
pub(super) fn not_understood(doing: &str) -> Problem {
    let (major, minor) = RESTIC_MIN;
    Problem::permanent(
        Code::REPO010,
        format!("{doing}: the answer of restic is not understood"),
        format!("Use the restic that came with the bundle ({major}.{minor} or later)."),
    )
}

#[cfg(test)]
mod tests {
    use super::{BUSY, Duration, LOCKED, locked_for, process::RETRYING, still_after};

    #[test]
    fn a_lock_is_given_up_well_before_a_far_side_that_says_nothing() {
        assert_eq!(locked_for(still_after(RETRYING)), LOCKED);
        assert_eq!(locked_for(still_after(Duration::from_secs(20))), Duration::from_secs(15));
        for seconds in [0, 1, 29, 60, 119, 120, 149, 150, 900] {
            let still = still_after(Duration::from_secs(seconds));
            let locked = locked_for(still);
            assert!(locked > Duration::ZERO && locked <= LOCKED && locked + BUSY / 2 <= still, "{seconds}");
        }
    }
}
