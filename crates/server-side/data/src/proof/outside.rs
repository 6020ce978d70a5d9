//! Proofs from the copy outside: every tool once a week, read from there alone, as another server would.

use letsbe_types::{
    Problem,
    backup::{BackupStatus, Proof},
};

use super::{
    evidence,
    night::{self, Scene},
    source::Source,
};
use crate::backup::repositories::Repositories;
use letsbe_base::server::TenantServer;

/// What the proofs of one night read from outside. One tool that holds more has a night of its own.
const BYTES: u64 = 10_000_000_000;

/// Proves the tools that are due from the copy outside; nothing where there is no destination, or nothing was copied yet.
/// The caller holds the backup lease.
///
/// # Errors
/// As [`night::nightly`]; when the far side does not answer.
pub(crate) async fn nightly(server: &TenantServer) -> Result<Vec<Proof>, Problem> {
    if Repositories::unasked(server)?.remote.is_none() {
        return Ok(Vec::new());
    }
    Scene::open(server, Source::outside(server).await?).await?.due(BYTES).await
}

/// What would be proven from outside if it were night now.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Plan {
    /// The tools, in order.
    pub(crate) tools: Vec<String>,
    /// What they hold: so much is read at most.
    pub(crate) bytes: u64,
    /// What a night reads, unless one tool alone holds more.
    pub(crate) limit_bytes: u64,
}

/// Decides it from what is known here; asks nobody.
///
/// # Errors
/// When the evidence cannot be read.
pub(crate) fn plan(
    server: &TenantServer,
    status: Option<&BackupStatus>,
    place: &str,
) -> Result<Plan, Problem> {
    let mut kept = evidence::read(&server.layout)?;
    kept.retain(|proof| proof.outside.as_deref() == Some(place));
    let bytes = |tool: &str| status.and_then(|status| status.tools.get(tool)).map_or(0, |tool| tool.bytes);
    let tools = status.iter().flat_map(|status| &status.tools).filter(|(_, tool)| tool.set.is_some());
    let (tonight, _) = night::tonight(server, tools.map(|(name, _)| name.as_str()), &kept, bytes, BYTES);
    let read = tonight.prove.iter().map(|tool| bytes(tool)).fold(0, u64::saturating_add);
    Ok(Plan { tools: tonight.prove, bytes: read, limit_bytes: BYTES })
}
