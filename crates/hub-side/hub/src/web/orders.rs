//! The operator's pages: the list, and one order with its live timeline and its desk.

use askama::Template;
use axum::{
    Extension,
    extract::{Request, State},
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Redirect, Response},
};
use letsbe_store::{ListedOrders, Order};
use letsbe_types::{
    Language, Problem,
    api::DeskAction,
    ids::{OrderId, ServerId},
};
use serde::Deserialize;

use super::{
    Refused, around, error_page,
    forms::form,
    lists::{Head, Kind},
    page,
    timeline::{self, Entry},
    view::{self, Desk, Label, Moment, Stage, way},
    words::{OrderWords, problem_title},
};
use crate::{
    AppState,
    controllers::{
        ApiError, ApiResult, Id, Parameters, field,
        listing::Listing,
        orders::{
            desk,
            list::{MOST_LINES, filter, page_of},
        },
    },
    security::sessions::Operator,
};

/// Who orders wait for.
const KINDS: [Kind; 7] = [
    ("needs_you", ["need you", "mit Handlungsbedarf"], "failed"),
    ("failing", ["trying again", "in neuem Versuch"], "warning"),
    ("waiting", ["wait for DNS", "warten auf DNS"], "waiting"),
    ("working", ["at work", "in Arbeit"], "running"),
    ("unpaid", ["not paid", "nicht bezahlt"], "waiting"),
    ("live", ["live", "in Betrieb"], "ok"),
    ("ended", ["ended", "beendet"], ""),
];

struct Row {
    id: OrderId,
    domain: String,
    email: String,
    label: Label,
    state: &'static str,
    tier: &'static str,
    region: &'static str,
    tools: Vec<String>,
    server: String,
    created: Moment,
    updated: Moment,
    problem: Option<Problem>,
}

impl Row {
    /// What the problem is about, for a reader to whom its own words are foreign.
    fn problem_title(&self) -> Option<&'static str> {
        problem_title(&self.problem.as_ref()?.code, around::here().language())
    }
}

impl Row {
    fn of(order: Order, language: Language) -> Self {
        Self {
            id: order.new.id,
            domain: order.new.domain.to_string(),
            email: order.new.email.to_string(),
            label: view::label(&order.state, language),
            state: order.state.phase.as_str(),
            tier: order.new.tier.as_str(),
            region: order.new.region.as_str(),
            tools: order.new.tools,
            server: order.state.server.map(|server| server.0).unwrap_or_default(),
            created: Moment::of(order.created_at, language),
            updated: Moment::of(order.updated_at, language),
            problem: order
                .state
                .problem
                .filter(|_| !matches!(order.state.phase, letsbe_lifecycle::order::Phase::Stopped)),
        }
    }
}

#[derive(Template)]
#[template(path = "orders.html")]
struct ListPage {
    operator: Option<String>,
    rows: Vec<Row>,
    head: Head,
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    operator: Option<String>,
    words: &'static OrderWords,
    row: Row,
    stages: Vec<Stage>,
    desk: Desk,
    address: Option<String>,
    /// When something is done next, by itself.
    next: Option<Moment>,
    /// Whether its server has an agent.
    is_tenant: bool,
    lines: Vec<Entry>,
    last: i64,
    /// What was typed into a form that was refused, and why it was.
    typed: DeskForm,
    refused: Option<Refused>,
}

impl OrderPage {
    /// What the desk's way past an obstacle is called: before the work began it is a payment that differs.
    fn going_on(&self) -> &'static str {
        if ["AWAITING_PAYMENT", "EXPIRED"].contains(&self.row.state) {
            self.words.go_on_with_payment
        } else {
            self.words.go_on_without_dns
        }
    }

    /// Why a field of this form was refused.
    fn wrong(&self, action: &str, name: &str) -> Option<&str> {
        self.refused.as_ref().filter(|_| self.typed.action == action)?.field(name)
    }

    /// What was typed into a field of this form.
    fn value<'a>(&self, action: &str, typed: &'a str) -> &'a str {
        if self.typed.action == action { typed } else { "" }
    }
}

/// `GET /orders`, where people look for the list.
pub(crate) async fn moved(uri: Uri) -> Redirect {
    Redirect::to(&uri.query().map_or_else(|| "/".to_owned(), |query| format!("/?{query}")))
}

/// `GET /`
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    asked: Result<Parameters<Listing>, ApiError>,
) -> Response {
    match list_page(&state, operator.email.clone(), asked).await {
        Ok(content) => page(StatusCode::OK, &content),
        Err(error) => error_page(error, Some(operator.email), "/"),
    }
}

