//! Serving requests and working on orders, in one process.

use std::{fs, os::unix::fs::DirBuilderExt as _, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use chrono::TimeDelta;
use letsbe_catalog::Catalog;
use letsbe_dns::DnsChecker;
use letsbe_hub::{
    AppState, Shared,
    background::{Driver, Handle, tasks},
    backups::{own, storage::Storage},
    config::HubConfig,
    convergence::Planner,
    providers,
    relay::{Patience, Relay},
    router,
    tenants::Tenants,
    worker::{Mailer, Worker, tokens::random_token},
};
use letsbe_serve::Bounds;
use letsbe_store::{Defaults, Store};
use letsbe_types::{
    Tier,
    clock::{Clock, SystemClock},
};

/// Requests under way get this long after the order to end.
const STREAMS_END_AFTER: Duration = Duration::from_secs(5);
/// So long afterwards the background work may give its leases back.
const WORK_ENDS_AFTER: Duration = Duration::from_secs(10);

pub(crate) async fn serve(config: HubConfig, config_file: &Path) -> anyhow::Result<()> {
    config.ready()?;
    let config = Arc::new(config);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Store::open(&config.database()?).await?;
    let catalog = Arc::new(Catalog::load(&config.catalog_folder)?);
    let state = shared(&config, &store, &clock, &catalog).await?;
    let netcup = providers::netcup_client(&config.servers, Arc::clone(&clock))?;
    let storage = config.backups.s3.as_ref().map(Storage::open).transpose()?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&state.jobs_folder)?;
    let worker = Arc::new(Worker {
        store: store.clone(),
        clock: Arc::clone(&clock),
        pace: config.pace.pace(),
        lease: TimeDelta::seconds(config.pace.lease.into()),
        owner: owner(),
        provider: providers::server_provider(netcup.clone()),
        delivered_templates: config.servers.delivered_templates(),
        catalog,
        dns: DnsChecker { resolver: config.dns.resolver },
        mailer: Mailer::new(&config.mail.url()?, config.mail.from.clone())?,
        staff_mail: config.mail.staff.clone(),
        provisioning: config.provisioning.clone(),
        models: config.models.clone(),
        storage: storage.clone(),
        public_url: config.public_url.clone(),
        jobs_folder: state.jobs_folder.to_path_buf(),
    });
    let mut driver = Driver::new(
        store.clone(),
        Arc::clone(&clock),
        (&worker.owner, worker.lease),
        state.background.clone(),
    );
    for task in tasks::of_worker(&worker) {
        driver = driver.with(task);
    }
    driver = driver
        .with(tasks::command_notices(store.clone(), state.tenants.bell.clone()))
        .with(tasks::model_requests(store.clone()))
        .with(tasks::unpaid_orders(store.clone(), config.unpaid, config.pace.pace()))
        .with(tasks::drills(store.clone()))
        .with(tasks::server_history(store.clone()))
        .with(tasks::health_ratings(store.clone()));
    if let Some(client) = netcup {
        driver = driver.with(tasks::provider_login(client));
    }
    if let Some(backup) = tasks::hub_backup(store.clone(), &config, config_file.to_owned()) {
        driver = driver.with(backup);
    }
    if let (Some(storage), Some(s3)) = (storage, &config.backups.s3) {
        let every = Duration::from_secs(s3.count_every.into());
        driver = driver.with(tasks::bucket_counts(store, storage, clock, every));
    }
    work_and_answer(driver, config.listen, state).await
}

/// Until the process is told to end, and all of it has ended.
async fn work_and_answer(
    driver: Driver,
    listen: std::net::SocketAddr,
    state: AppState,
) -> anyhow::Result<()> {
    // The work ends when no request is answered any more, at the latest: a signal that came before it listened for one was
    // not heard.
    let (answering, answered) = tokio::sync::oneshot::channel::<()>();
    let working = tokio::spawn(driver.run(async {
        tokio::select! {
            () = terminated() => {}
            _ = answered => {}
        }
    }));
    answer(listen, state).await?;
    drop(answering);
    match tokio::time::timeout(WORK_ENDS_AFTER, working).await {
        Ok(ended) => ended.context("the Hub's background work broke off"),
        // A database that does not answer must not hold the process; what was leased ends by itself.
        Err(_) => {
            tracing::warn!("the Hub's background work did not end in time");
            Ok(())
        }
    }
}

/// What requests share.
async fn shared(
    config: &HubConfig,
    store: &Store,
    clock: &Arc<dyn Clock>,
    catalog: &Arc<Catalog>,
) -> anyhow::Result<AppState> {
    let defaults = Defaults {
        token_pools: [Tier::Lite, Tier::Build, Tier::Scale, Tier::Enterprise]
            .map(|tier| catalog.tier(tier).tokens_month),
        escrow_recipients: config.escrow.recipients.clone(),
    };
    let changed = store.prepare_configurations(&defaults).await?;
    if changed > 0 {
        tracing::info!(tenants = changed, "escrow recipients are others than before");
    }
    let open = |models| Relay::open(models, &config.public_url, Patience::default()).map(Arc::new);
    Ok(AppState::from(Shared {
        relay: config.models.as_ref().map(open).transpose()?,
        tenants: Tenants::start(store, clock, defaults),
        store: store.clone(),
        catalog: Arc::clone(catalog),
        clock: Arc::clone(clock),
        pace: config.pace.pace(),
        payments: config.stripe.terms(),
        logins: Arc::default(),
        stripe_secret: Arc::new(config.stripe.secret()?),
        planner: Arc::new(Planner::new(config.provisioning.clone(), config.public_url.clone())),
        public_url: config.public_url.as_str().into(),
        jobs_folder: config.data_folder.join("jobs").into(),
        own_backup: config.backups.hub.is_some().then(|| own::status_file(config).into()),
        background: Handle::default(),
    }))
}

/// This process in leases, as staff reads it, too. A restarted process is another one: what its former self held ends by
/// itself.
fn owner() -> String {
    let machine = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine: String =
        machine.chars().filter(|c| c.is_ascii_alphanumeric() || "-.".contains(*c)).collect();
    format!("{machine}/{}-{}", std::process::id(), &random_token().expose()[..8])
}

/// Answers requests until the process is told to end.
async fn answer(listen: std::net::SocketAddr, state: AppState) -> anyhow::Result<()> {
    let listener =
        tokio::net::TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    tracing::info!(address = %listener.local_addr()?, "the Hub listens");
    let served = router::serve(listener, state, Bounds::default(), terminated());
    // Live pages hold their streams open; they come back to the next process by themselves.
    tokio::select! {
        () = served => {}
        () = async { terminated().await; tokio::time::sleep(STREAMS_END_AFTER).await } => {}
    }
    Ok(())
}

async fn terminated() {
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
