//! `backup nightly`: what the timer starts.

use std::time::Duration;

use letsbe_backup::SetKind;
use letsbe_types::{
    Problem,
    backup::{BackupStatus, Ending},
};
use sha2::{Digest as _, Sha256};

use super::{
    lease,
    run::{self, Place, Request},
};
use crate::{proof, restore::stage};
use letsbe_base::server::TenantServer;

/// Servers of one fleet do not all ask the far side at the same moment.
const SPREAD_SECONDS: u64 = 30 * 60;
/// A provisioning run or a rotation is waited for this long.
const PATIENCE: Duration = Duration::from_secs(45 * 60);

/// How long a server waits before it asks the far side: always the same, another one for each server.
pub(super) fn spread(identity: &str) -> Duration {
    let hash = Sha256::digest(identity);
    let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    Duration::from_secs(number % SPREAD_SECONDS)
}

/// A run (the far side is not asked before a time has passed), then the proofs that are due, from here and from outside, then
/// the look at a share of the data.
///
/// # Errors
/// When another run works on the backups; or what did not work, after all the rest was done.
pub(super) async fn nightly(place: Place<'_>, before_remote: Duration) -> Result<BackupStatus, Problem> {
    let request = Request { tool: None, kind: SetKind::Nightly, patience: PATIENCE, before_remote };
    lease::with(&place.server.layout, &request.owner(), async |run| {
        // What a proof left that was killed would take the room that tonight's sets need.
        if let Err(problem) = stage::remove_abandoned(place.server).await {
            tracing::warn!("{problem}");
        }
        let status = run::carry_out(place, &request, run).await?;
        // A night that stored nothing still proves what is there.
        let proven = tokio::select! {
            proven = prove(place.server) => proven,
            problem = run::stopped() => Err(problem),
        };
        match status.status {
            Ending::Success => proven.map(|()| status),
            Ending::Partial | Ending::Failed => Ok(status),
        }
    })
    .await
}

/// The proofs that are due, the look at a share of the data, then the proofs from outside, which last longest: whatever becomes of the one,
/// the others are done.
pub(super) async fn prove(server: &TenantServer) -> Result<(), Problem> {
    let proofs = proof::nightly(server).await.map(drop);
    let checked = proof::check_share(server).await;
    let outside = proof::nightly_outside(server).await.map(drop);
    for problem in [&proofs, &outside, &checked].into_iter().filter_map(|done| done.as_ref().err()) {
        tracing::error!("{problem} {}", problem.hint);
    }
    proofs.and(outside).and(checked)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::spread;

    #[test]
    fn servers_ask_the_far_side_at_different_moments_and_each_always_at_the_same() {
        let waits: BTreeSet<Duration> =
            (0..200).map(|number| spread(&format!("identity-{number}"))).collect();
        assert!(waits.len() > 150, "{}", waits.len());
        assert!(waits.iter().all(|wait| *wait < Duration::from_secs(1800)));
        assert_eq!(spread("identity-7"), spread("identity-7"));
    }
}
