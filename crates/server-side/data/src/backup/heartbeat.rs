//! The last backup, its copy outside, and which tools are proven: as `backup-status.json` says.

use std::{collections::BTreeMap, path::Path};

use chrono::{DateTime, Utc};
use letsbe_types::{
    backup::{Protection, RemoteSync, RepositoryCheck, ToolBackup},
    tenant::{BackupSign, OutsideProofSign, ToolBackupSign, limits},
};
use serde::Deserialize;
use serde_json::Value;

use crate::proof;

/// Bytes of a gigabyte, as the runbook's field counts.
const GIGABYTE: f64 = 1e9;
/// The file has a few lines for each tool.
const BYTES: u64 = 1 << 20;

/// `backup-status.json` (runbook 4.4): the fields that are told, and only as far as they are there.
#[derive(Deserialize)]
struct Status {
    timestamp: DateTime<Utc>,
    #[serde(default)]
    status: String,
    remote_sync: Option<RemoteSync>,
    total_size_gb: Option<f64>,
    #[serde(default)]
    errors: Value,
    #[serde(default)]
    repository_bytes: u64,
    remote_at: Option<DateTime<Utc>>,
    protection: Option<Protection>,
    #[serde(default)]
    tools: BTreeMap<String, ToolBackup>,
    check: Option<RepositoryCheck>,
}

/// The last backup, from its file.
pub fn read(path: &Path) -> Option<BackupSign> {
    if std::fs::metadata(path).ok()?.len() > BYTES {
        return None;
    }
    sign(&std::fs::read(path).ok()?)
}

