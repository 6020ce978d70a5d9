//! `POST /api/v1/tenant/events`: what happened on a server, taken once.

use axum::{
    Json,
    extract::{Request, State},
};
use letsbe_store::EventsTaken;
use letsbe_types::{
    Code,
    api::{FieldError, Reply},
    tenant::{Approval, CommandOutcome, EventsReply, TenantEvent, TenantEventKind, TenantEvents, limits},
};

use super::{bearer_hash, refuse, refused, words::Words};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, extract, field},
    security::sealed_keys,
};

const CLASSES: [&str; 5] = ["GREEN", "YELLOW", "YELLOW_EXTERNAL", "RED", "CRITICAL_RED"];

/// `POST /api/v1/tenant/events`
pub(crate) async fn events(
    State(state): State<AppState>,
    mut request: Request,
) -> ApiResult<Json<Reply<EventsReply>>> {
    let key_hash = bearer_hash(&mut request)?;
    let TenantEvents { events } = extract::json(request, &state).await?;
    let wrong = wrong(&events);
    if wrong.iter().any(|wrong| wrong.field.ends_with(".sealed")) {
        state.store.refuse_keys(&key_hash, state.clock.now()).await?;
    }
    refuse(wrong)?;
    match state.store.take_events(&key_hash, &events, state.clock.now()).await?.map_err(refused)? {
        EventsTaken::Leap(sequence) => {
            let place = events.iter().position(|event| event.sequence == sequence).unwrap_or(0);
            let message = "this leaps further than any server drops events";
            Err(ApiError::fields(vec![field(format!("events[{place}].sequence"), message)]))
        }
        EventsTaken::Full(wait) => Err(ApiError::too_much(wait)),
        EventsTaken::Through(taken_through) => Ok(Json(Reply::new(EventsReply { taken_through }))),
        EventsTaken::Rewound(sequence) => {
            let message = format!(
                "Event {sequence} was taken before with other content: this server's memory was put back. \
                 Nothing was taken; provision the server again, so that its agent registers anew."
            );
            Err(ApiError::conflict(Code::HUB053, message))
        }
    }
}

fn wrong(events: &[TenantEvent]) -> Vec<FieldError> {
    let mut words = Words::default();
    words.that(events.len() <= limits::EVENTS, "events", "write at most 100 events");
    let counted = events.iter().all(|event| event.sequence > 0 && i64::try_from(event.sequence).is_ok());
    let ascending = events.windows(2).all(|pair| pair[0].sequence < pair[1].sequence);
    words.that(counted && ascending, "events", "number events from 1, each higher than the one before");
    for (number, event) in events.iter().enumerate() {
        let before = words.wrong.len();
        words.moment("at", event.at);
        content(&mut words, &event.event);
        for wrong in &mut words.wrong[before..] {
            wrong.field = format!("events[{number}].{}", wrong.field);
        }
    }
    words.wrong
}

fn content(words: &mut Words, event: &TenantEventKind) {
    match event {
        TenantEventKind::CommandFinished { result } => {
            words.moment("result.finished_at", result.finished_at);
            match &result.outcome {
                CommandOutcome::Done { summary } => words.text("result.outcome.summary", summary),
                CommandOutcome::Failed { problem } => words.problem("result.outcome.problem", problem),
                CommandOutcome::Expired | CommandOutcome::Interrupted => {}
            }
        }
        TenantEventKind::ApprovalRequested { approval } => asked(words, approval),
        TenantEventKind::ApprovalSettled { by, .. } => words.line("by", by),
        TenantEventKind::TokensUsed { hour, model, input, output, requests } => {
            words.moment("hour", *hour);
            words.name("model", model);
            words.number("input", *input);
            words.number("output", *output);
            words.number("requests", *requests);
        }
        TenantEventKind::UpdateSeen { update } => words.update("update", update),
        TenantEventKind::Rotated { tool, problem, .. } => {
            words.name("tool", tool);
            problem.iter().for_each(|problem| words.problem("problem", problem));
        }
        TenantEventKind::Escrowed { sealed, recipients, fingerprint } => {
            words.recipients("recipients", recipients);
            let wrong = sealed_keys::wrong(sealed, recipients.len());
            words.that(wrong.is_none(), "sealed", wrong.unwrap_or_default());
            fingerprint.iter().for_each(|hash| words.hash("fingerprint", hash));
        }
        TenantEventKind::OpenClawUpdated { from, to, problem } => {
            words.version("from", from);
            words.version("to", to);
            problem.iter().for_each(|problem| words.problem("problem", problem));
        }
        TenantEventKind::Trouble { problem } => words.problem("problem", problem),
        TenantEventKind::Restored { tool, taken_at, problem, milliseconds, .. } => {
            words.name("tool", tool);
            words.moment("taken_at", *taken_at);
            words.number("milliseconds", *milliseconds);
            problem.iter().for_each(|problem| words.problem("problem", problem));
        }
        TenantEventKind::Proven { proof } => words.proof("proof", proof),
    }
}

fn asked(words: &mut Words, approval: &Approval) {
    words.moment("approval.requested_at", approval.requested_at);
    words.moment("approval.expires_at", approval.expires_at);
    words.name("approval.action", &approval.action);
    if let Some(tool) = &approval.tool {
        words.name("approval.tool", tool);
    }
    words.that(CLASSES.contains(&approval.class.as_str()), "approval.class", "this is no class");
    words.plain("approval.plan", &approval.plan);
    words.line("approval.agent", &approval.agent);
}
