//! How far a restore has come, and what is next. Decided here, done elsewhere; each tool's journal lies in
//! `state/restore-<tool>.json` until its restore has ended.

use chrono::{DateTime, Utc};
use letsbe_types::{Code, Problem, ids::SetId};
use serde::{Deserialize, Serialize};

use super::{
    exchange::{Pair, Side},
    sandbox::record::SandboxId,
};
use letsbe_base::{files, layout::Layout};

/// One step, good to be done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// A set of what the tool has now.
    MakeSafety,
    /// The set is built up beside the tool, and equal.
    Build,
    /// The tool is stopped: all its containers.
    StopTool,
    /// Its data and the sandbox's change places.
    Exchange,
    /// It is started, healthy, and answers.
    Start,
    /// What is not needed any more goes; how it ended is told.
    Finish,
}

impl Action {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::MakeSafety, Self::Build, Self::StopTool, Self::Exchange, Self::Start, Self::Finish];

    /// Its name in logs and crash points.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MakeSafety => "make_safety",
            Self::Build => "build",
            Self::StopTool => "stop_tool",
            Self::Exchange => "exchange",
            Self::Start => "start",
            Self::Finish => "finish",
        }
    }

    /// For people, as what is to be done.
    pub(crate) const fn in_words(self) -> &'static str {
        match self {
            Self::MakeSafety => "save what the tool has now",
            Self::Build => "build the set up beside the tool and compare it",
            Self::StopTool => "stop the tool",
            Self::Exchange => "exchange its data",
            Self::Start => "start the tool and wait until it is healthy",
            Self::Finish => "put what it had aside",
        }
    }
}

/// What becomes of what the tool had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Former {
    /// A safety set is made of it, and it stays for an undo.
    Saved,
    /// It stays for an undo; nobody can make a set of it.
    Kept,
    /// It goes at once: the tool has just been made and holds nothing.
    Dropped,
}

/// What is done to the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A set takes the place of what it has.
    Restore {
        /// What becomes of that.
        former: Former,
    },
    /// What an earlier exchange put aside takes its place again.
    Undo,
}

/// Why everything is put back, and whether the tool was touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Back {
    /// Why.
    pub(crate) problem: Problem,
    /// Whether anything of the tool was touched before.
    pub(crate) is_touched: bool,
}

/// One restore of one tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RestoreJournal {
    /// The tool.
    pub(crate) tool: String,
    /// What is done.
    pub(crate) kind: Kind,
    /// The set that the sandbox is made from.
    pub(crate) set: SetId,
    /// When that was taken.
    pub(crate) taken_at: DateTime<Utc>,
    /// The sandbox.
    #[serde(rename = "stage")]
    pub(crate) sandbox: SandboxId,
    /// When the restore began.
    pub(crate) began_at: DateTime<Utc>,
    /// Which data the tool shall have in the end.
    pub(crate) wanted: Side,
    /// What changes places; known once the sandbox is built.
    pub(crate) pairs: Vec<Pair>,
    /// Rows and files of the set; known once the sandbox is built.
    pub(crate) size: (u64, u64),
    /// Set once it goes back.
    pub(crate) back: Option<Back>,
    /// What has been done in the present direction.
    done: Vec<Action>,
    /// The machine: state that came from a lost server's backup knows nothing of this one's folders.
    machine: String,
}

impl RestoreJournal {
    /// A restore that is about to begin.
    pub(crate) fn of_restore(
        tool: &str,
        former: Former,
        (set, taken_at): (SetId, DateTime<Utc>),
        began_at: DateTime<Utc>,
    ) -> Self {
        Self {
            tool: tool.to_owned(),
            kind: Kind::Restore { former },
            set,
            taken_at,
            sandbox: SandboxId::generate(),
            began_at,
            wanted: Side::Restored,
            pairs: Vec::new(),
            size: (0, 0),
            back: None,
            done: Vec::new(),
            machine: machine(),
        }
    }

    /// An undo that is about to begin.
    pub(crate) fn of_undo(self, pairs: Vec<Pair>, wanted: Side, sandbox: SandboxId) -> Self {
        Self { kind: Kind::Undo, pairs, wanted, sandbox, ..self }
    }

