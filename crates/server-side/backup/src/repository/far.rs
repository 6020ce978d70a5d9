//! The same place, asked by rclone: whether it lets us in, how large it is, and how it was at a moment.

use std::{
    path::Path,
    sync::PoisonError,
    time::{Duration, Instant},
};

use chrono::{DateTime, SecondsFormat, Utc};
use letsbe_types::{Code, Problem, backup::Destination};
use tokio::process::Command;

use super::{
    Repository, problem,
    process::{self, Ended},
    restic::{bare, collect, not_understood},
};
use crate::{
    Programs,
    location::{s3_remote, s3_section, write_private},
};

/// What makes rclone give up soon.
const IMPATIENT: [&str; 8] =
    ["--contimeout", "10s", "--timeout", "20s", "--retries", "1", "--low-level-retries", "1"];

/// What makes rclone carry a lot of data through.
const PATIENT: [&str; 10] = [
    "--contimeout",
    "10s",
    "--timeout",
    "60s",
    "--retries",
    "3",
    "--low-level-retries",
    "3",
    "--transfers",
    "4",
];

/// rclone's exit code for a folder that is not there.
const NO_FOLDER: i32 = 3;

/// Whether a place outside answers and lets us in, at most this long.
const REACH: Duration = Duration::from_secs(30);

/// A list of all versions takes a service longer than one of what is there, and it is asked for when a server was lost: one
/// refusal of a busy service does not end that.
const AS_IT_WAS: Duration = Duration::from_mins(5);

/// A place that let us in is not asked again for so long: a night asks it some twenty times.
const REACHED: Duration = Duration::from_secs(60);

impl Repository {
    /// Whether the place answers and lets us in, or did within the last minute; takes 30 seconds at most. Says nothing
    /// about a repository there. A folder on this server is always reached.
    ///
    /// # Errors
    /// `REPO001`.
    pub async fn reach(&self) -> Result<(), Problem> {
        let reached = *self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        if self.location.folder.is_some() || reached.is_some_and(|at| at.elapsed() < REACHED) {
            return Ok(());
        }
        self.ask_whether_it_lets_us_in().await?;
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }

    /// The same, asked now, whatever the last minute was like.
    ///
    /// # Errors
    /// `REPO001`.
    pub async fn reach_now(&self) -> Result<(), Problem> {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.reach().await
    }

    async fn ask_whether_it_lets_us_in(&self) -> Result<(), Problem> {
        let doing = "asking the backup destination";
        let mut command = self.rclone();
        command.args(["lsf", "--max-depth", "1"]).args(IMPATIENT).arg(&self.location.remote);
        let ended =
            process::run(command, b"", REACH, &mut |_| Ok(())).await.map_err(|stopped| match stopped {
                process::Stopped::NotStarted(_) => problem::of_stopped(&self.location.name, doing, stopped),
                _ => problem::unreachable(&self.location.name, doing),
            })?;
        // A bucket that is not there is no folder either; a path on another remote is made by the first copy.
        let absent_is_fine = !self.location.repository.starts_with("s3:");
        match ended.code {
            Some(0) => Ok(()),
            Some(NO_FOLDER) if absent_is_fine => Ok(()),
            _ => Err(problem::unreachable(&self.location.name, doing)),
        }
    }

    /// Bytes on disk of all packs.
    ///
    /// # Errors
    /// As [`Repository::ensure`].
    pub async fn size(&self) -> Result<u64, Problem> {
        #[derive(serde::Deserialize)]
        struct Size {
            bytes: u64,
        }
        let doing = "measuring the repository";
        self.reach().await?;
        let mut command = self.rclone();
        command.args(["size", "--json"]).args(PATIENT).arg(format!("{}/data", self.location.remote));
        let answer = self.far(command, doing, &[0, NO_FOLDER]).await?;
        if answer.is_empty() {
            return Ok(0);
        }
        let size: Size = serde_json::from_slice(&answer).map_err(|_| not_understood(doing))?;
        Ok(size.bytes)
    }

    /// Files (relative) where the repository should be.
    pub(super) async fn files_there(&self) -> Result<Vec<String>, Problem> {
        let mut command = self.rclone();
        command.args(["lsf", "--recursive", "--files-only", "--max-depth", "3"]).args(IMPATIENT);
        command.arg(&self.location.remote);
        let answer = self.far(command, "looking into the place of the repository", &[0, NO_FOLDER]).await?;
        Ok(String::from_utf8_lossy(&answer).lines().map(str::to_owned).collect())
    }

    /// Removes keys that no repository belongs to: what an interrupted `init` left.
    pub(super) async fn remove_orphaned_keys(&self) -> Result<(), Problem> {
        let mut command = self.rclone();
        command.arg("delete").args(PATIENT).arg(format!("{}/keys", self.location.remote));
        self.far(command, "clearing what an interrupted start left", &[0, NO_FOLDER]).await.map(drop)
    }

