//! Replacing a lost server: how it begins, and how it is taken back.

use chrono::{DateTime, Utc};
use letsbe_types::{Region, ids::RecoveryId};

use super::{Next, Phase, Recovery, State, decide::enter};

/// From a live server, or from a recovery that failed: then its own server is given up, too.
pub(super) fn request(
    state: &State,
    id: RecoveryId,
    region: Option<Region>,
    now: DateTime<Utc>,
) -> Option<Next> {
    let (lost, lost_address, begun) = match (state.phase, &state.recovery) {
        (Phase::Fulfilled, None) => (state.server.clone(), state.address, false),
        (Phase::Failed, Some(former)) => (former.lost.clone(), former.lost_address, former.begun),
        _ => return None,
    };
    let state = State {
        server: None,
        address: None,
        purchase_asked: false,
        recovery: Some(Recovery { id, region, lost, lost_address, begun }),
        // A run on the lost server is given up with it.
        convergence: None,
        ..state.clone()
    };
    Some(Next { void_pending: true, ..enter(&state, Phase::ServerLost, now) })
}

/// Until something was provisioned in its place, the lost server may turn out not to be lost.
pub(super) fn cancel(state: &State, now: DateTime<Utc>) -> Option<Next> {
    let open = state.recovery.as_ref().is_some_and(|recovery| !recovery.begun)
        && state.phase != Phase::RecoveryCancelled
        && state.resume != Some(Phase::RecoveryCancelled);
    open.then(|| Next { void_pending: true, ..enter(state, Phase::RecoveryCancelled, now) })
}

/// What was claimed is out of use: the server that was called lost is the order's again.
pub(super) fn back(state: &State, now: DateTime<Utc>) -> Next {
    let former = state.recovery.clone();
    let state = State {
        server: former.as_ref().and_then(|recovery| recovery.lost.clone()),
        address: former.and_then(|recovery| recovery.lost_address),
        recovery: None,
        purchase_asked: false,
        ..state.clone()
    };
    enter(&state, Phase::Fulfilled, now)
}
