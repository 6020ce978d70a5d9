//! Preparing and running the provisioner.

use std::{
    os::unix::process::ExitStatusExt as _,
    process::{ExitStatus, Stdio},
};

use letsbe_lifecycle::order::{EffectKind, Event, Phase};
use letsbe_store::{Job, NewJob, Order, token_hash};
use letsbe_types::{
    Code, Problem,
    api::JobStatus,
    backup::Destination,
    ids::JobId,
    job::{ProvisionJob, ReportTarget, RestoreFrom},
    relay::key_hash,
};
use tokio::io::AsyncWriteExt as _;

use crate::worker::{
    Worker, destinations, inside, is_of_database, job_files::JobFiles, models, store_problem, wishes,
};
use crate::{backups::given, recovery::source::SourceFile};

/// A provisioner that is killed this often in a row has a problem that starting it again does not solve.
const PROVISIONER_STARTS_MAX: u32 = 10;

/// Repeatable: an open job with its tokens is used again.
pub(in crate::worker) async fn prepare_provisioning(
    worker: &Worker,
    order: &Order,
) -> Result<Event, Problem> {
    let (_, files) = open_job(worker, order).await?;
    destinations::of_job(worker, order, &files).await?;
    inside(EffectKind::PrepareProvisioning);
    Ok(Event::ProvisioningPrepared)
}

/// Repeatable: a second provisioner of the same job attaches to the run of the first.
pub(in crate::worker) async fn provision(worker: &Worker, order: &Order) -> Result<Event, Problem> {
    if order.state.phase == Phase::Fulfilled {
        return match converge(worker, order).await {
            // How the run ended is not known: it is asked again.
            Err(problem) if is_of_database(&problem) => Err(problem),
            ended => Ok(Event::ConvergenceEnded { problem: ended.err() }),
        };
    }
    let (job, files) = open_job(worker, order).await?;
    if job.status != JobStatus::Completed {
        let backups = destinations::of_job(worker, order, &files).await?;
        let mut work = provision_job(worker, order, job.id, &files)?;
        work.desired.restore = restore_from(worker, order, backups.as_ref()).await?;
        if let Some(models) = &worker.models {
            let key = files.relay_key()?;
            let (hash, now) = (key_hash(key.expose()), worker.clock.now());
            worker.store.put_relay_key(order.new.id, &hash, now).await.map_err(store_problem)?;
            let pool = worker.catalog.tier(order.new.tier).tokens_month;
            work.desired.models = Some(models::access(models, &worker.public_url, &key, pool)?);
        }
        // A server that comes back goes on where its copies are.
        let source = work.desired.restore.as_ref().map(|restore| restore.source.clone());
        work.desired.backups = backups.or(source);
        run(worker, order, &work).await?;
    }
    result(worker, job.id, &files).await?;
    SourceFile::of(&worker.jobs_folder, order.new.id).remove();
    given::file(&worker.jobs_folder, order.new.id).remove();
    Ok(Event::ProvisioningSucceeded)
}

/// The ten steps again on a live server. Repeatable: a run that is under way is attached to; one more changes nothing.
async fn converge(worker: &Worker, order: &Order) -> Result<(), Problem> {
    let (job, files) = open_job(worker, order).await?;
    if job.status != JobStatus::Completed {
        let mut work = provision_job(worker, order, job.id, &files)?;
        if let Some(link) = &mut work.desired.hub {
            link.again = is_revoked(worker, order).await?;
        }
        run(worker, order, &work).await?;
    }
    // Read before the job's files go: whoever goes on after a database that failed finds the run that has ended.
    let is_revoked = is_revoked(worker, order).await?;
    result(worker, job.id, &files).await?;
    if is_revoked {
        // It was revoked while the run was on: the run's token is as old as the key.
        return Err(Problem::permanent(
            Code::PROV005,
            "The run has ended, but the server's key at the Hub was revoked after it began, and stays so.",
            format!("Ask for the run again: letsbe tenants converge {}", order.new.domain),
        ));
    }
    Ok(())
}

async fn is_revoked(worker: &Worker, order: &Order) -> Result<bool, Problem> {
    let agent = worker.store.agent(order.new.id).await.map_err(store_problem)?;
    Ok(agent.is_some_and(|agent| agent.revoked_at.is_some()))
}

/// How a job ended. Its files go with it.
async fn result(worker: &Worker, id: JobId, files: &JobFiles) -> Result<(), Problem> {
    let job = worker.store.job(id).await.map_err(store_problem)?;
    match job.map(|job| (job.status, job.problem)) {
        Some((JobStatus::Completed, _)) => {
            files.remove();
            Ok(())
        }
        Some((JobStatus::Failed, Some(problem))) => {
            files.remove();
            Err(problem)
        }
        _ => Err(Problem::transient(
            Code::PROV001,
            "The provisioner ended without a result.",
            "It goes on where it stopped when it is tried again. On the Hub's machine: journalctl -u letsbe-hub",
        )),
    }
}

