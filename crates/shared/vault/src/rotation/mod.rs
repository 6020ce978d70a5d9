//! Rotation: which secrets are replaced, in which order, and what comes next after a crash or a failure. Pure.
//!
//! It must never let go of the old value before the new one is proven, nor of the new one before it is dead.

mod journal;
mod plan;
mod statement;

pub use journal::{Action, AfterFailure, RotationJournal};
pub use plan::{
    DatabaseChange, Direction, Kept, NewPassword, RotationPlan, RotationValues, plan, unusable, values,
};
pub use statement::{
    Account, Accounts, mysql_accounts_queries, mysql_alters, mysql_options, postgres_alter, usable,
};
