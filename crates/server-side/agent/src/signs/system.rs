//! The server itself: uptime, memory, disk, the agent's own memory, the certificate.

use std::time::Duration;

use chrono::{DateTime, Utc};
use letsbe_host::{Command, LocalMachine, Machine as _};
use x509_parser::pem::parse_x509_pem;

/// A file of `/proc`; empty if it cannot be read: a heartbeat with a gap is better than none.
pub fn read_text(path: &str) -> String {
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

/// From `/proc/meminfo`: all there is.
pub fn memory_total_mib(meminfo: &str) -> u64 {
    kib(meminfo, "MemTotal:") / 1024
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

#[cfg(test)]
mod tests {
    use super::{certificate_ends, memory_total_mib, memory_used_mib, own_memory_mib, uptime_seconds};

    #[test]
    fn memory_is_what_is_not_available() {
        let text = "MemTotal:        8000000 kB\nMemFree:          100 kB\nMemAvailable:    5952000 kB\n";
        assert_eq!((memory_used_mib(text), memory_total_mib(text)), (2000, 7812));
        assert_eq!(own_memory_mib("Name:\tx\nVmRSS:\t   20480 kB\n"), 20);
        assert_eq!((uptime_seconds("123.45 99.0\n"), uptime_seconds("")), (123, 0));
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        assert_eq!(certificate_ends(b""), None);
        assert_eq!(certificate_ends(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), None);
    }
}
