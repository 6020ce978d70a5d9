//! The page of the Hub's background work.

use askama::Template;
use axum::{
    Extension,
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use letsbe_types::{
    Language,
    hub_tasks::{HubTask, HubTaskState},
};
use serde::Deserialize;

use super::{
    around, error_page,
    forms::form,
    page,
    view::{Label, Moment},
    words::HubTaskWords,
};
use crate::{AppState, controllers::hub_tasks, security::sessions::Operator};

#[derive(Template)]
#[template(path = "hub_tasks.html")]
struct HubTasksPage {
    operator: Option<String>,
    words: &'static HubTaskWords,
    rows: Vec<Row>,
    as_of: Moment,
}

struct Row {
    label: Label,
    started: Option<Moment>,
    took: String,
    did: Vec<String>,
    next: Option<Moment>,
    of: HubTask,
}

impl Row {
    fn of(of: HubTask, words: &HubTaskWords, language: Language) -> Self {
        let level = match of.state {
            HubTaskState::Stalled => "failed",
            HubTaskState::Failing => "warning",
            HubTaskState::Running => "running",
            HubTaskState::Idle => "ok",
            HubTaskState::Off => "",
        };
        let moment = |at| Moment::of(at, language);
        Self {
            label: Label { level, words: words.state(of.state) },
            started: of.started_at.map(moment),
            took: took(&of, language),
            did: did(&of),
            next: of.next_at.map(moment),
            of,
        }
    }
}

fn took(task: &HubTask, language: Language) -> String {
    let text = task.took().unwrap_or_default();
    match language {
        Language::En => text,
        Language::De => text.replace('.', ","),
    }
}

fn did(task: &HubTask) -> Vec<String> {
    task.counts().map(|(name, number)| format!("{name} {number}")).collect()
}

/// `GET /hub/tasks`
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
) -> Response {
    let language = around::here().language();
    let words = HubTaskWords::of(language);
    match hub_tasks::tasks(&state, language).await {
        Ok(tasks) => {
            let rows = tasks.into_iter().map(|task| Row::of(task, words, language)).collect();
            let as_of = Moment::of(state.clock.now(), language);
            page(StatusCode::OK, &HubTasksPage { operator: Some(operator.email), words, rows, as_of })
        }
        Err(error) => error_page(error, Some(operator.email), "/waiting"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// `POST /hub/tasks/{task}/run`
pub(crate) async fn run(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let asked = async {
        form::<Nothing>(request).await?;
        hub_tasks::requested(&state, &operator, &name).await
    };
    match asked.await {
        Ok(_) => Redirect::to("/hub/tasks").into_response(),
        Err(error) => error_page(error, Some(operator.email), "/hub/tasks"),
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::{Language, hub_tasks::HubTask};
    use serde_json::{Value, json};

    use super::{did, took};

    fn task(took_ms: u64, did: Value) -> HubTask {
        let task = json!({
            "name": "drills", "about": "Does something.", "state": "idle", "each_hub": false, "took_ms": took_ms,
            "did": did, "failures": 0,
        });
        serde_json::from_value(task).expect("a task")
    }

    #[test]
    fn what_took_how_long_and_did_what_is_told_in_few_words() {
        let told =
            [40, 1_234, 12_000, 600_000].map(|took_ms| took(&task(took_ms, json!(null)), Language::De));
        assert_eq!(told, ["0,0 s", "1,2 s", "12 s", "10 min"]);
        assert_eq!(
            did(&task(0, json!({"sent": 3, "not_sent": 0, "no_longer_true": 1}))),
            ["no longer true 1", "sent 3"]
        );
        assert!(did(&task(0, json!(null))).is_empty());
    }
}
