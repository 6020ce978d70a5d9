//! The host lock: one run at a time changes a server.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{Code, Problem, ids::JobId};
use serde::{Deserialize, Serialize};

use crate::{files, guard::Guard, layout::Layout};

/// A lock that nobody refreshed for this long belongs to nobody.
const VALIDITY: TimeDelta = TimeDelta::minutes(5);

/// The lock is refreshed this often, well within its validity.
const REFRESH: std::time::Duration = std::time::Duration::from_secs(60);

/// Who may change this server, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostLock {
    /// In words.
    pub owner: String,
    /// The run.
    pub run: JobId,
    /// Free again after this time, unless refreshed.
    pub expires_at: DateTime<Utc>,
}

/// What to do about a lock that is, or is not, there.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// It is free, or ours.
    Take,
    /// It has expired: take it, and say so.
    TakeOver,
    /// It is somebody else's.
    Refuse,
}

/// Decides without looking at anything but the arguments.
fn decide(existing: Option<&HostLock>, now: DateTime<Utc>, run: JobId) -> Decision {
    match existing {
        None => Decision::Take,
        Some(lock) if lock.run == run => Decision::Take,
        Some(lock) if lock.expires_at <= now => Decision::TakeOver,
        Some(_) => Decision::Refuse,
    }
}

/// Takes the lock for a run, or refreshes it. Answers with a note when a dead run's lock was taken over.
pub fn acquire(
    layout: &Layout,
    owner: &str,
    run: JobId,
    now: DateTime<Utc>,
) -> Result<Option<String>, Problem> {
    let path = layout.state("lock.json");
    let _guard = guard(layout)?;
    let existing = files::read_json::<HostLock>(&path)?;
    let note = match (decide(existing.as_ref(), now, run), existing) {
        (Decision::Refuse, Some(lock)) => return Err(held(&lock)),
        (Decision::TakeOver, Some(lock)) => Some(format!(
            "took over the lock of {} (run {}), expired at {}",
            lock.owner, lock.run, lock.expires_at
        )),
        _ => None,
    };
    files::write_json(&path, &HostLock { owner: owner.to_owned(), run, expires_at: now + VALIDITY })?;
    Ok(note)
}

fn held(lock: &HostLock) -> Problem {
    Problem::transient(
        Code::NODE020,
        format!("This server is locked by {} (run {}) until {}", lock.owner, lock.run, lock.expires_at),
        "Wait for that run to end. A dead run's lock expires by itself.",
    )
}

/// Whether a new run would get the lock now; takes nothing.
pub fn free(layout: &Layout, now: DateTime<Utc>) -> Result<(), Problem> {
    let existing = files::read_json::<HostLock>(&layout.state("lock.json"))?;
    match (decide(existing.as_ref(), now, JobId::generate()), existing) {
        (Decision::Refuse, Some(lock)) => Err(held(&lock)),
        _ => Ok(()),
    }
}

/// Gives the lock back, if it is this run's.
pub fn release(layout: &Layout, run: JobId) -> Result<(), Problem> {
    let path = layout.state("lock.json");
    let _guard = guard(layout)?;
    match files::read_json::<HostLock>(&path)? {
        Some(lock) if lock.run == run => files::remove(&path),
        _ => Ok(()),
    }
}

/// Refreshes the lock for ever; ends only when it is lost.
pub async fn keep(layout: &Layout, owner: &str, run: JobId) -> Problem {
    loop {
        if let Err(problem) = acquire(layout, owner, run, Utc::now()) {
            return problem;
        }
        tokio::time::sleep(REFRESH).await;
    }
}

/// Serialises the steps of acquiring.
fn guard(layout: &Layout) -> Result<Guard, Problem> {
    Guard::wait(&layout.state("lock.guard"))
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};
    use letsbe_types::ids::JobId;

    use super::{Decision, HostLock, VALIDITY, acquire, decide, free, release};
    use crate::layout::Layout;

    #[test]
    fn who_gets_the_lock() {
        let (ours, theirs, now) = (JobId::generate(), JobId::generate(), Utc::now());
        let lock = |run, seconds| HostLock {
            owner: "somebody".to_owned(),
            run,
            expires_at: now + TimeDelta::seconds(seconds),
        };
        let table = [
            (None, Decision::Take),
            (Some(lock(ours, 60)), Decision::Take),
            (Some(lock(ours, -60)), Decision::Take),
            (Some(lock(theirs, 60)), Decision::Refuse),
            (Some(lock(theirs, 1)), Decision::Refuse),
            (Some(lock(theirs, 0)), Decision::TakeOver),
            (Some(lock(theirs, -1)), Decision::TakeOver),
        ];
        for (existing, expected) in table {
            assert_eq!(decide(existing.as_ref(), now, ours), expected, "{existing:?}");
        }
    }

    #[test]
    fn a_live_lock_is_refused_by_name_and_an_expired_one_taken_over_with_a_note() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let (first, second, now) = (JobId::generate(), JobId::generate(), Utc::now());
        assert_eq!(acquire(&layout, "first", first, now).unwrap(), None);
        assert_eq!(acquire(&layout, "first", first, now).unwrap(), None);
        let refusal = acquire(&layout, "second", second, now).unwrap_err();
        assert_eq!(refusal.code, "NODE020");
        assert!(
            refusal.message.contains("first") && refusal.message.contains(&first.to_string()),
            "{refusal}"
        );
        release(&layout, second).unwrap();
        assert!(acquire(&layout, "second", second, now).is_err(), "only the owner releases");
        let later = now + VALIDITY;
        assert!(acquire(&layout, "second", second, later).unwrap().unwrap().contains("first"));
        release(&layout, second).unwrap();
        assert_eq!(acquire(&layout, "first", first, later).unwrap(), None);
    }

    #[test]
    fn of_many_at_once_exactly_one_gets_it() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let now = Utc::now();
        let threads: Vec<_> = (0..16)
            .map(|_| {
                let layout = layout.clone();
                std::thread::spawn(move || acquire(&layout, "somebody", JobId::generate(), now).is_ok())
            })
            .collect();
        let winners = threads.into_iter().map(|thread| thread.join().unwrap()).filter(|won| *won);
        assert_eq!(winners.count(), 1);
    }

    #[test]
    fn a_plan_is_told_of_a_run_that_is_at_work_and_takes_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, now) = (Layout::under(folder.path()), Utc::now());
        free(&layout, now).unwrap();
        assert!(!layout.state("lock.json").exists());
        let run = JobId::generate();
        acquire(&layout, "a backup", run, now).unwrap();
        let stop = free(&layout, now).unwrap_err();
        assert!(stop.code == "NODE020" && stop.message.contains("a backup"), "{stop}");
        free(&layout, now + VALIDITY + TimeDelta::seconds(1)).unwrap();
        release(&layout, run).unwrap();
        free(&layout, now).unwrap();
    }
}
