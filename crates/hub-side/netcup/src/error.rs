//! What can go wrong with Netcup, sorted by what to do about it.

use std::time::Duration;

use letsbe_types::{Code, Problem, Secret};
use progenitor_client::{ByteStream, Error};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use thiserror::Error;

use crate::generated::types::ValidationError;

const LONGEST_MESSAGE: usize = 300;
/// So much of a secret in an answer is no chance.
const QUOTED: usize = 12;

/// The kinds of failure, each with its own remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nobody is logged in, or the refresh token has died: a person must run the device flow.
    LoginRequired,
    /// 403: the account's IP allow-list, or a right that is missing.
    Forbidden,
    /// 404.
    NotFound,
    /// 400, 422 and the like: the request itself is wrong.
    Refused,
    /// 409 `server.lock.error`: another task holds the server.
    Locked,
    /// 503: node or API in maintenance.
    Maintenance,
    /// 429, with the wait that Netcup asked for.
    Busy(Option<Duration>),
    /// No connection: nothing was sent.
    Unreachable,
    /// The request was sent and the reply never came whole: for a write, the outcome is unknown.
    ReplyLost,
    /// Another answer of the 5xx kind: for a write, the outcome is unknown.
    ServerError,
    /// An answer that cannot be understood.
    Unexpected,
    /// The token store failed.
    Store,
}

/// A failed call.
#[derive(Debug, Clone, Error)]
#[error("{problem}")]
pub struct ScpError {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// The failure as a person meets it.
    pub problem: Problem,
}

impl ScpError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let (code, hint, retryable) = advice(kind);
        let problem = Problem { code: code.into(), message: message.into(), hint: hint.into(), retryable };
        Self { kind, problem }
    }

    /// Whether a write may have been carried out although it failed here. Only reading can tell.
    #[must_use]
    pub const fn outcome_unknown(&self) -> bool {
        matches!(self.kind, ErrorKind::ReplyLost | ErrorKind::ServerError | ErrorKind::Unexpected)
    }

    /// The same without what was sent in secret: an answer may quote the field that it refuses, whole or in part.
    pub(crate) fn without(mut self, secret: &Secret<String>) -> Self {
        let lines = secret.expose().lines().filter(|line| line.len() >= QUOTED);
        let pieces = lines.flat_map(|line| line.as_bytes().windows(QUOTED));
        let quoted = |piece: &[u8]| self.problem.message.as_bytes().windows(QUOTED).any(|part| part == piece);
        if pieces.into_iter().any(quoted) {
            let said = self.problem.message.split(": ").next().unwrap_or_default();
            self.problem.message =
                format!("{said}: the answer quotes what was sent in secret, so it is not shown");
        }
        self
    }

    /// How long Netcup asked to wait.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.kind {
            ErrorKind::Busy(wait) => wait,
            _ => None,
        }
    }
}

const fn advice(kind: ErrorKind) -> (Code, &'static str, bool) {
    match kind {
        ErrorKind::LoginRequired => (
            Code::NETCUP_LOGIN_REQUIRED,
            "log in to Netcup again: start the device login in the Hub and confirm the code in the browser",
            false,
        ),
        ErrorKind::Forbidden => (
            Code::NETCUP_FORBIDDEN,
            "check the IP allow-list for API logins in the SCP's user settings, and the account's rights",
            false,
        ),
        ErrorKind::NotFound => (Code::NETCUP_NOT_FOUND, "check that the account still has it", false),
        ErrorKind::Refused => {
            (Code::NETCUP_REFUSED, "the request itself is refused; correct what the message names", false)
        }
        ErrorKind::Locked => {
            (Code::NETCUP_LOCKED, "another task holds the server; it is tried again by itself", true)
        }
        ErrorKind::Maintenance => {
            (Code::NETCUP_MAINTENANCE, "wait for the end of the maintenance; it is tried again", true)
        }
        ErrorKind::Busy(_) => (Code::NETCUP_BUSY, "too many requests; it is tried again by itself", true),
        ErrorKind::Unreachable => {
            (Code::NETCUP_UNREACHABLE, "check the network and Netcup's status; it is tried again", true)
        }
        ErrorKind::ReplyLost => {
            (Code::NETCUP_REPLY_LOST, "what happened is read back before anything is sent again", true)
        }
        ErrorKind::ServerError => {
            (Code::NETCUP_SERVER_ERROR, "Netcup failed; what happened is read back, then retried", true)
        }
        ErrorKind::Unexpected => {
            (Code::NETCUP_UNEXPECTED, "the API may have changed; compare its current description", false)
        }
        ErrorKind::Store => (Code::NETCUP_TOKEN_STORE, "check the Hub's database", true),
    }
}

/// Sorts an answer by status and Netcup's own code.
pub(crate) fn classify(status: u16, code: &str, retry_after: Option<Duration>) -> ErrorKind {
    match status {
        401 => ErrorKind::LoginRequired,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        409 if code == "server.lock.error" => ErrorKind::Locked,
        429 => ErrorKind::Busy(retry_after),
        503 => ErrorKind::Maintenance,
        400..=499 => ErrorKind::Refused,
        500..=599 => ErrorKind::ServerError,
        _ => ErrorKind::Unexpected,
    }
}

