//! The identity of a process of this machine: number, start time and boot, as proc(5) shows them. Locks, leases and
//! whatever belongs to a process name it so.

use std::{fmt, fs, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// Ticks a second in what the kernel tells programs; the same on every Linux.
const TICKS: u64 = 100;

/// A process that cannot be mistaken for a later one of the same number.
///
/// As text it is `pid:started:boot`, or `pid:started` where the boot is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it was started, in the kernel's ticks since the boot.
    pub started: u64,
    /// The id of the boot. Empty in what former versions recorded without it: it then fits every boot.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub boot: String,
}

impl Process {
    /// This process.
    #[must_use]
    pub fn own() -> Self {
        let pid = std::process::id();
        Self::of(pid).unwrap_or_else(|| Self { pid, started: 0, boot: boot() })
    }

    /// The process that has this number now; one that has ended and was not waited for is none.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(Self { pid, started: started(&stat)?, boot: boot() })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn lives(&self) -> bool {
        let same = |now: Self| self.started == now.started && (self.boot.is_empty() || self.boot == now.boot);
        Self::of(self.pid).is_some_and(same)
    }

    /// As the name of a file or folder has it, before a `-` and the rest: `pid-started`. For what a boot removes.
    #[must_use]
    pub fn in_file_name(&self) -> String {
        format!("{}-{}", self.pid, self.started)
    }

    /// The process that such a name begins with.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        let mut fields = name.split('-');
        let (pid, started) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        fields.next().map(|_| Self { pid, started, boot: String::new() })
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

impl fmt::Display for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.pid, self.started)?;
        if self.boot.is_empty() { Ok(()) } else { write!(formatter, ":{}", self.boot) }
    }
}

impl FromStr for Process {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut fields = text.splitn(3, ':');
        let pid = fields.next().and_then(|pid| pid.parse().ok());
        let started = fields.next().and_then(|started| started.parse().ok());
        let boot = fields.next().unwrap_or_default().to_owned();
        let process = pid.zip(started).map(|(pid, started)| Self { pid, started, boot });
        process.ok_or_else(|| format!("{text:?} is not a process: it is written pid:started:boot"))
    }
}

/// Empty where proc(5) does not show it.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
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
    fn a_process_is_told_from_a_later_one_of_its_number_from_another_boot_and_from_one_that_has_ended() {
        let own = Process::own();
        assert!(own.lives() && own.age().is_some_and(|age| age < Duration::from_hours(24)));
        assert!(!Process { started: own.started + 1, ..own.clone() }.lives());
        assert!(!Process { boot: "another".to_owned(), ..own.clone() }.lives());
        assert!(!Process { pid: u32::MAX, ..own }.lives());
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

    #[test]
    fn what_former_versions_recorded_is_read_and_written_alike() {
        let own = Process::own();
        // A lease and a lab had no boot; a sandbox had one.
        for (json, text) in
            [(r#"{"pid":7,"started":70}"#, "7:70"), (r#"{"pid":7,"started":70,"boot":"0f3c"}"#, "7:70:0f3c")]
        {
            let process: Process = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&process).unwrap(), json);
            assert_eq!((text.parse(), process.to_string()), (Ok(process), text.to_owned()));
        }
        assert!(format!("{}:{}", own.pid, own.started).parse::<Process>().unwrap().lives());
        assert_eq!(own.to_string().parse(), Ok(own));
        let named = Process::from_file_name("7-70-x7Qk2p").unwrap();
        assert_eq!((named.to_string(), named.in_file_name()), ("7:70".to_owned(), "7-70".to_owned()));
        assert_eq!(Process::from_file_name("7-70"), None);
        for bad in ["", "7", "7:", "x:70", "-7:70"] {
            assert!(bad.parse::<Process>().is_err(), "{bad:?}");
        }
    }
}
