//! What became of proofs: kept beside the backups, and told in `backup-status.json`.

use std::path::PathBuf;

use letsbe_types::{
    Problem,
    backup::{BackupStatus, Proof, ToolBackup},
};

use super::{failed, is_put_off, points};
use crate::backup::status;
use letsbe_base::{jsonl, layout::Layout};

/// Proofs that are kept: the newest.
const KEPT: usize = 1_000;

/// The evidence, oldest first.
pub fn path(layout: &Layout) -> PathBuf {
    layout.home().join("backups/proofs.jsonl")
}

/// All that is kept, oldest first. A line that cannot be read is left out: it proves nothing.
///
/// # Errors
/// When the file cannot be read.
pub fn read(layout: &Layout) -> Result<Vec<Proof>, Problem> {
    jsonl::read(&path(layout))
}

/// Keeps a proof, and tells it in the status.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn keep(layout: &Layout, proof: Proof) -> Result<(), Problem> {
    let mut all = read(layout)?;
    let kept = if proof.outside.is_some() { points::OUTSIDE_KEPT } else { points::KEPT };
    all.push(proof.bounded());
    all.drain(..all.len().saturating_sub(KEPT));
    jsonl::write(&path(layout), &all)?;
    letsbe_types::crash::point(&kept);
    write_status(layout, &all)
}

/// Tells the newest evidence of every tool in the status. What a kill kept from being told is told by the next.
///
/// # Errors
/// When the status cannot be read or written.
pub(super) fn write_status(layout: &Layout, evidence: &[Proof]) -> Result<(), Problem> {
    status::update(layout, |status| apply(status, evidence))
}

fn apply(status: &mut BackupStatus, evidence: &[Proof]) {
    for (tool, backup) in &mut status.tools {
        let of = |place: Option<String>| {
            evidence.iter().rev().filter(move |proof| proof.tool == *tool && proof.outside == place)
        };
        let of_tool = || of(None);
        if let Some(last) = of_tool().next() {
            backup.proof_problem = what_failed(last);
        }
        // A proof is one of its own set only: a newer set is not proven by it.
        if let Some(held) = of_tool().find(|proof| proof.holds()) {
            *backup = ToolBackup {
                proven_at: Some(held.began_at),
                proven_set: Some(held.set),
                ..std::mem::take(backup)
            };
        }
        // The same for the copy outside: what was proven at another place says nothing about this one.
        if let Some(outside) = &mut backup.outside {
            let of_place = || of(Some(outside.place.clone()));
            let problem = of_place().next().and_then(what_failed);
            let held = of_place().find(|proof| proof.holds());
            let held = held.map(|proof| (proof.began_at, proof.set));
            outside.problem = problem;
            if let Some((at, set)) = held {
                (outside.proven_at, outside.proven_set) = (Some(at), Some(set));
            }
        }
    }
}

/// Why a proof is none.
pub(super) fn what_failed(proof: &Proof) -> Option<Problem> {
    match (&proof.problem, proof.differences.first()) {
        (Some(problem), None) => Some(problem.clone()),
        (_, Some(first)) => Some(failed(proof, first)),
        (None, None) => None,
    }
}

/// Whether a proof was begun and failed.
pub(super) fn has_failed(proof: &Proof) -> bool {
    what_failed(proof).is_some_and(|problem| !is_put_off(&problem))
}