/// Netcup's error bodies, which differ by operation.
pub(crate) trait ErrorBody {
    fn details(self) -> ValidationError;
}

impl ErrorBody for ValidationError {
    fn details(self) -> ValidationError {
        self
    }
}

impl ErrorBody for () {
    fn details(self) -> ValidationError {
        ValidationError::default()
    }
}

impl ErrorBody for ByteStream {
    fn details(self) -> ValidationError {
        ValidationError::default()
    }
}

fn wait_asked_for(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

fn answered(what: &str, status: u16, body: ValidationError, retry_after: Option<Duration>) -> ScpError {
    let code = body.code.unwrap_or_default();
    let mut message = format!("Netcup answered {status} to \"{what}\"");
    let fields = body
        .errors
        .unwrap_or_default()
        .into_iter()
        .map(|error| [error.field, error.message].into_iter().flatten().collect::<Vec<_>>().join(": "));
    let parts = [Some(code.clone()).filter(|code| !code.is_empty()), body.message].into_iter().flatten();
    let detail = parts.chain(fields).collect::<Vec<_>>().join("; ");
    if !detail.is_empty() {
        message = format!("{message}: {}", detail.chars().take(LONGEST_MESSAGE).collect::<String>());
    }
    ScpError::new(classify(status, &code, retry_after), message)
}

/// A failure of the transport, before there was an answer.
pub(crate) fn transport(what: &str, error: &reqwest::Error) -> ScpError {
    let (kind, how) = match () {
        () if error.is_connect() => (ErrorKind::Unreachable, "Netcup could not be reached"),
        () if error.is_timeout() => (ErrorKind::ReplyLost, "Netcup did not answer in time"),
        () if error.is_builder() => (ErrorKind::Refused, "the request could not be made"),
        () => (ErrorKind::ReplyLost, "the connection to Netcup broke"),
    };
    ScpError::new(kind, format!("{how} (\"{what}\")"))
}

/// A failed answer read whole.
pub(crate) async fn unexpected(what: &str, response: reqwest::Response) -> ScpError {
    let status = response.status().as_u16();
    let wait = wait_asked_for(response.headers());
    let body = response.bytes().await.unwrap_or_default();
    answered(what, status, serde_json::from_slice(&body).unwrap_or_default(), wait)
}

/// Sorts a failure of the generated client.
pub(crate) async fn sort<E: ErrorBody>(what: &str, error: Error<E>) -> ScpError {
    match error {
        Error::CommunicationError(error) | Error::ResponseBodyError(error) | Error::InvalidUpgrade(error) => {
            transport(what, &error)
        }
        Error::ErrorResponse(response) => {
            let (status, wait) = (response.status().as_u16(), wait_asked_for(response.headers()));
            answered(what, status, response.into_inner().details(), wait)
        }
        Error::UnexpectedResponse(response) => unexpected(what, response).await,
        // The status of an error page that is no JSON; see the hooks.
        Error::Custom(status) => {
            answered(what, status.parse().unwrap_or(0), ValidationError::default(), None)
        }
        Error::InvalidRequest(why) => {
            ScpError::new(ErrorKind::Refused, format!("\"{what}\" was not sent: {why}"))
        }
        Error::InvalidResponsePayload(_, error) => ScpError::new(
            ErrorKind::Unexpected,
            format!("Netcup's answer to \"{what}\" is not understood: {error}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use letsbe_types::Secret;

    use super::{ErrorKind, ScpError, classify};

    #[test]
    fn an_answer_that_quotes_what_was_sent_in_secret_is_not_shown() {
        let secret = Secret::new("#!/bin/sh\n-----BEGIN KEY\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n".to_owned());
        let message = |detail: &str| {
            let said = format!("Netcup answered 422 to \"installation on server 1\": {detail}");
            ScpError::new(ErrorKind::Refused, said).without(&secret).problem.message
        };
        for quoted in ["customScript: b3BlbnNzaC1rZXktdjEAAAAABG5vbmU", "\"c1rZXktdjEAAAA…\" is too long"] {
            let shown = message(quoted);
            assert!(shown.contains("422") && !shown.contains("ktdjEAA"), "{shown}");
        }
        assert!(message("customScript: too long").ends_with("customScript: too long"));
    }

    #[test]
    fn answers_are_sorted_by_what_to_do() {
        for (status, code, kind, retryable) in [
            (400, "", ErrorKind::Refused, false),
            (401, "", ErrorKind::LoginRequired, false),
            (403, "", ErrorKind::Forbidden, false),
            (404, "", ErrorKind::NotFound, false),
            (409, "server.lock.error", ErrorKind::Locked, true),
            (409, "snapshot.exists", ErrorKind::Refused, false),
            (422, "validation.error", ErrorKind::Refused, false),
            (429, "", ErrorKind::Busy(Some(Duration::from_secs(7))), true),
            (500, "", ErrorKind::ServerError, true),
            (502, "", ErrorKind::ServerError, true),
            (503, "node.maintenance", ErrorKind::Maintenance, true),
        ] {
            let sorted = classify(status, code, Some(Duration::from_secs(7)));
            assert_eq!(sorted, kind, "{status} {code}");
            assert_eq!(ScpError::new(sorted, "x").problem.retryable, retryable, "{status} {code}");
        }
    }
}
