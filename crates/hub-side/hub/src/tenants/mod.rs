//! What serves tenants' servers beside the handlers: the writer of heartbeats, and the bell for commands. Each can run in
//! several Hub processes on one database.

mod bell;
mod ingest;
pub(crate) mod standings;

use std::sync::Arc;

use letsbe_store::{Defaults, Store};
use letsbe_types::clock::Clock;

pub use bell::{Bell, Ring};
pub use ingest::{Ingest, NotTaken};

/// Shared by requests. Cheap to clone.
#[derive(Clone)]
pub struct Tenants {
    /// Takes heartbeats.
    pub ingest: Ingest,
    /// Rings when a command waits.
    pub bell: Bell,
    /// What holds for a new tenant.
    pub defaults: Arc<Defaults>,
}

impl Tenants {
    /// Starts the writer; it ends with the runtime.
    #[must_use]
    pub fn start(store: &Store, clock: &Arc<dyn Clock>, defaults: Defaults) -> Self {
        Self {
            ingest: Ingest::start(store.clone(), clock.clone()),
            bell: Bell::default(),
            defaults: Arc::new(defaults),
        }
    }
}
