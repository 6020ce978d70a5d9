#![doc = include_str!("../README.md")]

pub mod around;
pub mod assets;
pub mod backups;
pub mod dns_entries;
pub mod drills;
pub mod explain;
pub mod hub_tasks;
pub mod lists;
pub mod live;
pub mod login;
pub mod orders;
pub mod progress;
mod prose;
pub mod recovery;
pub mod refusal;
pub mod tenants;
mod timeline;
pub mod view;
pub mod waiting;
mod words;

use askama::Template;

pub use lists::{Found, Query};
pub use refusal::Refusal;
pub use words::hub_task_about;

/// A page, or why its template could not be rendered.
pub type Html = Result<String, askama::Error>;

fn page(template: &impl Template) -> Html {
    template.render()
}
