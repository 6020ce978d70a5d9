//! The page of the Hub's background work.

use askama::Template;
use chrono::{DateTime, Utc};
use letsbe_types::{
    Language,
    hub_tasks::{HubTask, HubTaskState},
};

use crate::{
    Html, around, page,
    view::{Label, Moment},
    words::HubTaskWords,
};

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

/// The page of all tasks.
///
/// # Errors
/// When the template cannot be rendered.
pub fn hub_tasks(operator: String, tasks: Vec<HubTask>, now: DateTime<Utc>) -> Html {
    let language = around::here().language();
    let words = HubTaskWords::of(language);
    let rows = tasks.into_iter().map(|task| Row::of(task, words, language)).collect();
    let as_of = Moment::of(now, language);
    page(&HubTasksPage { operator: Some(operator), words, rows, as_of })
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
