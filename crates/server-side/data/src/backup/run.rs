//! A run: sets of every tool, retention, the copy outside, and the status that tells what was read back.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{DateTime, Local, Utc};
use letsbe_backup::{SetKind, sets};
use letsbe_host::Machine;
use letsbe_types::{
    Code, Problem,
    backup::{BackupStatus, Protection, RepositoryCheck},
    crash,
    ids::JobId,
};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    components::{self, Component},
    create::{self, CreatedSet, SnapshotSetBuilder},
    disk_reserve, journal, leads, pause, points, remote, report,
    repositories::Repositories,
    retention::Retention,
    space, status,
};
use letsbe_base::{lock, output::Progress, server::TenantServer};

/// While another run works on the server, it is looked again this often.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// One tool only.
    pub(super) tool: Option<String>,
    /// Why.
    pub(super) kind: SetKind,
    /// Another run on this server is waited for this long.
    pub(super) patience: Duration,
    /// The far side is not asked before this time has passed.
    pub(super) before_remote: Duration,
}

impl Request {
    /// Who works, in words.
    pub(super) fn owner(&self) -> String {
        match (self.kind, &self.tool) {
            (SetKind::Nightly, _) => "the nightly backup".to_owned(),
            (_, Some(tool)) => format!("a backup of {tool}"),
            (_, None) => "a backup".to_owned(),
        }
    }
}

/// Where a run takes place.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) server: &'a TenantServer,
    pub(super) machine: &'a dyn Machine,
    pub(super) progress: Progress,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Set by part.
    pub(super) sets: BTreeMap<String, Result<CreatedSet, Problem>>,
    /// The copy outside: when it was read back, or why not; `None` without a destination.
    pub(super) remote: Option<Result<DateTime<Utc>, Problem>>,
    /// What of its data was read back.
    pub(super) remote_check: Option<RepositoryCheck>,
    pub(super) protection: Option<Protection>,
    /// Where the copy outside is.
    pub(super) place: Option<String>,
    /// What else did not work.
    pub(super) problems: Vec<Problem>,
    /// Bytes of the local repository, where they are known.
    pub(super) repository_bytes: Option<u64>,
}

/// Carries a run out; the caller has the lease. Whatever comes of it is in the status when this returns.
///
/// # Errors
/// When the status itself cannot be written.
pub(super) async fn carry_out(
    place: Place<'_>,
    request: &Request,
    run: JobId,
) -> Result<BackupStatus, Problem> {
    let layout = &place.server.layout;
    disk_reserve::release(layout);
    let killed = journal::begin(layout, &request.owner(), Utc::now())?;
    disk_reserve::allocate(layout);
    crash::point(&points::BEGUN);
    let began = Utc::now();
    let mut outcome = Outcome::default();
    let result = tokio::select! {
        result = work(place, request, run, &mut outcome) => result,
        problem = stopped() => Err(problem),
    };
    outcome.problems.extend(result.err());
    // Nothing stands still any more, whatever happened.
    if let Err(problem) = pause::resume(place.machine, layout).await {
        outcome.problems.push(problem);
    }
    let told = report::Told {
        outcome: &outcome,
        parts: &components::all(place.server),
        killed: killed.as_ref(),
        began,
        ended: Utc::now(),
    };
    disk_reserve::release(layout);
    let mut status = None;
    status::replace(layout, |former| {
        status = Some(report::status(former, &told));
        status.clone()
    })?;
    crash::point(&points::TOLD);
    journal::end(layout)?;
    // What a full disk has left now is for whoever tells of it.
    if outcome.problems.is_empty() && outcome.sets.values().all(Result::is_ok) {
        disk_reserve::allocate(layout);
    }
    status.ok_or_else(|| Problem::transient(Code::NODE005, "The status was not written", "Try again."))
}

