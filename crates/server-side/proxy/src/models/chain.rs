//! One request from its body to its answer: a model's providers are asked one after the other.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use letsbe_redact::RedactError;
use letsbe_types::link::{Model, Target};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{
    breaker::{Breakers, Pass},
    dialect::told,
    manner::{Manners, otherwise},
    meter::{Bound, Reservation},
    relay::{Ended, Relay},
    upstream::{self, Failure, Reply, Times},
    wish::{Added, Wish, body_for, tokens_of},
};
use crate::{
    closing::Closing,
    limits::{LONG_BODY_BYTES, Patience},
    link::{InForce, Link, Provider},
    refusal::{NO_ANSWER, NOT_REDACTED, PROVIDER_REFUSES, Refusal, UNKNOWN_MODEL},
};

/// What asking needs.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub(crate) link: Arc<Link>,
    pub(crate) breakers: Arc<Breakers>,
    pub(crate) manners: Arc<Manners>,
    pub(crate) patience: Patience,
    pub(crate) closing: Closing,
}

/// A request's place among those that are under way.
#[derive(Debug)]
pub(crate) struct Held {
    /// Until the answer has been passed on.
    pub(crate) turn: OwnedSemaphorePermit,
    /// For its body, until the answer begins.
    pub(crate) room: OwnedSemaphorePermit,
}

/// An attempt that may be made.
struct Attempt {
    pass: Pass,
    reservation: Reservation,
}

/// What has happened to a request so far.
#[derive(Default)]
struct SoFar {
    failures: Vec<String>,
    /// Of the last attempt.
    reservation: Option<Reservation>,
    /// What the last provider asked for.
    retry_after: Option<Duration>,
    /// One of them did, so that it is worth asking again.
    was_busy: bool,
    /// What the last model that cannot do it has answered.
    refusal: Option<(StatusCode, Vec<u8>)>,
}

/// A request that may be sent.
struct Request<'a> {
    asker: &'a Asker,
    in_force: &'a InForce,
    wish: Wish,
    bound: Bound,
    times: Times,
    /// After it nobody is left to be asked.
    last: Option<&'a Target>,
}

impl Asker {
    /// Answers a wish.
    pub(crate) async fn answer(
        &self,
        in_force: &InForce,
        mut wish: Wish,
        held: Held,
    ) -> Result<Response, Refusal> {
        let deadline = Instant::now() + self.patience.whole;
        let model = in_force.model(&wish.model).ok_or_else(|| unknown_model(in_force, &wish.model))?;
        let body = std::mem::take(&mut wish.body);
        wish.body = redact(in_force, body).await.map_err(|error| not_redacted(&error))?;
        let bound = Bound {
            input: tokens_of(wish.body.len() as u64),
            output: wish.output_bound(model.output_tokens_max),
        };
        let times = Times { patience: self.patience, deadline, attempts: 1 };
        let last = model.chain.last();
        Request { asker: self, in_force, wish, bound, times, last }.ask_all(model, held).await
    }
}

