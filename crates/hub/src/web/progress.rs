//! `GET /progress/{id}`: the customer sees, in plain words, how far the order is.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use letsbe_lifecycle::order::{Phase, State as OrderState};
use letsbe_types::ids::OrderId;

use super::{
    error_page, page,
    view::{self, Moment, Stage},
};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Id, orders::progress::percent},
};

const STAGES: [&str; 6] =
    ["Payment", "Your server", "Operating system", "Your domain", "Your tools", "Ready"];
const RECOVERY_STAGES: [&str; 6] =
    ["Fault", "New server", "Operating system", "Your data", "Your domain", "Ready"];

#[derive(Template)]
#[template(path = "progress.html")]
struct ProgressPage {
    operator: Option<String>,
    heading: &'static str,
    text: &'static str,
    percent: u8,
    stages: Vec<Stage>,
    /// What to type where; only while the customer's DNS is waited for.
    records: Vec<String>,
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
    let (heading, text) = if lost { words_of_recovery(&order.state) } else { words(order.state.phase) };
    let titles = if lost { RECOVERY_STAGES } else { STAGES };
    Ok(ProgressPage {
        operator: None,
        heading,
        text,
        percent: percent(&order.state),
        stages: view::stages(&order.state, Some(titles)),
        records: records(&order.state),
        updated: order.updated_at.into(),
        ended: matches!(order.state.phase, Phase::Fulfilled | Phase::Stopped),
    })
}

/// The missing records as the machine's problem lists them.
fn records(state: &OrderState) -> Vec<String> {
    let problem = state.problem.as_ref().filter(|_| state.phase == Phase::DnsPending);
    let listed = problem.and_then(|problem| problem.message.split_once(": ")).map(|(_, list)| list);
    listed.map(|list| list.split("; ").map(str::to_owned).collect()).unwrap_or_default()
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
            "Your data are brought back from the backup. We are on it; you need not do anything now.",
        ),
    }
}

const fn words(phase: Phase) -> (&'static str, &'static str) {
    match phase {
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
            "Please add the entries below where your domain is managed. We look every minute and go on by ourselves.",
        ),
        Phase::DnsReady | Phase::ReplacementReady | Phase::Provisioning => (
            "Your tools are being set up",
            "Everything is installed, secured and then tested from outside. This takes a few minutes.",
        ),
        Phase::Fulfilled | Phase::RecoveryCancelled => {
            ("Everything is ready", "You find the next steps in an e-mail from us.")
        }
        Phase::Failed => (
            "This takes longer than usual",
            "Something did not work at the first try. We know about it and are on it; you need not do anything.",
        ),
        Phase::Stopped => (
            "This order has ended",
            "No server is being set up for it. If you did not expect this, please answer our last e-mail.",
        ),
    }
}
