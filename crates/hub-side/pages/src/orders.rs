//! The operator's pages: the list, and one order with its live timeline and the operator actions.

use askama::Template;
use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::Pace;
use letsbe_store::Order;
use letsbe_types::{Language, Problem, api::TimelineEntry, ids::OrderId};
use serde::Deserialize;

use crate::{
    Found, Html, Refusal, around,
    lists::{Head, Kind},
    page,
    refusal::Refused,
    timeline::{self, Entry},
    view::{self, Desk, Label, Moment, Stage, way},
    words::{OrderWords, problem_title},
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

/// The list.
///
/// # Errors
/// When the template cannot be rendered.
pub fn list(operator: String, orders: Vec<Order>, found: &Found) -> Html {
    let language = around::here().language();
    let head = Head::of(("/", "state"), found, &KINDS, language);
    let rows = orders.into_iter().map(|order| Row::of(order, language)).collect();
    page(&ListPage { operator: Some(operator), rows, head })
}

/// An order with all that its page shows.
pub struct Known {
    /// The order.
    pub order: Order,
    /// Its timeline.
    pub lines: Vec<TimelineEntry>,
    /// When something is done next, by itself.
    pub next_try: Option<DateTime<Utc>>,
    /// Whether its server has an agent.
    pub is_tenant: bool,
}

/// The page of one order; `refused` is the form that was sent before, and why it was refused.
///
/// # Errors
/// When the template cannot be rendered.
pub fn order(
    known: Known,
    refused: Option<(DeskForm, Refusal)>,
    operator: String,
    (pace, now): (&Pace, DateTime<Utc>),
) -> Html {
    let Known { order, lines, next_try, is_tenant } = known;
    let language = around::here().language();
    let last = lines.last().map_or(0, |entry| entry.sequence);
    let (typed, refused) = match refused {
        Some((typed, refusal)) => (typed, Some(Refused::new(refusal, language))),
        None => (DeskForm::default(), None),
    };
    page(&OrderPage {
        words: OrderWords::of(language),
        operator: Some(operator),
        stages: view::stages(&order.state, way(order.state.recovery.is_some(), language)),
        desk: Desk::of(&order.state, pace, now),
        next: next_try.map(|at| Moment::of(at, language)),
        is_tenant,
        address: order.state.address.map(|address| address.to_string()),
        lines: timeline::entries(lines, language),
        last,
        typed,
        refused,
        row: Row::of(order, language),
    })
}

/// What a form of the operator actions sends.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeskForm {
    /// Which action.
    pub action: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// `yes` where a box was ticked.
    #[serde(default)]
    pub confirm: String,
    /// The server's name.
    #[serde(default)]
    pub server: String,
    /// Its IP address.
    #[serde(default)]
    pub address: String,
    /// The fingerprint of its SSH host key.
    #[serde(default)]
    pub host_key: String,
}
