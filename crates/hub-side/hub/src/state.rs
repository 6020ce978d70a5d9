//! What every request and every worker shares.

use std::{ops::Deref, sync::Arc};

use letsbe_catalog::Catalog;
use letsbe_lifecycle::order::Pace;
use letsbe_store::Store;
use letsbe_types::{Secret, clock::Clock};

use crate::{
    background::Handle, config::PaymentTerms, convergence::Planner, relay::SharedRelay,
    security::logins::Logins, tenants::Tenants,
};

/// What requests share. Cheap to clone, as each layer around a handler does: one count for all of it.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

impl From<Shared> for AppState {
    fn from(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// All of it.
#[derive(Clone)]
pub struct Shared {
    /// The database.
    pub store: Store,
    /// What can be sold.
    pub catalog: Arc<Catalog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long to wait for what.
    pub pace: Pace,
    /// Signs Stripe's webhooks.
    pub stripe_secret: Arc<Secret<String>>,
    /// What a payment must be, beside its price.
    pub payments: PaymentTerms,
    /// Who tried to log in, and failed.
    pub logins: Arc<Logins>,
    /// Serves tenants' servers.
    pub tenants: Tenants,
    /// Asks models for tenants' servers.
    pub relay: SharedRelay,
    /// Says what a run on a live server would change.
    pub planner: Arc<Planner>,
    /// Address at which people reach the Hub; cookies are `Secure` when it is HTTPS.
    pub public_url: Arc<str>,
    /// Folder for the files of running jobs.
    pub jobs_folder: Arc<std::path::Path>,
    /// What says how the Hub's own backup ended; `None` where none is wanted.
    pub own_backup: Option<Arc<std::path::Path>>,
    /// The driver of this process's background work.
    pub background: Handle,
}
