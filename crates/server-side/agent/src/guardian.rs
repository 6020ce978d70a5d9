//! What the parts of the agent share: the secrets in force, the Hub's decisions, and the way to tell the Hub
//! something. Each part holds an `Arc<Guardian>`; none holds another part.

use std::sync::Arc;

use letsbe_redact::Redactor;
use letsbe_types::{
    Problem,
    tenant::{TenantConfiguration, TenantEventKind},
};
use letsbe_vault::Credentials;
use tokio::sync::watch;

use letsbe_base::layout::Layout;

/// The secrets in force.
pub(crate) struct Secrets {
    /// Grows with each change.
    pub(crate) version: u64,
    /// Knows every present, coming and retired value.
    pub(crate) redactor: Arc<Redactor>,
    /// The present values by tool and key: what `SECRET_REF(tool/key)` stands for.
    pub(crate) present: Credentials,
}

/// What the parts of the agent share.
pub(crate) struct Guardian {
    /// Where things lie.
    pub(crate) layout: Layout,
    /// The secrets in force; `None` while the vault cannot be read, and then nothing that needs them is done.
    pub(crate) secrets: watch::Receiver<Option<Arc<Secrets>>>,
    /// What the Hub decided last; kept on disk.
    pub(crate) configuration: watch::Receiver<Arc<TenantConfiguration>>,
    /// Events on their way to the Hub.
    pub(crate) outbox: Arc<dyn Outbox>,
}

/// Keeps events until the Hub has them.
pub(crate) trait Outbox: Send + Sync {
    /// Keeps an event durably before it returns.
    ///
    /// # Errors
    /// When it cannot be written.
    fn tell(&self, event: TenantEventKind) -> Result<(), Problem>;
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use letsbe_types::{Problem, tenant::TenantEventKind};

    use super::Outbox;

    /// Remembers what it was told.
    #[derive(Default)]
    pub(crate) struct Told(pub(crate) Mutex<Vec<TenantEventKind>>);

    impl Outbox for Told {
        fn tell(&self, event: TenantEventKind) -> Result<(), Problem> {
            self.0.lock().expect("unpoisoned").push(event);
            Ok(())
        }
    }
}
