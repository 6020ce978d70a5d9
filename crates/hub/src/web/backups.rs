//! The operator's pages about tenants' backups: the list, and those of one tenant.

use askama::Template;
use axum::{
    Extension,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use letsbe_store::{ListedTenants, Rating};
use letsbe_types::{
    Language,
    backup::{Proof, Protection},
    backups::{Alarm, AlarmKind, BackupState, BackupSummary, Drill, HubBackup, Look, TenantBackups},
    ids::{AlarmId, OrderId},
};
use serde::Deserialize;

use super::{
    around, error_page,
    forms::form,
    lists::{Head, Kind, in_language},
    page,
    view::{Label, Moment, level_word, mark},
    words::Words,
};
use crate::{
    AppState,
    backups::{size, state::summary},
    controllers::{
        ApiError, ApiResult, Id, Ids, Parameters,
        backups::{alarms, hub, list},
        listing::Listing,
        tenants::list::{page_of, word},
    },
    security::sessions::Operator,
};

/// How backups are.
const KINDS: [Kind; 6] = [
    ("needs_you", ["need you", "brauchen Sie"], "failed"),
    ("failed", ["failed", "gescheitert"], "failed"),
    ("troubled", ["troubled", "gestört"], "warning"),
    ("awaited", ["awaited", "erwartet"], "waiting"),
    ("fine", ["fine", "in Ordnung"], "ok"),
    ("ended", ["ended", "beendet"], ""),
];

/// Proofs and drills on a page.
const SHOWN: usize = 50;

const fn label(state: BackupState, language: Language) -> Label {
    let (level, words) = match state {
        BackupState::Fine => ("ok", ["Fine", "In Ordnung"]),
        BackupState::Awaited => ("waiting", ["Awaited", "Erwartet"]),
        BackupState::Troubled => ("warning", ["Troubled", "Gestört"]),
        BackupState::Failed => ("failed", ["Failed", "Gescheitert"]),
        BackupState::Ended => ("", ["Ended", "Beendet"]),
    };
    Label { level, words: in_language(words, language) }
}

/// What a destination does against whoever holds the tenant's key.
pub(super) fn protection(protection: Option<Protection>, language: Language) -> String {
    let words = match protection {
        Some(Protection::Locked { days }) => {
            return match language {
                Language::En => format!("locked for {days} days"),
                Language::De => format!("{days} Tage gesperrt"),
            };
        }
        Some(Protection::Versioned) => ["versions kept", "Versionen bleiben"],
        Some(Protection::Unprotected) => ["unprotected", "ungeschützt"],
        None => ["none", "keiner"],
    };
    in_language(words, language).to_owned()
}

struct Row {
    label: Label,
    place: String,
    succeeded: Option<Moment>,
    /// When the last run ended, if it failed.
    failed: Option<Moment>,
    proven: Option<Moment>,
    outside: Option<Moment>,
    size: String,
    protection: String,
    unprotected: bool,
    of: BackupSummary,
}

impl Row {
    fn of(of: BackupSummary, language: Language) -> Self {
        let moment = |at| Moment::of(at, language);
        let sign = of.sign.as_ref();
        let known = of.destination.as_ref().map(|destination| destination.protection);
        let protected = known.or_else(|| sign.and_then(|sign| sign.protection));
        Self {
            label: label(of.state, language),
            place: of.destination.as_ref().map_or_else(String::new, |destination| {
                let host = destination.endpoint.split_once("://").map(|(_, host)| host);
                host.unwrap_or(&destination.endpoint).to_owned()
            }),
            succeeded: of.succeeded_at.map(moment),
            failed: sign.filter(|sign| !sign.succeeded).map(|sign| moment(sign.at)),
            proven: of.oldest_proof_at.map(moment),
            outside: sign.and_then(|sign| sign.remote_at).map(moment),
            size: sign.map_or_else(|| Words::of(language).none_yet.to_owned(), |sign| size(sign.bytes)),
            protection: protection(protected, language),
            unprotected: protected == Some(Protection::Unprotected),
            of,
        }
    }
}

/// The Hub's own backup.
struct Own {
    label: Label,
    /// How loud it is said; `None` while it is fine.
    notice: Option<&'static str>,
    succeeded: Option<Moment>,
    troubles: Vec<String>,
}

impl Own {
    /// Nobody has asked for one.
    fn is_unwanted(&self) -> bool {
        self.troubles.iter().any(|trouble| trouble.contains("[backups.hub]"))
    }
}

impl Own {
    fn of(of: HubBackup, language: Language) -> Self {
        let label = label(of.state, language);
        let notice = (!of.troubles.is_empty()).then_some(label.level);
        Self {
            notice,
            succeeded: of.succeeded_at.map(|at| Moment::of(at, language)),
            troubles: of.troubles,
            label,
        }
    }
}

#[derive(Template)]
#[template(path = "backups.html")]
struct ListPage {
    operator: Option<String>,
    language: Language,
    own: Own,
    rows: Vec<Row>,
    head: Head,
}

/// `GET /backups`
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    asked: Result<Parameters<Listing>, ApiError>,
) -> Response {
    let found = async {
        let listed = asked?.0.checked(word(Rating::Backups))?;
        let ListedTenants { tenants, total, counts } = page_of(&state, &listed, Rating::Backups).await?;
        let all = Rating::Backups.words().iter().map(|word| counts[word]).sum();
        let language = around::here().language();
        let head = Head::of(("/backups", "state"), &listed, (total, all), &counts, &KINDS, language);
        let now = state.clock.now();
        let rows = tenants.iter().map(|tenant| Row::of(summary(tenant, now), language)).collect();
        let (operator, own) = (Some(operator.email.clone()), Own::of(hub::of(&state).await, language));
        Ok(ListPage { operator, own, rows, head, language })
    };
    match found.await {
        Ok(content) => page(StatusCode::OK, &content),
        Err(error) => error_page(error, Some(operator.email), "/backups"),
    }
}

