//! The command gate as the rest of the agent knows it: open, or closed with a reason.
//!
//! A gate whose table or catalog cannot be read stays closed, and the agent goes on without it; it is tried again.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{
    Json, Router,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use chrono::Utc;
use letsbe_types::{
    Code, Problem,
    ids::ApprovalId,
    tenant::{LogChain, LogHead, TenantEventKind},
};
use serde_json::json;
use tokio::{sync::watch, time::sleep};
use tower::ServiceExt as _;

use crate::{
    context::AgentContext,
    gate::{Gate, published_of_closed},
};
use letsbe_base::files;

/// A closed gate is tried again, and an open one looks for approvals that have run out, this often.
const INTERVAL: Duration = Duration::from_secs(30);

/// Up to which line the Hub knows the gate's log.
const KNOWN: &str = "gate-known.json";

/// The command gate, as far as heartbeats and the Hub's commands need it.
#[async_trait]
pub(crate) trait Approvals: Send + Sync {
    /// Somebody has decided an approval.
    async fn decide(&self, id: ApprovalId, approve: bool, by: &str) -> Result<(), Problem>;
    /// How many wait for a person.
    fn pending(&self) -> u32;
    /// The log of what was done, as the Hub is told of it.
    fn log(&self) -> (LogHead, Option<LogChain>);
    /// The Hub knows the log up to this line. Whether there is more to tell at once.
    fn known(&self, head: LogHead) -> Result<bool, Problem>;
}

/// An open gate with its two routers.
#[derive(Clone)]
struct Open {
    gate: Arc<Gate>,
    tools: Router,
    control: Router,
}

/// The way to the command gate.
pub(crate) struct GateHandle {
    context: Arc<AgentContext>,
    open: watch::Sender<Option<Open>>,
    told: std::sync::Mutex<Option<Problem>>,
    /// The line up to which the Hub knows the log.
    known: std::sync::Mutex<Option<LogHead>>,
}

impl GateHandle {
    /// Closed until [`GateHandle::poll`].
    pub(crate) fn new(context: Arc<AgentContext>) -> Arc<Self> {
        // Without it the Hub says it anew.
        let known = files::read_json(&context.layout.state(KNOWN)).unwrap_or_default();
        let (open, told) = (watch::Sender::new(None), std::sync::Mutex::default());
        Arc::new(Self { context, open, told, known: std::sync::Mutex::new(known) })
    }

    fn now(&self) -> Option<Open> {
        self.open.borrow().clone()
    }

    /// Opens the gate if it is closed, else has it look for what has run out.
    pub(crate) async fn poll(&self) {
        let result = match self.now() {
            Some(open) => open.gate.expire(Utc::now()).await,
            None => self.try_open().await,
        };
        let problem = result.err();
        let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(problem) = problem.as_ref().filter(|problem| told.as_ref() != Some(problem)) {
            tracing::error!("the command gate: {problem} {}", problem.hint);
            let _ = self.context.outbox.publish(TenantEventKind::Trouble { problem: problem.clone() });
        }
        *told = problem;
    }

    async fn try_open(&self) -> Result<(), Problem> {
        let gate = Gate::open(Arc::clone(&self.context)).await?;
        let (tools, control) = (gate.router(), gate.control());
        self.open.send_replace(Some(Open { gate, tools, control }));
        Ok(())
    }

    /// Looks for ever.
    pub(crate) async fn keep(&self) {
        loop {
            sleep(INTERVAL).await;
            self.poll().await;
        }
    }

    /// Passes what nobody else takes on to the gate's routes for the AI team.
    pub(crate) fn tools(self: &Arc<Self>) -> Router {
        self.pass(|open| open.tools)
    }

    /// Passes what nobody else takes on to the gate's routes for root on this server.
    pub(crate) fn control(self: &Arc<Self>) -> Router {
        self.pass(|open| open.control)
    }

    fn pass(self: &Arc<Self>, router: fn(Open) -> Router) -> Router {
        let gate = Arc::clone(self);
        Router::new().fallback(move |request: Request| async move {
            match gate.now() {
                Some(open) => router(open).oneshot(request).await.into_response(),
                None => closed(),
            }
        })
    }
}

fn closed() -> Response {
    let body = json!({ "success": false, "error": { "code": Code::NODE078, "message": "The command gate is closed." } });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

#[async_trait]
impl Approvals for GateHandle {
    async fn decide(&self, id: ApprovalId, approve: bool, by: &str) -> Result<(), Problem> {
        let closed = || {
            let hint = "See `journalctl -u letsbe-agent` on the server for the reason.";
            Problem::transient(Code::NODE078, "The command gate is closed", hint)
        };
        self.now().ok_or_else(closed)?.gate.decide_from_afar(id, approve, by).await
    }

    fn pending(&self) -> u32 {
        self.now().map_or(0, |open| open.gate.pending())
    }

    fn log(&self) -> (LogHead, Option<LogChain>) {
        let known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let from = known.clone().unwrap_or_default();
        let (head, chain) = match self.now() {
            Some(open) => open.gate.published(&from),
            None => published_of_closed(&self.context.layout, &from),
        };
        match (known, self.now()) {
            (Some(_), _) => (head, chain),
            // A Hub that has said nothing yet may be too old to read a chain.
            (None, Some(open)) => (open.gate.head(), None),
            (None, None) => (head, None),
        }
    }

    fn known(&self, head: LogHead) -> Result<bool, Problem> {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.as_ref() == Some(&head) {
            return Ok(false);
        }
        files::write_json(&self.context.layout.state(KNOWN), &head)?;
        let more = self.now().is_some_and(|open| open.gate.head().entry > head.entry);
        *known = Some(head);
        Ok(more)
    }
}
