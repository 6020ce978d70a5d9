//! The operator's pages about tenants' servers: the list, and one with what waits for a person.

use askama::Template;
use axum::{
    Extension,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use chrono::{DateTime, Utc};
use letsbe_store::{ListedTenants, Rating};
use letsbe_types::{
    Language,
    ids::{ApprovalId, OrderId},
    tenant::{Approval, ApprovalState, CommandOutcome, ContainerSign, ContainerState},
    tenants::{CommandEntry, Connection, Health, TenantDetail, TenantSummary},
};
use serde::Deserialize;

use super::{
    around, error_page,
    forms::form,
    lists::{Head, Kind, in_language},
    page,
    recovery::{self, Recoveries},
    view::{Label, Moment, level_word, mark},
    words::{RecoveryWords, Said, TenantWords, Words, work},
};
use crate::{
    AppState,
    backups::state::succeeded_at,
    controllers::{
        ApiError, ApiResult, Id, Ids, Parameters,
        listing::Listing,
        tenants::{
            commands,
            health::{self, Complaint, DISK_FULL, grouped},
            list, tenant,
        },
    },
    security::sessions::Operator,
};

/// How servers are.
const KINDS: [Kind; 9] = [
    ("needs_you", ["need you", "mit Handlungsbedarf"], "failed"),
    ("lost", ["being replaced", "werden ersetzt"], "failed"),
    ("silent", ["silent", "ohne Meldung"], "failed"),
    ("revoked", ["with a revoked key", "mit gesperrtem Schlüssel"], "failed"),
    ("troubled", ["troubled", "gestört"], "warning"),
    ("asking", ["fine, with a question", "in Ordnung, mit einer Frage"], "waiting"),
    ("never", ["never heard", "nie gemeldet"], "waiting"),
    ("fine", ["fine", "in Ordnung"], "ok"),
    ("ended", ["ended", "beendet"], ""),
];

/// Commands on a page.
const COMMANDS: usize = 20;

const fn label(health: Health, language: Language) -> Label {
    let (level, words) = match health {
        Health::Fine => ("ok", ["Fine", "In Ordnung"]),
        Health::Troubled => ("warning", ["Troubled", "Gestört"]),
        Health::Silent => ("failed", ["Silent", "Ohne Meldung"]),
        Health::Never => ("waiting", ["Never heard", "Nie gemeldet"]),
        Health::Revoked => ("failed", ["Key revoked", "Schlüssel gesperrt"]),
        Health::Lost => ("failed", ["Lost, being replaced", "Verloren, wird ersetzt"]),
        Health::Ended => ("", ["Ended", "Beendet"]),
    };
    Label { level, words: in_language(words, language) }
}

struct Row {
    label: Label,
    heard: Option<Moment>,
    /// The last one that succeeded.
    backup: Option<Moment>,
    /// The last run, if it failed.
    backup_failed: Option<Moment>,
    disk: String,
    disk_full: bool,
    tokens_low: bool,
    /// There is nothing to tell of its server: none was heard yet, or what was heard is of one that is no more.
    unknown: bool,
    tokens_percent: String,
    tokens: String,
    of: TenantSummary,
}

impl Row {
    fn of(of: TenantSummary, language: Language) -> Self {
        let moment = |at| Moment::of(at, language);
        Self {
            label: label(of.health, language),
            heard: of.heard_at.map(moment),
            backup: of.backup_succeeded_at.map(moment),
            backup_failed: of.backup_failed_at.map(moment),
            disk_full: of.disk_used_percent.is_some_and(|share| share >= DISK_FULL),
            tokens_low: health::tokens_low(of.tokens_used, of.token_pool),
            unknown: of.heard_at.is_none() || matches!(of.health, Health::Lost | Health::Ended),
            disk: of
                .disk_used_percent
                .map_or_else(|| Words::of(language).not_known.to_owned(), |share| format!("{share}\u{a0}%")),
            tokens_percent: format!(
                "{}\u{a0}%",
                of.tokens_used.saturating_mul(100).checked_div(of.token_pool).unwrap_or(0)
            ),
            tokens: format!(
                "{} {} {}",
                grouped(of.tokens_used),
                Words::of(language).of,
                grouped(of.token_pool)
            ),
            of,
        }
    }
}

#[derive(Template)]
#[template(path = "tenants.html")]
struct ListPage {
    operator: Option<String>,
    rows: Vec<Row>,
    head: Head,
}

struct Container {
    label: Label,
    of: ContainerSign,
}

struct Waiting {
    of: Approval,
    until: Moment,
    /// The class as a badge.
    class: Label,
    /// It cannot be taken back: a second step is asked for.
    grave: bool,
}

/// Whether an answer still counts: after its time a question counts as refused.
pub(super) fn can_be_decided(approval: &Approval, now: DateTime<Utc>) -> bool {
    approval.state == ApprovalState::Pending && approval.expires_at > now
}

/// A class as a badge.
pub(super) fn class_label(class: &str, language: Language) -> Label {
    let [green, yellow, external, critical, red] = TenantWords::of(language).classes;
    let (level, words) = match class {
        "GREEN" => ("ok", green),
        "YELLOW" => ("waiting", yellow),
        "YELLOW_EXTERNAL" => ("waiting", external),
        "CRITICAL_RED" => ("failed", critical),
        _ => ("failed", red),
    };
    Label { level, words }
}

impl Waiting {
    fn of(of: Approval, language: Language) -> Self {
        let until = Moment::of(of.expires_at, language);
        Self { until, class: class_label(&of.class, language), grave: of.is_grave(), of }
    }
}

/// Something that is wrong.
struct Wrong {
    label: Label,
    text: String,
    hint: String,
    code: &'static str,
}

impl Wrong {
    fn of(complaint: Complaint, domain: &str, language: Language) -> Self {
        let words = TenantWords::of(language);
        let (level, words) =
            if complaint.grave { ("failed", words.grave) } else { ("warning", words.to_be_seen_to) };
        Self {
            label: Label { level, words },
            text: complaint.text,
            hint: complaint.hint.replace("DOMAIN", domain),
            code: complaint.code.as_str(),
        }
    }
}

struct Asked {
    what: String,
    by: String,
    at: Moment,
    mark: &'static str,
    word: &'static str,
    outcome: Said,
}

#[derive(Template)]
#[template(path = "tenant.html")]
struct TenantPage {
    operator: Option<String>,
    words: &'static TenantWords,
    lost: &'static RecoveryWords,
    row: Row,
    autonomy: u8,
    unlocked: String,
    version: u64,
    containers: Vec<Container>,
    waiting: Vec<Waiting>,
    asked: Vec<Asked>,
    connection: Connection,
    recoveries: Recoveries,
    wrong: Vec<Wrong>,
    /// The last backup that succeeded.
    succeeded: Option<Moment>,
    /// When a backup failed after that.
    failed: Option<Moment>,
    as_of: Moment,
}

/// `GET /tenants`
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    asked: Result<Parameters<Listing>, ApiError>,
) -> Response {
    match list_page(&state, operator.email.clone(), asked).await {
        Ok(content) => page(StatusCode::OK, &content),
        Err(error) => error_page(error, Some(operator.email), "/tenants"),
    }
}