struct Tool {
    label: Label,
    name: String,
    taken: Option<Moment>,
    proven: Option<Moment>,
}

/// A proof in one line.
pub(super) struct Evidence {
    pub(super) mark: &'static str,
    /// The same for those who do not see it.
    pub(super) word: &'static str,
    pub(super) tool: String,
    pub(super) at: Moment,
    pub(super) words: String,
}

impl From<Proof> for Evidence {
    fn from(proof: Proof) -> Self {
        let took: u64 = proof.steps.iter().map(|step| step.milliseconds).sum();
        let words = match &proof.problem {
            Some(problem) => problem.to_string(),
            None if proof.differences.is_empty() => {
                format!("{} in {:.1} s", proof.equal.join(", "), took as f64 / 1_000.0)
            }
            None => proof.differences.join(", "),
        };
        let level = if proof.holds() { "ok" } else { "failed" };
        Self {
            mark: mark(level),
            word: level_word(level),
            tool: proof.tool,
            at: proof.began_at.into(),
            words,
        }
    }
}

struct Counted {
    at: Moment,
    objects: String,
    kept: String,
}

impl From<Look> for Counted {
    fn from(look: Look) -> Self {
        Self {
            at: look.at.into(),
            objects: format!("{} in {}", size(look.bytes), look.objects),
            kept: format!("{} in {}", size(look.noncurrent_bytes), look.noncurrent_objects),
        }
    }
}

struct Warned {
    about: &'static str,
    since: Moment,
    of: Alarm,
}

impl From<Alarm> for Warned {
    fn from(of: Alarm) -> Self {
        let about = match of.kind {
            AlarmKind::KeysRefused | AlarmKind::KeysChanged => "Keys in escrow",
            AlarmKind::Flooded => "Messages of the server",
            _ => "Copies outside",
        };
        Self { about, since: of.began_at.into(), of }
    }
}

struct Drilled {
    mark: &'static str,
    word: &'static str,
    kind: &'static str,
    at: Moment,
    words: String,
    of: Drill,
}

