//! The worker: carries out effects from the outbox, and feeds the results back as events.
//!
//! Reconciler: activated by a change in the store and by a timer (`background::tasks::order_effects`); it holds nothing in
//! memory that another worker could not read from the database. Killed at any instruction, its leases end and another
//! worker takes over.

pub mod destinations;
mod effects;
mod job_files;
mod mail;
pub mod messages;
mod models;
pub mod tokens;
pub(crate) mod wishes;

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use chrono::TimeDelta;
use letsbe_catalog::{Catalog, Selection};
use letsbe_dns::DnsChecker;
use letsbe_lifecycle::order::{EffectKind, Event, Pace, Phase};
use letsbe_servers::ServerProvider;
use letsbe_store::{Finished, LeasedEffect, Order, Store, StoreError};
use letsbe_types::{
    Code, Problem,
    clock::Clock,
    crash::{self, Point},
};

use crate::{
    background::{Driver, Handle, lease, tasks},
    backups::storage::Storage,
    config::{ModelsConfig, ProvisioningConfig},
};
pub use mail::{Mailer, mail_address};

/// At most this many effects are carried out at the same time; each provisioning run is one of them.
pub(crate) const EFFECTS_AT_ONCE: usize = 16;
/// At most this many of them are runs on live servers: orders that were paid go on beside them.
pub(crate) const CONVERGENCES_AT_ONCE: u64 = EFFECTS_AT_ONCE as u64 / 2;
/// The code of a failure of the Hub's own database.
const OF_DATABASE: Code = Code::WORK001;
/// A claim that another order always anticipates is left to the next lease.
const CLAIMS_MAX: u32 = 5;

/// What effects need to be carried out.
pub struct Worker {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long to wait for what.
    pub pace: Pace,
    /// How long a lease lasts.
    pub lease: TimeDelta,
    /// Name of this worker in leases.
    pub owner: String,
    /// Where servers come from.
    pub provider: Arc<dyn ServerProvider>,
    /// Templates that a free server may carry.
    pub delivered_templates: BTreeSet<String>,
    /// What can be sold.
    pub catalog: Arc<Catalog>,
    /// Looks at DNS.
    pub dns: DnsChecker,
    /// Sends mail.
    pub mailer: Mailer,
    /// Who of staff is written to; everybody with a login if empty.
    pub staff_mail: Vec<letsbe_types::EmailAddress>,
    /// How servers are provisioned.
    pub provisioning: ProvisioningConfig,
    /// Which models the tenants' AI teams may use.
    pub models: Option<ModelsConfig>,
    /// Where each tenant has a bucket for its backups.
    pub storage: Option<Storage>,
    /// Address at which tenants reach the Hub.
    pub public_url: String,
    /// Folder for the files of running jobs.
    pub jobs_folder: PathBuf,
}

letsbe_types::crash_points! {
    /// Where a worker can be killed beside the places that each effect has.
    pub mod points {
        HOST_KEY_RECORDED = "install.host_key_recorded",
    }
}

/// Where a worker can be killed while it carries out an effect: leased, inside, done, stored.
#[must_use]
pub fn crash_points(kind: EffectKind) -> [Point; 4] {
    ["leased", "inside", "done", "stored"]
        .map(|place| Point::of_family(format!("effect.{}.{place}", kind.as_str())))
}

impl Worker {
    /// Works until the process ends, and does nothing else.
    pub async fn run(self: Arc<Self>) {
        let me = (&*self.owner, self.lease);
        let driver = Driver::new(self.store.clone(), Arc::clone(&self.clock), me, Handle::default());
        let [effects, messages] = tasks::of_worker(&self);
        driver.with(effects).with(messages).run(std::future::pending()).await;
    }

    /// Leases the effect that has been due longest.
    pub(crate) async fn lease_next(&self) -> Result<Option<LeasedEffect>, StoreError> {
        self.store.lease_effect(&self.owner, self.lease, self.clock.now()).await
    }

