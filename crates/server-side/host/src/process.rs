//! A process of this machine, as proc(5) tells of it.

use std::{fs, time::Duration};

use serde::{Deserialize, Serialize};

/// Ticks a second in what the kernel tells programs; the same on every Linux.
const TICKS: u64 = 100;

/// A process that cannot be mistaken for a later one of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it was started, in the kernel's ticks.
    pub started: u64,
}

impl Process {
    /// This process.
    #[must_use]
    pub fn own() -> Self {
        let pid = std::process::id();
        Self::of(pid).unwrap_or(Self { pid, started: 0 })
    }

    /// The process that has this number now; one that has ended and was not waited for is none.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(Self { pid, started: started(&stat)? })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn lives(&self) -> bool {
        Self::of(self.pid) == Some(*self)
    }

    /// For how long it has run.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        let seconds: f64 = uptime.split_whitespace().next()?.parse().ok()?;
        let since_start = Duration::try_from_secs_f64(seconds).ok()?;
        Some(since_start.saturating_sub(Duration::from_secs(self.started / TICKS)))
    }
}

/// Field 22 of `stat`, counted after the name, which may hold anything.
fn started(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_a_later_one_of_its_number_and_from_one_that_has_ended() {
        let own = Process::own();
        assert!(own.lives() && own.age().is_some_and(|age| age < Duration::from_hours(24)));
        assert!(!Process { started: own.started + 1, ..own }.lives());
        let mut child = std::process::Command::new("true").spawn().expect("it starts");
        let pid = child.id();
        // Until it is waited for it keeps its number.
        while Process::of(pid).is_some() {
            std::thread::yield_now();
        }
        child.wait().expect("it ended");
        let rest = "1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0";
        assert_eq!(started(&format!("7 (a) Z (b) S {rest}")), Some(4711));
        assert_eq!(started(&format!("7 (x) Z {rest}")), None);
    }
}
