//! The right to work on the repositories: one run at a time. A holder that is gone or silent has no right any more.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{Code, Problem, ids::JobId, process::Process};
use serde::{Deserialize, Serialize};

use letsbe_base::{files, guard::Guard, layout::Layout, output};

/// A lease that nobody refreshed for this long belongs to nobody.
const VALIDITY: TimeDelta = TimeDelta::minutes(5);
/// It is refreshed this often, well within its validity.
const REFRESH: std::time::Duration = std::time::Duration::from_secs(60);

/// Who works on the repositories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    /// In words.
    owner: String,
    /// The process.
    process: Process,
    /// Free again after this time, unless refreshed.
    expires_at: DateTime<Utc>,
}

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// The name of all backup work in the host's lock: one that comes after a dead one takes over its place at once.
    run: JobId,
    holder: Option<Holder>,
}

/// What to do about a holder.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Take,
    /// It is gone or silent: take it, and say so.
    TakeOver,
    Refuse,
}

/// Decides without looking at anything but the arguments.
fn decide(holder: Option<&Holder>, own: &Process, lives: bool, now: DateTime<Utc>) -> Decision {
    match holder {
        None => Decision::Take,
        Some(holder) if holder.process == *own => Decision::Take,
        Some(holder) if !lives || holder.expires_at <= now => Decision::TakeOver,
        Some(_) => Decision::Refuse,
    }
}

/// Takes or refreshes the lease for this process; answers the name of backup work in the host's lock.
fn acquire(layout: &Layout, owner: &str, now: DateTime<Utc>) -> Result<JobId, Problem> {
    let _guard = guard(layout)?;
    let path = path(layout);
    let record: Option<Record> = files::read_json(&path)?;
    let (run, holder) =
        record.map_or_else(|| (JobId::generate(), None), |record| (record.run, record.holder));
    let own = Process::own();
    let lives = holder.as_ref().is_some_and(|holder| holder.process.lives());
    match (decide(holder.as_ref(), &own, lives, now), &holder) {
        (Decision::Refuse, Some(holder)) => return Err(busy(holder)),
        (Decision::TakeOver, Some(holder)) => {
            tracing::warn!("took over the backup lease of {}, whose process is gone or silent", holder.owner);
        }
        _ => {}
    }
    let holder = Holder { owner: owner.to_owned(), process: own, expires_at: now + VALIDITY };
    files::write_json(&path, &Record { run, holder: Some(holder) })?;
    Ok(run)
}

/// Gives it back, if it is this process's.
fn release(layout: &Layout) -> Result<(), Problem> {
    let _guard = guard(layout)?;
    let path = path(layout);
    match files::read_json::<Record>(&path)? {
        Some(record) if record.holder.as_ref().is_some_and(|holder| holder.process == Process::own()) => {
            files::write_json(&path, &Record { holder: None, ..record })
        }
        _ => Ok(()),
    }
}

/// Refuses while another process works on the repositories.
fn still_ours(layout: &Layout, owner: &str, now: DateTime<Utc>) -> Result<(), Problem> {
    let record: Option<Record> = files::read_json(&path(layout))?;
    match record.and_then(|record| record.holder) {
        Some(holder) if holder.process != Process::own() => Err(busy(&holder)),
        _ => acquire(layout, owner, now).map(drop),
    }
}

async fn keep(layout: &Layout, owner: &str) -> Problem {
    loop {
        tokio::time::sleep(REFRESH).await;
        if let Err(problem) = still_ours(layout, owner, Utc::now()) {
            return problem;
        }
    }
}

/// Works on the repositories while nobody else does; `work` is told the name of backup work in the host's lock.
///
/// # Errors
/// BAK005 while another process works on them; and what `work` answers.
pub(crate) async fn with<T>(
    layout: &Layout,
    owner: &str,
    work: impl AsyncFnOnce(JobId) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let run = acquire(layout, owner, Utc::now())?;
    let result = tokio::select! {
        result = work(run) => result,
        problem = keep(layout, owner) => Err(problem),
    };
    release(layout)?;
    result
}

