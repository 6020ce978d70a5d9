//! The server itself: uptime, memory, disk, the agent's own memory, the certificate, the last backup.

use std::{path::Path, time::Duration};

use chrono::{DateTime, Utc};
use letsbe_host::{Command, LocalMachine, Machine as _};
use letsbe_types::tenant::BackupSign;
use serde::Deserialize;
use serde_json::Value;
use x509_parser::pem::parse_x509_pem;

/// Bytes of a gigabyte, as the runbook's field counts.
const GIGABYTE: f64 = 1e9;

/// A file of `/proc`; empty if it cannot be read: a heartbeat with a gap is better than none.
pub(crate) fn read_text(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| {
        tracing::warn!(path, %error, "a vital sign is missing");
        String::new()
    })
}

/// Seconds since the server booted, from `/proc/uptime`.
pub(crate) fn uptime_seconds(uptime: &str) -> u64 {
    uptime.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0)
}

/// From `/proc/meminfo`: what is not available.
pub(crate) fn memory_used_mib(meminfo: &str) -> u64 {
    kib(meminfo, "MemTotal:").saturating_sub(kib(meminfo, "MemAvailable:")) / 1024
}

/// From `/proc/self/status`.
pub(crate) fn own_memory_mib(status: &str) -> u64 {
    kib(status, "VmRSS:") / 1024
}

fn kib(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

/// Share of the disk in use.
pub(crate) async fn disk_used_percent() -> u8 {
    let command = Command::words("df --output=pcent /").within(Duration::from_secs(10));
    let output = LocalMachine.run(&command).await.map(|output| output.stdout).unwrap_or_default();
    output.lines().last().and_then(|line| line.trim().trim_end_matches('%').parse().ok()).unwrap_or(0)
}

/// When a certificate ends.
pub(crate) fn certificate_ends(pem: &[u8]) -> Option<DateTime<Utc>> {
    let (_, pem) = parse_x509_pem(pem).ok()?;
    DateTime::from_timestamp(pem.parse_x509().ok()?.validity().not_after.timestamp(), 0)
}

/// `backup-status.json` (runbook 4.4): the fields that are told, and only as far as they are there.
#[derive(Deserialize)]
struct BackupStatus {
    timestamp: DateTime<Utc>,
    #[serde(default)]
    status: String,
    remote_sync: Option<String>,
    total_size_gb: Option<f64>,
    #[serde(default)]
    errors: Value,
}

/// The last backup; `None` if there is none, or what is there is not understood.
pub(crate) fn backup(content: &[u8]) -> Option<BackupSign> {
    let status: BackupStatus = serde_json::from_slice(content)
        .inspect_err(|error| tracing::warn!(%error, "backup-status.json is not understood"))
        .ok()?;
    let errors = match &status.errors {
        Value::Array(errors) => u32::try_from(errors.len()).unwrap_or(u32::MAX),
        Value::Number(count) => count.as_u64().and_then(|count| count.try_into().ok()).unwrap_or(u32::MAX),
        Value::Null => 0,
        _ => 1,
    };
    let copied = status.remote_sync.as_deref().is_none_or(|word| word == "success");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
    let bytes = (status.total_size_gb.unwrap_or(0.0) * GIGABYTE) as u64;
    let succeeded = status.status == "success" && copied && errors == 0;
    Some(BackupSign { at: status.timestamp, succeeded, bytes, errors })
}

/// The last backup, from its file.
pub(crate) fn read_backup(path: &Path) -> Option<BackupSign> {
    /// The file has a few lines.
    const BYTES: u64 = 1 << 20;
    let metadata = std::fs::metadata(path).ok()?;
    if metadata.len() > BYTES {
        return None;
    }
    backup(&std::fs::read(path).ok()?)
}

#[cfg(test)]
mod tests {
    use super::{backup, certificate_ends, memory_used_mib, own_memory_mib, uptime_seconds};

    #[test]
    fn memory_is_what_is_not_available() {
        let text = "MemTotal:        8000000 kB\nMemFree:          100 kB\nMemAvailable:    5952000 kB\n";
        assert_eq!(memory_used_mib(text), 2000);
        assert_eq!(own_memory_mib("Name:\tx\nVmRSS:\t   20480 kB\n"), 20);
        assert_eq!((uptime_seconds("123.45 99.0\n"), uptime_seconds("")), (123, 0));
    }

    #[test]
    fn a_backup_counts_only_with_its_remote_copy_and_without_errors() {
        let status = |remote: &str, status: &str, errors: &str| {
            let text = format!(
                r#"{{"timestamp":"2026-02-26T02:15:00Z","status":"{status}","duration_seconds":847,
                    "databases_backed_up":21,"remote_sync":{remote},"total_size_gb":4.2,"errors":{errors}}}"#
            );
            backup(text.as_bytes()).unwrap()
        };
        let good = status("\"success\"", "success", "[]");
        assert_eq!((good.succeeded, good.bytes, good.errors), (true, 4_200_000_000, 0));
        assert!(status("null", "success", "[]").succeeded, "a server without a remote copy");
        assert!(!status("\"failed\"", "success", "[]").succeeded);
        assert!(!status("\"success\"", "failed", "[]").succeeded);
        assert!(!status("\"success\"", "success", "[\"ghost: no\"]").succeeded);
        assert_eq!(status("null", "partial", "3").errors, 3);
        for damaged in ["", "[]", "{}", "{\"timestamp\":\"yesterday\"}"] {
            assert_eq!(backup(damaged.as_bytes()), None, "{damaged}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        assert_eq!(certificate_ends(b""), None);
        assert_eq!(certificate_ends(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), None);
    }
}