    /// All actions of the present direction in order.
    fn actions(&self) -> &'static [Action] {
        use Action::{Build, Exchange, Finish, MakeSafety, Start, StopTool};
        match (&self.back, self.kind) {
            (Some(Back { is_touched: false, .. }), _) => &[Finish],
            (Some(_), _) | (None, Kind::Undo) => &[StopTool, Exchange, Start, Finish],
            (None, Kind::Restore { former: Former::Saved }) => {
                &[MakeSafety, Build, StopTool, Exchange, Start, Finish]
            }
            (None, Kind::Restore { former: Former::Kept | Former::Dropped }) => {
                &[Build, StopTool, Exchange, Start, Finish]
            }
        }
    }

    /// What is to be done next; `None` when all is done.
    pub(crate) fn next(&self) -> Option<Action> {
        self.actions().iter().copied().find(|action| !self.done.contains(action))
    }

    /// An action was done.
    pub(crate) fn record(&mut self, action: Action) {
        self.done.push(action);
    }

    /// Which data the tool shall have at the end of the present direction.
    pub(crate) const fn side(&self) -> Side {
        if self.back.is_some() { self.wanted.other() } else { self.wanted }
    }

    /// An action failed: what becomes of the restore.
    pub(crate) fn after_failure(&mut self, action: Action, problem: Problem) -> AfterFailure {
        match (&self.back, action) {
            (None, Action::Finish) => AfterFailure::Stay(problem),
            (None, _) => {
                self.turn_back(problem);
                AfterFailure::GoOn
            }
            // The former data is in its place; the tool may have been ill before.
            (Some(back), Action::Start) => {
                let message = format!(
                    "{}. With what it had before it does not come up either: {}",
                    back.problem.message, problem.message
                );
                self.back =
                    Some(Back { problem: Problem { message, ..back.problem.clone() }, ..back.clone() });
                self.record(action);
                AfterFailure::GoOn
            }
            (Some(_), _) => AfterFailure::Stay(problem),
        }
    }

    fn turn_back(&mut self, problem: Problem) {
        let is_touched = self.next().is_some_and(|next| next >= Action::StopTool);
        self.back = Some(Back { problem, is_touched });
        self.done.clear();
    }

    /// The journal was found by another process than the one that wrote it. What had not touched the tool yet is given
    /// up: its repository may not be known here. Anything else goes on.
    pub(crate) fn resumed(mut self) -> Self {
        let is_untouched = self.next().is_some_and(|next| next < Action::StopTool);
        if self.back.is_none() && is_untouched {
            self.turn_back(Problem::transient(
                Code::RES007,
                format!("The restore of {} was interrupted before it touched the tool", self.tool),
                "Repeat it.",
            ));
        }
        self
    }
}

/// What becomes of a restore after an action failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    /// The journal says what is next.
    GoOn,
    /// It cannot go on now; the journal stays.
    Stay(Problem),
}

/// What systemd calls this machine.
fn machine() -> String {
    std::fs::read_to_string("/etc/machine-id").unwrap_or_default().trim().to_owned()
}

fn path(layout: &Layout, tool: &str) -> std::path::PathBuf {
    layout.state(&format!("restore-{tool}.json"))
}

/// Keeps a journal, durably.
pub(crate) fn keep(layout: &Layout, journal: &RestoreJournal) -> Result<(), Problem> {
    files::write_json(&path(layout, &journal.tool), journal)
}

/// A restore has ended.
pub(crate) fn remove(layout: &Layout, tool: &str) -> Result<(), Problem> {
    files::remove(&path(layout, tool))
}

/// The journals of restores that have not ended.
pub(crate) fn unfinished(layout: &Layout) -> Result<Vec<RestoreJournal>, Problem> {
    let folder = layout.state("");
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| files::unusable(&folder, error))?,
    };
    let is_journal = |name: &str| name.starts_with("restore-") && name.ends_with(".json");
    let mut paths: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_journal))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    let mut journals = Vec::new();
    for path in paths {
        let journal = files::read_json::<RestoreJournal>(&path)?;
        journals.extend(journal.filter(|journal| journal.machine == machine()));
    }
    Ok(journals)
}

/// The sandboxes that belong to restores that have not ended.
pub(crate) fn sandboxes(layout: &Layout) -> Result<Vec<SandboxId>, Problem> {
    Ok(unfinished(layout)?.into_iter().map(|journal| journal.sandbox).collect())
}

#[cfg(test)]
mod tests;
