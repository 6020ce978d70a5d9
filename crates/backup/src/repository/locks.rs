//! Locks in the repository: which of them are left by processes that are gone.

use std::{fs, path::Path};

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::Problem;
use serde::Deserialize;

use super::{
    Repository,
    restic::{Call, not_understood},
};

/// restic renews a lock every 5 minutes, and by itself calls one stale after this.
const STALE: TimeDelta = TimeDelta::minutes(30);

/// A lock, as restic writes it.
#[derive(Debug, Deserialize)]
struct Lock {
    time: DateTime<Utc>,
    hostname: String,
    pid: u32,
}

impl Repository {
    /// Removes what locks are left by processes that are dead. Only for whoever holds the lease.
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

fn runs_restic(pid: u32) -> bool {
    let comm = Path::new("/proc").join(pid.to_string()).join("comm");
    fs::read_to_string(comm).is_ok_and(|name| name.trim() == "restic")
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
}
