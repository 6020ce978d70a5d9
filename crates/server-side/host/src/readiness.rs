//! The gate before a run: a fresh machine that is still busy with itself is waited for, an unfit one is refused.

use std::time::Duration;

use chrono::{DateTime, Utc};
use letsbe_types::{Code, Problem};
use serde::Serialize;

use crate::{
    facts::{
        ask,
        system::{OsRelease, parse_os_release},
        text_of,
    },
    machine::Machine,
};

/// Free space that every run needs, in bytes: packages, images and room to work.
const DISK_LEAST: u64 = 10 << 30;
/// Difference to the reference clock that certificates and one-time tokens bear.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(300);
/// Pause between two looks at a machine that is busy.
const PAUSE: Duration = Duration::from_secs(2);
/// Locks of dpkg and apt.
const LOCKS: [&str; 3] = ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock"];

/// How the machine's own first-boot set-up stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CloudInit {
    /// Not there, or switched off.
    Absent,
    /// At work; the stage, if it says so.
    Running(String),
    /// Done; what it complains about (often nothing that matters).
    Done(Vec<String>),
}

/// What the gate looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The distribution.
    pub os: OsRelease,
    /// First-boot set-up.
    pub cloud_init: CloudInit,
    /// Package locks that a process holds.
    pub locks: Vec<String>,
    /// The machine's clock, in seconds since 1970.
    pub clock: i64,
    /// Free bytes where `/var/lib` and `/opt` lie: the smaller number.
    pub disk_free: u64,
    /// Free file entries there: a disk can be full of small files too.
    pub files_free: u64,
}

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Begin. The warnings are for the timeline.
    Ready {
        /// Blemishes that do not hinder.
        warnings: Vec<String>,
    },
    /// Look again.
    Busy {
        /// What it is busy with.
        with: String,
    },
}

/// Decides. `reference` is a clock that is trusted (the provisioner's); without one, only absurd times are refused.
///
/// # Errors
/// When waiting cannot help.
pub fn decide(facts: &Facts, reference: Option<DateTime<Utc>>) -> Result<Verdict, Problem> {
    if !facts.os.is_supported() {
        return Err(Problem::permanent(
            Code::HOST002,
            format!("unsupported system: {} {}", shown(&facts.os.id), shown(&facts.os.version)),
            "Supported are Debian 12 and 13, Ubuntu 22.04 and 24.04. Have one of them installed.",
        ));
    }
    if facts.disk_free < DISK_LEAST || facts.files_free < 100_000 {
        return Err(Problem::permanent(
            Code::HOST003,
            format!(
                "full disk: {:.1} GB and {} file entries are free, {} GB and 100000 are needed",
                gigabytes(facts.disk_free),
                facts.files_free,
                DISK_LEAST >> 30
            ),
            "Make room or have a server with a larger disk installed, then retry the order.",
        ));
    }
    if let CloudInit::Running(stage) = &facts.cloud_init {
        return Ok(Verdict::Busy { with: format!("its first-boot set-up ({stage})") });
    }
    if !facts.locks.is_empty() {
        return Ok(Verdict::Busy { with: format!("packages (locked: {})", facts.locks.join(", ")) });
    }
    check_clock(facts.clock, reference)?;
    let warnings = match &facts.cloud_init {
        CloudInit::Done(errors) => errors.iter().map(|error| format!("first-boot set-up: {error}")).collect(),
        _ => Vec::new(),
    };
    Ok(Verdict::Ready { warnings })
}

fn shown(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
}

#[expect(clippy::cast_precision_loss, reason = "for people, with one digit after the point")]
fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

fn check_clock(clock: i64, reference: Option<DateTime<Utc>>) -> Result<(), Problem> {
    // 2026-01-01 and 2100-01-01: outside of them no certificate of ours is valid.
    let wrong = match reference {
        Some(reference) => clock.abs_diff(reference.timestamp()) > CLOCK_TOLERANCE.as_secs(),
        None => !(1_767_225_600..4_102_444_800).contains(&clock),
    };
    if !wrong {
        return Ok(());
    }
    let shown =
        DateTime::from_timestamp(clock, 0).map_or_else(|| clock.to_string(), |time| time.to_rfc3339());
    Err(Problem::transient(
        Code::HOST004,
        format!("the server's clock is wrong: it shows {shown}"),
        "Certificates would be refused. See that the server reaches a time server, then retry the order.",
    ))
}