    /// Carries out an effect that was leased, and stores what came of it.
    pub(crate) async fn perform(&self, leased: &LeasedEffect) {
        let [at_leased, _, at_done, at_stored] = crash_points(leased.kind);
        crash::point(&at_leased);
        for _ in 0..CLAIMS_MAX {
            let order = match self.store.order(leased.order).await {
                Ok(Some(order)) => order,
                // Nothing was done: the lease ends by itself, and the effect is carried out later.
                unread => {
                    return tracing::error!(order = %leased.order, ?unread, "an order cannot be read");
                }
            };
            let event = tokio::select! {
                event = self.carry_out(leased.kind, &order) => event,
                () = self.keep_lease(leased) => {
                    tracing::warn!(order = %leased.order, effect = leased.kind.as_str(), "lease lost or effect void");
                    return;
                }
            };
            // A run on a live server is not tried again after a failure, and none has failed: the lease ends by itself.
            if let (Err(problem), Phase::Fulfilled) = (&event, order.state.phase)
                && leased.kind == EffectKind::Provision
                && is_of_database(problem)
            {
                return tracing::error!(order = %leased.order, "how a run ended cannot be read; asking again");
            }
            let event = event.unwrap_or_else(|problem| Event::EffectFailed { effect: leased.kind, problem });
            crash::point(&at_done);
            let (order, effect) = (leased.order, leased.kind.as_str());
            match self.store.finish_effect(leased, &event, &self.pace, self.clock.now()).await {
                Ok(Finished::Applied(state)) => {
                    tracing::info!(%order, effect, phase = %state.phase, "effect done");
                    crash::point(&at_stored);
                    return;
                }
                Ok(outcome) => return tracing::warn!(%order, effect, ?outcome, "no consequence"),
                // Another order was quicker: choose again, now that its claim is known.
                Err(StoreError::ServerTaken(server)) => tracing::info!(%order, %server, "taken meanwhile"),
                // The lease ends by itself and the effect is carried out again.
                Err(error) => return tracing::error!(%order, effect, %error, "result not stored"),
            }
        }
    }

    /// Returns when the lease is lost.
    async fn keep_lease(&self, leased: &LeasedEffect) {
        lease::keep(self.lease, &*self.clock, |until| self.store.extend_lease(leased, until)).await;
    }

    async fn carry_out(&self, kind: EffectKind, order: &Order) -> Result<Event, Problem> {
        match kind {
            EffectKind::ClaimServer => effects::claim_server(self, order).await,
            EffectKind::RequestPurchase => effects::request_purchase(self, order).await,
            EffectKind::InstallServer => effects::install_server(self, order).await,
            EffectKind::CheckDns => effects::check_dns(self, order).await,
            EffectKind::PrepareProvisioning => effects::prepare_provisioning(self, order).await,
            EffectKind::Provision => effects::provision(self, order).await,
            EffectKind::NotifyCustomer => effects::notify_customer(self, order).await,
            EffectKind::ReleaseServer => effects::release_server(self, order).await,
            EffectKind::Wait => {
                inside(EffectKind::Wait);
                Ok(Event::RetryDue)
            }
        }
    }
}

/// The crash point in the middle of an effect: something has been done outside, nothing is known of it inside.
fn inside(kind: EffectKind) {
    let [_, inside, ..] = crash_points(kind);
    crash::point(&inside);
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
pub(crate) fn store_problem(error: StoreError) -> Problem {
    tracing::error!(%error, "the database failed");
    Problem::transient(
        OF_DATABASE,
        "The Hub's database could not be used.",
        "Check the Hub's disk. On its machine: journalctl -u letsbe-hub",
    )
}

/// Whether the Hub's own database is what failed.
fn is_of_database(problem: &Problem) -> bool {
    problem.code == OF_DATABASE
}

/// What was bought, as the catalog of today has it.
fn selection_of(worker: &Worker, order: &Order, hint: &str) -> Result<Selection, Problem> {
    worker.catalog.select(order.new.tier, &order.new.tools).map_err(|errors| {
        let first =
            errors.first().map_or_else(String::new, |error| format!("{}: {}", error.field, error.message));
        Problem::permanent(Code::CAT001, format!("The order no longer fits the catalog: {first}"), hint)
    })
}

fn address_of(order: &Order) -> Result<std::net::IpAddr, Problem> {
    let hint = "This is a fault of the Hub: keep its log and report it.";
    order
        .state
        .address
        .ok_or_else(|| Problem::permanent(Code::WORK002, "The order has no server address.", hint))
}
