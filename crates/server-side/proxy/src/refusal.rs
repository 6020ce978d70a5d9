//! What a caller reads when its request is not answered: OpenAI's form of an error, with a code of ours.

use letsbe_types::Code;
use std::time::Duration;

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// No secrets, or no line to the agent.
pub(crate) const NO_AGENT: Code = Code::PROXY001;
/// Not an address or method that is let through.
pub(crate) const NOT_ALLOWED: Code = Code::PROXY002;
/// Not the AI runtime's key.
pub(crate) const WRONG_KEY: Code = Code::PROXY003;
/// The body cannot be taken.
pub(crate) const BAD_BODY: Code = Code::PROXY004;
/// The body cannot be looked through.
pub(crate) const NOT_REDACTED: Code = Code::PROXY005;
/// No such model.
pub(crate) const UNKNOWN_MODEL: Code = Code::PROXY006;
/// The token pool does not suffice.
pub(crate) const POOL: Code = Code::PROXY007;
/// No provider answered.
pub(crate) const NO_ANSWER: Code = Code::PROXY008;
/// The answer broke off.
pub(crate) const BROKE_OFF: Code = Code::PROXY009;
/// The command gate is away.
pub(crate) const NO_GATE: Code = Code::PROXY010;
/// Too many requests at once.
pub(crate) const TOO_MANY: Code = Code::PROXY011;
/// The provider refuses the request as it is.
pub(crate) const PROVIDER_REFUSES: Code = Code::PROXY012;
/// A field that is not let through.
pub(crate) const NOT_LET_THROUGH: Code = Code::PROXY013;
/// Something that the provider would have to fetch, or has kept.
pub(crate) const OUTSIDE: Code = Code::PROXY014;

/// Why a request is not answered. The message carries no text of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) retry_after: Option<Duration>,
    /// The field that is at fault.
    pub(crate) param: Option<String>,
    /// Clients that ask again by themselves are told not to.
    pub(crate) is_final: bool,
}

/// What OpenAI's own clients look at before they ask again.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None, param: None, is_final: false }
    }

    /// The same, about this field.
    pub(crate) fn about(self, field: &str) -> Self {
        Self { param: Some(field.to_owned()), ..self }
    }

    /// The body cannot be taken.
    pub(crate) fn bad_body(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, BAD_BODY, message)
    }

    /// A field that is not on the list.
    pub(crate) fn not_let_through(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, NOT_LET_THROUGH, message)
    }

    /// It stands on something that is not in the request.
    pub(crate) fn outside(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, OUTSIDE, message)
    }

    /// The agent is away.
    pub(crate) fn no_agent() -> Self {
        let message = "the agent of this server is away, so nothing may leave; try again in a moment";
        let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, NO_AGENT, message);
        Self { retry_after: Some(Duration::from_secs(5)), ..refusal }
    }

    /// Too much at once.
    pub(crate) fn too_many() -> Self {
        let message = "too many requests are under way; try again in a moment";
        let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, TOO_MANY, message);
        Self { retry_after: Some(Duration::from_secs(1)), ..refusal }
    }

    /// The body of the answer.
    pub(crate) fn body(&self) -> Value {
        let Self { message, param, code, .. } = self;
        json!({ "error": { "message": message, "type": "letsbe_proxy", "param": param, "code": code } })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.is_final {
            response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        response
    }
}
