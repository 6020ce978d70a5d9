//! The gate's part of the control socket: for root on this server.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::get,
};
use letsbe_gate::Held;
use letsbe_types::{
    ids::ApprovalId,
    tenant::{Approval, ApprovalState, LogHead},
};
use serde::{Deserialize, Serialize};

use crate::{
    gate::{Gate, problem},
    refusal::Refusal,
};

#[derive(Deserialize)]
struct Which {
    #[serde(default)]
    all: bool,
}

/// A person's word.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Word {
    pub(super) approve: bool,
    pub(super) by: String,
}

impl Gate {
    /// What root on this server may ask, for the control socket.
    pub(crate) fn control(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/approvals", get(list))
            .route("/approvals/{id}", get(show).post(decide))
            .route("/gate/log/head", get(head))
            .with_state(Arc::clone(self))
    }

    fn held(&self, id: ApprovalId) -> Result<Held, Refusal> {
        let held = self.store.look(|approvals| approvals.get(id).cloned());
        held.map_err(|error| Refusal(problem::approval(&error)))
    }
}

async fn list(State(gate): State<Arc<Gate>>, Query(which): Query<Which>) -> Json<Vec<Approval>> {
    let wanted = |held: &&Held| which.all || held.approval.state == ApprovalState::Pending;
    let listed = |held: &Held| held.approval.clone();
    Json(gate.store.look(|approvals| approvals.iter().filter(wanted).map(listed).collect()))
}

async fn show(State(gate): State<Arc<Gate>>, Path(id): Path<ApprovalId>) -> Result<Json<Held>, Refusal> {
    gate.held(id).map(Json)
}

async fn decide(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<ApprovalId>,
    Json(word): Json<Word>,
) -> Result<Json<Approval>, Refusal> {
    gate.decide(id, word.approve, &word.by).await?;
    Ok(Json(gate.held(id)?.approval))
}

async fn head(State(gate): State<Arc<Gate>>) -> Json<LogHead> {
    Json(gate.head())
}