impl From<Drill> for Drilled {
    fn from(of: Drill) -> Self {
        let (level, words) = match (&of.report, of.began_at) {
            (Some(report), _) => (if report.passed { "ok" } else { "failed" }, report.summary.clone()),
            (None, Some(_)) => ("running", "under way".to_owned()),
            (None, None) => ("waiting", "due".to_owned()),
        };
        let at = of.finished_at.or(of.began_at).unwrap_or(of.due_at);
        Self { mark: mark(level), word: level_word(level), kind: of.kind.as_str(), at: at.into(), words, of }
    }
}

#[derive(Template)]
#[template(path = "backup.html")]
struct TenantPage {
    operator: Option<String>,
    row: Row,
    /// What is wrong beside the alarms.
    troubles: Vec<String>,
    tools: Vec<Tool>,
    proofs: Vec<Evidence>,
    days: Vec<Counted>,
    alarms: Vec<Warned>,
    drills: Vec<Drilled>,
    /// When a backup failed after the last one that succeeded.
    failed: Option<Moment>,
    as_of: Moment,
}

/// `GET /tenants/{id}/backups`
pub(crate) async fn show(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    id: ApiResult<Id<OrderId>>,
) -> Response {
    let found = async { list::detail(&state, id?.0).await };
    match found.await {
        Ok(detail) => page(StatusCode::OK, &tenant_page(detail, operator.email, state.clock.now().into())),
        Err(error) => error_page(error, Some(operator.email), "/backups"),
    }
}

fn tenant_page(detail: TenantBackups, operator: String, as_of: Moment) -> TenantPage {
    let TenantBackups { summary, proofs, days, drills, .. } = detail;
    let tools = summary.sign.as_ref().map(|sign| sign.tools.clone()).unwrap_or_default();
    let alarms = summary.alarms.iter().cloned();
    let of_alarm = |trouble: &String| summary.alarms.iter().any(|alarm| trouble.contains(&alarm.message));
    let troubles = summary.troubles.iter().filter(|trouble| !of_alarm(trouble)).cloned().collect();
    let failed = summary.sign.as_ref().filter(|sign| !sign.succeeded).map(|sign| sign.at.into());
    TenantPage {
        operator: Some(operator),
        failed,
        as_of,
        troubles,
        tools: tools
            .into_iter()
            .map(|tool| {
                let (level, words) = match (tool.ok, tool.proof_ok, tool.proven_at) {
                    (false, ..) => ("failed", "not in the last backup"),
                    (_, false, _) => ("failed", "could not be restored"),
                    (true, true, None) => ("waiting", "not proven yet"),
                    (true, true, Some(_)) => ("ok", "proven"),
                };
                Tool {
                    label: Label { level, words },
                    name: tool.tool,
                    taken: tool.taken_at.map(Moment::from),
                    proven: tool.proven_at.map(Moment::from),
                }
            })
            .collect(),
        alarms: alarms.map(Warned::from).collect(),
        proofs: proofs.into_iter().take(SHOWN).map(Evidence::from).collect(),
        days: days.into_iter().map(Counted::from).collect(),
        drills: drills.into_iter().take(SHOWN).map(Drilled::from).collect(),
        row: Row::of(summary, Language::En),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// `POST /tenants/{id}/alarms/{alarm}`
pub(crate) async fn acknowledge(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    ids: ApiResult<Ids<OrderId, AlarmId>>,
    request: Request,
) -> Response {
    let (id, alarm) = match ids {
        Ok(Ids(id, alarm)) => (id, alarm),
        Err(error) => return error_page(error, Some(operator.email), "/backups"),
    };
    let back = format!("/tenants/{id}/backups");
    let done = async {
        form::<Nothing>(request).await?;
        alarms::done(&state, &operator, id, alarm).await
    };
    match done.await {
        Ok(()) => Redirect::to(&back).into_response(),
        Err(error) => error_page(error, Some(operator.email), back),
    }
}
