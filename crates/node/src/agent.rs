//! The agent: a heartbeat to the Hub every five minutes, and nothing that the server's work depends on.

use std::{
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::Path,
    time::Duration,
};

use letsbe_host::{Command, LocalMachine, Machine as _};
use letsbe_types::{
    Problem,
    tenant::{Heartbeat, LogHead, TokenSign, VaultSign, limits},
};
use rand::RngExt as _;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep},
};

use crate::{
    files,
    hub::{self, AgentState},
    layout::Layout,
};

/// Time between two heartbeats (runbook 6.2).
const INTERVAL: Duration = Duration::from_secs(300);
/// Time to the next heartbeat while a container is not well: trouble, and its end, are told sooner.
const TROUBLED_INTERVAL: Duration = Duration::from_secs(60);
/// First pause while the Hub is away; doubles up to the interval.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// systemd is told this often that we live.
const WATCHDOG: Duration = Duration::from_secs(15);

/// Sends heartbeats until told to stop.
pub(crate) async fn run(layout: &Layout) -> Result<(), Problem> {
    let missing =
        || Problem::permanent("NODE025", "The agent is not registered", "Run `letsbe-node register`.");
    let agent: AgentState = files::read_json(&layout.state("agent.json"))?.ok_or_else(missing)?;
    let mut stop =
        signal(SignalKind::terminate()).map_err(|error| files::unusable(Path::new("SIGTERM"), error))?;
    notify("READY=1");
    let beating = async {
        let mut failures = 0;
        loop {
            let beat = async {
                let signs = vital_signs().await?;
                hub::beat(layout, &agent, &signs).await?;
                Ok::<_, Problem>(if signs.containers_not_ok() > 0 { TROUBLED_INTERVAL } else { INTERVAL })
            };
            let next = match beat.await {
                Ok(interval) => {
                    failures = 0;
                    interval
                }
                Err(problem) => {
                    tracing::warn!(%problem, "the heartbeat was not accepted");
                    failures += 1;
                    after_failures(failures)
                }
            };
            // Around 1, so that a fleet spreads out.
            keep_watch(next.mul_f64(rand::rng().random_range(0.9..1.1))).await;
        }
    };
    tokio::select! {
        () = beating => {}
        _ = stop.recv() => notify("STOPPING=1"),
    }
    Ok(())
}

/// How long to wait after so many failures in a row.
fn after_failures(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(INTERVAL)
}

async fn keep_watch(time: Duration) {
    let end = Instant::now() + time;
    loop {
        notify("WATCHDOG=1");
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        sleep(left.min(WATCHDOG)).await;
    }
}

/// Tells systemd something, if it listens. Best effort: nothing depends on it but systemd itself.
fn notify(message: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let send = || {
        let text = path.to_string_lossy();
        let address = match text.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(Path::new(&path))?,
        };
        UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address)
    };
    if let Err(error) = send() {
        tracing::debug!(%error, "systemd was not told");
    }
}

/// What a heartbeat tells.
pub(crate) async fn vital_signs() -> Result<Heartbeat, Problem> {
    let (uptime, memory) = (read_text("/proc/uptime")?, read_text("/proc/meminfo")?);
    let disk = output(Command::words("df --output=pcent /")).await;
    Ok(Heartbeat {
        version: limits::HEARTBEAT_VERSION,
        node_version: hub::VERSION.to_owned(),
        sent_at: chrono::Utc::now(),
        uptime_seconds: uptime.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0),
        disk_used_percent: disk
            .lines()
            .last()
            .and_then(|line| line.trim().trim_end_matches('%').parse().ok())
            .unwrap_or(0),
        memory_used_mib: memory_used_mib(&memory),
        agent_memory_mib: 0,
        containers: Vec::new(),
        tokens: TokenSign::default(),
        backup: None,
        certificate_expires_at: None,
        updates: Vec::new(),
        drift: None,
        openclaw: None,
        vault: VaultSign::default(),
        approvals_pending: 0,
        events_waiting: 0,
        events_dropped: 0,
        configuration: 0,
        gate_log: LogHead::default(),
    })
}

fn read_text(path: &str) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| files::unusable(Path::new(path), error))
}

/// A program's output; empty if it failed: a heartbeat with a gap is better than none.
async fn output(command: Command) -> String {
    let command = command.within(Duration::from_secs(20));
    match LocalMachine.run(&command).await {
        Ok(output) if output.success() => output.stdout,
        Ok(output) => {
            tracing::warn!("{command}: {}", output.tail());
            String::new()
        }
        Err(error) => {
            tracing::warn!(%error, "a vital sign is missing");
            String::new()
        }
    }
}

fn memory_used_mib(meminfo: &str) -> u64 {
    let kib = |name: &str| -> u64 {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()).and_then(|kib| kib.parse().ok()).unwrap_or(0)
    };
    kib("MemTotal:").saturating_sub(kib("MemAvailable:")) / 1024
}

/// Containers that are fine, and those that are not.
fn count_containers(lines: &str) -> (u32, u32) {
    let fine = |line: &&str| {
        line.starts_with("running ") && !line.contains("(unhealthy)") && !line.contains("(health: starting)")
    };
    let (fine, not): (Vec<&str>, Vec<&str>) = lines.lines().partition(fine);
    (u32::try_from(fine.len()).unwrap_or(u32::MAX), u32::try_from(not.len()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{after_failures, count_containers, memory_used_mib};

    #[test]
    fn pauses_grow_up_to_the_interval() {
        let seconds: Vec<u64> = (1..10).map(|failures| after_failures(failures).as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(after_failures(u32::MAX), Duration::from_secs(300));
    }

    #[test]
    fn containers_in_any_other_state_than_running_and_healthy_are_not_fine() {
        let lines = "running Up 3 hours\nrunning Up 2 minutes (healthy)\nrunning Up 1 minute (unhealthy)\n\
                     running Up 1 second (health: starting)\nexited Exited (1) 2 hours ago\nrestarting Restarting (1)\n";
        assert_eq!(count_containers(lines), (2, 4));
        assert_eq!(count_containers(""), (0, 0));
    }

    #[test]
    fn memory_is_what_is_not_available() {
        let text = "MemTotal:        8000000 kB\nMemFree:          100 kB\nMemAvailable:    5952000 kB\n";
        assert_eq!(memory_used_mib(text), 2000);
    }
}