fn busy(holder: &Holder) -> Problem {
    Problem::transient(
        Code::BAK005,
        format!(
            "{} (process {}) works on the backups until {} or longer",
            holder.owner,
            holder.process.pid,
            output::moment(holder.expires_at)
        ),
        "Wait for its end. The lease of a process that is gone or silent is taken over by itself.",
    )
}

fn path(layout: &Layout) -> std::path::PathBuf {
    super::folder(layout).join("lease.json")
}

/// Serialises the steps of acquiring.
fn guard(layout: &Layout) -> Result<Guard, Problem> {
    Guard::wait(&super::folder(layout).join("lease.guard"))
}

#[cfg(test)]
pub(super) mod tests {
    use chrono::{TimeDelta, Utc};
    use letsbe_types::{Code, ids::JobId};

    use super::{Decision, Holder, Process, Record, acquire, decide, path, release, still_ours, with};
    use letsbe_base::{files, layout::Layout};

    /// Another process that lives as long as this value: a child that waits for its input.
    pub(in crate::backup) struct Other(std::process::Child);

    impl Other {
        pub(in crate::backup) fn start() -> Self {
            let mut command = std::process::Command::new("cat");
            Self(command.stdin(std::process::Stdio::piped()).spawn().unwrap())
        }

        pub(in crate::backup) fn process(&self) -> Process {
            Process::of(self.0.id()).unwrap()
        }

        /// Gives it the lease.
        pub(in crate::backup) fn hold(&self, layout: &Layout) {
            let expires_at = Utc::now() + super::VALIDITY;
            let holder =
                Holder { owner: "the nightly backup".to_owned(), process: self.process(), expires_at };
            let record = Record { run: JobId::generate(), holder: Some(holder) };
            files::write_json(&path(layout), &record).unwrap();
        }
    }

    impl Drop for Other {
        fn drop(&mut self) {
            drop(self.0.stdin.take());
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn who_gets_the_lease() {
        let now = Utc::now();
        let process = |pid| Process { pid, started: 70, boot: "this".to_owned() };
        let own = process(7);
        let holder = |pid, seconds| Holder {
            owner: "somebody".to_owned(),
            process: process(pid),
            expires_at: now + TimeDelta::seconds(seconds),
        };
        let table = [
            (None, true, Decision::Take),
            (Some(holder(7, 60)), true, Decision::Take),
            (Some(holder(7, -60)), true, Decision::Take),
            (Some(holder(8, 60)), true, Decision::Refuse),
            (Some(holder(8, 60)), false, Decision::TakeOver),
            (Some(holder(8, 0)), true, Decision::TakeOver),
            (Some(holder(8, -1)), false, Decision::TakeOver),
        ];
        for (existing, lives, expected) in table {
            assert_eq!(decide(existing.as_ref(), &own, lives, now), expected, "{existing:?} {lives}");
        }
        let later_process = Process { started: 71, ..own.clone() };
        assert_eq!(decide(Some(&holder(7, 60)), &later_process, true, now), Decision::Refuse);
    }

    #[tokio::test]
    async fn overlapping_work_is_refused_by_name_and_that_of_a_dead_process_taken_over_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let other = Other::start();
        other.hold(&layout);
        let refusal = with(&layout, "a manual backup", async |_| Ok(())).await.unwrap_err();
        assert_eq!(refusal.code, Code::BAK005);
        assert!(refusal.message.contains("the nightly backup"), "{refusal}");
        assert!(still_ours(&layout, "a manual backup", Utc::now()).is_err());
        drop(other);
        let run = with(&layout, "a manual backup", async |run| Ok(run)).await.unwrap();
        assert_eq!(acquire(&layout, "another", Utc::now()).unwrap(), run, "the name stays the same");
        release(&layout).unwrap();
        let record: Record = files::read_json(&path(&layout)).unwrap().unwrap();
        assert_eq!(record, Record { run, holder: None });
    }

    #[test]
    fn a_silent_holder_loses_the_lease_and_notices() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let other = Other::start();
        other.hold(&layout);
        let later = Utc::now() + super::VALIDITY;
        assert!(acquire(&layout, "a manual backup", later).is_ok());
        assert!(Process::own().lives() && other.process().lives());
    }
}
