//! A night's proofs, one after the other.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::Utc;
use letsbe_backup::BackupSet;
use letsbe_types::{
    Code, Problem,
    backup::{Proof, ProofStep},
    clock, crash,
};

use super::{
    evidence, no_set, part, points,
    schedule::{self, Budget, Candidate, Tonight},
    source::Source,
    too_little_memory,
};
use crate::restore::sandbox::{self, Sandbox, Script};
use letsbe_base::{layout::Layout, server::TenantServer};

/// All proofs of one night from one source.
pub(super) const TIME: Duration = Duration::from_secs(30 * 60);
/// What one proof from outside may take at night: the backups' lease is held meanwhile, and the unit has eight hours.
const OUTSIDE_TIME: Duration = Duration::from_secs(2 * 3600);
/// Memory that stays free whatever is proven.
const RESERVE_MIB: u64 = 256;
/// A part of the platform is only unpacked.
const PART_MIB: u64 = 64;

/// Whoever restores a set beside everything and looks at it.
#[async_trait]
pub(super) trait Prover: Sync {
    /// The evidence; why it could not be carried through is part of it.
    async fn prove(&self, set: &BackupSet) -> Proof;
}

/// This server.
pub(super) struct InSandbox<'a> {
    pub(super) server: &'a TenantServer,
    pub(super) source: &'a Source,
}

/// Proves the tools that are due; the caller holds the backup lease.
///
/// # Errors
/// When nothing can be proven at all, or the evidence cannot be kept; a proof that fails is an answer.
pub(crate) async fn nightly(server: &TenantServer) -> Result<Vec<Proof>, Problem> {
    ProofRun::open(server, Source::local(server).await?).await?.due(u64::MAX).await
}

/// Proves these tools whether they are due or not, however long it takes; all of them if none is named. The caller holds
/// the backup lease.
///
/// # Errors
/// As [`nightly`]; a tool without a complete set.
pub(super) async fn of(
    server: &TenantServer,
    source: Source,
    tool: Option<&str>,
) -> Result<Vec<Proof>, Problem> {
    let run = ProofRun::open(server, source).await?;
    let sets: Vec<&BackupSet> = match tool {
        None => run.newest.values().collect(),
        Some(tool) => {
            let known: Vec<String> = run.newest.keys().cloned().collect();
            vec![run.newest.get(tool).ok_or_else(|| no_set(tool, &known))?]
        }
    };
    let (place, no_limit) = (run.source.place.as_deref(), (Duration::MAX, Duration::MAX));
    one_after_the_other(&server.layout, &run.prover(), place, &sets, no_limit).await
}

/// What proofs are made of.
pub(super) struct ProofRun<'a> {
    server: &'a TenantServer,
    source: Source,
    /// The newest complete set of every tool and part of the platform.
    newest: BTreeMap<String, BackupSet>,
}

impl<'a> ProofRun<'a> {
    pub(super) async fn open(server: &'a TenantServer, source: Source) -> Result<Self, Problem> {
        sandbox::remove_abandoned(server).await?;
        part::remove_abandoned(&server.layout)?;
        let sets = letsbe_backup::sets(&source.repository.snapshots().await?);
        let newest = newest(sets, |tool| is_here(server, tool));
        source.found(&server.layout, newest.keys())?;
        Ok(Self { server, source, newest })
    }

    /// Proves what is due, and reads about so much for it at most.
    pub(super) async fn due(&self, bytes: u64) -> Result<Vec<Proof>, Problem> {
        let layout = &self.server.layout;
        let kept = evidence::read(layout)?;
        // A kill between the evidence and the status.
        evidence::write_status(layout, &kept)?;
        let kept: Vec<Proof> = kept.into_iter().filter(|proof| proof.outside == self.source.place).collect();
        let tools = self.newest.keys().map(String::as_str);
        let (tonight, memory_mib) = tonight(self.server, tools, &kept, |tool| self.source.bytes(tool), bytes);
        let mut proofs = Vec::new();
        for tool in &tonight.put_off {
            let problem = too_little_memory(tool, memory_of(self.server, tool), memory_mib);
            tracing::warn!("{problem}");
            let outside = self.source.place.clone();
            let proof = Proof { problem: Some(problem), outside, ..begun(&self.newest[tool]) };
            evidence::keep(layout, proof.clone())?;
            proofs.push(proof);
        }
        let limits = (TIME, if self.source.place.is_some() { OUTSIDE_TIME } else { Duration::MAX });
        let sets: Vec<&BackupSet> = tonight.prove.iter().map(|tool| &self.newest[tool]).collect();
        proofs.extend(
            one_after_the_other(layout, &self.prover(), self.source.place.as_deref(), &sets, limits).await?,
        );
        Ok(proofs)
    }

    const fn prover(&self) -> InSandbox<'_> {
        InSandbox { server: self.server, source: &self.source }
    }
}