async fn list_page(
    state: &AppState,
    operator: String,
    asked: Result<Parameters<Listing>, ApiError>,
) -> ApiResult<ListPage> {
    let listed = asked?.0.checked(list::word(Rating::Health))?;
    let ListedTenants { tenants, total, counts } = list::page_of(state, &listed, Rating::Health).await?;
    let all = Rating::Health.words().iter().map(|word| counts[word]).sum();
    let language = around::here().language();
    let head = Head::of(("/tenants", "health"), &listed, (total, all), &counts, &KINDS, language);
    let now = state.clock.now();
    let rows = tenants.iter().map(|tenant| Row::of(list::summary(tenant, now), language)).collect();
    Ok(ListPage { operator: Some(operator), rows, head })
}

/// `GET /tenants/{id}`
pub(crate) async fn show(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    id: ApiResult<Id<OrderId>>,
) -> Response {
    let found = async {
        let id = id?.0;
        let detail = list::detail(&state, id).await?;
        let recoveries = recovery::of_tenant(&state, id, around::here().language()).await?;
        let mut content = tenant_page(detail, recoveries, operator.email.clone(), state.clock.now());
        let found = tenant(&state, id).await?;
        let (_, complaints) = health::of_tenant(&found, state.clock.now());
        let domain = found.order.new.domain.as_str();
        let wrong = |complaint| Wrong::of(complaint, domain, around::here().language());
        content.wrong = complaints.into_iter().map(wrong).collect();
        Ok(content)
    };
    match found.await {
        Ok(content) => page(StatusCode::OK, &content),
        Err(error) => error_page(error, Some(operator.email), "/tenants"),
    }
}

