//! One attempt: one request to one provider, up to where its answer is sure to be one.

use std::{fmt, future::Future, time::Duration};

use chrono::{DateTime, Utc};
use reqwest::{
    Response, StatusCode,
    header::{
        ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
        RETRY_AFTER,
    },
};
use tokio::time::{Instant, timeout_at};

use super::{
    dialect::{Event, Fault, Splitter, check, events, fault, is_out_of_credit, meaning, readable},
    gather::gather,
    meter::Reservation,
    wish::{Form, Wish},
};
use crate::{
    limits::{ANSWER_BYTES, ERROR_BYTES, Patience},
    link::Provider,
};

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

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
    /// What the caller is told if no other model can do it either.
    pub(crate) refusal: Option<(StatusCode, Vec<u8>)>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), retry_after: None, refusal: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
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
        // What is packed is not unpacked here.
        .header(ACCEPT_ENCODING, "identity")
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
    if !response.status().is_success() {
        reservation.free();
        return refused(response, times).await;
    }
    let until = times.share();
    let begun = answered(wish, response, reservation, times, until);
    tokio::time::timeout_at(until, begun)
        .await
        .unwrap_or_else(|_| Err(Failure::new("its answer does not begin in time")))
}

/// An answer in the shape that is wanted, whatever shape it comes in.
async fn answered(
    wish: &Wish,
    response: Response,
    reservation: &mut Reservation,
    times: Times,
    until: Instant,
) -> Result<Reply, Failure> {
    let shape = Shape::of(response.headers(), wish.stream)?;
    let mut incoming = Incoming::new(response, times);
    let whole = match (shape, wish.stream) {
        (Shape::Stream, true) => return open(wish.form, incoming, reservation).await,
        (Shape::Stream, false) => gather(wish, &mut incoming, reservation, until).await?,
        (Shape::Whole, _) => readable(incoming.whole(ANSWER_BYTES, Some(reservation)).await?),
    };
    let malformed = || Failure::new("its answer is malformed");
    if let Some(usage) = check(wish.form, &whole).ok_or_else(malformed)? {
        reservation.report(usage);
    }
    if !wish.stream {
        return Ok(Reply::Whole(whole));
    }
    let first = events(wish.form, &whole).ok_or_else(malformed)?;
    Ok(Reply::Stream(Box::new(Opened { first, incoming })))
}

/// In what shape an answer comes. What says nothing of it, or something else, is taken for what was asked for: whether
/// it is an answer is seen in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Whole,
    Stream,
}

impl Shape {
    fn of(headers: &HeaderMap, stream: bool) -> Result<Self, Failure> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let packed = text(CONTENT_ENCODING).trim().to_lowercase();
        if !matches!(packed.as_str(), "" | "identity") {
            return Err(Failure::new("its answer is packed"));
        }
        let kind = text(CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_lowercase();
        match kind.as_str() {
            "text/html" | "application/xhtml+xml" => Err(Failure::new("it answers with a page")),
            "text/event-stream" => Ok(Self::Stream),
            json if json.ends_with("/json") || json.ends_with("+json") => Ok(Self::Whole),
            _ if stream => Ok(Self::Stream),
            _ => Ok(Self::Whole),
        }
    }
}

/// A refusal: the request's own, or one for which another provider is asked.
async fn refused(response: Response, times: Times) -> Result<Reply, Failure> {
    let status = response.status();
    let retry_after = retry_after(status, response.headers(), Utc::now());
    let mut body = Vec::new();
    if status.is_client_error() {
        // What is said is of use, and not worth more waiting than an answer.
        let patience = Patience { idle: times.patience.first_byte, ..times.patience };
        let mut incoming = Incoming::new(response, Times { patience, ..times });
        body = incoming.whole(ERROR_BYTES, None).await.unwrap_or_default();
    }
    let what = match fault(status.as_u16(), &body) {
        Fault::Caller => return Ok(Reply::Refused(status, body)),
        Fault::Model => {
            let what = format!("it answers {}: its model cannot do this", status.as_u16());
            return Err(Failure { what, retry_after: None, refusal: Some((status, body)) });
        }
        Fault::Provider(what) => what.map_or_else(String::new, |what| format!(": {what}")),
    };
    Err(Failure {
        what: format!("it answers {}{what}", status.as_u16()),
        retry_after: retry_after.filter(|_| !is_out_of_credit(&body)),
        refusal: None,
    })
}