/// What is due tonight as this evidence of one source has it, and how much memory there is for it.
pub(super) fn tonight<'a>(
    server: &TenantServer,
    tools: impl Iterator<Item = &'a str>,
    evidence: &[Proof],
    reads: impl Fn(&str) -> u64,
    bytes: u64,
) -> (Tonight, u64) {
    let memory_mib = free_memory_mib().saturating_sub(RESERVE_MIB);
    let candidate = |tool| Candidate::new(tool, memory_of(server, tool), evidence).reading(reads(tool));
    let candidates: Vec<Candidate> = tools.map(candidate).collect();
    (schedule::tonight(&candidates, Utc::now(), Budget { time: TIME, memory_mib, bytes }), memory_mib)
}

fn is_here(server: &TenantServer, name: &str) -> bool {
    let mut parts = letsbe_backup::platform_sources(&server.layout.root()).into_iter();
    server.tools().any(|tool| tool.name.as_str() == name) || parts.any(|(part, _)| part == name)
}

fn memory_of(server: &TenantServer, name: &str) -> u64 {
    let tool = server.tools().find(|tool| tool.name.as_str() == name);
    tool.map_or(PART_MIB, |tool| tool.needs.ram_mb)
}

/// Only what is on this server; sets of a tool that is gone are kept, and not proven.
fn newest(sets: Vec<BackupSet>, is_here: impl Fn(&str) -> bool) -> BTreeMap<String, BackupSet> {
    let mut newest: BTreeMap<String, BackupSet> = BTreeMap::new();
    for set in sets.into_iter().filter(|set| set.is_complete() && is_here(&set.tool)) {
        if newest.get(&set.tool).is_none_or(|known| known.taken_at <= set.taken_at) {
            newest.insert(set.tool.clone(), set);
        }
    }
    newest
}

async fn one_after_the_other(
    layout: &Layout,
    prover: &dyn Prover,
    outside: Option<&str>,
    sets: &[&BackupSet],
    (time, each): (Duration, Duration),
) -> Result<Vec<Proof>, Problem> {
    let began = Instant::now();
    let mut proofs = Vec::new();
    for set in sets {
        // The night is over; whatever waits comes first tomorrow.
        if !proofs.is_empty() && began.elapsed() >= time {
            break;
        }
        let (what, begun, seen) = match outside {
            None => ("backup", points::BEGUN, points::SEEN),
            Some(_) => ("copy outside", points::OUTSIDE_BEGUN, points::OUTSIDE_SEEN),
        };
        crash::point(&begun);
        let proof = tokio::time::timeout(each, prover.prove(set)).await.unwrap_or_else(|_| too_long(set));
        let proof = judged(Proof { outside: outside.map(str::to_owned), ..proof });
        crash::point(&seen);
        match evidence::what_failed(&proof) {
            None => tracing::info!("the {what} of {} of {} is proven", proof.tool, proof.taken_at),
            Some(problem) => tracing::error!("{problem} {}", problem.hint),
        }
        evidence::keep(layout, proof.clone())?;
        proofs.push(proof);
    }
    Ok(proofs)
}

/// Where nothing was compared, nothing was proven.
fn judged(mut proof: Proof) -> Proof {
    if proof.holds() && proof.equal.is_empty() {
        proof.differences.push("there was nothing to compare".to_owned());
    }
    proof
}

/// The copy outside holds more than can be read in a night.
fn too_long(set: &BackupSet) -> Proof {
    let message = format!("reading {} from the copy outside took longer than a night has", set.tool);
    let hint = format!("Prove it by day: `letsbe-node backup prove --remote --tool {}`.", set.tool);
    Proof { problem: Some(Problem::transient(Code::REPO013, message, hint)), ..begun(set) }
}

/// A proof of which nothing is known yet.
pub(super) fn begun(set: &BackupSet) -> Proof {
    Proof {
        tool: set.tool.clone(),
        set: set.id,
        taken_at: set.taken_at,
        began_at: Utc::now(),
        steps: Vec::new(),
        equal: Vec::new(),
        differences: Vec::new(),
        problem: None,
        outside: None,
    }
}

/// How long a part took.
pub(super) fn step(name: &str, began: Instant) -> ProofStep {
    let milliseconds = clock::milliseconds(began.elapsed());
    ProofStep { name: name.to_owned(), milliseconds }
}

#[async_trait]
impl Prover for InSandbox<'_> {
    async fn prove(&self, set: &BackupSet) -> Proof {
        let first = self.once(set).await;
        let unread = first.problem.as_ref().is_some_and(|problem| problem.code == Code::REPO001);
        if !unread || self.source.repository.reach_now().await.is_err() {
            return first;
        }
        // It answers again: only what cannot be read twice is missing there.
        let second = self.once(set).await;
        self.source.judged(second).await
    }
}

