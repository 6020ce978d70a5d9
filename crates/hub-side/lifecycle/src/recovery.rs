//! The recovery of a lost server (runbook 5.2) as a machine of its own beside its order's.
//!
//! The order claims, installs and provisions the replacement; the recovery says what becomes of the lost server, of
//! what was claimed in its place, and of the agent's key. `NEW → RUNNING → UNACCOUNTED → FINISHED`: the customer is live
//! again, and then a person says what became of the lost server. Or it ends `CANCELLED` (the server was not lost after
//! all) or `SUPERSEDED` (it failed, and another recovery began). Its effects are rows of the Hub's own database, so they
//! are carried out in the transaction of the event.

mod decide;
mod follow;
mod machine;
mod waits_for;

use std::fmt;

use letsbe_types::recovery::{LostServerFate, RecoveryState};

pub use decide::transition;
pub use follow::events_of;
pub use machine::RecoveryMachine;
pub use waits_for::waits_for;

/// Where a recovery stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Asked for in this transaction; nothing is stored.
    New,
    /// A replacement is on its way.
    Running,
    /// The customer is live again; nobody has said what became of the lost server.
    Unaccounted,
    /// The customer is live again, and no lost server is open.
    Finished,
    /// The server was not lost after all.
    Cancelled,
    /// It failed, and another one began in its place.
    Superseded,
}

impl State {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::New, Self::Running, Self::Unaccounted, Self::Finished, Self::Cancelled, Self::Superseded];

    /// A recovery as it is stored; `unaccounted` if it names a lost server that nobody has accounted for.
    #[must_use]
    pub const fn of(stored: RecoveryState, unaccounted: bool) -> Self {
        match stored {
            RecoveryState::Running => Self::Running,
            RecoveryState::Finished if unaccounted => Self::Unaccounted,
            RecoveryState::Finished => Self::Finished,
            RecoveryState::Cancelled => Self::Cancelled,
            RecoveryState::Superseded => Self::Superseded,
        }
    }

    /// How it is stored and shown; `None` while nothing is stored.
    #[must_use]
    pub const fn stored(self) -> Option<RecoveryState> {
        match self {
            Self::New => None,
            Self::Running => Some(RecoveryState::Running),
            Self::Unaccounted | Self::Finished => Some(RecoveryState::Finished),
            Self::Cancelled => Some(RecoveryState::Cancelled),
            Self::Superseded => Some(RecoveryState::Superseded),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "NEW",
            Self::Running => "RUNNING",
            Self::Unaccounted => "UNACCOUNTED",
            Self::Finished => "FINISHED",
            Self::Cancelled => "CANCELLED",
            Self::Superseded => "SUPERSEDED",
        })
    }
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A live server is called lost.
    Requested,
    /// The same after a recovery that failed: this one begins in its place.
    RequestedAgain,
    /// Another recovery began in the place of this one.
    BegunAgain,
    /// A replacement was claimed or assigned, or answers somewhere.
    ServerNamed,
    /// The recovery was taken back, and what was claimed is out of use.
    TakenBack,
    /// The customer is live again.
    Live {
        /// A server was lost, and nobody knows where it is.
        lost: bool,
    },
    /// A person says what became of the lost server.
    Settled {
        /// What.
        became: LostServerFate,
    },
}

/// What has to be done in the event's own transaction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EffectKind {
    /// The next server is another machine: forget the host key and the installation of the former one.
    ForgetServer,
    /// The lost server is not in use, and given to nobody.
    MarkLost,
    /// Whoever holds the lost server holds its agent's key, too: revoke it.
    RevokeKey,
    /// Write down which server takes its place.
    NameReplacement,
    /// What was claimed in its place is out of use until it was wiped.
    ReleaseReplacement,
    /// The server is not lost.
    UnmarkLost,
    /// The host key of the server that was called lost counts again.
    RestoreServer,
    /// So does the key of its agent.
    RestoreKey,
    /// Measure how long it took and how much time of data is gone.
    Measure,
    /// Ask a person what became of the lost server.
    OpenTask,
    /// That task is done.
    CloseTask,
    /// The lost server was wiped: it may be returned to the pool.
    FreeLost,
}

impl EffectKind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::ForgetServer,
        Self::MarkLost,
        Self::RevokeKey,
        Self::NameReplacement,
        Self::ReleaseReplacement,
        Self::UnmarkLost,
        Self::RestoreServer,
        Self::RestoreKey,
        Self::Measure,
        Self::OpenTask,
        Self::CloseTask,
        Self::FreeLost,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ForgetServer => "forget_server",
            Self::MarkLost => "mark_lost",
            Self::RevokeKey => "revoke_key",
            Self::NameReplacement => "name_replacement",
            Self::ReleaseReplacement => "release_replacement",
            Self::UnmarkLost => "unmark_lost",
            Self::RestoreServer => "restore_server",
            Self::RestoreKey => "restore_key",
            Self::Measure => "measure",
            Self::OpenTask => "open_task",
            Self::CloseTask => "close_task",
            Self::FreeLost => "free_lost",
        }
    }
}
