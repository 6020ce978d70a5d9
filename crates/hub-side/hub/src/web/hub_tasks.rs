//! The page of the Hub's background work.

use axum::{
    Extension,
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use letsbe_pages::around::here;
use serde::Deserialize;

use super::{error_page, forms::form, page};
use crate::{AppState, controllers::hub_tasks, security::sessions::Operator};

/// `GET /hub/tasks`
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
) -> Response {
    match hub_tasks::tasks(&state, here().language()).await {
        Ok(tasks) => {
            let html = letsbe_pages::hub_tasks::hub_tasks(operator.email, tasks, state.clock.now());
            page(StatusCode::OK, html)
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
    use letsbe_pages::hub_task_about;
    use letsbe_types::Language;

    use crate::background::registry::TABLE;

    #[test]
    fn each_task_of_the_table_has_a_name_of_its_own_and_a_sentence_in_both_languages() {
        let mut names: Vec<_> = TABLE.iter().map(|entry| entry.name).collect();
        for name in &names {
            let [english, german] =
                [Language::En, Language::De].map(|language| hub_task_about(name, language));
            assert!(english.ends_with('.') && german.ends_with('.') && english != german, "{name}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
    }
}