impl InSandbox<'_> {
    async fn once(&self, set: &BackupSet) -> Proof {
        if self.server.tools().any(|tool| tool.name.as_str() == set.tool) {
            self.tool(set).await
        } else {
            part::prove(self, set).await
        }
    }

    async fn tool(&self, set: &BackupSet) -> Proof {
        let mut proof = begun(set);
        let script = Script { server: self.server, repository: &self.source.repository, set };
        let mut sandbox = match Sandbox::build(&script).await {
            Ok(sandbox) => sandbox,
            Err(problem) => return Proof { problem: Some(problem), ..proof },
        };
        if sandbox.differences.is_empty() {
            proof.problem = sandbox.start_and_probe(&script).await.err();
        }
        proof.equal = std::mem::take(&mut sandbox.equal);
        proof.differences = std::mem::take(&mut sandbox.differences);
        proof.steps = std::mem::take(&mut sandbox.steps);
        let began = Instant::now();
        // What was seen was seen; what stays is removed before the next proof.
        if let Err(problem) = sandbox.remove().await {
            tracing::error!("the stage of a proof is left standing: {problem}");
        }
        proof.steps.push(step("remove", began));
        proof
    }
}

fn free_memory_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|rest| rest.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0)
        / 1024
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Mutex, time::Duration};

    use async_trait::async_trait;
    use letsbe_backup::{BackupSet, Item, SetKind};
    use letsbe_types::{Code, Problem, backup::Proof, ids::SetId};

    use super::{Prover, begun, newest, one_after_the_other};
    use crate::{
        backup::status,
        proof::evidence::{
            self,
            tests::{at, with_status},
        },
    };
    use letsbe_base::layout::Layout;

    fn set(tool: &str, minutes: i64, complete: bool) -> BackupSet {
        let mut items = BTreeMap::from([(Item::Database("d".to_owned()), "a".to_owned())]);
        if complete {
            items.insert(Item::Manifest, "m".to_owned());
        }
        let (taken_at, kind) = (at(minutes), SetKind::Nightly);
        BackupSet { id: SetId::generate(), tool: tool.to_owned(), taken_at, kind, items }
    }

    /// Says of each tool what the test wants.
    struct Scripted<F>(F, Mutex<Vec<String>>);

    #[async_trait]
    impl<F: Fn(Proof) -> Proof + Sync + Send> Prover for Scripted<F> {
        async fn prove(&self, set: &BackupSet) -> Proof {
            self.1.lock().unwrap().push(set.tool.clone());
            self.0(begun(set))
        }
    }

    #[test]
    fn the_newest_complete_set_of_each_tool_that_is_here_is_proven() {
        let sets = vec![
            set("ghost", 0, true),
            set("ghost", 20, true),
            set("ghost", 10, true),
            set("ghost", 30, false),
            set("odoo", 0, false),
            set("gone", 0, true),
        ];
        let wanted = sets[1].id;
        let newest = newest(sets, |tool| tool != "gone");
        assert_eq!(newest.into_values().map(|set| set.id).collect::<Vec<_>>(), [wanted]);
    }

    #[tokio::test]
    async fn one_proof_that_fails_stops_no_other_and_what_was_not_seen_is_no_proof() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        with_status(&layout, &["broken", "different", "fine", "silent"]);
        let prover = Scripted(
            |proof: Proof| match proof.tool.as_str() {
                "broken" => Proof { problem: Some(Problem::permanent(Code::RES006, "no", "do")), ..proof },
                "different" => Proof { differences: vec!["posts: 1 row, not 2".to_owned()], ..proof },
                "fine" => Proof { equal: vec!["2 tables, 9 rows".to_owned()], ..proof },
                _ => proof,
            },
            Mutex::default(),
        );
        let sets = ["broken", "different", "fine", "silent"].map(|tool| set(tool, 0, true));
        let sets: Vec<&BackupSet> = sets.iter().collect();
        let proofs =
            one_after_the_other(&layout, &prover, None, &sets, (Duration::MAX, Duration::MAX)).await.unwrap();
        let held: Vec<bool> = proofs.iter().map(Proof::holds).collect();
        assert_eq!(held, [false, false, true, false]);
        assert_eq!(evidence::read(&layout).unwrap(), proofs);
        let tools = status::read(&layout).unwrap().unwrap().tools;
        let codes: Vec<Option<&str>> = tools
            .values()
            .map(|tool| tool.proof_problem.as_ref().map(|problem| problem.code.as_str()))
            .collect();
        assert_eq!(codes, [Some("RES006"), Some("PRF001"), None, Some("PRF001")]);
        let proven: Vec<bool> = tools.values().map(|tool| tool.proven_set.is_some()).collect();
        assert_eq!(proven, held);
        assert_eq!(tools["fine"].proven_set, Some(sets[2].id));
    }

    #[tokio::test]
    async fn a_night_that_is_over_begins_no_other_proof_but_makes_one() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let prover = Scripted(|proof| proof, Mutex::default());
        let (a, b) = (set("a", 0, true), set("b", 0, true));
        one_after_the_other(&layout, &prover, None, &[&a, &b], (Duration::ZERO, Duration::MAX))
            .await
            .unwrap();
        assert_eq!(*prover.1.lock().unwrap(), ["a"]);
    }
}