/// The last backup; `None` if there is none, or what is there is not understood.
fn sign(content: &[u8]) -> Option<BackupSign> {
    let status: Status = serde_json::from_slice(content)
        .inspect_err(|error| tracing::warn!(%error, "backup-status.json is not understood"))
        .ok()?;
    let errors = match &status.errors {
        Value::Array(errors) => u32::try_from(errors.len()).unwrap_or(u32::MAX),
        Value::Number(count) => count.as_u64().and_then(|count| count.try_into().ok()).unwrap_or(u32::MAX),
        Value::Null => 0,
        _ => 1,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
    let bytes = (status.total_size_gb.unwrap_or(0.0) * GIGABYTE) as u64;
    let copied = status.remote_sync != Some(RemoteSync::Failed);
    Some(BackupSign {
        at: status.timestamp,
        succeeded: status.status == "success" && copied && errors == 0,
        bytes,
        errors,
        remote: status.remote_sync,
        remote_at: status.remote_at,
        protection: status.protection,
        repository_bytes: status.repository_bytes,
        checked_at: status.check.as_ref().map(|check| check.at),
        damage: status.check.map_or(0, |check| u32::try_from(check.damage.len()).unwrap_or(u32::MAX)),
        tools: status.tools.into_iter().map(of_tool).take(limits::BACKUP_TOOLS).collect(),
    })
}

fn of_tool((tool, backup): (String, ToolBackup)) -> ToolBackupSign {
    ToolBackupSign {
        tool,
        taken_at: backup.taken_at,
        proven_at: backup.proven_at,
        ok: backup.problem.is_none() && backup.set.is_some(),
        proof_ok: backup.proof_problem.as_ref().is_none_or(proof::is_put_off),
        outside: backup.outside.map(|outside| OutsideProofSign {
            since: outside.since,
            proven_at: outside.proven_at,
            ok: outside.problem.as_ref().is_none_or(proof::is_put_off),
        }),
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::backup::{Protection, RemoteSync};
    use serde_json::{Value, json};

    use super::sign;

    fn status() -> Value {
        json!({
            "timestamp": "2026-02-26T02:15:00Z", "status": "success", "duration_seconds": 847,
            "databases_backed_up": 21, "files_backed_up": true, "remote_sync": "success", "total_size_gb": 4.2,
            "errors": [],
        })
    }

    fn changed(field: &str, value: Value) -> Vec<u8> {
        let mut status = status();
        status[field] = value;
        status.to_string().into_bytes()
    }

    #[test]
    fn a_backup_counts_only_with_its_remote_copy_and_without_errors() {
        let good = sign(&changed("status", json!("success"))).unwrap();
        assert_eq!((good.succeeded, good.bytes, good.errors), (true, 4_200_000_000, 0));
        let alone = sign(&changed("remote_sync", json!("not_configured"))).unwrap();
        assert!(
            alone.succeeded && alone.remote == Some(RemoteSync::NotConfigured),
            "no destination is no failure"
        );
        assert!(sign(&changed("remote_sync", Value::Null)).unwrap().succeeded);
        for (field, value) in [
            ("remote_sync", json!("failed")),
            ("status", json!("failed")),
            ("status", json!("partial")),
            ("errors", json!(["ghost: no"])),
        ] {
            assert!(!sign(&changed(field, value.clone())).unwrap().succeeded, "{field} {value}");
        }
        assert_eq!(sign(&changed("errors", json!(3))).unwrap().errors, 3);
        for damaged in ["", "[]", "{}", "{\"timestamp\":\"yesterday\"}"] {
            assert_eq!(sign(damaged.as_bytes()), None, "{damaged}");
        }
    }

    #[test]
    fn each_tool_says_whether_it_is_there_and_proven_and_a_proof_put_off_is_no_failure() {
        let set = "018f0000-0000-7000-8000-000000000001";
        let problem = |code: &str| json!({"code": code, "message": "m", "hint": "h", "retryable": true});
        let tool = |backup: Value, proof: Value| {
            json!({
                "set": set, "taken_at": "2026-02-26T02:01:00Z", "bytes": 1, "rows": 2, "files": 3, "problem": backup,
                "proven_at": "2026-02-20T02:30:00Z", "proven_set": set, "proof_problem": proof,
            })
        };
        let mut status = status();
        status["tools"] = json!({
            "a-fine": tool(Value::Null, Value::Null),
            "b-not-taken": tool(problem("BAK003"), Value::Null),
            "c-different": tool(Value::Null, problem("PRF001")),
            "d-put-off": tool(Value::Null, problem("PRF002")),
        });
        status["tools"]["a-fine"]["outside"] = json!({
            "place": "far:copies", "since": "2026-02-01T02:10:00Z", "proven_at": "2026-02-21T02:30:00Z",
            "proven_set": set, "problem": problem("REPO001"),
        });
        status["tools"]["c-different"]["outside"] =
            json!({"place": "far:copies", "since": "2026-02-01T02:10:00Z", "problem": problem("PRF001")});
        status["protection"] = json!({"is": "locked", "days": 30});
        status["check"] =
            json!({"at": "2026-02-26T02:40:00Z", "part": 3, "parts": 7, "damage": ["a pack", "another"]});
        status["repository_bytes"] = json!(17);
        status["remote_at"] = json!("2026-02-26T02:10:00Z");
        let sign = sign(status.to_string().as_bytes()).unwrap();
        let told: Vec<(&str, bool, bool)> =
            sign.tools.iter().map(|tool| (tool.tool.as_str(), tool.ok, tool.proof_ok)).collect();
        let expected = [
            ("a-fine", true, true),
            ("b-not-taken", false, true),
            ("c-different", true, false),
            ("d-put-off", true, true),
        ];
        assert_eq!(told, expected);
        let outside: Vec<Option<(bool, bool)>> = sign
            .tools
            .iter()
            .map(|tool| tool.outside.as_ref().map(|outside| (outside.proven_at.is_some(), outside.ok)))
            .collect();
        assert_eq!(outside, [Some((true, true)), None, Some((false, false)), None]);
        assert_eq!((sign.damage, sign.repository_bytes), (2, 17));
        assert_eq!(sign.protection, Some(Protection::Locked { days: 30 }));
        assert!(sign.checked_at.is_some() && sign.remote_at.is_some() && sign.tools[0].proven_at.is_some());
    }
}