async fn work(place: Place<'_>, request: &Request, run: JobId, outcome: &mut Outcome) -> Result<(), Problem> {
    let Place { server, machine, progress } = place;
    let layout = &server.layout;
    let parts = components::selected(server, request.tool.as_deref())?;
    let former = status::read(layout).unwrap_or_default();
    let repositories =
        Repositories::open(server).await.inspect_err(|_| progress.print("nothing was begun"))?;
    if let Some(destination) = &repositories.destination {
        outcome.protection = Some(destination.protection());
        outcome.place = Some(destination.place());
        let untried =
            Problem::transient(Code::BAK018, "the copy outside was not begun", "See the other errors.");
        outcome.remote = Some(Err(untried));
    }
    repositories.local.unlock().await?;
    let last_added = former.as_ref().map_or(0, |status| status.added_bytes);
    space::check(space::disk(machine, &super::folder(layout)).await?, last_added)?;
    let owner = request.owner();
    locked(place, &owner, run, request.patience).await?;
    let builder = SnapshotSetBuilder { server, machine, local: &repositories.local, progress };
    let result = tokio::select! {
        result = make_all(&builder, &parts, request.kind, outcome) => result,
        problem = lock::keep(layout, &owner, run) => Err(problem),
    };
    lock::release(layout, run)?;
    result?;
    let tools = former.map(|status| status.tools).unwrap_or_default();
    let proven = tools.iter().filter_map(|(name, tool)| Some((name.clone(), tool.proven_set?))).collect();
    let keeping = Retention { proven, now: Utc::now(), offset: *Local::now().offset() };
    let here = keeping.apply(layout, "local", &repositories.local, &BTreeSet::new()).await?;
    outcome.repository_bytes = Some(repositories.local.size().await?);
    if let Some(far) = &repositories.remote {
        tokio::time::sleep(request.before_remote).await;
        space::check_for_copy(space::disk(machine, &super::folder(layout)).await?)?;
        // There, what was proven from there stays; what was proven here stays with its set here.
        let proven = tools.iter().filter_map(|(name, tool)| Some((name, tool.outside.as_ref()?.proven_set?)));
        let mut keeping = keeping;
        keeping.proven.extend(proven.map(|(name, set)| (name.clone(), set)));
        let copy = async {
            if let Some(destination) = &repositories.destination {
                leads::resolve(destination).await?;
            }
            remote::copy(layout, (&repositories.local, far), &here, &keeping, progress).await
        };
        let copied = copy.await;
        outcome.remote = Some(copied.map(|check| {
            outcome.remote_check = Some(check);
            Utc::now()
        }));
    }
    Ok(())
}

/// The host's lock, as soon as nobody else has it.
async fn locked(place: Place<'_>, owner: &str, run: JobId, patience: Duration) -> Result<(), Problem> {
    let until = tokio::time::Instant::now() + patience;
    loop {
        match lock::acquire(&place.server.layout, owner, run, Utc::now()) {
            Ok(note) => {
                note.iter().for_each(|note| tracing::warn!("{note}"));
                return Ok(());
            }
            Err(problem) if tokio::time::Instant::now() >= until => return Err(problem),
            Err(problem) => place.progress.print(&format!("waiting: {}", problem.message)),
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// A set of every part; one that fails does not stop the others. What was made is then read back.
async fn make_all(
    builder: &SnapshotSetBuilder<'_>,
    parts: &[Component],
    kind: SetKind,
    outcome: &mut Outcome,
) -> Result<(), Problem> {
    for part in parts {
        let made = create::store(builder, part, kind, Utc::now()).await;
        if let Err(problem) = &made {
            builder.progress.print(&format!("{}: FAILED: {problem}", part.name));
        }
        outcome.sets.insert(part.name.clone(), made);
    }
    let superfluous: Vec<String> =
        outcome.sets.values().flatten().flat_map(|made| made.superfluous.clone()).collect();
    if !superfluous.is_empty() {
        builder.local.forget(&superfluous).await?;
    }
    let listed = builder.local.snapshots().await.map(|snapshots| sets(&snapshots));
    for made in outcome.sets.values_mut() {
        let there = match (&made, &listed) {
            (Ok(set), Ok(listed)) => remote::found(listed, &set.manifest).map(drop),
            (Ok(_), Err(problem)) => Err(problem.clone()),
            (Err(_), _) => Ok(()),
        };
        if let Err(problem) = there {
            *made = Err(problem);
        }
    }
    listed.map(drop)
}

/// Ends when this process is told to stop: whoever stops it gets its word in the status.
pub(super) async fn stopped() -> Problem {
    let stopped = |name: &str| {
        Problem::transient(
            Code::BAK013,
            format!("The run was stopped ({name}) before its end"),
            "Run it again: `letsbe-node backup run`. What was stored before is kept.",
        )
    };
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => stopped("SIGTERM"),
        _ = interrupt.recv() => stopped("SIGINT"),
    }
}
