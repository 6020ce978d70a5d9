//! Workflows of every machine in one list, with what an operator can do about each. A machine is added by a line in
//! [`MACHINES`] and a file that says which of its workflows are open and what an action means for one of them.
//!
//! Workflows are driven by the events of the order that they belong to, so that there is one way to apply an action.

mod orders;
mod recoveries;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use letsbe_lifecycle::{
    machine::Activity,
    order::{Event, Pace, transition},
};
use letsbe_store::{Order, Store, StoreError};
use letsbe_types::{
    Problem,
    work::{WorkActionKind, WorkActivity, WorkEntry},
};
use uuid::Uuid;

/// Workflows of one machine that are listed, at most.
const LISTED_MAX: u64 = 200;

/// What the database is asked for.
type Reading<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// A machine whose workflows staff sees and acts on.
struct Registered {
    /// Its open workflows, at most so many.
    open: for<'a> fn(&'a Store, u64) -> Reading<'a, Vec<Workflow>>,
    /// One of its workflows, open or not.
    find: for<'a> fn(&'a Store, Uuid) -> Reading<'a, Option<Workflow>>,
}

/// All machines.
const MACHINES: [Registered; 2] = [orders::REGISTERED, recoveries::REGISTERED];

/// A workflow of any machine.
pub(crate) struct Workflow {
    pub(crate) id: Uuid,
    pub(crate) machine: &'static str,
    pub(crate) phase: String,
    pub(crate) activity: Activity,
    pub(crate) needs_operator: bool,
    pub(crate) problem: Option<Problem>,
    /// Whose events drive it.
    pub(crate) order: Order,
    event: fn(&Order, Uuid, WorkActionKind, String) -> Option<Event>,
}

impl Workflow {
    /// The event that an action is; `None` if no action can change it any more.
    pub(crate) fn event(&self, action: WorkActionKind, reason: String) -> Option<Event> {
        (self.event)(&self.order, self.id, action, reason)
    }

    /// As staff is told of it.
    pub(crate) fn entry(&self, now: DateTime<Utc>, pace: &Pace) -> WorkEntry {
        let is_possible = |action: &WorkActionKind| {
            let event = self.event(*action, String::new());
            event.is_some_and(|event| transition(&self.order.state, &event, now, pace).is_ok())
        };
        WorkEntry {
            id: self.id,
            machine: self.machine.to_owned(),
            order: self.order.new.id,
            domain: self.order.new.domain.clone(),
            phase: self.phase.clone(),
            activity: match self.activity {
                Activity::Open => WorkActivity::Open,
                Activity::Idle => WorkActivity::Idle,
                Activity::Ended => WorkActivity::Ended,
            },
            needs_operator: self.needs_operator,
            problem: self.problem.clone(),
            updated_at: self.order.updated_at,
            actions: WorkActionKind::ALL.into_iter().filter(is_possible).collect(),
        }
    }
}

/// The open workflows of all machines, at most 200 of each: those that need a person first, then those that have waited
/// longest.
pub(crate) async fn open(store: &Store) -> Result<Vec<Workflow>, StoreError> {
    let mut all = Vec::new();
    for machine in MACHINES {
        all.extend((machine.open)(store, LISTED_MAX).await?);
    }
    all.sort_by_key(|workflow| (!workflow.needs_operator, workflow.order.updated_at, workflow.id));
    Ok(all)
}

/// One workflow, whatever its machine.
pub(crate) async fn find(store: &Store, id: Uuid) -> Result<Option<Workflow>, StoreError> {
    for machine in MACHINES {
        if let Some(workflow) = (machine.find)(store, id).await? {
            return Ok(Some(workflow));
        }
    }
    Ok(None)
}