/// Repeatable: the claim stays (the server must be wiped by a person), only the job's tokens go.
pub(in crate::worker) async fn release_server(worker: &Worker, order: &Order) -> Result<Event, Problem> {
    if let Some(job) = worker.store.latest_job(order.new.id).await.map_err(store_problem)? {
        JobFiles::of(&worker.jobs_folder, job.id).remove();
    }
    SourceFile::of(&worker.jobs_folder, order.new.id).remove();
    inside(EffectKind::ReleaseServer);
    Ok(Event::ServerReleased)
}

/// The newest job that has not failed, with its tokens; a new one where there is none. A recovery has jobs of its own, and
/// so has each run on a live server: what an earlier one ended with is not what is asked now.
async fn open_job(worker: &Worker, order: &Order) -> Result<(Job, JobFiles), Problem> {
    let latest = worker.store.latest_job(order.new.id).await.map_err(store_problem)?;
    let recovery = order.state.recovery.as_ref().map(|recovery| recovery.id);
    if let Some(job) = latest {
        let files = JobFiles::of(&worker.jobs_folder, job.id);
        let is_usable = match job.status {
            JobStatus::Failed => false,
            JobStatus::Running => files.complete(),
            JobStatus::Completed if order.state.phase == Phase::Fulfilled => {
                let asked = worker.store.open_since(order.new.id, EffectKind::Provision).await;
                let asked = asked.map_err(store_problem)?;
                asked.is_some_and(|asked| job.created_at >= asked)
            }
            JobStatus::Completed => true,
        };
        if is_usable && job.recovery == recovery {
            return Ok((job, files));
        }
        // Its tokens are good for nothing any more.
        files.remove();
    }
    let id = JobId::generate();
    let files = JobFiles::of(&worker.jobs_folder, id);
    let tokens = files.create()?;
    let new = NewJob {
        id,
        order: order.new.id,
        runner_token_hash: token_hash(tokens.runner.expose()),
        registration_token_hash: token_hash(tokens.registration.expose()),
    };
    let job = worker.store.create_job(&new, worker.clock.now()).await.map_err(store_problem)?;
    Ok((job, files))
}

/// What a lost server is brought back from; `None` for an order that loses nothing.
async fn restore_from(
    worker: &Worker,
    order: &Order,
    own: Option<&Destination>,
) -> Result<Option<RestoreFrom>, Problem> {
    let Some(under) = &order.state.recovery else { return Ok(None) };
    let recovery = worker.store.recovery(under.id).await.map_err(store_problem)?;
    let source = SourceFile::of(&worker.jobs_folder, order.new.id).read()?;
    match (recovery, source.or_else(|| own.cloned())) {
        (Some(recovery), Some(source)) => {
            Ok(Some(RestoreFrom { source, at: recovery.at, as_of: recovery.as_of }))
        }
        _ => Err(Problem::permanent(
            Code::RCV002,
            "The Hub does not know where this tenant's copies are.",
            "Recover again with --source and the destination's file.",
        )),
    }
}

fn provision_job(
    worker: &Worker,
    order: &Order,
    id: JobId,
    files: &JobFiles,
) -> Result<ProvisionJob, Problem> {
    let report = ReportTarget { hub_url: worker.public_url.clone(), token_file: files.runner_token_file() };
    let registration_token = files.registration_token()?.expose().clone();
    let asked = wishes::Asked { id, registration_token, again: false, report: Some(report) };
    wishes::job(&worker.provisioning, &worker.public_url, order, asked)
}

/// A provisioner that was killed is no failure of the order: the next one attaches to the same run.
async fn run(worker: &Worker, order: &Order, work: &ProvisionJob) -> Result<(), Problem> {
    for _ in 0..PROVISIONER_STARTS_MAX {
        let status = run_provisioner(worker, order, work).await?;
        if status.signal().is_none() {
            break;
        }
    }
    Ok(())
}

async fn run_provisioner(worker: &Worker, order: &Order, work: &ProvisionJob) -> Result<ExitStatus, Problem> {
    let failed = |what: &str, why: &dyn std::fmt::Display| {
        tracing::error!(order = %order.new.id, %why, "the provisioner {what}");
        Problem::transient(
            Code::PROV002,
            format!("The provisioner {what}."),
            "On the Hub's machine: journalctl -u letsbe-hub",
        )
    };
    let mut child = tokio::process::Command::new(&worker.provisioning.provisioner)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed("could not be started", &error))?;
    let text = serde_json::to_string(work).map_err(|error| failed("could not be given its work", &error))?;
    if let Some(mut input) = child.stdin.take() {
        input
            .write_all(text.as_bytes())
            .await
            .map_err(|error| failed("could not be given its work", &error))?;
    }
    inside(EffectKind::Provision);
    let status = child.wait().await.map_err(|error| failed("could not be waited for", &error))?;
    tracing::info!(order = %order.new.id, %status, "the provisioner ended");
    Ok(status)
}
