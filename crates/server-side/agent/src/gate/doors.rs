//! The gate's socket: `POST /api/v1/tools/execute` and `/mcp`, for those with the gate's key.

use std::{sync::Arc, time::Instant};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State, rejection::JsonRejection},
    http::{StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;

use crate::gate::{
    Gate,
    answer::{Asked, Refusal},
    from_here, mcp, problem,
};

/// Most bytes of a question.
pub(super) const BODY_BYTES: usize = 256 * 1024;

impl Gate {
    /// The two doors of the AI team, for the gate's socket.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/api/v1/tools/execute", post(execute))
            .nest_service("/mcp", mcp::service(self))
            .layer(DefaultBodyLimit::max(BODY_BYTES))
            .layer(from_fn_with_state(Arc::clone(self), let_in))
            .layer(from_fn(from_here::only))
            .with_state(Arc::clone(self))
    }

    /// Whether this is the gate's key. Fails without a vault.
    fn knows(&self, key: &str) -> Result<bool, Refusal> {
        let secrets = self.secrets()?;
        let wanted = secrets.present.get("openclaw", "gate_key");
        Ok(wanted.is_some_and(|wanted| wanted.expose().as_bytes().ct_eq(key.as_bytes()).into()))
    }
}

async fn let_in(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = value
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match gate.knows(key.map_or("", |(_, key)| key.trim())) {
        // Who has no key takes no turn away from who has.
        Ok(true) if gate.limit.allows(Instant::now()) => next.run(request).await,
        Ok(true) => Refusal::busy(problem::busy()).into_response(),
        Ok(false) => Refusal::new(StatusCode::UNAUTHORIZED, "This door opens with the gate's key only.")
            .into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn execute(
    State(gate): State<Arc<Gate>>,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(asked) = asked.map_err(|rejection| Refusal::new(rejection.status(), rejection.body_text()))?;
    let data = gate.ask(asked).await?;
    Ok(Json(json!({ "success": true, "data": data })))
}
