//! How a call is read: strictly, field by field, within bounds.

use std::collections::BTreeMap;

use letsbe_types::{api::FieldError, asked::whole, ids::ApprovalId};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Action, Call, Invalid, REFERENCE, Run, Verb};
use crate::pattern::is_name;

/// Most lines of a log.
const LINES_MOST: u32 = 1_000;
/// Most seconds that a command gets.
const SECONDS_MOST: u32 = 300;
/// Most words of a command, and bytes of all of them.
const WORDS_MOST: usize = 64;
const COMMAND_BYTES: usize = 8 * 1024;
/// Most variables, and bytes of one value.
const VARIABLES_MOST: usize = 16;
const VALUE_BYTES: usize = 4 * 1024;
/// Most bytes of standard input.
const STDIN_BYTES: usize = 64 * 1024;

fn wrong(field: impl Into<String>, message: impl Into<String>) -> Invalid {
    Invalid(vec![FieldError { field: field.into(), message: message.into() }])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogsArguments {
    service: Option<String>,
    #[serde(default = "hundred")]
    lines: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApprovalArguments {
    approval: ApprovalId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionArguments {
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RestoreArguments {
    date: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunArguments {
    service: Option<String>,
    command: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    stdin: Option<String>,
    #[serde(default = "minute")]
    timeout: u32,
}

const fn hundred() -> u32 {
    100
}

const fn minute() -> u32 {
    60
}

fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, Invalid> {
    serde_path_to_error::deserialize(arguments).map_err(|error| {
        let path = error.path().to_string();
        if path == "command" {
            let why = "give the program and its arguments as a list of words, [\"ls\", \"-l\"]; a text is not taken apart";
            return wrong("arguments.command", why);
        }
        let field = if path == "." { "arguments".to_owned() } else { format!("arguments.{path}") };
        wrong(field, error.inner().to_string())
    })
}

/// Arguments as models and programs write them: a `null` is as if absent, and a whole number is one however it is
/// written (`50.0` is 50).
fn plainly(arguments: Value) -> Value {
    match arguments {
        Value::Null => Value::Object(Map::new()),
        Value::Object(fields) => {
            let given = fields.into_iter().filter(|(_, value)| !value.is_null());
            given.map(|(name, value)| (name, whole_number(value))).collect()
        }
        other => other,
    }
}

fn whole_number(value: Value) -> Value {
    let written = value.is_f64().then(|| whole(&value.to_string())).flatten();
    written.and_then(|number| number.parse::<i64>().ok()).map_or(value, Value::from)
}

impl Call {
    /// Reads a call.
    ///
    /// # Errors
    /// Every field that is not as it should be.
    pub fn parse(agent: &str, verb: &str, tool: Option<&str>, arguments: Value) -> Result<Self, Invalid> {
        if !is_name(agent) {
            return Err(wrong("agent", "a name of letters, digits, `.`, `_` and `-`"));
        }
        let known = || Verb::ALL.map(Verb::name).join(", ");
        let verb = Verb::named(verb).ok_or_else(|| wrong("verb", format!("one of {}", known())))?;
        let arguments = plainly(arguments);
        if !arguments.is_object() {
            return Err(wrong("arguments", "an object of the verb's arguments"));
        }
        if tool.is_some_and(|tool| !is_name(tool)) {
            return Err(wrong("tool", "the name of a tool"));
        }
        let wanted = || tool.map(str::to_owned).ok_or_else(|| wrong("tool", format!("{verb} needs a tool")));
        let action = match verb {
            Verb::ListContainers => read::<Nothing>(arguments).map(|_| Action::ListContainers),
            Verb::ListTools => read::<Nothing>(arguments).map(|_| Action::ListTools),
            Verb::Status => read::<Nothing>(arguments).map(|_| Action::Status),
            Verb::Disk => read::<Nothing>(arguments).map(|_| Action::Disk),
            Verb::Audit => read::<Nothing>(arguments).map(|_| Action::Audit),
            Verb::ApprovalStatus => {
                read(arguments).map(|ApprovalArguments { approval }| Action::ApprovalStatus { approval })
            }
            Verb::Logs => {
                let LogsArguments { service, lines } = read(arguments)?;
                Ok(Action::Logs { tool: wanted()?, service, lines })
            }
            Verb::Restart => read::<Nothing>(arguments).and_then(|_| Ok(Action::Restart { tool: wanted()? })),
            Verb::Rotate => read::<Nothing>(arguments).and_then(|_| Ok(Action::Rotate { tool: wanted()? })),
            Verb::Update => read::<Nothing>(arguments).and_then(|_| Ok(Action::Update { tool: wanted()? })),
            Verb::OpenclawUpdate => {
                read(arguments).map(|VersionArguments { to }| Action::OpenclawUpdate { to })
            }
            Verb::Backup => {
                read::<Nothing>(arguments).map(|_| Action::Backup { tool: tool.map(str::to_owned) })
            }
            Verb::Restore => {
                let RestoreArguments { date } = read(arguments)?;
                Ok(Action::Restore { tool: wanted()?, date })
            }
            Verb::Run => {
                let RunArguments { service, command, env, stdin, timeout } = read(arguments)?;
                Ok(Action::Run(Run { tool: tool.map(str::to_owned), service, command, env, stdin, timeout }))
            }
        }?;
        if action.tool() != tool && tool.is_some() {
            return Err(wrong("tool", format!("{verb} is not about a tool")));
        }
        let faults = faults(&action);
        if faults.is_empty() { Ok(Self { agent: agent.to_owned(), action }) } else { Err(Invalid(faults)) }
    }
}

fn faults(action: &Action) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut check = |fine: bool, field: &str, message: String| {
        if !fine {
            faults.push(FieldError { field: format!("arguments.{field}"), message });
        }
    };
    if let Some(service) = action.service() {
        check(is_name(service), "service", "the name of a service".to_owned());
    }
    match action {
        Action::Logs { lines, .. } => {
            check((1..=LINES_MOST).contains(lines), "lines", format!("1 to {LINES_MOST}"));
        }
        Action::OpenclawUpdate { to } => {
            check(is_name(to), "to", "a version, for example `v2026.10`".to_owned());
        }
        Action::Restore { date, .. } => {
            check(
                date.len() == 10 && date.parse::<chrono::NaiveDate>().is_ok(),
                "date",
                "a day, `2026-11-22`".to_owned(),
            );
        }
        Action::Run(run) => run_faults(run, &mut check),
        _ => {}
    }
    faults
}

fn run_faults(run: &Run, check: &mut impl FnMut(bool, &str, String)) {
    let command = &run.command;
    let named = command.first().is_some_and(|program| !program.is_empty() && !program.starts_with('-'));
    check(named, "command", "the first word is the program".to_owned());
    let bytes: usize = command.iter().map(String::len).sum();
    let short = command.len() <= WORDS_MOST && bytes <= COMMAND_BYTES;
    check(short, "command", format!("at most {WORDS_MOST} words and {COMMAND_BYTES} bytes"));
    check(!command.iter().any(|word| word.contains('\0')), "command", "a word holds a zero byte".to_owned());
    let secret = command.iter().any(|word| word.contains(REFERENCE));
    let hint = "a secret may not stand among the arguments, where every process sees it: give it in `env` or `stdin`";
    check(!secret, "command", hint.to_owned());
    check((1..=SECONDS_MOST).contains(&run.timeout), "timeout", format!("1 to {SECONDS_MOST} seconds"));
    check(run.env.len() <= VARIABLES_MOST, "env", format!("at most {VARIABLES_MOST} variables"));
    for (name, value) in &run.env {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let named = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(plain);
        check(named && name.len() <= 64, "env", "a variable's name has letters, digits and `_`".to_owned());
        let value = value.len() <= VALUE_BYTES && !value.contains('\0');
        check(value, "env", format!("a value has at most {VALUE_BYTES} bytes, none of them zero"));
    }
    let stdin = run.stdin.as_ref().is_none_or(|stdin| stdin.len() <= STDIN_BYTES);
    check(stdin, "stdin", format!("at most {STDIN_BYTES} bytes"));
}
