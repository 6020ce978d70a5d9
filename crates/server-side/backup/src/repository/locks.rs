//! Locks in the repository: which of them are left by processes that are gone, and who holds the others.

use std::{fs, time::Duration};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use letsbe_types::{Problem, process::Process};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{
    Repository,
    children::STARTED_BY,
    restic::{Call, not_understood},
};

/// restic renews a lock every 5 minutes, and by itself calls one stale after this.
const STALE: TimeDelta = TimeDelta::minutes(30);

/// What was killed is gone within this time, unless a disk keeps it.
const END: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// What a restic may be called by what it does; nothing else of its command line is told.
const VERBS: [&str; 15] = [
    "backup", "restore", "prune", "forget", "check", "copy", "dump", "mount", "repair", "rewrite", "tag",
    "stats", "find", "key", "diff",
];

const HERE: &str = "That is a backup, export, restore or check, possibly one of ours, and the next run tries again. If it does \
    not end, look at it (`ps -fp NUMBER`) and end it (`kill NUMBER`): its lock goes with it.";
const NOWHERE: &str = "No restic has that number on this server now: it has ended meanwhile, or runs in a container, or on another \
    server of this name. The next run tries again.";
const ELSEWHERE: &str = "The next run tries again. If it does not end, look on that server whether the process is a restic \
    (`ps -fp NUMBER`), and end it there: its lock goes with it.";

/// A lock, as restic writes it.
#[derive(Debug, Deserialize)]
struct Lock {
    time: DateTime<Utc>,
    hostname: String,
    pid: u32,
}

impl Repository {
    /// Removes what locks are left by processes that are dead. Only for whoever holds the lease: a restic that one of us
    /// started who is dead by now is ended first.
    ///
    /// restic by itself keeps the lock of a dead process for half an hour if another process has its number by now,
    /// as after a restart of the server.
    ///
    /// # Errors
    /// As [`Repository::ensure`].
    pub async fn unlock(&self) -> Result<(), Problem> {
        let doing = "looking for locks that are left";
        let (_, answer) = self.ask(Call::new(doing, &["--no-lock", "list", "locks"])).await?;
        let mut all_dead = true;
        for id in String::from_utf8_lossy(&answer).lines() {
            let call = Call::new(doing, &["--no-lock", "cat", "lock", id]).answers(&[0, 1]);
            let (ended, lock) = self.ask(call).await?;
            // One that was removed meanwhile was alive.
            if ended.code == Some(0) {
                let lock: Lock = serde_json::from_slice(&lock).map_err(|_| not_understood(doing))?;
                if lock.hostname == hostname() {
                    end_orphan(lock.pid).await;
                }
                all_dead &= is_dead(&lock, &hostname(), Utc::now(), runs_restic);
            } else {
                all_dead = false;
            }
        }
        let which: &[&str] = if all_dead { &["unlock", "--remove-all"] } else { &["unlock"] };
        self.ask(Call::new("removing locks that are left", which)).await.map(drop)
    }
}

fn is_dead(lock: &Lock, here: &str, now: DateTime<Utc>, runs: impl Fn(u32) -> bool) -> bool {
    (lock.hostname == here && !runs(lock.pid)) || now - lock.time > STALE
}

fn hostname() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// A process that has ended, and waits only for somebody to take its exit code, has no lock.
fn runs_restic(pid: u32) -> bool {
    let is_called = |name: String| name.trim() == "restic";
    Process::of(pid).is_some() && fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(is_called)
}

/// The command line of a process: empty while it ends, `None` when it is gone.
fn words(pid: u32) -> Option<Vec<String>> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    Some(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
}

/// Who started a restic of ours, by its command line.
fn starter(words: &[String]) -> Option<Process> {
    words.iter().find_map(|word| word.strip_prefix(STARTED_BY))?.parse().ok()
}

/// Ends a restic that one of us started who is gone, and waits for the end of one that ends already.
async fn end_orphan(pid: u32) {
    let Some(process) = Process::of(pid).filter(|process| runs_restic(process.pid)) else { return };
    let words = words(pid).unwrap_or_default();
    let is_orphan = starter(&words).is_some_and(|starter| !starter.lives());
    if is_orphan && kill(&process) {
        tracing::warn!("restic (process {}) was left by a run that is gone; it is ended", process.pid);
    }
    let until = Instant::now() + END;
    while (is_orphan || words.is_empty()) && process.lives() && Instant::now() < until {
        sleep(LOOK_AGAIN).await;
    }
}

/// Kills this process, and no later one of its number: what is held is the process, and then it is looked whether it is the one.
fn kill(process: &Process) -> bool {
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
    let Some(held) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else { return false };
    process.lives() && pidfd_send_signal(held, Signal::KILL).is_ok()
}

