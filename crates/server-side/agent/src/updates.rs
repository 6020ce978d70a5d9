//! Newer images that Diun has seen: recorded and told, never acted upon.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    routing::post,
};
use chrono::{DateTime, Utc};
use letsbe_types::{
    Problem,
    tenant::{TenantEventKind, UpdateSign, limits},
};
use serde_json::{Map, Value, json};

use crate::{guardian::Outbox, limit::Limit};
use letsbe_base::{files, layout::Layout};

/// A message of Diun is not longer.
const BODY_BYTES: usize = 64 << 10;

/// The images that were seen, newest per image; oldest first.
pub(crate) struct Updates {
    path: PathBuf,
    outbox: Arc<dyn Outbox>,
    seen: Mutex<Vec<UpdateSign>>,
    /// The door has no key: whoever floods it must not push other events out of the queue.
    limit: Limit,
}

impl Updates {
    /// Reads what was seen; what was told and not written down any more is seen too.
    pub(crate) fn open(
        layout: &Layout,
        outbox: Arc<dyn Outbox>,
        told: Vec<UpdateSign>,
    ) -> Result<Self, Problem> {
        let path = layout.state("updates.json");
        let mut seen: Vec<UpdateSign> = files::read_json(&path)?.unwrap_or_default();
        for update in told {
            if seen.iter().all(|old| old.image != update.image || old.seen_at < update.seen_at) {
                add(&mut seen, update);
            }
        }
        Ok(Self { path, outbox, seen: Mutex::new(seen), limit: Limit::default() })
    }

    /// What was seen and is not installed.
    pub(crate) fn list(&self) -> Vec<UpdateSign> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps and tells an image; each digest of it once.
    pub(crate) fn record(&self, update: UpdateSign) -> Result<(), Problem> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |old: &UpdateSign| old.image == update.image && old.digest == update.digest;
        if seen.iter().any(known) {
            return Ok(());
        }
        let mut new = seen.clone();
        add(&mut new, update.clone());
        tracing::info!(image = update.image, "a newer image was seen");
        // Told first: what a kill keeps from being written down is found among what was told.
        self.outbox.tell(TenantEventKind::UpdateSeen { update })?;
        files::write_json(&self.path, &new)?;
        *seen = new;
        Ok(())
    }

    /// Forgets what is installed by now: images whose running digest is the one that was seen.
    pub(crate) fn installed(&self, running: impl Fn(&UpdateSign) -> bool) -> Result<(), Problem> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let left: Vec<UpdateSign> = seen.iter().filter(|update| !running(update)).cloned().collect();
        if left.len() < seen.len() {
            files::write_json(&self.path, &left)?;
            *seen = left;
        }
        Ok(())
    }
}

/// Puts the newest of its image at the end of a bounded list.
fn add(seen: &mut Vec<UpdateSign>, update: UpdateSign) {
    seen.retain(|old| old.image != update.image);
    seen.push(update);
    let surplus = seen.len().saturating_sub(limits::LIST);
    seen.drain(..surplus);
}

/// `POST /webhooks/diun`.
pub(crate) fn router(updates: Arc<Updates>) -> Router {
    let limit = DefaultBodyLimit::max(BODY_BYTES);
    Router::new().route("/webhooks/diun", post(receive)).layer(limit).with_state(updates)
}

async fn receive(State(updates): State<Arc<Updates>>, body: Bytes) -> (StatusCode, Json<Value>) {
    if !updates.limit.allows(Instant::now()) {
        let message = "too many messages; send it again in a minute";
        return (StatusCode::TOO_MANY_REQUESTS, Json(json!({ "error": { "message": message } })));
    }
    let update = match parse(&body, Utc::now()) {
        Ok(Some(update)) => update,
        Ok(None) => return (StatusCode::OK, Json(json!({ "recorded": false }))),
        Err((field, why)) => {
            return (StatusCode::BAD_REQUEST, Json(json!({ "error": { "field": field, "message": why } })));
        }
    };
    match updates.record(update) {
        Ok(()) => (StatusCode::OK, Json(json!({ "recorded": true }))),
        Err(problem) => {
            tracing::error!(%problem, "a newer image could not be recorded");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": { "message": "try again later" } })))
        }
    }
}

/// Reads a message of Diun. `None` says nothing of a newer image. Fields that are not needed are not looked at.
///
/// # Errors
/// The field, and what is wrong with it.
fn parse(body: &[u8], now: DateTime<Utc>) -> Result<Option<UpdateSign>, (&'static str, &'static str)> {
    let message: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| ("body", "it is no JSON object"))?;
    let text = |field: &'static str| match message.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err((field, "it is no text")),
    };
    let status = text("status")?;
    let image = text("image")?.ok_or(("image", "it is missing"))?;
    if !is_reference(image) {
        return Err(("image", "it is no name of an image"));
    }
    let digest = text("digest")?;
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return Err(("digest", "it is no digest"));
    }
    // "unchange" is Diun's own spelling.
    if status.is_some_and(|status| ["unchange", "unchanged", "skip"].contains(&status)) {
        return Ok(None);
    }
    let (image, digest) = (image.to_owned(), digest.map(str::to_owned));
    Ok(Some(UpdateSign { image, digest, seen_at: now }))
}

/// Characters of image references (with tag and digest).
fn is_reference(image: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-._/:@".contains(c);
    image.len() <= limits::NAME && image.chars().all(good) && image.starts_with(char::is_alphanumeric)
}

/// `sha256:…`.
fn is_digest(digest: &str) -> bool {
    let Some((kind, hex)) = digest.split_once(':') else { return false };
    kind.chars().all(|c| c.is_ascii_alphanumeric())
        && (32..=128).contains(&hex.len())
        && hex.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
