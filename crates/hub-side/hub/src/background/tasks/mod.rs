//! What each task of the table does: a file for each.

mod bucket_counts;
mod command_notices;
mod drills;
mod health_ratings;
mod hub_backup;
mod messages;
mod model_requests;
mod order_effects;
mod provider_login;
mod server_history;
pub mod unpaid_orders;

use std::sync::Arc;

use super::{
    Task,
    registry::{MESSAGES, ORDER_EFFECTS},
};
use crate::worker::Worker;

pub use bucket_counts::bucket_counts;
pub use command_notices::command_notices;
pub use drills::drills;
pub use health_ratings::health_ratings;
pub use hub_backup::hub_backup;
pub use model_requests::model_requests;
pub use provider_login::provider_login;
pub use server_history::server_history;
pub use unpaid_orders::unpaid_orders;

/// What a worker does.
#[must_use]
pub fn of_worker(worker: &Arc<Worker>) -> [Task; 2] {
    [
        Task::new(ORDER_EFFECTS, order_effects::OrderEffects::new(Arc::clone(worker))),
        Task::new(MESSAGES, messages::Messages(Arc::clone(worker))),
    ]
}
