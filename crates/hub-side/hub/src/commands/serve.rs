//! Serving requests and working on orders, in one process.

use std::{fs, os::unix::fs::DirBuilderExt as _, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use chrono::TimeDelta;
use letsbe_catalog::Catalog;
use letsbe_dns::DnsChecker;
use letsbe_hub::{
    AppState, Shared,
    backups::{drills, own, storage::Storage, watch},
    config::HubConfig,
    convergence::Planner,
    providers,
    relay::{self, Patience, Relay},
    router,
    tenants::Tenants,
    worker::{Mailer, Worker, tokens::random_token, unpaid},
};
use letsbe_netcup::ScpClient;
use letsbe_serve::Bounds;
use letsbe_store::{Defaults, Store};
use letsbe_types::{
    Tier,
    clock::{Clock, SystemClock},
};

/// The refresh token dies after 30 idle days; it is used once a day.
const LOGIN_KEPT_ALIVE_EVERY: Duration = Duration::from_secs(24 * 3600);

/// Requests under way get this long after the order to end.
const STREAMS_END_AFTER: Duration = Duration::from_secs(5);

pub(crate) async fn serve(config: HubConfig, config_file: &Path) -> anyhow::Result<()> {
    config.ready()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Store::open(&config.database()?).await?;
    let catalog = Arc::new(Catalog::load(&config.catalog_folder)?);
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
    let state = AppState::from(Shared {
        relay: config.models.as_ref().map(open).transpose()?,
        tenants: Tenants::start(&store, &clock, defaults),
        store: store.clone(),
        catalog: catalog.clone(),
        clock: clock.clone(),
        pace: config.pace.pace(),
        payments: config.stripe.terms(),
        logins: Arc::default(),
        stripe_secret: Arc::new(config.stripe.secret()?),
        planner: Arc::new(Planner::new(config.provisioning.clone(), config.public_url.clone())),
        public_url: config.public_url.as_str().into(),
        jobs_folder: config.data_folder.join("jobs").into(),
        own_backup: config.backups.hub.is_some().then(|| own::status_file(&config).into()),
    });
    let netcup = providers::netcup_client(&config.servers, clock.clone())?;
    if let Some(client) = &netcup {
        tokio::spawn(keep_login_alive(client.clone()));
    }
    let jobs_folder = config.data_folder.join("jobs");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&jobs_folder)?;
    tokio::spawn(relay::keep(store.clone(), clock.clone()));
    tokio::spawn(unpaid::keep(store.clone(), config.unpaid, config.pace.pace(), clock.clone()));
    tokio::spawn(drills::keep(store.clone(), clock.clone()));
    tokio::spawn(own::keep(store.clone(), config.clone(), config_file.to_owned(), clock.clone()));
    let storage = config.backups.s3.as_ref().map(Storage::open).transpose()?;
    if let (Some(storage), Some(s3)) = (storage.clone(), &config.backups.s3) {
        let every = TimeDelta::seconds(s3.count_every.into());
        tokio::spawn(watch::keep(store.clone(), storage, clock.clone(), every));
    }
    let worker = Arc::new(Worker {
        store,
        clock,
        pace: config.pace.pace(),
        lease: TimeDelta::seconds(config.pace.lease.into()),
        // A restarted process is another worker: what its former self held ends by itself.
        owner: format!("{}-{}", std::process::id(), &random_token().expose()[..8]),
        provider: providers::server_provider(netcup),
        delivered_templates: config.servers.delivered_templates(),
        catalog,
        dns: DnsChecker { resolver: config.dns.resolver },
        mailer: Mailer::new(&config.mail.url()?, config.mail.from.clone())?,
        staff_mail: config.mail.staff.clone(),
        provisioning: config.provisioning.clone(),
        models: config.models.clone(),
        storage: storage.clone(),
        public_url: config.public_url.clone(),
        jobs_folder,
    });
    tokio::spawn(worker.run());
    answer(config.listen, state).await
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

async fn keep_login_alive(client: Arc<ScpClient>) {
    loop {
        if let Err(error) = client.keep_login_alive().await {
            tracing::error!(%error, "the login at Netcup could not be kept alive: run letsbe-hub netcup-login");
        }
        tokio::time::sleep(LOGIN_KEPT_ALIVE_EVERY).await;
    }
}