/// Classes what cloud-init left in its run folder. Its exit codes and its own summary are not trusted: they are known
/// to call a finished set-up an error and an unfinished one done.
#[must_use]
pub fn parse_cloud_init(there: bool, status: Option<&str>, result: Option<&str>) -> CloudInit {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    if let Some(result) = result {
        let errors = result_errors(json(result).as_ref());
        return CloudInit::Done(errors);
    }
    if !there {
        return CloudInit::Absent;
    }
    let status = status.and_then(json);
    let stage = status.as_ref().and_then(|status| status["v1"]["stage"].as_str()).unwrap_or("waiting");
    CloudInit::Running(stage.to_owned())
}

fn result_errors(result: Option<&serde_json::Value>) -> Vec<String> {
    let errors = result.and_then(|result| result["v1"]["errors"].as_array());
    let line = |error: &serde_json::Value| error.as_str().map(|text| text.chars().take(200).collect());
    errors.map(|errors| errors.iter().filter_map(line).collect()).unwrap_or_default()
}

/// Which of the locks (`<inode> <path>` lines of `stat`) are held, by `/proc/locks`. apt and dpkg lock by record, so
/// no program that locks whole files would notice. Inodes are counted in each file system anew: the device is compared
/// too, as `/proc/self/mountinfo` names it. Where it is not known, the inode alone decides: rather wait than disturb.
#[must_use]
pub fn parse_locks(stat: &str, proc_locks: &str, mounts: &str) -> Vec<String> {
    let held: Vec<(Option<Device>, &str)> = proc_locks
        .lines()
        .filter(|line| !line.contains("->"))
        // Locks of open files exclude those of processes, too; locks of whole files (FLOCK) do not.
        .filter(|line| matches!(line.split_whitespace().nth(1), Some("POSIX" | "OFDLCK")))
        .filter_map(|line| {
            let (device, inode) = line.split_whitespace().nth(5)?.rsplit_once(':')?;
            Some((parse_device(device, 16), inode))
        })
        .collect();
    stat.lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(inode, path)| {
            let own = device_of(path, mounts);
            let same = |device: Option<Device>| device.is_none() || own.is_none() || device == own;
            held.iter().any(|(device, locked)| locked == inode && same(*device))
        })
        .map(|(_, path)| path.to_owned())
        .collect()
}

/// Major and minor number of a file system.
type Device = (u32, u32);

fn parse_device(text: &str, radix: u32) -> Option<Device> {
    let (major, minor) = text.split_once(':')?;
    Some((u32::from_str_radix(major, radix).ok()?, u32::from_str_radix(minor, radix).ok()?))
}

/// The device of the mount that a path lies on: of the longest mount point the last mounted one.
fn device_of(path: &str, mounts: &str) -> Option<Device> {
    let mount = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().take(5).collect();
        let [_, _, device, _, point] = words[..] else { return None };
        let below = path.strip_prefix(point.trim_end_matches('/'))?;
        (below.is_empty() || below.starts_with('/')).then(|| (point.len(), parse_device(device, 10)))
    };
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length)?.1
}

/// Smallest free bytes and free entries in `df --output=avail,iavail -B1`.
#[must_use]
pub fn parse_free(df: &str) -> (u64, u64) {
    let rows: Vec<(u64, u64)> = df
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let bytes = words.next()?.parse().ok()?;
            // File systems without a fixed number of entries (btrfs) show 0 or "-".
            let files = words.next().and_then(|word| word.parse().ok()).filter(|files| *files > 0);
            Some((bytes, files.unwrap_or(u64::MAX)))
        })
        .collect();
    let bytes = rows.iter().map(|row| row.0).min().unwrap_or(0);
    (bytes, rows.iter().map(|row| row.1).min().unwrap_or(0))
}

