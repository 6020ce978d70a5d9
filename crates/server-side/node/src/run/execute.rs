//! Carries a run out, inside its unit. Killed at any point, it is started again and goes on.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use letsbe_host::{Engine, LocalMachine, readiness};
use letsbe_types::{
    Code, Problem, clock,
    ids::JobId,
    job::{Outcome, RunEventKind},
};

use super::{Request, decide, operations, recover};
use crate::journal::FileJournal;
use letsbe_base::{files, layout::Layout, lock};
use letsbe_data::restore;

/// A fresh machine's own set-up may take this long.
const READINESS_PATIENCE: Duration = Duration::from_secs(600);

/// Carries the run out. Ends well also when the run failed: the journal tells how it ended.
///
/// # Errors
/// When the journal itself cannot be written.
pub(crate) async fn execute(layout: &Layout, job: JobId) -> Result<(), Problem> {
    let Some(request) = files::read_json::<Request>(&layout.request(job))? else {
        tracing::info!(%job, "nothing is asked of this run");
        return Ok(());
    };
    let (journal, events) = FileJournal::open(layout, job)?;
    let problem = match decide::start(&events, request.after) {
        decide::Start::Over => None,
        decide::Start::GiveUp => Some(Problem::transient(
            Code::NODE009,
            format!("The run died {} times without getting further", decide::STARTS_MAX),
            "Look at the server's journal for the cause (memory? disk?), then retry the order.",
        )),
        decide::Start::Run { attempt } => {
            journal.append(RunEventKind::Started { attempt })?;
            let told = recover::told(&events);
            let result = carry_out(layout, job, &request, &journal, told).await;
            journal.append(RunEventKind::Finished { problem: result.err() })?;
            None
        }
    };
    if problem.is_some() {
        journal.append(RunEventKind::Finished { problem })?;
    }
    files::remove(&layout.request(job))?;
    lock::release(layout, job)
}

async fn carry_out(
    layout: &Layout,
    job: JobId,
    request: &Request,
    journal: &FileJournal,
    mut told: usize,
) -> Result<(), Problem> {
    let work = async {
        await_ready(request, journal).await?;
        letsbe_rotation::finish_interrupted(layout).await;
        restore::finish_interrupted(layout).await;
        let operations = operations(&layout.bundle(), &request.desired)?;
        Engine::new(&LocalMachine, &operations).run(&request.desired, journal).await.map(|_| ())
    };
    if request.desired.restore.is_none() {
        return locked(layout, job, work).await;
    }
    let result = tokio::select! {
        result = locked(layout, job, work) => result,
        problem = recover::keep_telling(layout, journal, &mut told) => Err(problem),
    };
    // What came back after the last look.
    recover::tell(layout, journal, &mut told)?;
    result
}

async fn locked(
    layout: &Layout,
    job: JobId,
    work: impl Future<Output = Result<(), Problem>>,
) -> Result<(), Problem> {
    tokio::select! {
        result = work => result,
        problem = lock::keep(layout, "a provisioning run", job) => Err(problem),
    }
}

/// Waits for a machine that is still busy with itself; refuses one that is not fit.
async fn await_ready(request: &Request, journal: &FileJournal) -> Result<(), Problem> {
    let reference = request.clock_ahead.map(|seconds| Utc::now() - TimeDelta::seconds(seconds));
    let began = Instant::now();
    let outcome = match readiness::wait(&LocalMachine, reference, READINESS_PATIENCE).await {
        Ok(warnings) if warnings.is_empty() => return Ok(()),
        Ok(warnings) => Outcome::Warned { warning: warnings.join("; ") },
        Err(problem) => Outcome::Failed { problem },
    };
    let milliseconds = clock::milliseconds(began.elapsed());
    let operation = "machine.ready".to_owned();
    journal.append(RunEventKind::Operation { step: 1, operation, outcome: outcome.clone(), milliseconds })?;
    match outcome {
        Outcome::Failed { problem } => Err(problem),
        _ => Ok(()),
    }
}
