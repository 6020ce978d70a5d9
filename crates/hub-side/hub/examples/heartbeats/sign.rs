//! A heartbeat as a server of the Build tier sends it: five tools, a dozen containers, backups with proofs outside.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::tenant::{
    BackupSign, ContainerSign, ContainerState, Heartbeat, LogHead, OpenClawSign, OutsideProofSign, TokenSign,
    ToolBackupSign, UpdateSign, VaultSign, limits,
};

const CONTAINERS: usize = 12;
/// The five, and nginx, OpenClaw and our own.
const BACKED_UP: usize = 8;

/// The heartbeat of this number: what changes from one to the next is another.
pub(crate) fn heartbeat(number: u64) -> Heartbeat {
    let at: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
    let container = |number| ContainerSign {
        name: format!("letsbe-some-tool-{number}"),
        state: ContainerState::Fine,
        restarts: 0,
        restarts_last_hour: 0,
        out_of_memory: false,
    };
    let outside = || Some(OutsideProofSign { since: at, proven_at: Some(at), ok: true });
    let tool = |number| ToolBackupSign {
        tool: format!("some-tool-{number}"),
        taken_at: Some(at),
        proven_at: Some(at),
        ok: true,
        proof_ok: true,
        outside: outside(),
    };
    let backup = BackupSign {
        at,
        succeeded: true,
        bytes: 4_000_000_000,
        tools: (0..BACKED_UP).map(tool).collect(),
        ..BackupSign::default()
    };
    Heartbeat {
        version: limits::HEARTBEAT_VERSION,
        node_version: "0.1.0".into(),
        sent_at: at + TimeDelta::milliseconds(i64::try_from(number).unwrap()),
        uptime_seconds: 1_000_000 + number,
        disk_used_percent: 42,
        memory_used_mib: 6_000 + number % 100,
        agent_memory_mib: 24,
        containers: (0..CONTAINERS).map(container).collect(),
        tokens: TokenSign { period: "2026-11".into(), pool: 15_000_000, used: 4_000_000, reserved: 8_192 },
        backup: Some(backup),
        certificate_expires_at: Some(at),
        updates: vec![UpdateSign { image: "ghost:6".into(), digest: None, seen_at: at }],
        drift: None,
        openclaw: Some(OpenClawSign { version: Some("2026.9".into()), healthy: true, release: None }),
        vault: VaultSign { secrets: 120, proxy_ready: true, ..VaultSign::default() },
        approvals_pending: 0,
        events_waiting: 0,
        events_dropped: 0,
        configuration: 1,
        gate_log: LogHead { entry: 5_000, hash: "ab".repeat(32) },
        gate_chain: None,
        uploads_full: false,
    }
}