#[cfg(test)]
pub(crate) mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use letsbe_types::{
        Code, Problem,
        backup::{BackupStatus, Proof, ProofStep},
        ids::SetId,
        tenant::limits,
    };
    use serde_json::json;

    use super::{KEPT, keep, path, read};
    use crate::backup::status;
    use letsbe_base::{files, layout::Layout};

    pub(crate) fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
    }

    pub(crate) fn proof(tool: &str, number: u32) -> Proof {
        Proof {
            tool: tool.to_owned(),
            set: SetId(uuid::Uuid::from_u128(u128::from(number) + 1)),
            taken_at: at(i64::from(number) * 10),
            began_at: at(i64::from(number) * 10 + 5),
            steps: vec![ProofStep { name: "restore".to_owned(), milliseconds: 1_500 }],
            equal: vec!["3 tables, 40 rows".to_owned()],
            differences: Vec::new(),
            problem: None,
            outside: None,
        }
    }

    pub(crate) fn with_status(layout: &Layout, tools: &[&str]) {
        let tool = || json!({"bytes": 1, "rows": 1, "files": 1});
        let tools: serde_json::Map<_, _> = tools.iter().map(|name| ((*name).to_owned(), tool())).collect();
        let status = json!({
            "timestamp": at(0), "status": "success", "duration_seconds": 1, "databases_backed_up": 1,
            "files_backed_up": true, "remote_sync": "not_configured", "total_size_gb": 0.1, "errors": [],
            "tools": tools,
        });
        let status: BackupStatus = serde_json::from_value(status).unwrap();
        files::write_json(&layout.backup_status(), &status).unwrap();
    }

    #[test]
    fn a_proof_holds_for_its_own_set_and_a_failed_one_takes_nothing_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        with_status(&layout, &["ghost", "odoo"]);
        let ghost = || status::read(&layout).unwrap().unwrap().tools["ghost"].clone();
        keep(&layout, proof("ghost", 1)).unwrap();
        assert_eq!((ghost().proven_at, ghost().proven_set), (Some(at(15)), Some(proof("ghost", 1).set)));
        let differs = Proof { differences: vec!["posts: 39 rows, not 40".to_owned()], ..proof("ghost", 2) };
        keep(&layout, differs).unwrap();
        assert_eq!(ghost().proven_set, Some(proof("ghost", 1).set), "that set is still proven");
        let why = ghost().proof_problem.unwrap();
        assert!(why.code == Code::PRF001 && why.message.contains("39 rows, not 40"), "{why}");
        let put_off = Problem::transient(Code::PRF002, "too little memory", "wait");
        keep(&layout, Proof { problem: Some(put_off), equal: vec![], ..proof("ghost", 3) }).unwrap();
        assert_eq!(ghost().proof_problem.unwrap().code, Code::PRF002);
        keep(&layout, proof("ghost", 4)).unwrap();
        assert_eq!((ghost().proven_at, ghost().proof_problem), (Some(at(45)), None));
        let odoo = status::read(&layout).unwrap().unwrap().tools["odoo"].clone();
        assert_eq!((odoo.proven_at, odoo.proof_problem), (None, None), "nobody else's");
    }

    #[test]
    fn evidence_is_bounded_and_a_damaged_line_proves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let many: Vec<String> =
            (0..500).map(|number| format!("\u{1b}[2J table {number} {}", "é".repeat(200))).collect();
        let said = Problem::permanent(Code::WORK001, "\u{202e}no\u{7}", "h".repeat(9_000));
        let long = Proof { equal: many.clone(), differences: many, problem: Some(said), ..proof("ghost", 0) };
        keep(&layout, long).unwrap();
        let kept = read(&layout).unwrap().remove(0);
        for lines in [&kept.equal, &kept.differences] {
            assert_eq!((lines.len(), lines.last().unwrap().as_str()), (limits::PROOF_LINES, "and 461 more"));
            assert!(lines.iter().all(|line| line.len() <= limits::NAME && !line.contains('\u{1b}')));
        }
        let problem = kept.problem.unwrap();
        assert_eq!((problem.message.as_str(), problem.hint.len()), ("no", limits::TEXT));
        let mut text = String::new();
        for number in 0..1_500 {
            text.push_str(&serde_json::to_string(&proof("ghost", number)).unwrap());
            text.push_str("\n{\"tool\":\n");
        }
        files::write(&path(&layout), text.as_bytes()).unwrap();
        keep(&layout, proof("odoo", 9_000)).unwrap();
        let all = read(&layout).unwrap();
        assert_eq!(
            (all.len(), all[0].set, all[KEPT - 1].tool.as_str()),
            (KEPT, proof("ghost", 501).set, "odoo")
        );
    }
}
