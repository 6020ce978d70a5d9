//! Preparing and running the provisioner.

use std::{
    os::unix::process::ExitStatusExt as _,
    process::{ExitStatus, Stdio},
};

use letsbe_lifecycle::order::{EffectKind, Event};
use letsbe_store::{Job, NewJob, Order, token_hash};
use letsbe_types::{
    Problem,
    api::JobStatus,
    backup::Destination,
    ids::JobId,
    job::{DesiredServer, HubLink, ProvisionJob, ReportTarget, RestoreFrom},
    relay::key_hash,
};
use tokio::io::AsyncWriteExt as _;

use crate::worker::{
    Worker, address_of, destinations, inside,
    job_files::{JobFiles, public_key},
    models, store_problem,
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
    let (job, files) = open_job(worker, order).await?;
    if job.status != JobStatus::Completed {
        let backups = destinations::of_job(worker, order, &files).await?;
        let restore = restore_from(worker, order, backups.as_ref()).await?;
        let mut work = provision_job(worker, order, job.id, &files, restore)?;
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
        // A provisioner that was killed is no failure of the order: the next one attaches to the same run.
        for _ in 0..PROVISIONER_STARTS_MAX {
            let status = run_provisioner(worker, order, &work).await?;
            if status.signal().is_none() {
                break;
            }
        }
    }
    let job = worker.store.job(job.id).await.map_err(store_problem)?;
    match job.map(|job| (job.status, job.problem)) {
        Some((JobStatus::Completed, _)) => {
            files.remove();
            SourceFile::of(&worker.jobs_folder, order.new.id).remove();
            given::file(&worker.jobs_folder, order.new.id).remove();
            Ok(Event::ProvisioningSucceeded)
        }
        Some((JobStatus::Failed, Some(problem))) => {
            files.remove();
            Err(problem)
        }
        _ => Err(Problem::transient(
            "PROV001",
            "The provisioner ended without a result.",
            "The order is tried again and goes on where it stopped. On the Hub's machine: journalctl -u letsbe-hub",
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

/// The newest job that has not failed, with its tokens; a new one where there is none. A recovery has jobs of its own.
async fn open_job(worker: &Worker, order: &Order) -> Result<(Job, JobFiles), Problem> {
    let latest = worker.store.latest_job(order.new.id).await.map_err(store_problem)?;
    let recovery = order.state.recovery.as_ref().map(|recovery| recovery.id);
    let usable = |job: &Job| job.status != JobStatus::Failed && job.recovery == recovery;
    if let Some(job) = latest.filter(usable) {
        let files = JobFiles::of(&worker.jobs_folder, job.id);
        if job.status == JobStatus::Completed || files.complete() {
            return Ok((job, files));
        }
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
            "RCV002",
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
    restore: Option<RestoreFrom>,
) -> Result<ProvisionJob, Problem> {
    let settings = &worker.provisioning;
    let mut admin_keys = vec![public_key(&settings.private_key)?];
    admin_keys.extend(settings.operator_keys.iter().cloned());
    let desired = DesiredServer {
        identity: order.new.identity.clone(),
        domain: order.new.domain.clone(),
        owner_email: order.new.email.clone(),
        timezone: settings.timezone.clone(),
        tier: order.new.tier,
        tools: order.new.tools.clone(),
        admin_keys,
        docker: settings.docker,
        registry_mirrors: settings.registry_mirrors.clone(),
        certificates: settings.certificates.clone(),
        hub: Some(HubLink {
            url: worker.public_url.clone(),
            registration_token: files.registration_token()?.expose().clone(),
        }),
        models: None,
        backups: None,
        restore,
    };
    Ok(ProvisionJob {
        id,
        address: address_of(order)?,
        first_port: 22,
        private_key: settings.private_key.clone(),
        host_key: order.host_key.clone(),
        bundle: settings.bundle.clone(),
        report: Some(ReportTarget {
            hub_url: worker.public_url.clone(),
            token_file: files.runner_token_file(),
        }),
        desired,
    })
}

async fn run_provisioner(worker: &Worker, order: &Order, work: &ProvisionJob) -> Result<ExitStatus, Problem> {
    let failed = |what: &str, why: &dyn std::fmt::Display| {
        tracing::error!(order = %order.new.id, %why, "the provisioner {what}");
        Problem::transient(
            "PROV002",
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