/// Reads the facts.
///
/// # Errors
/// When the machine cannot be asked.
pub async fn probe(machine: &dyn Machine) -> Result<Facts, Problem> {
    let off = text_of(machine, "/run/cloud-init/disabled").await?.is_some()
        || text_of(machine, "/etc/cloud/cloud-init.disabled").await?.is_some();
    let there = text_of(machine, "/usr/bin/cloud-init").await?.is_some() && !off;
    let status = text_of(machine, "/run/cloud-init/status.json").await?;
    let result = text_of(machine, "/run/cloud-init/result.json").await?;
    let stat = ask(machine, &format!("stat -c %i|%n {}", LOCKS.join(" "))).await?.stdout.replace('|', " ");
    let locks = text_of(machine, "/proc/locks").await?.unwrap_or_default();
    let mounts = text_of(machine, "/proc/self/mountinfo").await?.unwrap_or_default();
    let df = ask(machine, "df -B1 --output=avail,iavail /var/lib /opt").await?.stdout;
    let (disk_free, files_free) = parse_free(&df);
    Ok(Facts {
        os: parse_os_release(&text_of(machine, "/etc/os-release").await?.unwrap_or_default()),
        cloud_init: parse_cloud_init(there, status.as_deref(), result.as_deref()),
        locks: parse_locks(&stat, &locks, &mounts),
        clock: ask(machine, "date +%s").await?.stdout.trim().parse().unwrap_or(0),
        disk_free,
        files_free,
    })
}

/// Waits until the machine is ready, at most `patience`; returns the warnings.
///
/// # Errors
/// When it is unfit, or still busy when the patience has ended.
pub async fn wait(
    machine: &dyn Machine,
    reference: Option<DateTime<Utc>>,
    patience: Duration,
) -> Result<Vec<String>, Problem> {
    let began = tokio::time::Instant::now();
    loop {
        // The reference grows with the time spent waiting.
        let now = reference.and_then(|time| Some(time + chrono::TimeDelta::from_std(began.elapsed()).ok()?));
        match decide(&probe(machine).await?, now)? {
            Verdict::Ready { warnings } => return Ok(warnings),
            Verdict::Busy { with } if began.elapsed() >= patience => {
                return Err(Problem::transient(
                    Code::HOST005,
                    format!("after {} s the server is still busy with {with}", patience.as_secs()),
                    "Look at what runs there; an upgrade in the background normally ends by itself.",
                ));
            }
            Verdict::Busy { .. } => tokio::time::sleep(PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse_locks;

    const MOUNTS: &str = "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n\
        30 22 0:26 / /run rw,nosuid shared:2 - tmpfs tmpfs rw\n\
        31 22 254:2 / /var rw shared:3 - ext4 /dev/vda2 rw\n";

    #[test]
    fn a_lock_is_held_only_if_device_and_inode_are_its_own() {
        let held = |lock: &str, mounts: &str| {
            let locks = format!(
                "1: POSIX  ADVISORY  WRITE 77 {lock} 0 EOF\n2: FLOCK  ADVISORY  WRITE 78 fe:02:131 0 EOF\n"
            );
            !parse_locks("131 /var/lib/dpkg/lock\n", &locks, mounts).is_empty()
        };
        assert!(held("fe:02:131", MOUNTS));
        for other in ["00:1a:131", "fe:01:131", "fe:02:132", "fe:02:13"] {
            assert!(!held(other, MOUNTS), "{other}");
        }
        let kind = |kind: &str| {
            let locks = format!("1: {kind}  ADVISORY  WRITE -1 fe:02:131 0 EOF\n");
            !parse_locks("131 /var/lib/dpkg/lock\n", &locks, MOUNTS).is_empty()
        };
        assert!(kind("POSIX") && kind("OFDLCK") && !kind("FLOCK") && !kind("LEASE"));
        assert!(held("00:1a:131", ""), "without the mounts the inode alone decides");
        let over = format!("{MOUNTS}40 31 0:99 / /var/lib/dpkg rw - overlay overlay rw\n");
        assert!(held("00:63:131", &over) && !held("fe:02:131", &over));
    }
}
