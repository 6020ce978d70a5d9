//! One folder for each noun of the API; a handler checks, asks the store, and answers in the envelope.

pub(crate) mod agents;
pub(crate) mod backups;
pub(crate) mod extract;
pub(crate) mod health;
pub(crate) mod hub_tasks;
pub(crate) mod jobs;
pub(crate) mod listing;
pub(crate) mod models;
pub(crate) mod orders;
pub(crate) mod payments;
pub(crate) mod recovery;
mod reply;
pub(crate) mod sessions;
pub(crate) mod tenants;
pub(crate) mod work;

pub(crate) use agents::is_recipient;
pub(crate) use extract::{Id, Ids, Input, Parameters};
pub(crate) use reply::{ApiError, ApiResult, field};
