//! Requests and answers of both endpoints.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use letsbe_gate::Invalid;
use letsbe_types::{
    Code, Problem,
    api::{ErrorBody, ErrorReply, FieldError},
    ids::ApprovalId,
};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::gate::Judged;

/// A call as it comes in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Which agent asks.
    pub(super) agent: String,
    pub(super) verb: String,
    pub(super) tool: Option<String>,
    #[serde(default = "nothing")]
    pub(super) arguments: Value,
    /// Only say what would be done.
    #[serde(default, deserialize_with = "null_is_no")]
    pub(super) plan_only: bool,
    /// The approval that this call was given before.
    pub(super) approval: Option<ApprovalId>,
}

fn null_is_no<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(false))
}

fn nothing() -> Value {
    json!({})
}

/// Why a call got no answer of its own.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) details: Vec<FieldError>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let code = format!("API{}", status.as_u16());
        Self { status, code, message: message.into(), details: Vec::new() }
    }

    fn of(status: StatusCode, problem: Problem) -> Self {
        let message = format!("{}. {}", problem.message, problem.hint);
        Self { status, code: problem.code, message, details: Vec::new() }
    }

    /// The vault cannot be read.
    pub(super) fn locked(problem: Problem) -> Self {
        Self::of(StatusCode::SERVICE_UNAVAILABLE, problem)
    }

    /// Too much at a time.
    pub(super) fn busy(problem: Problem) -> Self {
        Self::of(StatusCode::TOO_MANY_REQUESTS, problem)
    }

    /// As it is told to a model.
    pub(super) fn to_json(&self) -> Value {
        json!({ "status": "refused", "code": self.code, "message": self.message, "details": self.details })
    }
}

impl From<Invalid> for Refusal {
    fn from(Invalid(details): Invalid) -> Self {
        Self { details, ..Self::new(StatusCode::BAD_REQUEST, "Some fields are not as they should be.") }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status = if problem.code == Code::GATE003 {
            StatusCode::CONFLICT
        } else if problem.code == Code::GATE004 {
            StatusCode::TOO_MANY_REQUESTS
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        Self::of(status, problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error =
            ErrorBody { code: self.code, message: self.message, details: self.details, hint: String::new() };
        (self.status, Json(ErrorReply { success: false, error })).into_response()
    }
}

impl Judged {
    /// An answer about this call; `more` is an object.
    pub(super) fn answer(&self, status: &str, more: Value) -> Value {
        let mut answer = json!({
            "status": status,
            "verb": self.call.action.verb(),
            "tool": self.call.action.tool(),
            "class": self.judgement.class,
            "external": self.judgement.external,
            "autonomy": self.autonomy,
            "decision": self.decision,
            "plan": self.plan,
        });
        if let (Some(answer), Value::Object(more)) = (answer.as_object_mut(), more) {
            answer.extend(more);
        }
        answer
    }
}
