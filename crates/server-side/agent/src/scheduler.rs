//! What is looked at regularly: files that others change, and work that falls due.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use letsbe_protocol::{RestoreCommand, RotateCommand};
use letsbe_types::Problem;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    commands::Commands,
    completions::Completions,
    configuration::Configurations,
    drift::{self, Drift},
    escrow::Escrow,
    file_version::FileVersion,
    hub_connection::HubConnection,
    meter::Meter,
    proofs::Proofs,
    secrets::SecretCache,
    watchdog::WatchdogHandle,
};
use crate::{context::Outbox, work};
use letsbe_base::layout::Layout;
use letsbe_data::{
    backup::{self, BackupCommand},
    restore,
};

/// The first look for drift waits until a server that has just booted has settled.
const FIRST_DRIFT: Duration = Duration::from_secs(120);

/// Everything that is looked at.
pub(crate) struct Scheduler {
    pub(crate) changed: Arc<Notify>,
    pub(crate) secret_cache: Arc<SecretCache>,
    pub(crate) connection: Arc<HubConnection>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) commands: Arc<Commands>,
    pub(crate) configurations: Arc<Configurations>,
    pub(crate) escrow: Arc<Escrow>,
    pub(crate) drift: Arc<Drift>,
    pub(crate) report: Arc<Notify>,
    pub(crate) layout: Layout,
    pub(crate) outbox: Arc<dyn Outbox>,
    pub(crate) watchdog: WatchdogHandle,
}

impl Scheduler {
    /// Looks every second, for ever.
    pub(crate) async fn every_second(&self) {
        let mut clock = interval(Duration::from_secs(1));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let status = self.layout.backup_status();
        let mut backup = FileVersion::of(&[&status]);
        let mut ended = Completions::new(&self.layout);
        let mut proofs = Proofs::new(&self.layout);
        let mut sealed_for = None;
        let mut told = None;
        loop {
            tokio::select! {
                _ = clock.tick() => {}
                () = self.changed.notified() => {}
            }
            self.watchdog.kick();
            self.secret_cache.poll().await;
            let now_backup = FileVersion::of(&[&status]);
            if now_backup != backup {
                backup = now_backup;
                self.report.notify_one();
            }
            let told_ended = self.send_completions(&mut ended);
            let told_proofs = proofs.poll(self.outbox.as_ref());
            let duties = self.duties(&mut sealed_for).await;
            let problem = told_ended.and(told_proofs).and(duties).err();
            if problem.is_some() && problem != told {
                tracing::error!(problem = ?problem, "a duty of the agent failed; it is tried again");
            }
            told = problem;
        }
    }

    fn send_completions(&self, ended: &mut Completions) -> Result<(), Problem> {
        for event in ended.poll(self.secret_cache.census())? {
            self.outbox.publish(event)?;
        }
        ended.mark_reported()
    }

    /// Each is done whatever becomes of the others; answers the first problem.
    async fn duties(&self, sealed_for: &mut Option<(u64, Option<u64>)>) -> Result<(), Problem> {
        let done = [
            self.connection.refresh().await,
            self.meter.charge_orphans(Utc::now()),
            self.meter.flush(),
            self.commands.tidy(),
            self.seal_if_due(sealed_for),
        ];
        done.into_iter().collect()
    }

    fn seal_if_due(&self, sealed_for: &mut Option<(u64, Option<u64>)>) -> Result<(), Problem> {
        let configuration = self.configurations.current();
        let vault = self.secret_cache.secrets().borrow().as_ref().map(|secrets| secrets.version);
        let seen = Some((configuration.version, vault));
        if *sealed_for == seen {
            return Ok(());
        }
        self.escrow.poll(&configuration.escrow_recipients)?;
        *sealed_for = seen;
        Ok(())
    }

    /// Looks for drift, for ever.
    pub(crate) async fn every_hour(&self) {
        sleep(FIRST_DRIFT).await;
        loop {
            if let Err(problem) = self.drift.check(&Utc::now().timestamp().to_string()).await {
                tracing::warn!(%problem, "drift could not be looked for");
            }
            sleep(drift::INTERVAL).await;
        }
    }
}

/// Goes on with a rotation that was interrupted, once; then waits for ever.
pub(crate) async fn resume_rotation(secret_cache: &SecretCache, layout: &Layout) {
    if !secret_cache.facts().rotating.is_empty() {
        let id = Utc::now().timestamp().to_string();
        if let Err(problem) = work::run(layout, "rotate", &id, RotateCommand::Resume).await {
            tracing::error!(%problem, "an interrupted rotation could not be ended");
        }
    }
    std::future::pending::<()>().await;
}

/// Unpauses what a backup that was killed left paused, reports it, and ends a restore that was interrupted, once;
/// then waits for ever. What a living process is at is its own.
pub(crate) async fn resume_backups(layout: &Layout) {
    if let Err(problem) = backup::carry_out(layout, BackupCommand::Resume).await {
        tracing::error!(%problem, "a tool that a backup paused may still be paused");
    }
    match restore::is_interrupted(layout) {
        Ok(false) => {}
        Ok(true) => {
            let id = Utc::now().timestamp().to_string();
            if let Err(problem) = work::run(layout, "restore", &id, RestoreCommand::Resume).await {
                tracing::error!(%problem, "an interrupted restore could not be ended");
            }
        }
        Err(problem) => tracing::error!(%problem, "whether a restore was interrupted is not known"),
    }
    std::future::pending::<()>().await;
}