    /// Names of the keys.
    pub(super) async fn key_names(&self) -> Result<Vec<String>, Problem> {
        let mut command = self.rclone();
        command.args(["lsf", "--files-only"]).args(IMPATIENT).arg(format!("{}/keys", self.location.remote));
        let answer = self.far(command, "looking for the repository's keys", &[0]).await?;
        Ok(String::from_utf8_lossy(&answer).lines().map(str::to_owned).collect())
    }

    /// Adds a key.
    pub(super) async fn write_key(&self, name: &str, text: &[u8]) -> Result<(), Problem> {
        let mut command = self.rclone();
        command.arg("rcat").args(PATIENT).arg(format!("{}/keys/{name}", self.location.remote));
        self.far_with(command, text, "writing the repository's key", &[0]).await.map(drop)
    }

    async fn far(&self, command: Command, doing: &str, answers: &[i32]) -> Result<Vec<u8>, Problem> {
        self.far_with(command, b"", doing, answers).await
    }

    async fn far_with(
        &self,
        command: Command,
        input: &[u8],
        doing: &str,
        answers: &[i32],
    ) -> Result<Vec<u8>, Problem> {
        let mut answer = Vec::new();
        let limit = Duration::from_mins(15);
        let ended =
            process::run(command, input, limit, &mut |piece| collect(&mut answer, piece, 1 << 20, doing))
                .await
                .map_err(|stopped| problem::of_stopped(&self.location.name, doing, stopped))?;
        if ended.code.is_some_and(|code| answers.contains(&code)) {
            return Ok(answer);
        }
        Err(problem::of(&self.location, doing, &Ended { code: Some(1), ..ended }))
    }

    fn rclone(&self) -> Command {
        let mut command = bare(&self.programs.rclone);
        // Whatever the person who runs this keeps for rclone is none of ours.
        command.env("RCLONE_CONFIG", "/dev/null");
        command.envs(self.location.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Copies an S3 destination as it was at a moment into `folder`, where it is a repository: what was deleted since is
/// there, what came later is not. Locks stay behind: whoever held them is gone. Nothing is changed outside. The
/// credentials must be such that read versions, as those are that the Hub makes.
///
/// A copy, because rclone 1.60 does not find single files of a moment, only lists and copies them.
///
/// # Errors
/// `REPO014` when the destination keeps no versions, `REPO001`, a full disk.
pub async fn bring_back(
    destination: &Destination,
    at: DateTime<Utc>,
    programs: &Programs,
    work: &Path,
    folder: &Path,
) -> Result<(), Problem> {
    let doing = "bringing the repository back as it was";
    let Destination::S3(s3) = destination else {
        return Err(Problem::permanent(
            Code::REPO014,
            format!("{doing}: the destination keeps no versions that could be read"),
            "Only an S3 bucket with versions can be read as of a moment.",
        ));
    };
    let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let configuration = work.join("s3-as-of.conf");
    write_private(&configuration, &s3_section(s3, Some(&at))?)?;
    let place = format!("the bucket {} at {}", s3.bucket, s3.endpoint);
    let rclone = || {
        let mut command = bare(&programs.rclone);
        command.env("RCLONE_CONFIG", &configuration);
        command
    };

    let mut answer = Vec::new();
    let mut command = rclone();
    command.args(["lsf", "--max-depth", "1"]).args(PATIENT).arg(s3_remote(s3));
    let ended =
        process::run(command, b"", AS_IT_WAS, &mut |piece| collect(&mut answer, piece, 1 << 20, doing))
            .await
            .map_err(|stopped| problem::of_stopped(&place, doing, stopped))?;
    if ended.code != Some(0) {
        // Its words are never quoted; its exit code tells a missing folder (3) from a refusal, and none from a kill.
        tracing::warn!(code = ended.code, place, "rclone could not list the place as it was");
        return Err(problem::unreachable(&place, doing));
    }
    if !answer.split(|byte| *byte == b'\n').any(|line| line == b"config") {
        return Err(Problem::permanent(
            Code::REPO003,
            format!("{doing}: there was no repository in {place} at {at}"),
            "Choose a later moment, or look whether the folder in the bucket is the right one.",
        ));
    }

    let mut command = rclone();
    command.arg("copy").args(PATIENT).args(["--exclude", "/locks/**"]).arg(s3_remote(s3)).arg(folder);
    let ended = process::run(command, b"", Duration::from_hours(8), &mut |_| Ok(()))
        .await
        .map_err(|stopped| problem::of_stopped(&place, doing, stopped))?;
    match ended.code {
        Some(0) => Ok(()),
        _ if ended.errors.contains("no space left on device") => Err(problem::full(&place, doing)),
        code => {
            tracing::warn!(code, place, "rclone could not copy the place as it was");
            Err(problem::unreachable(&place, doing))
        }
    }
}
