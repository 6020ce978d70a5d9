//! One attempt: one request to one provider, up to where its answer is sure to be one.

use std::{fmt, future::Future, time::Duration};

use reqwest::{
    Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use tokio::time::{Instant, timeout_at};

use super::{
    answer,
    event::meaning,
    meter::Reservation,
    sse::{Event, Splitter},
    wish::{Form, Wish},
};
use crate::{
    limits::{ANSWER_BYTES, ERROR_BYTES, Patience},
    link::Provider,
};

/// An answer.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A whole one.
    Whole(Vec<u8>),
    /// A stream whose first content has come.
    Stream(Box<Opened>),
    /// The provider does not take the request as it is, and neither would another.
    Refused(StatusCode, Vec<u8>),
}

/// A stream whose first content has come.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Everything up to the first content.
    pub(crate) first: Vec<Event>,
    pub(crate) incoming: Incoming,
}

/// Why an attempt failed, in our own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) what: String,
    /// The provider asks for patience, and for how much.
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), retry_after: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// What a status asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// An answer follows.
    Answer,
    /// Another provider may do better.
    Next,
    /// The request itself is at fault.
    Refused,
}

fn verdict(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Answer,
        // Our key, our account, or our name of the model: not the caller's fault. Or the provider's trouble.
        401..=404 | 408 | 409 | 425 | 429 => Verdict::Next,
        400..=499 => Verdict::Refused,
        _ => Verdict::Next,
    }
}

/// Asks a provider. Whatever it may have cost is left in the reservation.
pub(crate) async fn ask(
    provider: &Provider,
    wish: &Wish,
    body: Vec<u8>,
    reservation: &mut Reservation,
    times: Times,
) -> Result<Reply, Failure> {
    let accept = if wish.stream { "text/event-stream" } else { "application/json" };
    let request = provider
        .client
        .post(format!("{}/{}", provider.base_url, wish.form.path()))
        .header(AUTHORIZATION, provider.authorization.clone())
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, accept)
        .body(body);
    let first_byte = if wish.stream { times.patience.first_byte } else { times.patience.idle };
    let sent = times.within(first_byte, request.send()).await?;
    let response = sent.map_err(|error| {
        if error.is_connect() {
            reservation.free();
            return Failure::new("it cannot be reached");
        }
        Failure::new("the connection broke before an answer")
    })?;
    let status = response.status();
    match verdict(status.as_u16()) {
        Verdict::Answer => {}
        Verdict::Next => {
            reservation.free();
            return Err(Failure {
                what: format!("it answers {}", status.as_u16()),
                retry_after: retry_after(status, response.headers()),
            });
        }
        Verdict::Refused => {
            reservation.free();
            let mut incoming = Incoming::new(response, times);
            return Ok(Reply::Refused(status, incoming.whole(ERROR_BYTES, None).await?));
        }
    }
    let kind = if wish.stream { "text/event-stream" } else { "application/json" };
    if !has_type(response.headers(), kind) {
        return Err(Failure::new(format!("its answer is not {kind}")));
    }
    let mut incoming = Incoming::new(response, times);
    if wish.stream {
        return open(wish.form, incoming, reservation).await;
    }
    let whole = incoming.whole(ANSWER_BYTES, Some(reservation)).await?;
    let usage = answer::check(wish.form, &whole).ok_or_else(|| Failure::new("its answer is malformed"))?;
    if let Some(usage) = usage {
        reservation.report(usage);
    }
    Ok(Reply::Whole(whole))
}

/// Reads up to the first content, so that until then another provider can still be asked.
async fn open(form: Form, mut incoming: Incoming, reservation: &mut Reservation) -> Result<Reply, Failure> {
    let mut first = Vec::new();
    let mut bytes = 0;
    while let Some(event) = incoming.event(reservation).await? {
        // Comments before the answer only say that it is being waited for.
        let Some(data) = &event.data else { continue };
        let meaning = meaning(form, data).ok_or_else(|| Failure::new("its answer is malformed"))?;
        if meaning.is_failure {
            return Err(Failure::new("it gave up before its answer began"));
        }
        bytes += event.raw.len();
        if bytes > ANSWER_BYTES {
            break;
        }
        first.push(event);
        if meaning.is_content {
            reservation.first_token();
            return Ok(Reply::Stream(Box::new(Opened { first, incoming })));
        }
        if meaning.is_last {
            break;
        }
    }
    Err(Failure::new("its answer ended before it began"))
}

fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let found = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    found.split(';').next().is_some_and(|found| found.trim().eq_ignore_ascii_case(wanted))
}

fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// How long an attempt may wait, and until when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) patience: Patience,
    pub(crate) deadline: Instant,
}

impl Times {
    async fn within<T>(self, wait: Duration, future: impl Future<Output = T>) -> Result<T, Failure> {
        let until = self.deadline.min(Instant::now() + wait);
        timeout_at(until, future).await.map_err(|_| Failure::new("it does not go on in time"))
    }
}

/// What comes from a provider.
#[derive(Debug)]
pub(crate) struct Incoming {
    response: Response,
    splitter: Splitter,
    times: Times,
}

impl Incoming {
    fn new(response: Response, times: Times) -> Self {
        Self { response, splitter: Splitter::default(), times }
    }

    /// The next event; `None` at the end.
    pub(crate) async fn event(&mut self, reservation: &mut Reservation) -> Result<Option<Event>, Failure> {
        loop {
            if let Some(event) = self.splitter.next() {
                return Ok(Some(event));
            }
            let chunk = self.times.within(self.times.patience.idle, self.response.chunk()).await?;
            match chunk.map_err(|_| Failure::new("the connection broke in its answer"))? {
                Some(chunk) => {
                    reservation.received(chunk.len());
                    self.splitter.push(&chunk).map_err(|_| Failure::new("its answer is too long"))?;
                }
                None if self.splitter.is_within() => return Err(Failure::new("its answer is cut")),
                None => return Ok(None),
            }
        }
    }

    /// Everything, up to so many bytes.
    async fn whole(&mut self, most: usize, mut meter: Option<&mut Reservation>) -> Result<Vec<u8>, Failure> {
        let mut whole = Vec::new();
        loop {
            let chunk = self.times.within(self.times.patience.idle, self.response.chunk()).await?;
            let Some(chunk) = chunk.map_err(|_| Failure::new("the connection broke in its answer"))? else {
                return Ok(whole);
            };
            if let Some(reservation) = &mut meter {
                reservation.received(chunk.len());
            }
            if whole.len() + chunk.len() > most {
                return Err(Failure::new("its answer is too long"));
            }
            whole.extend_from_slice(&chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict, verdict};

    #[test]
    fn a_status_decides_who_is_at_fault() {
        for status in [200, 201, 299] {
            assert_eq!(verdict(status), Verdict::Answer, "{status}");
        }
        for status in [100, 301, 401, 402, 403, 404, 408, 409, 425, 429, 500, 502, 503, 504, 529, 599] {
            assert_eq!(verdict(status), Verdict::Next, "{status}");
        }
        for status in [400, 413, 415, 422, 451] {
            assert_eq!(verdict(status), Verdict::Refused, "{status}");
        }
    }
}
