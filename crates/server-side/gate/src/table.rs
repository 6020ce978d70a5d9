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

/// Programs that a reason names.
const NAMED: usize = 3;

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
        if raw.verbs.get(&Verb::Restore) != Some(&Class::CriticalRed) {
            let why = "what it replaces is gone: it is CRITICAL_RED".to_owned();
            return Err(TableError::Row { row: "verbs.restore".to_owned(), why });
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
        let Some((commands, row)) = self.row_of(run) else {
            // Whatever it is called: what a program does cannot be told from its name.
            return Judgement { class: Class::CriticalRed, external: true, because: self.because(run) };
        };
        if commands.raw.class == Class::YellowExternal && run.names_a_secret() {
            let because = format!("row `{row}` sends what it is given, and it is given a secret");
            return Judgement { class: Class::CriticalRed, external: true, because };
        }
        Judgement {
            class: commands.raw.class.max(self.verb(Verb::Run)),
            external: commands.raw.class == Class::YellowExternal,
            because: format!("{}: row `{row}`", commands.raw.why),
        }
    }

    /// What a person who is asked is told of a command without a row. Decides nothing.
    fn because(&self, run: &Run) -> String {
        let mut because = "this command stands in no row of the table".to_owned();
        if run.names_a_secret() {
            because.push_str("; it gives a secret to a program that nobody has described");
        }
        if let Some(name) = run.env.keys().find(|name| loads(name)) {
            because.push_str(&format!("; the variable {name} can make any program do anything"));
        }
        // A program may start another: `x86_64 rm`, `sh -c "rm …"`.
        let words = run.command.iter().flat_map(|word| {
            let parts = word.split(|c: char| !"._-+/".contains(c) && !c.is_alphanumeric());
            parts.filter_map(|part| self.program(part))
        });
        let mut named: Vec<(String, &Program)> = Vec::new();
        for (name, program) in words {
            if named.len() < NAMED && named.iter().all(|(_, known)| known.why != program.why) {
                named.push((name, program));
            }
        }
        for (name, program) in named {
            because.push_str(&format!("; {name}: {}", program.why));
        }
        because
    }

    fn program(&self, word: &str) -> Option<(String, &Program)> {
        spellings(word).into_iter().find_map(|name| self.programs.get(&name).map(|program| (name, program)))
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
    for RawProgram { names, starts_others, why } in raw {
        for name in names {
            let program = Program { starts_others, why: why.clone() };
            if programs.insert(name.clone(), program).is_some() {
                return Err(TableError::Row { row: name, why: "the program is named twice".to_owned() });
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
            return Err(refuse("what destroys has no row: then it is asked for at every level".into()));
        }
        if raw.class != Class::YellowExternal && row.takes_free_text() {
            return Err(refuse("<text> admits anything; it may stand in YELLOW_EXTERNAL rows only".into()));
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
