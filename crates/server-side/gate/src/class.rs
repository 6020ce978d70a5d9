//! Classes of calls, and what is done with each.

use std::fmt;

use letsbe_types::tenant::Autonomy;
use serde::{Deserialize, Serialize};

/// What a call is. The order is that of the damage it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Class {
    /// It reads.
    Green,
    /// It can be undone.
    Yellow,
    /// It sends something to outsiders.
    YellowExternal,
    /// It is hard to undo.
    Red,
    /// It destroys, or can, or nobody has said what it is.
    CriticalRed,
}

impl Class {
    /// What it means, for the person who is asked.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Green => "it reads",
            Self::Yellow => "it can be undone",
            Self::YellowExternal => "it sends something to outsiders",
            Self::Red => "it is hard to undo",
            Self::CriticalRed => "it destroys, or can, or nobody has said what it does",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Green => "GREEN",
            Self::Yellow => "YELLOW",
            Self::YellowExternal => "YELLOW_EXTERNAL",
            Self::Red => "RED",
            Self::CriticalRed => "CRITICAL_RED",
        })
    }
}

/// What the table says about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Its class.
    pub class: Class,
    /// Whether it may send something to outsiders. Always so in [`Class::YellowExternal`]; a command of a higher
    /// class can do both.
    pub external: bool,
    /// Why, in words of the table.
    pub because: String,
}

/// What is done with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is done at once.
    Run,
    /// It waits for a person.
    Ask,
}

/// What is done with a call: `unlocked` says whether messages of its tool may be sent unasked.
#[must_use]
pub fn decide(judgement: &Judgement, autonomy: Autonomy, unlocked: bool) -> Decision {
    if judgement.external && !unlocked {
        return Decision::Ask;
    }
    let highest = match autonomy {
        Autonomy::Level1 => Class::Green,
        // What was unlocked for outsiders counts as what can be undone.
        Autonomy::Level2 => Class::YellowExternal,
        Autonomy::Level3 => Class::Red,
    };
    if judgement.class <= highest { Decision::Run } else { Decision::Ask }
}

#[cfg(test)]
mod tests {
    use letsbe_types::tenant::Autonomy::{Level1, Level2, Level3};

    use super::{Class, Decision, Judgement, decide};

    #[test]
    fn every_class_at_every_level_is_run_or_held_as_written() {
        let table = [
            // class, external, and for locked and unlocked: the lowest level at which it is run; 4 is never.
            (Class::Green, false, [1, 1]),
            (Class::Yellow, false, [2, 2]),
            (Class::YellowExternal, true, [4, 2]),
            (Class::Red, false, [3, 3]),
            (Class::Red, true, [4, 3]),
            (Class::CriticalRed, false, [4, 4]),
            (Class::CriticalRed, true, [4, 4]),
        ];
        for (class, external, lowest) in table {
            for (unlocked, lowest) in [(false, lowest[0]), (true, lowest[1])] {
                for (level, autonomy) in [(1, Level1), (2, Level2), (3, Level3)] {
                    let judgement = Judgement { class, external, because: String::new() };
                    let wanted = if level >= lowest { Decision::Run } else { Decision::Ask };
                    let decided = decide(&judgement, autonomy, unlocked);
                    assert_eq!(
                        decided, wanted,
                        "{class} external {external} level {level} unlocked {unlocked}"
                    );
                }
            }
        }
    }

    #[test]
    fn classes_are_written_one_way() {
        for class in [Class::Green, Class::Yellow, Class::YellowExternal, Class::Red, Class::CriticalRed] {
            assert_eq!(serde_json::to_string(&class).expect("writes"), format!("\"{class}\""));
        }
    }
}
