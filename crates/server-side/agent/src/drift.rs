//! Drift: what a provisioning run would change on this server now. Looked at, never changed.
//!
//! The look is a process of its own: it needs more memory than the agent may keep, and sees the server as a run does.

use std::time::Duration;

use letsbe_protocol::NodeCommand;
use letsbe_types::{Code, Problem, tenant::DriftSign};
use tokio::sync::{Mutex, watch};

use crate::work;
use letsbe_base::layout::Layout;

/// Time between two looks.
pub(crate) const INTERVAL: Duration = Duration::from_secs(3600);

/// Keeps what was seen last.
pub(crate) struct Drift {
    layout: Layout,
    last: watch::Sender<Option<DriftSign>>,
    looking: Mutex<()>,
}

impl Drift {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self { layout: layout.clone(), last: watch::Sender::new(None), looking: Mutex::new(()) }
    }

    /// What was seen last.
    pub(crate) fn last(&self) -> Option<DriftSign> {
        self.last.borrow().clone()
    }

    /// Looks now.
    pub(crate) async fn check(&self, id: &str) -> Result<DriftSign, Problem> {
        let _one_at_a_time = self.looking.lock().await;
        let output = work::run(&self.layout, "drift", id, NodeCommand::Drift).await?;
        let line = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let seen: DriftSign = serde_json::from_str(line).map_err(|error| {
            let message = format!("What `letsbe-node drift` printed cannot be read: {error}");
            Problem::transient(Code::NODE074, message, "Run it by hand on the server.")
        })?;
        self.last.send_replace(Some(seen.clone()));
        Ok(seen)
    }
}