/// Who holds the repository against us.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pid: u32,
    hostname: String,
    renewed_at: NaiveDateTime,
}

impl Holder {
    /// As restic tells it on its way out.
    pub(super) fn told(errors: &str) -> Option<Self> {
        let (_, told) = errors.split_once("by PID ")?;
        let (pid, told) = told.split_once(" on ")?;
        let (hostname, told) = told.split_once(" by ")?;
        let (_, told) = told.split_once("lock was created at ")?;
        let renewed_at = NaiveDateTime::parse_from_str(told.get(..19)?, "%Y-%m-%d %H:%M:%S").ok()?;
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
        let hostname = hostname.chars().filter(|letter| is_plain(*letter)).take(64).collect();
        Some(Self { pid: pid.parse().ok()?, hostname, renewed_at })
    }

    /// For people: which process, where, and what it does as far as this server can tell; and what to do about it. Command
    /// lines may hold secrets, and are not repeated.
    pub(super) fn in_words(&self) -> (String, &'static str) {
        let is_here = self.hostname == hostname();
        // A number alone is no restic: a container has numbers of its own, and another server may have this one's name.
        let process = Process::of(self.pid).filter(|_| is_here && runs_restic(self.pid));
        let known = process.and_then(|process| Some((words(self.pid)?, process.age()?)));
        let advice = match &known {
            Some(_) => HERE,
            None if is_here => NOWHERE,
            None => ELSEWHERE,
        };
        (self.described(known.as_ref().map(|(words, age)| (&words[..], *age))), advice)
    }

    fn described(&self, known: Option<(&[String], Duration)>) -> String {
        let Self { pid, hostname, renewed_at } = self;
        let held = format!("process {pid} on {hostname}");
        let Some((words, age)) = known else {
            return format!("{held} (it last renewed its lock at {renewed_at} UTC)");
        };
        let verb = words.iter().find(|word| VERBS.contains(&word.as_str())).map_or("", String::as_str);
        let does = format!("restic {verb}");
        format!("{held}: {}, which has run for {} min", does.trim_end(), age.as_secs() / 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_locks_of_processes_that_are_gone_are_dead() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(10);
        let lock = |hostname: &str, minutes, pid| Lock {
            time: now - TimeDelta::minutes(minutes),
            hostname: hostname.to_owned(),
            pid,
        };
        let runs = |pid| pid == 7;
        assert!(is_dead(&lock("here", 1, 8), "here", now, runs));
        assert!(!is_dead(&lock("here", 1, 7), "here", now, runs));
        assert!(!is_dead(&lock("elsewhere", 29, 8), "here", now, runs));
        assert!(is_dead(&lock("elsewhere", 31, 8), "here", now, runs));
    }

    #[test]
    fn who_holds_the_repository_is_told_without_what_its_command_line_may_hold() {
        let said = "unable to create lock in backend: repository is already locked exclusively by PID 4711 on mail.example\u{1b} \
                    by root (UID 0, GID 0)\\nlock was created at 2026-11-28 19:38:11 (3.9s ago)\\nstorage ID 531e863a";
        let holder = Holder::told(said).unwrap();
        let unknown = "process 4711 on mail.example (it last renewed its lock at 2026-11-28 19:38:11 UTC)";
        assert_eq!(holder.described(None), unknown);
        for (line, wanted) in [
            ("restic -r rest:https://me:hunter2@far prune --quiet", "restic prune"),
            ("restic --verbose secret", "restic"),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let told = holder.described(Some((&words, Duration::from_secs(12 * 60 + 5))));
            assert_eq!(told, format!("process 4711 on mail.example: {wanted}, which has run for 12 min"));
        }
        assert_eq!(Holder::told("Fatal: unable to create lock"), None);
    }

    #[test]
    fn nobody_is_told_to_end_a_process_of_this_server_that_is_no_restic() {
        let told = |pid: u32, hostname: String| {
            let renewed_at = NaiveDateTime::default();
            Holder { pid, hostname, renewed_at }.in_words()
        };
        // This test, which has the number and is no restic.
        let (words, advice) = told(std::process::id(), hostname());
        assert!(
            words.contains("it last renewed its lock at") && !advice.contains("kill"),
            "{words}: {advice}"
        );
        assert_eq!(told(std::process::id(), "mail.example".to_owned()).1, ELSEWHERE);
    }

    #[test]
    fn only_the_process_that_was_looked_at_is_killed() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let process = Process::of(child.id()).unwrap();
        assert!(
            !kill(&Process { started: process.started + 1, ..process.clone() }),
            "a later one of its number"
        );
        assert!(process.lives() && kill(&process));
        assert!(!child.wait().unwrap().success());
    }
}