fn tenant_page(
    detail: TenantDetail,
    recoveries: Recoveries,
    operator: String,
    now: DateTime<Utc>,
) -> TenantPage {
    let language = around::here().language();
    let moment = |at| Moment::of(at, language);
    let sign = detail.heartbeat.as_ref().and_then(|heartbeat| heartbeat.backup.as_ref());
    let succeeded = sign.and_then(succeeded_at).map(moment);
    let failed = sign.filter(|sign| !sign.succeeded).map(|sign| moment(sign.at));
    let mut row = Row::of(detail.summary, language);
    // A revoked key says nothing while another server takes the lost one's place.
    if let Some(under) = &recoveries.under_way {
        row.label = under.label;
    }
    let unlocked = match detail.configuration.external_unlocked.as_slice() {
        [] => Words::of(language).none.to_owned(),
        tools => tools.join(", "),
    };
    let containers = detail.heartbeat.map(|heartbeat| heartbeat.containers).unwrap_or_default();
    let pending = detail.approvals.into_iter().map(|entry| entry.approval);
    let waiting = pending.filter(|approval| can_be_decided(approval, now));
    TenantPage {
        operator: Some(operator),
        words: TenantWords::of(language),
        lost: RecoveryWords::of(language),
        autonomy: detail.configuration.autonomy.into(),
        unlocked,
        version: detail.configuration.version,
        containers: containers
            .into_iter()
            .map(|of| Container { label: container_label(of.state, language), of })
            .collect(),
        waiting: waiting.map(|approval| Waiting::of(approval, language)).collect(),
        asked: detail.commands.into_iter().take(COMMANDS).map(|entry| asked(entry, language)).collect(),
        row,
        succeeded,
        failed,
        wrong: Vec::new(),
        as_of: moment(now),
        connection: detail.connection,
        recoveries,
    }
}

const fn container_label(state: ContainerState, language: Language) -> Label {
    let [fine, starting, unhealthy, restarting, stopped] = TenantWords::of(language).container_states;
    let (level, words) = match state {
        ContainerState::Fine => ("ok", fine),
        ContainerState::Starting => ("running", starting),
        ContainerState::Unhealthy => ("failed", unhealthy),
        ContainerState::Restarting => ("failed", restarting),
        ContainerState::Stopped => ("failed", stopped),
    };
    Label { level, words }
}

fn asked(entry: CommandEntry, language: Language) -> Asked {
    let [late, interrupted, taken, waits] = TenantWords::of(language).outcomes;
    let (level, outcome) = match entry.outcome {
        Some(CommandOutcome::Done { summary }) => ("ok", Said::quoted_english(summary)),
        Some(CommandOutcome::Failed { problem }) => ("failed", Said::quoted_english(problem.to_string())),
        Some(CommandOutcome::Expired) => ("warning", Said::ours(late)),
        Some(CommandOutcome::Interrupted) => ("failed", Said::ours(interrupted)),
        None if entry.given_at.is_some() => ("running", Said::ours(taken)),
        None => ("waiting", Said::ours(waits)),
    };
    Asked {
        what: work(&entry.work, language),
        by: entry.issued_by,
        at: Moment::of(entry.issued_at, language),
        mark: mark(level),
        word: level_word(level, language),
        outcome,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionForm {
    decision: String,
    #[serde(default)]
    confirm: String,
}

/// `POST /tenants/{id}/approvals/{approval}`
pub(crate) async fn decide(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    ids: ApiResult<Ids<OrderId, ApprovalId>>,
    request: Request,
) -> Response {
    let (id, approval) = match ids {
        Ok(Ids(id, approval)) => (id, approval),
        Err(error) => return error_page(error, Some(operator.email), "/tenants"),
    };
    let back = format!("/tenants/{id}");
    let done = async {
        let form = form::<DecisionForm>(request).await?;
        let approve = match form.decision.as_str() {
            "approve" => true,
            "refuse" => false,
            _ => return Err(ApiError::bad_request("This page does not know that decision.")),
        };
        let asked = state.store.approval(id, approval).await?;
        if approve && form.confirm != "yes" && asked.is_some_and(|entry| entry.approval.is_grave()) {
            return Err(ApiError::bad_request("Tick the box to confirm what cannot be taken back."));
        }
        commands::decide(&state, &operator, &tenant(&state, id).await?, approval, approve).await
    };
    match done.await {
        Ok(_) => Redirect::to(&back).into_response(),
        Err(error) => error_page(error, Some(operator.email), back),
    }
}

#[cfg(test)]
mod tests {
    use crate::controllers::tenants::health::grouped;

    #[test]
    fn large_numbers_are_grouped_from_their_end() {
        let written = [0, 999, 1_000, 15_000_000].map(|number| grouped(number).replace('\u{202f}', " "));
        assert_eq!(written, ["0", "999", "1 000", "15 000 000"]);
    }
}
