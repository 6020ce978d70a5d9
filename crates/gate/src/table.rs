//! The table that people read (`catalog/gate/commands.toml`), and what it says about a call.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::{
    call::{Action, Call, Run, Verb},
    class::{Class, Judgement},
    pattern::Pattern,
};

/// Variables that change which program runs or what it loads.
const LOADER_VARIABLES: [&str; 4] = ["PATH", "IFS", "ENV", "SHELLOPTS"];
/// Beginnings of such variables.
const LOADER_PREFIXES: [&str; 12] =
    ["LD_", "BASH_", "DYLD_", "PYTHON", "PERL", "RUBY", "NODE_", "PHP", "GIT_", "GCONV_", "GLIBC_", "MYSQL_"];

/// Why a table is refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TableError {
    /// It is no TOML, or not of this form.
    #[error("{0}")]
    Form(String),
    /// A row is wrong.
    #[error("row `{row}`: {why}")]
    Row {
        /// The row.
        row: String,
        /// Why.
        why: String,
    },
    /// A verb has no class.
    #[error("verbs.{0} is missing")]
    Verb(Verb),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    verbs: BTreeMap<Verb, Class>,
    programs: Vec<RawProgram>,
    commands: Vec<RawCommands>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProgram {
    names: Vec<String>,
    class: Class,
    #[serde(default)]
    external: bool,
    #[serde(default)]
    starts_others: bool,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCommands {
    #[serde(rename = "in")]
    place: RawPlace,
    #[serde(default)]
    tools: Vec<String>,
    class: Class,
    #[serde(default)]
    stdin: bool,
    #[serde(default)]
    env: Vec<String>,
    why: String,
    rows: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawPlace {
    Container,
    Host,
}

/// Where a command would run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// In a container of this tool.
    Container(&'a str),
    /// On the server itself.
    Host,
}

struct Program {
    class: Class,
    external: bool,
    starts_others: bool,
    why: String,
}

struct Commands {
    raw: RawCommands,
    rows: Vec<Pattern>,
}

impl Commands {
    fn applies(&self, place: Place<'_>) -> bool {
        match place {
            Place::Host => self.raw.place == RawPlace::Host,
            Place::Container(tool) => {
                let tools = &self.raw.tools;
                self.raw.place == RawPlace::Container
                    && (tools.is_empty() || tools.iter().any(|one| one == tool))
            }
        }
    }

    fn row(&self, run: &Run) -> Option<&Pattern> {
        let fed = run.stdin.is_none() || self.raw.stdin;
        let known = run.env.keys().all(|name| self.raw.env.contains(name));
        if fed && known { self.rows.iter().find(|row| row.matches(&run.command)) } else { None }
    }
}

/// The table, checked.
pub struct Table {
    verbs: BTreeMap<Verb, Class>,
    programs: BTreeMap<String, Program>,
    commands: Vec<Commands>,
}

impl Table {
    /// Reads and checks a table.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let raw: Raw = toml::from_str(text).map_err(|error| TableError::Form(error.to_string()))?;
        let missing = Verb::ALL.into_iter().find(|verb| !raw.verbs.contains_key(verb));
        if let Some(verb) = missing {
            return Err(TableError::Verb(verb));
        }
        let programs = programs(raw.programs)?;
        let commands: Result<Vec<_>, _> =
            raw.commands.into_iter().map(|raw| commands(raw, &programs)).collect();
        Ok(Self { verbs: raw.verbs, programs, commands: commands? })
    }

    /// What a call is.
    #[must_use]
    pub fn judge(&self, call: &Call) -> Judgement {
        if let Action::Run(run) = &call.action {
            return self.judge_run(run);
        }
        let verb = call.action.verb();
        let class = self.verbs.get(&verb).copied().unwrap_or(Class::CriticalRed);
        Judgement { class, external: class == Class::YellowExternal, because: format!("the verb {verb}") }
    }

    /// What a verb is at least: `run` is what its command is, and never less than this.
    #[must_use]
    pub fn verb(&self, verb: Verb) -> Class {
        self.verbs.get(&verb).copied().unwrap_or(Class::CriticalRed)
    }

    /// Whether a command stands in the table, word for word.
    #[must_use]
    pub fn lists(&self, run: &Run) -> bool {
        self.row_of(run).is_some()
    }

    fn row_of(&self, run: &Run) -> Option<(&Commands, &Pattern)> {
        let applying = self.commands.iter().filter(|commands| commands.applies(run.place()));
        applying
            .filter_map(|commands| Some((commands, commands.row(run)?)))
            .max_by_key(|(commands, _)| commands.raw.class)
    }

    fn judge_run(&self, run: &Run) -> Judgement {
        let least = self.verb(Verb::Run);
        if let Some((commands, row)) = self.row_of(run) {
            if commands.raw.class == Class::YellowExternal && run.names_a_secret() {
                let because = format!("row `{row}` sends what it is given, and it is given a secret");
                return Judgement { class: Class::CriticalRed, external: true, because };
            }
            return Judgement {
                class: commands.raw.class.max(least),
                external: commands.raw.class == Class::YellowExternal,
                because: format!("{}: row `{row}`", commands.raw.why),
            };
        }
        let unlisted = "this command stands in no row of the table".to_owned();
        let mut judgement = Judgement { class: Class::Red.max(least), external: false, because: unlisted };
        if run.names_a_secret() {
            judgement.class = Class::CriticalRed;
            judgement.because = "it gives a secret to a program that nobody has described".to_owned();
        }
        if let Some(name) = run.env.keys().find(|name| loads(name)) {
            judgement.class = Class::CriticalRed;
            judgement.because = format!("the variable {name} can make any program do anything");
        }
        // A program that sends in one form may send in another.
        judgement.external = self.commands.iter().any(|commands| {
            commands.raw.class == Class::YellowExternal
                && commands.applies(run.place())
                && commands
                    .rows
                    .iter()
                    .any(|row| run.command.first().is_some_and(|word| word == row.program()))
        });
        if let Some((first, rest)) = run.command.split_first() {
            let starts = self.raise(&mut judgement, first);
            if starts {
                // What it starts stands somewhere behind it; words joined by signs count as words here, because
                // this can only raise the class.
                let parts = rest
                    .iter()
                    .flat_map(|word| word.split(|c: char| !"._-+/".contains(c) && !c.is_alphanumeric()));
                for part in parts {
                    self.raise(&mut judgement, part);
                }
                if run.stdin.is_some() {
                    judgement.class = Class::CriticalRed;
                }
            }
        }
        judgement
    }

    /// Raises a judgement to what a program is at least; whether the program starts others.
    fn raise(&self, judgement: &mut Judgement, word: &str) -> bool {
        let Some(program) = spellings(word).iter().find_map(|name| self.programs.get(name)) else {
            return false;
        };
        judgement.external |= program.external;
        if program.class >= judgement.class {
            judgement.class = program.class;
            judgement.because = format!("{word}: {}", program.why);
        }
        program.starts_others
    }
}

fn loads(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    LOADER_VARIABLES.contains(&name.as_str()) || LOADER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Names under which a program may stand in the table: `/usr/bin/python3.11` is also `python3` and `python`.
fn spellings(word: &str) -> [String; 3] {
    let base = word.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let short = base.split('.').next().unwrap_or_default().to_owned();
    let bare = short.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned();
    [base, short, bare]
}

fn programs(raw: Vec<RawProgram>) -> Result<BTreeMap<String, Program>, TableError> {
    let mut programs = BTreeMap::new();
    for raw in raw {
        let refuse =
            |name: &str, why: &str| Err(TableError::Row { row: name.to_owned(), why: why.to_owned() });
        for name in &raw.names {
            if raw.class < Class::Red {
                return refuse(name, "a program that is named here is RED at least");
            }
            let (class, external, starts_others) = (raw.class, raw.external, raw.starts_others);
            let program = Program { class, external, starts_others, why: raw.why.clone() };
            if programs.insert(name.clone(), program).is_some() {
                return refuse(name, "the program is named twice");
            }
        }
    }
    Ok(programs)
}

fn commands(raw: RawCommands, programs: &BTreeMap<String, Program>) -> Result<Commands, TableError> {
    let mut rows = Vec::new();
    for text in &raw.rows {
        let refuse = |why: String| TableError::Row { row: text.clone(), why };
        let row = Pattern::parse(text).map_err(refuse)?;
        if raw.class == Class::CriticalRed {
            return Err(refuse(
                "what destroys is named under programs: another flag must not make it less".into(),
            ));
        }
        if raw.class < Class::YellowExternal && row.takes_free_text() {
            return Err(refuse("<text> admits anything; it may not stand in GREEN and YELLOW rows".into()));
        }
        let program = spellings(row.program()).iter().find_map(|name| programs.get(name));
        if program.is_some_and(|program| program.starts_others) && !row.is_literal() {
            return Err(refuse("this program starts others; its rows may hold exact words only".into()));
        }
        rows.push(row);
    }
    if raw.place == RawPlace::Host && !raw.tools.is_empty() {
        let why = "rows of the host belong to no tool".to_owned();
        return Err(TableError::Row { row: raw.tools.join(", "), why });
    }
    Ok(Commands { raw, rows })
}

#[cfg(test)]
mod tests;
