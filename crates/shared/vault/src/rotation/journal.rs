//! How far a rotation has come, and what is done next.

use std::collections::BTreeSet;

use letsbe_types::Problem;
use serde::{Deserialize, Serialize};

/// One action of a rotation. Each may be done again: a crash after it, and before it is recorded, repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The new values are in the vault as pending ones.
    WriteAhead,
    /// The agent and the secrets proxy know the new values.
    Announce,
    /// The database takes the new passwords.
    ChangeDatabase,
    /// Files and containers are made with the new values, and healthy.
    Recreate,
    /// The new passwords are let in, the old ones refused.
    Prove,
    /// The new values are the vault's present ones.
    Commit,
    /// It is written down, and the agent told.
    Finish,
    /// Back: the database takes the old passwords.
    RestoreDatabase,
    /// Back: files and containers are made with the old values, and healthy.
    RecreateOld,
    /// Back: the old passwords are let in, the new ones refused.
    ProveOld,
    /// Back: the new values are retired.
    Abandon,
    /// Back: it is written down, and the agent told.
    FinishOld,
}

const FORWARD: [Action; 7] = [
    Action::WriteAhead,
    Action::Announce,
    Action::ChangeDatabase,
    Action::Recreate,
    Action::Prove,
    Action::Commit,
    Action::Finish,
];

const BACK: [Action; 5] =
    [Action::RestoreDatabase, Action::RecreateOld, Action::ProveOld, Action::Abandon, Action::FinishOld];

impl Action {
    /// All of them: those that lead forward, then those that lead back.
    pub fn all() -> impl Iterator<Item = Self> {
        FORWARD.into_iter().chain(BACK)
    }

    /// Whether nothing comes after it.
    #[must_use]
    pub const fn is_last(self) -> bool {
        matches!(self, Self::Finish | Self::FinishOld)
    }

    /// Its name, as it is recorded.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WriteAhead => "write_ahead",
            Self::Announce => "announce",
            Self::ChangeDatabase => "change_database",
            Self::Recreate => "recreate",
            Self::Prove => "prove",
            Self::Commit => "commit",
            Self::Finish => "finish",
            Self::RestoreDatabase => "restore_database",
            Self::RecreateOld => "recreate_old",
            Self::ProveOld => "prove_old",
            Self::Abandon => "abandon",
            Self::FinishOld => "finish_old",
        }
    }

    /// What a failure of this action means for the rotation.
    #[must_use]
    pub const fn after_failure(self) -> AfterFailure {
        match self {
            Self::WriteAhead => AfterFailure::Forget,
            Self::Announce | Self::ChangeDatabase | Self::Recreate | Self::Prove => AfterFailure::TurnBack,
            Self::Commit
            | Self::Finish
            | Self::RestoreDatabase
            | Self::RecreateOld
            | Self::ProveOld
            | Self::Abandon
            | Self::FinishOld => AfterFailure::Stay,
        }
    }
}

/// What to do when an action fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// Nothing was changed: the rotation never was.
    Forget,
    /// Everything goes back to the old values.
    TurnBack,
    /// It stays where it is; the same is tried again by the next `rotate`.
    Stay,
}

/// How far the rotation of one tool has come. Holds no secret: the values are in the vault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationJournal {
    /// The credentials that are rotated.
    pub keys: BTreeSet<String>,
    /// The last action that is done.
    pub done: Option<Action>,
    /// Why everything goes back, if it does.
    pub back: Option<Problem>,
}

impl RotationJournal {
    /// A rotation of these credentials that has yet to begin.
    #[must_use]
    pub fn of(keys: impl IntoIterator<Item = String>) -> Self {
        Self { keys: keys.into_iter().collect(), done: None, back: None }
    }

    /// What comes next; `None` when all is done.
    #[must_use]
    pub fn next(&self) -> Option<Action> {
        let actions: &[Action] = if self.back.is_some() { &BACK } else { &FORWARD };
        let done = self.done.and_then(|done| actions.iter().position(|action| *action == done));
        actions.get(done.map_or(0, |done| done + 1)).copied()
    }

    /// An action is done.
    pub fn record(&mut self, action: Action) {
        self.done = Some(action);
    }

