//! Passes a streamed answer on, event by event, without secrets.
//!
//! What was passed on is never continued with another provider's words: a stream that breaks ends with an error.

use std::{convert::Infallible, sync::Arc};

use axum::body::{Body, Bytes};
use futures::stream;
use letsbe_redact::{Redactor, SseRedactor};
use serde_json::json;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{
    breaker::Pass,
    dialect::{Event, meaning},
    ending::Ending,
    meter::Reservation,
    upstream::{Failure, Incoming, Opened},
    wish::{Form, Wish},
};
use crate::{
    closing::Closing,
    refusal::{BROKE_OFF, Refusal},
};

/// A stream on its way to the caller. When it is dropped, the reservation is settled.
pub(crate) struct Relay {
    form: Form,
    usage_wanted: bool,
    first: std::vec::IntoIter<Event>,
    incoming: Incoming,
    redactor: Option<SseRedactor>,
    reservation: Reservation,
    pass: Option<Pass>,
    ending: Ending,
    closing: Closing,
    _turn: OwnedSemaphorePermit,
}

/// What ends together with the stream.
pub(crate) struct Ended {
    pub(crate) reservation: Reservation,
    pub(crate) pass: Pass,
    pub(crate) closing: Closing,
    pub(crate) turn: OwnedSemaphorePermit,
}

impl Relay {
    pub(crate) fn new(wish: &Wish, opened: Opened, redactor: &Arc<Redactor>, ended: Ended) -> Self {
        Self {
            form: wish.form,
            usage_wanted: wish.usage_wanted,
            first: opened.first.into_iter(),
            incoming: opened.incoming,
            redactor: Some(SseRedactor::new(Arc::clone(redactor))),
            reservation: ended.reservation,
            pass: Some(ended.pass),
            ending: Ending::of(wish),
            closing: ended.closing,
            _turn: ended.turn,
        }
    }

    /// The body of the answer.
    pub(crate) fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(self, |mut relay| async {
            let bytes = relay.next().await?;
            Some((Ok::<_, Infallible>(bytes), relay))
        }))
    }

    /// What may go on next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::new();
        while out.is_empty() && self.redactor.is_some() {
            match self.event().await {
                Ok(Some(event)) => self.pass_on(&event, &mut out),
                Ok(None) if self.ending.has_begun() => self.end(&mut out),
                Err(_) if self.ending.is_complete() => self.end(&mut out),
                Ok(None) | Err(_) => self.break_off(&mut out),
            }
        }
        (!out.is_empty()).then(|| out.into())
    }

    async fn event(&mut self) -> Result<Option<Event>, Failure> {
        if let Some(event) = self.first.next() {
            return Ok(Some(event));
        }
        let now = Instant::now();
        let afterword = self.ending.afterword(now);
        tokio::select! {
            event = self.incoming.event(&mut self.reservation) => event,
            () = self.closing.closed() => Err(Failure::new("the proxy ends")),
            () = tokio::time::sleep_until(afterword.unwrap_or(now)), if afterword.is_some() => Err(Failure::new("nothing follows")),
        }
    }

    fn pass_on(&mut self, event: &Event, out: &mut Vec<u8>) {
        let Some(meaning) = meaning(self.form, event).filter(|meaning| !meaning.is_failure) else {
            // What comes after the end cannot break it.
            return if self.ending.is_complete() { self.end(out) } else { self.break_off(out) };
        };
        if meaning.is_nothing {
            return;
        }
        if let Some(usage) = meaning.usage {
            self.reservation.report(usage);
        }
        self.ending.add(meaning.ends);
        // Such a usage was asked for by us, and is not the caller's if it did not ask.
        let is_hidden = meaning.is_usage_only && !self.usage_wanted;
        if let Some(redactor) = self.redactor.as_mut().filter(|_| !is_hidden) {
            // Clients know one spelling of the end only.
            let is_done = meaning.is_last && event.data.as_deref().is_some_and(|data| !data.contains('{'));
            let raw: &[u8] = if is_done { b"data: [DONE]\n\n" } else { &event.raw };
            // What cannot be looked through is not passed on.
            if redactor.push(raw, out).is_err() {
                return self.break_off(out);
            }
        }
        if meaning.is_last {
            self.end(out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if let Some(redactor) = self.redactor.take() {
            redactor.finish(out);
        }
        if let Some(pass) = self.pass.take() {
            pass.succeeded();
        }
    }

    fn break_off(&mut self, out: &mut Vec<u8>) {
        if let Some(redactor) = self.redactor.take() {
            redactor.finish(out);
        }
        if let Some(pass) = self.pass.take() {
            pass.failed();
        }
        out.extend_from_slice(broken(self.form).as_bytes());
    }
}

/// The event that says that the answer is not complete.
fn broken(form: Form) -> String {
    let message = "the model's answer broke off and is not complete; ask again";
    let refusal = Refusal::new(axum::http::StatusCode::BAD_GATEWAY, BROKE_OFF, message);
    match form {
        Form::Responses => {
            let error = json!({ "type": "error", "code": BROKE_OFF, "message": message, "param": null });
            format!("event: error\ndata: {error}\n\n")
        }
        Form::Chat | Form::Embeddings => format!("data: {}\n\n", refusal.body()),
    }
}