/// Reads up to the first content, so that until then another provider can still be asked.
async fn open(form: Form, mut incoming: Incoming, reservation: &mut Reservation) -> Result<Reply, Failure> {
    let mut first = Vec::new();
    let mut bytes = 0;
    while let Some(event) = incoming.event(reservation).await? {
        let meaning = meaning(form, &event).ok_or_else(|| Failure::new("its answer is malformed"))?;
        if meaning.is_failure {
            return Err(Failure::new("it gave up before its answer began"));
        }
        // Comments and heartbeats before the answer only say that it is being waited for.
        if meaning.is_nothing || event.data.is_none() {
            continue;
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

/// How long a provider asks to be left in peace: in milliseconds, in seconds, or until a time.
fn retry_after(status: StatusCode, headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    if !matches!(status.as_u16(), 429 | 498 | 503 | 529) {
        return None;
    }
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |text: &str| text.parse().ok().and_then(|number| Duration::try_from_secs_f64(number).ok());
    let milliseconds = text(RETRY_AFTER_MS).and_then(number).map(|wait| wait / 1000);
    let until = |text: &str| {
        DateTime::parse_from_rfc2822(text).ok().and_then(|until| (until.to_utc() - now).to_std().ok())
    };
    milliseconds.or_else(|| text(RETRY_AFTER).and_then(|text| number(text).or_else(|| until(text))))
}

/// How long an attempt may wait, and until when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) patience: Patience,
    pub(crate) deadline: Instant,
    /// Among how many attempts the time that is left is shared.
    pub(crate) attempts: u32,
}

impl Times {
    /// Until when this attempt may take, so that the others have their time, too.
    fn share(self) -> Instant {
        let now = Instant::now();
        now + self.deadline.saturating_duration_since(now) / self.attempts.max(1)
    }

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
                None if self.splitter.is_within() => {
                    return self.splitter.end().map(Some).ok_or_else(|| Failure::new("its answer is cut"));
                }
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
    use std::time::Duration;

    use chrono::{DateTime, Utc};
    use reqwest::{
        StatusCode,
        header::{HeaderMap, HeaderName, HeaderValue},
    };

    use super::{Shape, retry_after};

    #[test]
    fn an_answer_is_taken_for_what_its_head_says_or_what_was_asked_for() {
        let shape = |name, value, stream| {
            let header = (HeaderName::from_static(name), HeaderValue::from_static(value));
            Shape::of(&HeaderMap::from_iter([header]), stream).ok()
        };
        let (whole, streamed) = (Some(Shape::Whole), Some(Shape::Stream));
        for (name, value, asked_stream, asked_whole) in [
            ("content-type", "text/event-stream;charset=UTF-8", streamed, streamed),
            ("content-type", "Application/JSON", whole, whole),
            ("content-type", "application/problem+json", whole, whole),
            ("content-type", "text/plain", streamed, whole),
            ("content-type", "application/octet-stream", streamed, whole),
            ("x-none", "", streamed, whole),
            ("content-encoding", "identity", streamed, whole),
            ("content-encoding", "gzip", None, None),
            ("content-type", "text/html; charset=utf-8", None, None),
        ] {
            assert_eq!(
                (shape(name, value, true), shape(name, value, false)),
                (asked_stream, asked_whole),
                "{value}"
            );
        }
    }

    #[test]
    fn a_providers_wish_for_patience_is_read_in_every_form() {
        let now: DateTime<Utc> = "2026-11-28T05:00:00Z".parse().unwrap();
        let second = Duration::from_secs(1);
        for (name, value, wanted) in [
            ("retry-after", "7", Some(second * 7)),
            ("retry-after", "0.5", Some(second / 2)),
            ("retry-after-ms", "1500", Some(second * 3 / 2)),
            ("retry-after", "Sat, 28 Nov 2026 05:00:20 GMT", Some(second * 20)),
            ("retry-after", "Sat, 28 Nov 2026 04:00:00 GMT", None),
            ("retry-after", "-1", None),
            ("retry-after", "soon", None),
            ("retry-after", "1e400", None),
        ] {
            let headers =
                HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
            assert_eq!(retry_after(StatusCode::TOO_MANY_REQUESTS, &headers, now), wanted, "{name}: {value}");
            assert_eq!(
                retry_after(StatusCode::INTERNAL_SERVER_ERROR, &headers, now),
                None,
                "{name}: {value}"
            );
        }
    }
}
