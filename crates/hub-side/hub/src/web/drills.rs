//! The report of one drill, to be printed and kept; for one that a person does, what to do and the form.

use askama::Template;
use axum::{
    Extension,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use chrono::{DateTime, Utc};
use letsbe_store::NewOrder;
use letsbe_types::{
    backups::{Drill, DrillKind, DrillOutcome},
    ids::{DrillId, OrderId},
    shell::quoted,
};
use serde::Deserialize;

use super::{
    Refused, around,
    backups::Evidence,
    error_page,
    forms::form,
    page,
    view::{Label, Moment},
    words::DrillWords,
};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Ids, backups::drills, field, tenants::tenant},
    security::sessions::Operator,
};

#[derive(Template)]
#[template(path = "drill.html")]
struct DrillPage {
    operator: Option<String>,
    words: &'static DrillWords,
    domain: String,
    label: Label,
    due: Moment,
    began: Option<Moment>,
    finished: Option<Moment>,
    measured: Option<(u64, u64)>,
    /// What brings the whole server back on a spare one.
    command: String,
    as_of: Moment,
    summary: String,
    by: String,
    proofs: Vec<Evidence>,
    to_do: bool,
    /// What was typed into a form that was refused, and why it was.
    typed: OutcomeForm,
    refused: Option<Refused>,
    of: Drill,
}

impl DrillPage {
    fn heading(&self) -> String {
        let kind = match self.of.kind {
            DrillKind::Monthly => self.words.monthly,
            DrillKind::Quarterly => self.words.quarterly,
        };
        format!("{kind} {}", self.domain)
    }

    fn wrong(&self, name: &str) -> Option<&str> {
        self.refused.as_ref()?.field(name)
    }
}

/// `GET /tenants/{id}/drills/{drill}`
pub(crate) async fn show(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    ids: ApiResult<Ids<OrderId, DrillId>>,
) -> Response {
    let found = async {
        let Ids(id, drill) = ids?;
        found(&state, id, drill, operator.email.clone()).await
    };
    match found.await {
        Ok(content) => page(StatusCode::OK, &content),
        Err(error) => error_page(error, Some(operator.email), "/backups"),
    }
}

async fn found(state: &AppState, id: OrderId, drill: DrillId, operator: String) -> ApiResult<DrillPage> {
    let order = tenant(state, id).await?.order.new;
    Ok(drill_page(&order, drills::one(state, id, drill).await?, operator, state.clock.now()))
}

fn drill_page(order: &NewOrder, of: Drill, operator: String, now: DateTime<Utc>) -> DrillPage {
    let language = around::here().language();
    let words = DrillWords::of(language);
    let [passed, failed, under_way, overdue, due] = words.states;
    let (level, state) = match (&of.report, of.began_at) {
        (Some(report), _) if report.passed => ("ok", passed),
        (Some(_), _) => ("failed", failed),
        (None, Some(_)) => ("running", under_way),
        (None, None) if of.due_at < now => ("warning", overdue),
        (None, None) => ("waiting", due),
    };
    let moment = |at| Moment::of(at, language);
    let report = of.report.clone().unwrap_or_default();
    DrillPage {
        operator: Some(operator),
        words,
        domain: order.domain.to_string(),
        command: format!(
            "letsbe provision --host SPARE --key KEY --domain {} --tier {} --tools {} --email {} --restore --source \
             destination.json --age-identity key.txt --sealed escrow.age",
            order.domain,
            order.tier,
            order.tools.join(","),
            // A customer chooses what stands before the @.
            quoted(order.email.as_str())
        ),
        as_of: moment(now),
        label: Label { level, words: state },
        due: moment(of.due_at),
        began: of.began_at.map(moment),
        finished: of.finished_at.map(moment),
        measured: report
            .rto_seconds
            .zip(report.rpo_seconds)
            .filter(|_| report.passed)
            .map(|(rto, rpo)| (rto / 60, rpo / 60)),
        summary: report.summary,
        by: report.by.unwrap_or_else(|| words.by_itself.to_owned()),
        proofs: report.proofs.into_iter().map(|proof| Evidence::of(proof, language)).collect(),
        typed: OutcomeForm::default(),
        refused: None,
        to_do: of.kind == DrillKind::Quarterly && of.finished_at.is_none(),
        of,
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeForm {
    outcome: String,
    rto_minutes: String,
    rpo_minutes: String,
    notes: String,
}

/// `POST /tenants/{id}/drills/{drill}`
pub(crate) async fn record(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    ids: ApiResult<Ids<OrderId, DrillId>>,
    request: Request,
) -> Response {
    let (id, drill) = match ids {
        Ok(Ids(id, drill)) => (id, drill),
        Err(error) => return error_page(error, Some(operator.email), "/backups"),
    };
    let back = format!("/tenants/{id}/drills/{drill}");
    let typed = match form::<OutcomeForm>(request).await {
        Ok(typed) => typed,
        Err(error) => return error_page(error, Some(operator.email), back),
    };
    let done = async { drills::done(&state, &operator, id, drill, outcome(&typed)?).await };
    let error = match done.await {
        Ok(_) => return Redirect::to(&back).into_response(),
        Err(error) => error,
    };
    match found(&state, id, drill, operator.email.clone()).await {
        Ok(content) => page(
            error.status,
            &DrillPage { typed, refused: Some(Refused::new(error, around::here().language())), ..content },
        ),
        Err(_) => error_page(error, Some(operator.email), back),
    }
}

fn outcome(form: &OutcomeForm) -> ApiResult<DrillOutcome> {
    let passed = match form.outcome.as_str() {
        "passed" => true,
        "failed" => false,
        _ => return Err(ApiError::bad_request("This page does not know that outcome.")),
    };
    let (rto, rpo) = (seconds(&form.rto_minutes, passed), seconds(&form.rpo_minutes, passed));
    let wrong = |name: &str| field(name, "write how many minutes it took: a drill that passed was measured");
    match (rto, rpo) {
        (Some(rto_seconds), Some(rpo_seconds)) => {
            Ok(DrillOutcome { passed, rto_seconds, rpo_seconds, notes: form.notes.clone() })
        }
        (rto, rpo) => {
            let fields = [("rto_minutes", rto), ("rpo_minutes", rpo)].into_iter();
            Err(ApiError::fields(
                fields.filter(|(_, value)| value.is_none()).map(|(name, _)| wrong(name)).collect(),
            ))
        }
    }
}

/// Minutes as they were typed; of a drill that failed nothing need have been measured.
fn seconds(minutes: &str, passed: bool) -> Option<u64> {
    match minutes.trim() {
        "" if !passed => Some(0),
        text => text.parse::<u32>().ok().map(|minutes| u64::from(minutes) * 60),
    }
}