impl Request<'_> {
    async fn ask_all(&self, model: &Model, held: Held) -> Result<Response, Refusal> {
        let mut so_far = SoFar::default();
        for target in &model.chain {
            if let Some((reply, attempt)) = self.attempt(target, &mut so_far).await? {
                return self.respond(reply, attempt, held).await;
            }
        }
        // Only when there is nobody else left, a provider that asks for patience gets it.
        if let (Some(wait), Some(target)) = (so_far.retry_after, model.chain.last())
            && wait <= self.times.patience.first_byte
        {
            tokio::time::sleep(wait).await;
            if let Some((reply, attempt)) = self.attempt(target, &mut so_far).await? {
                return self.respond(reply, attempt, held).await;
            }
        }
        match so_far.refusal.take() {
            Some((status, body)) if !so_far.was_busy => self.tell(status, &body).await,
            _ => Err(no_answer(&so_far)),
        }
    }

    /// Asks one target; `None` if another one is to be asked.
    async fn attempt(
        &self,
        target: &Target,
        so_far: &mut SoFar,
    ) -> Result<Option<(Reply, Attempt)>, Refusal> {
        so_far.retry_after = None;
        if Instant::now() >= self.times.deadline {
            so_far.failures.push(format!("{}: no time is left", name(target)));
            return Ok(None);
        }
        let Some(pass) = self.asker.breakers.admit(target) else {
            so_far.failures.push(format!("{}: it rests after failures", name(target)));
            return Ok(None);
        };
        let mut reservation = self.reserve(so_far.reservation.take(), target).await?;
        match self.ask(target, &mut reservation).await {
            Ok(reply) => Ok(Some((reply, Attempt { pass, reservation }))),
            Err(failure) => {
                so_far.reservation = Some(reservation);
                so_far.failures.push(format!("{}: {failure}", name(target)));
                so_far.retry_after = failure.retry_after;
                so_far.was_busy |= failure.retry_after.is_some();
                match failure.refusal {
                    // A model that says no is well.
                    Some(refusal) => {
                        pass.succeeded();
                        so_far.refusal = Some(refusal);
                    }
                    None => pass.failed(),
                }
                Ok(None)
            }
        }
    }

    /// The reservation of the next attempt: the last one's, unless that may have cost something.
    async fn reserve(&self, last: Option<Reservation>, target: &Target) -> Result<Reservation, Refusal> {
        let patience = self.asker.patience.agent;
        // Whatever happened since the last attempt: while the agent is away nothing leaves.
        if self.asker.link.in_force(patience).await.is_none() {
            return Err(Refusal::no_agent());
        }
        match last {
            Some(reservation) if !reservation.is_spent() => Ok(reservation),
            _ => Reservation::take(&self.asker.link, self.bound, &name(target), patience).await,
        }
    }

    async fn ask(&self, target: &Target, reservation: &mut Reservation) -> Result<Reply, Failure> {
        let provider = match self.in_force.providers.get(&target.provider) {
            Some(Ok(provider)) => provider,
            Some(Err(why)) => return Err(Failure::new(why)),
            None => return Err(Failure::new("there is no such provider")),
        };
        let manners = &self.asker.manners;
        let mut added = manners.suited(target, self.wish.added());
        let mut asked = self.ask_so(target, provider, added, reservation).await;
        // Once with the other word for the bound, once without the wish for the usage.
        for _ in 0..2 {
            let (status, body) = match &asked {
                Ok(Reply::Refused(status, body)) => (status, body),
                Err(Failure { refusal: Some((status, body)), .. }) => (status, body),
                _ => break,
            };
            let Some(other) = otherwise(self.wish.form, added, status.as_u16(), body) else { break };
            added = other;
            asked = self.ask_so(target, provider, added, reservation).await;
            if matches!(asked, Ok(Reply::Whole(_) | Reply::Stream(_))) {
                manners.remember(target, added);
            }
        }
        if let Err(failure) = &asked {
            tracing::warn!(target = name(target), %failure, "a model did not answer");
        }
        asked
    }

    async fn ask_so(
        &self,
        target: &Target,
        provider: &Provider,
        added: Added,
        reservation: &mut Reservation,
    ) -> Result<Reply, Failure> {
        let body = body_for(&target.model, &added, &self.wish.body);
        reservation.sending(name(target), self.bound);
        let is_last = self.last.is_some_and(|last| std::ptr::eq(last, target));
        // Half of the time is for those that are asked after it.
        let times = Times { attempts: if is_last { 1 } else { 2 }, ..self.times };
        upstream::ask(provider, &self.wish, body, reservation, times).await
    }

    async fn respond(
        &self,
        reply: Reply,
        Attempt { pass, reservation }: Attempt,
        Held { turn, room: _room }: Held,
    ) -> Result<Response, Refusal> {
        match reply {
            Reply::Stream(opened) => {
                let redactor = &self.in_force.redactor;
                let closing = self.asker.closing.clone();
                let ended = Ended { reservation, pass, closing, turn };
                let relay = Relay::new(&self.wish, *opened, redactor, ended);
                Ok(with_type(StatusCode::OK, "text/event-stream", relay.into_body()))
            }
            Reply::Whole(body) => {
                pass.succeeded();
                let body = redact(self.in_force, body).await.map_err(|error| not_redacted_answer(&error))?;
                Ok(with_type(StatusCode::OK, "application/json", body.into()))
            }
            Reply::Refused(status, body) => {
                pass.succeeded();
                self.tell(status, &body).await
            }
        }
    }

    /// A provider's refusal, for the caller.
    async fn tell(&self, status: StatusCode, body: &[u8]) -> Result<Response, Refusal> {
        let refused = || {
            let message = format!("the provider refuses the request with {}", status.as_u16());
            Refusal::new(status, PROVIDER_REFUSES, message)
        };
        let told = told(body).ok_or_else(refused)?.to_string().into_bytes();
        let told = redact(self.in_force, told).await.map_err(|_| refused())?;
        Ok(with_type(status, "application/json", told.into()))
    }
}

/// Provider and model.
fn name(target: &Target) -> String {
    format!("{}/{}", target.provider, target.model)
}

fn with_type(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A body without secrets.
async fn redact(in_force: &InForce, body: Vec<u8>) -> Result<Vec<u8>, RedactError> {
    let redactor = Arc::clone(&in_force.redactor);
    if body.len() < LONG_BODY_BYTES {
        return redactor.json_body(&body);
    }
    let task = tokio::task::spawn_blocking(move || redactor.json_body(&body));
    task.await.unwrap_or_else(|error| Err(RedactError::NotJson(error.to_string())))
}

fn not_redacted(error: &RedactError) -> Refusal {
    tracing::warn!(%error, "a request could not be looked through for secrets");
    let message = "the request could not be looked through for secrets, so it is not sent";
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, NOT_REDACTED, message)
}

fn not_redacted_answer(error: &RedactError) -> Refusal {
    tracing::warn!(%error, "an answer could not be looked through for secrets");
    let message = "the answer could not be looked through for secrets, so it is not passed on";
    Refusal::new(StatusCode::BAD_GATEWAY, NOT_REDACTED, message)
}

fn unknown_model(in_force: &InForce, name: &str) -> Refusal {
    let known: Vec<&str> = in_force.models.iter().map(|model| model.name.as_str()).collect();
    // The name is the caller's own text; a long one is not repeated.
    let name: String = name.chars().take(100).collect();
    let message = format!("there is no model {name:?} here; there are: {}", known.join(", "));
    Refusal::new(StatusCode::NOT_FOUND, UNKNOWN_MODEL, message).about("model")
}

fn no_answer(so_far: &SoFar) -> Refusal {
    let message = format!("no model answered ({})", so_far.failures.join("; "));
    let status = match so_far.retry_after {
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
        None => StatusCode::BAD_GATEWAY,
    };
    Refusal { retry_after: so_far.retry_after, ..Refusal::new(status, NO_ANSWER, message) }
}
