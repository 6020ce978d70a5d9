//! `GET /progress/{id}`: the customer sees, in plain words, how far the order is.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use letsbe_lifecycle::order::{Phase, State as OrderState};
use letsbe_types::ids::OrderId;

use super::{
    error_page, page,
    view::{self, Moment, Stage, mark},
};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id, orders::progress::percent},
    dns_entries::{self, Entries, Now},
};

const STAGES: [&str; 6] =
    ["Payment", "Your server", "Operating system", "Your domain", "Your tools", "Ready"];
const RECOVERY_STAGES: [&str; 6] =
    ["Fault", "New server", "Operating system", "Your data", "Your domain", "Ready"];

#[derive(Template)]
#[template(path = "progress.html")]
struct ProgressPage {
    operator: Option<String>,
    domain: String,
    heading: &'static str,
    text: &'static str,
    percent: u8,
    stages: Vec<Stage>,
    /// What to set where; only while the customer's DNS is waited for.
    entries: Option<Entries>,
    updated: Moment,
    ended: bool,
}

/// `GET /progress/{id}`
pub(crate) async fn show(State(state): State<AppState>, id: ApiResult<Id<OrderId>>) -> Response {
    match progress_page(&state, id).await {
        Ok(content) => page(StatusCode::OK, &content),
        Err(error) => error_page(error, None, ""),
    }
}

async fn progress_page(state: &AppState, id: ApiResult<Id<OrderId>>) -> ApiResult<ProgressPage> {
    let order = state.store.order(id?.0).await?.ok_or_else(ApiError::not_found)?;
    let lost = order.state.recovery.is_some();
    let (heading, text) = if lost { words_of_recovery(&order.state) } else { words(&order.state) };
    let titles = if lost { RECOVERY_STAGES } else { STAGES };
    Ok(ProgressPage {
        operator: None,
        domain: order.new.domain.to_string(),
        heading,
        text,
        percent: percent(&order.state),
        stages: view::stages(&order.state, Some(titles)),
        entries: dns_entries::of_order(&state.catalog, &order),
        updated: order.updated_at.into(),
        ended: matches!(order.state.phase, Phase::Fulfilled | Phase::Stopped),
    })
}

impl Now {
    /// The level, the mark and the words of what is there.
    fn shown(&self) -> (&'static str, &'static str, &str) {
        match self {
            Self::Right => ("ok", mark("ok"), "as it should be"),
            Self::Nothing => ("waiting", mark("waiting"), "nothing yet"),
            Self::Unknown => ("waiting", mark("waiting"), "not known"),
            Self::Wrong(what) => ("warning", mark("warning"), what),
        }
    }
}

/// What a customer reads whose server was lost.
fn words_of_recovery(state: &OrderState) -> (&'static str, &'static str) {
    match state.resume.filter(|_| state.phase == Phase::Failed).unwrap_or(state.phase) {
        Phase::ServerReady | Phase::DnsPending => (
            "Your tools are back, on a new server",
            "Please change the entries below where your domain is managed: they must point to the new server. We look \
             every minute, and you are back online as soon as they do.",
        ),
        Phase::RecoveryCancelled => ("Everything is ready", "There was no need to replace your server."),
        _ => (
            "Your server had a fault; a new one is being set up",
            "Your data are brought back from the backup. You need not do anything now.",
        ),
    }
}

const fn words(state: &OrderState) -> (&'static str, &'static str) {
    match state.phase {
        Phase::AwaitingPayment if state.needs_operator => (
            "We are looking at your payment",
            "What arrived is not what was ordered. A person of ours sees to it; you need not do anything.",
        ),
        Phase::AwaitingPayment => (
            "We are waiting for your payment",
            "Cards are confirmed at once; a bank transfer can take a few days. Work begins as soon as it arrives.",
        ),
        Phase::Expired => (
            "This order was not paid in time",
            "Nothing is being set up for it. Order again; if you have paid meanwhile, it goes on by itself.",
        ),
        Phase::PaymentConfirmed | Phase::ServerLost => (
            "Thank you, your payment has arrived",
            "We are setting a server aside for you. You need not do anything.",
        ),
        Phase::AwaitingServer => (
            "Your server is being prepared",
            "Its operating system is being installed. You need not do anything.",
        ),
        Phase::ServerReady => ("Your server is running", "We are checking that your domain points to it."),
        Phase::DnsPending => (
            "Your domain needs a few entries",
            "Please set the entries below where your domain is managed. We look every minute and go on by ourselves.",
        ),
        Phase::DnsReady | Phase::ReplacementReady | Phase::Provisioning => (
            "Your tools are being set up",
            "Everything is installed, secured and then tested from outside. This takes a few minutes.",
        ),
        Phase::Fulfilled | Phase::RecoveryCancelled => {
            ("Everything is ready", "You find the next steps in an e-mail from us.")
        }
        Phase::Failed if state.needs_operator => (
            "This takes longer than usual",
            "Something did not work, and a person of ours has to see to it. You need not do anything.",
        ),
        Phase::Failed => (
            "This takes longer than usual",
            "Something did not work at the first try. It is tried again by itself; you need not do anything.",
        ),
        Phase::Stopped => (
            "This order has ended",
            "No server is being set up for it. If you did not expect this, please answer our last e-mail.",
        ),
    }
}