    /// Everything goes back to the old values, because of this.
    pub fn turn_back(&mut self, because: Problem) {
        self.done = None;
        self.back = Some(because);
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::{Code, Problem};
    use proptest::prelude::*;

    use super::{Action, AfterFailure, RotationJournal};

    /// A server with a vault, a database, files and containers; each holds the old value 0 or the new one 1.
    #[derive(Debug, Clone, Default)]
    struct World {
        present: u8,
        pending: Option<u8>,
        database: u8,
        files: u8,
        containers: u8,
        finished: bool,
    }

    impl World {
        fn wanted(&self) -> u8 {
            self.pending.unwrap_or(self.present)
        }

        /// Does an action; `parts` is how many of its parts get done before a crash.
        fn act(&mut self, action: Action, parts: usize) {
            let (new, old) = (self.wanted(), self.present);
            match action {
                Action::WriteAhead if parts > 0 => self.pending = self.pending.or(Some(1)),
                Action::ChangeDatabase if parts > 0 => self.database = new,
                Action::RestoreDatabase if parts > 0 => self.database = old,
                Action::Recreate | Action::RecreateOld if parts > 0 => {
                    let value = if action == Action::Recreate { new } else { old };
                    self.files = value;
                    self.containers = if parts > 1 { value } else { self.containers };
                }
                Action::Commit if parts > 0 => self.present = self.pending.take().unwrap_or(self.present),
                Action::Abandon if parts > 0 => self.pending = None,
                Action::Finish | Action::FinishOld if parts > 0 => self.finished = true,
                _ => {}
            }
        }

        /// Whether what an action looks for is so.
        fn holds(&self, action: Action) -> bool {
            let all = [self.database, self.files, self.containers];
            match action {
                Action::Prove => all == [self.wanted(); 3],
                Action::ProveOld => all == [self.present; 3],
                _ => true,
            }
        }
    }

    /// What happens to one attempt of an action.
    #[derive(Debug, Clone)]
    enum Fate {
        Good,
        /// It fails after some of its parts.
        Fails(usize),
        /// The program is killed after some of its parts.
        Killed(usize),
    }

    fn fates() -> impl Strategy<Value = Vec<Fate>> {
        let fate = prop_oneof![
            3 => Just(Fate::Good),
            1 => (0..3_usize).prop_map(Fate::Fails),
            2 => (0..3_usize).prop_map(Fate::Killed),
        ];
        proptest::collection::vec(fate, 0..40)
    }

    proptest! {
        #[test]
        fn killed_or_failed_anywhere_vault_database_and_files_agree_in_the_end(fates in fates()) {
            let mut world = World::default();
            let mut journal = RotationJournal::of(["password".to_owned()]);
            let mut fates = fates.into_iter();
            let mut forgotten = false;
            while let Some(action) = journal.next() {
                let mut failed = false;
                match fates.next().unwrap_or(Fate::Good) {
                    Fate::Good => world.act(action, usize::MAX),
                    // Nothing is recorded: the next program repeats it.
                    Fate::Killed(parts) => {
                        world.act(action, parts);
                        continue;
                    }
                    // A write into the vault is there or not.
                    Fate::Fails(_) if action == Action::WriteAhead => failed = true,
                    Fate::Fails(parts) => {
                        world.act(action, parts);
                        failed = true;
                    }
                }
                prop_assert!(failed || world.holds(action), "{action:?} in {world:?}");
                match (failed, action.after_failure()) {
                    (false, _) => journal.record(action),
                    (true, AfterFailure::TurnBack) => journal.turn_back(Problem::transient(Code::WORK001, "", "")),
                    (true, AfterFailure::Stay) => {}
                    (true, AfterFailure::Forget) if world.pending.is_some() => {}
                    (true, AfterFailure::Forget) => {
                        forgotten = true;
                        break;
                    }
                }
            }
            let value = u8::from(journal.back.is_none() && !forgotten);
            let all = [world.present, world.database, world.files, world.containers];
            prop_assert_eq!(all, [value; 4], "{:?}", world);
            prop_assert!(world.pending.is_none() && (world.finished || forgotten));
        }
    }
}