async fn list_page(
    state: &AppState,
    operator: String,
    asked: Result<Parameters<Listing>, ApiError>,
) -> ApiResult<ListPage> {
    let listed = asked?.0.checked(filter)?;
    let ListedOrders { orders, total, counts } = page_of(state, &listed).await?;
    let all = counts.values().sum();
    let language = around::here().language();
    let head = Head::of(("/", "state"), &listed, (total, all), &counts, &KINDS, language);
    let rows = orders.into_iter().map(|order| Row::of(order, language)).collect();
    Ok(ListPage { operator: Some(operator), rows, head })
}

/// `GET /orders/{id}`
pub(crate) async fn show(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    id: ApiResult<Id<OrderId>>,
) -> Response {
    let found = async { order_page(&state, operator.email.clone(), id?.0).await };
    match found.await {
        Ok(content) => page(StatusCode::OK, &content),
        Err(error) => error_page(error, Some(operator.email), "/"),
    }
}

async fn order_page(state: &AppState, operator: String, id: OrderId) -> ApiResult<OrderPage> {
    let order = state.store.order(id).await?.ok_or_else(ApiError::not_found)?;
    let lines = state.store.timeline(id, 0, MOST_LINES).await?;
    let last = lines.last().map_or(0, |entry| entry.sequence);
    let language = around::here().language();
    Ok(OrderPage {
        words: OrderWords::of(language),
        operator: Some(operator),
        stages: view::stages(&order.state, way(order.state.recovery.is_some(), language)),
        desk: Desk::of(&order.state, &state.pace, state.clock.now()),
        next: state.store.next_try(id).await?.map(|at| Moment::of(at, language)),
        is_tenant: state.store.agent(id).await?.is_some(),
        address: order.state.address.map(|address| address.to_string()),
        lines: timeline::entries(lines, language),
        last,
        typed: DeskForm::default(),
        refused: None,
        row: Row::of(order, language),
    })
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeskForm {
    action: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    confirm: String,
    #[serde(default)]
    server: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    host_key: String,
}

/// `POST /orders/{id}/actions`
pub(crate) async fn act(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    id: ApiResult<Id<OrderId>>,
    request: Request,
) -> Response {
    let id = match id {
        Ok(Id(id)) => id,
        Err(error) => return error_page(error, Some(operator.email), "/"),
    };
    let typed = match form::<DeskForm>(request).await {
        Ok(typed) => typed,
        Err(error) => return error_page(error, Some(operator.email), format!("/orders/{id}")),
    };
    let done = async { desk::carry_out(&state, &operator, id, action(typed.clone())?).await };
    match done.await {
        Ok(()) => Redirect::to(&format!("/orders/{id}")).into_response(),
        Err(error) => refused(&state, operator.email, id, typed, error).await,
    }
}

/// The page with the form as it was filled in, and why it was refused.
async fn refused(
    state: &AppState,
    operator: String,
    id: OrderId,
    typed: DeskForm,
    error: ApiError,
) -> Response {
    match order_page(state, operator.clone(), id).await {
        Ok(content) => {
            let status = error.status;
            page(
                status,
                &OrderPage {
                    typed,
                    refused: Some(Refused::new(error, around::here().language())),
                    ..content
                },
            )
        }
        Err(_) => error_page(error, Some(operator), "/"),
    }
}

fn action(form: DeskForm) -> ApiResult<DeskAction> {
    let wrong = |name: &str, message: &str| ApiError::fields(vec![field(name, message)]);
    match form.action.as_str() {
        "retry" => Ok(DeskAction::Retry),
        "skip" => Ok(DeskAction::Skip { reason: form.reason }),
        "assign" => {
            let address = form.address.trim().parse();
            let address = address.map_err(|_| wrong("address", "write an IP address such as `192.0.2.7`"))?;
            let name = form.server.trim();
            let name = if name.is_empty() { format!("manual:{address}") } else { name.to_owned() };
            let host_key = Some(form.host_key).filter(|key| !key.trim().is_empty());
            Ok(DeskAction::AssignServer { server: ServerId(name), address, host_key })
        }
        "abandon" if form.confirm == "yes" => Ok(DeskAction::Abandon { reason: form.reason }),
        "confirm_host_key" => Ok(DeskAction::ConfirmHostKey { host_key: form.host_key }),
        "abandon" => Err(wrong("confirm", "tick the box to confirm that the order shall be given up")),
        _ => Err(ApiError::bad_request("This page does not know that action.")),
    }
}
