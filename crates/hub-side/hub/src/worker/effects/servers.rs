//! Claiming a server from the pool and installing its system.

use std::time::Duration;

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::{EffectKind, Event};
use letsbe_servers::{
    Begun, InstallRequest, OsImage, PlantedKey, ProviderError, TaskId, TaskState, TierSize, Wanted,
    choose_server,
};
use letsbe_store::Order;
use letsbe_types::{Code, Problem, crash, ids::ServerId};

use crate::worker::{Worker, inside, job_files::public_key, points, store_problem};

/// Between two looks at a running installation.
const TASK_POLL: Duration = Duration::from_secs(2);
/// An installation that takes longer than this is a failure; Netcup's own takes a few minutes.
const INSTALL_TIME_MAX: Duration = Duration::from_secs(40 * 60);

/// Repeatable: choosing changes nothing; the claim itself is stored together with the event.
pub(in crate::worker) async fn claim_server(worker: &Worker, order: &Order) -> Result<Event, Problem> {
    if !worker.provider.capabilities().can_install {
        let why = "servers are assigned by hand (MANUAL mode)".to_owned();
        return Ok(Event::PoolEmpty { why, by_hand: true });
    }
    let candidates = worker.provider.list().await.map_err(|error| error.problem)?;
    inside(EffectKind::ClaimServer);
    let taken = worker.store.taken_servers().await.map_err(store_problem)?;
    let tier = worker.catalog.tier(order.new.tier);
    let whole_gigabytes = |megabytes: u64| u32::try_from(megabytes / 1024).unwrap_or(u32::MAX);
    let size = TierSize {
        vcpu: tier.vcpus,
        memory_gb: whole_gigabytes(tier.ram_mb),
        disk_gb: u32::try_from(tier.disk_gb).unwrap_or(u32::MAX),
    };
    let elsewhere = order.state.recovery.as_ref().and_then(|recovery| recovery.region);
    let (tier, region) = (order.new.tier, elsewhere.unwrap_or(order.new.region));
    let wanted = Wanted { tier, size, region, delivered_templates: worker.delivered_templates.clone() };
    Ok(match choose_server(&candidates, &wanted, &taken) {
        Ok(server) => Event::ServerClaimed { server },
        Err(none) => Event::PoolEmpty { why: none.to_string(), by_hand: false },
    })
}

/// Repeatable: the moment of the first request finds the task that an earlier call started.
pub(in crate::worker) async fn install_server(worker: &Worker, order: &Order) -> Result<Event, Problem> {
    let hint = "This is a fault of the Hub: keep its log and report it.";
    let none = || Problem::permanent(Code::WORK003, "The order has no server to install.", hint);
    let server = order.state.server.clone().ok_or_else(none)?;
    let requested_at =
        worker.store.install_requested(order.new.id, worker.clock.now()).await.map_err(store_problem)?;
    let found = worker.provider.find_install(&server, requested_at).await.map_err(|error| error.problem)?;
    let task = match found {
        Some(task) => task,
        None => begin_install(worker, order, &server, requested_at).await?,
    };
    inside(EffectKind::InstallServer);
    let finished = tokio::time::timeout(INSTALL_TIME_MAX, wait_for_task(worker, &server, &task)).await;
    finished.map_err(|_| {
        let message = format!(
            "The installation of {server} was not finished after {} minutes.",
            INSTALL_TIME_MAX.as_secs() / 60
        );
        Problem::transient(Code::SRV002, message, "Look at the server's tasks in Netcup's control panel.")
    })??;
    let view = worker.provider.server(&server).await.map_err(|error| error.problem)?;
    let address = view.address().ok_or_else(|| {
        Problem::transient(
            Code::SRV003,
            format!("{server} has no IPv4 address."),
            "Look at the server in Netcup's control panel.",
        )
    })?;
    Ok(Event::ServerInstalled { address })
}

/// The key that the server will show is recorded before the installation is asked for: whenever the Hub dies, what is
/// on the server is what is recorded, or the server was not installed and gets another key. Where it turns out that
/// this call installed nothing, the record is again what it was: an earlier call may have been carried out although
/// its answer was lost and no list showed it yet.
async fn begin_install(
    worker: &Worker,
    order: &Order,
    server: &ServerId,
    requested_at: DateTime<Utc>,
) -> Result<TaskId, Problem> {
    let host_key = PlantedKey::generate(&mut rand::rng())?;
    worker.store.plant_host_key(order.new.id, host_key.public()).await.map_err(store_problem)?;
    crash::point(&points::HOST_KEY_RECORDED);
    let request = InstallRequest {
        hostname: order.new.domain.clone(),
        image: OsImage::Debian12,
        public_keys: vec![public_key(&worker.provisioning.private_key)?],
        host_key,
        requested_at,
    };
    let begun = worker.provider.start_install(server, &request).await;
    let planted = match &begun {
        Ok(begun) => matches!(begun, Begun::Now(_)),
        Err(error) => error.outcome_unknown,
    };
    if let Some(earlier) = order.host_key.as_deref().filter(|_| !planted) {
        worker.store.plant_host_key(order.new.id, earlier).await.map_err(store_problem)?;
    }
    begun.map(Begun::into_task).map_err(|error| error.problem)
}

async fn wait_for_task(worker: &Worker, server: &ServerId, task: &TaskId) -> Result<(), Problem> {
    loop {
        match worker.provider.task(server, task).await {
            Ok(TaskState::Finished) => return Ok(()),
            Ok(TaskState::Failed(end, why)) => {
                let message = format!("The installation of {server} ended as {end:?}: {why}");
                return Err(Problem::transient(
                    Code::SRV001,
                    message,
                    "It is tried again; if it ends so again, ask Netcup.",
                ));
            }
            Ok(TaskState::Running(_)) => {}
            Err(error) if error.retryable() => wait_as_asked(&error).await,
            Err(error) => return Err(error.problem),
        }
        tokio::time::sleep(TASK_POLL).await;
    }
}

async fn wait_as_asked(error: &ProviderError) {
    if let Some(pause) = error.retry_after {
        tokio::time::sleep(pause.min(Duration::from_secs(300))).await;
    }
}
