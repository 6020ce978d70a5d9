//! `letsbe-node approvals …` and `letsbe-node gate …`: for the operator on this server.

use std::{collections::VecDeque, io::Read as _};

use clap::Subcommand;
use letsbe_gate::{Entry, Held, Phase};
use letsbe_types::{Problem, ids::ApprovalId, tenant::Approval, tenants::GateHead};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::gate::{control::Word, log, log_path, problem};
use letsbe_base::{control, files, layout::Layout};

/// Bytes of what the Hub was told.
const HEADS_BYTES: u64 = 4 << 20;

/// Approvals: what the AI team asks for.
#[derive(Subcommand)]
pub enum ApprovalsCommand {
    /// Those that wait.
    List {
        /// Settled ones too.
        #[arg(long)]
        all: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// One of them, with everything that would be done, and the result once there is one.
    Show {
        /// Which.
        id: ApprovalId,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let it be done, once and now.
    Approve {
        /// Which.
        id: ApprovalId,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Do not let it be done.
    Refuse {
        /// Which.
        id: ApprovalId,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// The command gate's log.
#[derive(Subcommand)]
pub enum GateCommand {
    /// The last entries.
    Log {
        /// How many.
        #[arg(long, default_value_t = 20)]
        lines: usize,
        /// As JSON lines.
        #[arg(long)]
        json: bool,
    },
    /// Check that nobody has changed, moved or taken out a line.
    Verify {
        /// Compare with what the Hub was told: a file that `letsbe tenants gate-heads … --json` wrote; `-` reads it.
        #[arg(long)]
        heads: Option<std::path::PathBuf>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Carries out `letsbe-node approvals …`.
pub async fn approvals(layout: &Layout, command: ApprovalsCommand) -> Result<(), Problem> {
    match command {
        ApprovalsCommand::List { all, json } => {
            let answer = control::call(layout, "GET", &format!("/approvals?all={all}"), None).await?;
            show(answer, json, |listed: &Vec<Approval>| {
                if listed.is_empty() {
                    println!("Nothing waits.");
                }
                listed.iter().for_each(|approval| println!("{}", harmless(&in_short(approval))));
            })
        }
        ApprovalsCommand::Show { id, json } => {
            let answer = control::call(layout, "GET", &format!("/approvals/{id}"), None).await?;
            show(answer, json, |held: &Held| println!("{}", harmless(&in_full(held))))
        }
        ApprovalsCommand::Approve { id, json } => decide(layout, id, true, json).await,
        ApprovalsCommand::Refuse { id, json } => decide(layout, id, false, json).await,
    }
}

async fn decide(layout: &Layout, id: ApprovalId, approve: bool, json: bool) -> Result<(), Problem> {
    let word = Word { approve, by: who() };
    let body = serde_json::to_value(&word).map_err(|error| problem::failed(&error))?;
    let answer = control::call(layout, "POST", &format!("/approvals/{id}"), Some(body)).await?;
    show(answer, json, |approval: &Approval| println!("{}", harmless(&in_short(approval))))
}

/// Who decides: the user behind sudo.
fn who() -> String {
    let name = std::env::var("SUDO_USER").unwrap_or_else(|_| "root".to_owned());
    name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(64).collect()
}

/// Prints an answer: as it came, or for people.
fn show<T: DeserializeOwned>(answer: Value, json: bool, print: impl FnOnce(&T)) -> Result<(), Problem> {
    if json {
        println!("{answer}");
        return Ok(());
    }
    let answer: T = serde_json::from_value(answer).map_err(|error| problem::failed(&error))?;
    print(&answer);
    Ok(())
}

/// A text that cannot act on the terminal, or show itself in another order than it is: a model wrote parts of it.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if "\n\"'\\".contains(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_debug());
        }
    }
    shown
}

fn in_short(approval: &Approval) -> String {
    let Approval { id, class, agent, state, .. } = approval;
    let until = approval.expires_at.format("%Y-%m-%d %H:%M UTC");
    let plan = approval.plan.lines().next().unwrap_or_default();
    format!("{id}  {class:<15} {state:?}, until {until}\n    {agent}: {plan}", state = state)
}

fn in_full(held: &Held) -> String {
    let Held { approval, by, begun_at, kept, .. } = held;
    let mut text = in_short(approval);
    text.push_str(&format!("\n\n{}\n", approval.plan));
    // Everything of it, escaped: a plan may have been cut.
    let call = serde_json::to_string_pretty(&held.call.action).unwrap_or_default();
    text.push_str(&format!("\nThe call, whole:\n{call}\n"));
    if let Some(by) = by {
        text.push_str(&format!("\nDecided by {by}.\n"));
    }
    match (kept, begun_at) {
        (Some(kept), _) => {
            let answer = serde_json::to_string_pretty(&kept.answer).unwrap_or_default();
            text.push_str(&format!("\nEnded {}:\n{answer}\n", kept.at.format("%Y-%m-%d %H:%M:%S UTC")));
        }
        (None, Some(_)) => text.push_str("\nIt is being done.\n"),
        (None, None) => {}
    }
    text
}

/// Carries out `letsbe-node gate …`. Reads the log itself: works without the agent.
pub fn gate(layout: &Layout, command: GateCommand) -> Result<(), Problem> {
    let path = log_path(layout);
    match command {
        GateCommand::Log { lines, json } => {
            let mut last: VecDeque<String> = VecDeque::new();
            log::read(&path, |line, _| {
                last.push_back(line.to_owned());
                if last.len() > lines {
                    last.pop_front();
                }
            })?;
            let shown = |line: &String| if json { line.clone() } else { harmless(&line_for_people(line)) };
            last.iter().for_each(|line| println!("{}", shown(line)));
        }
        GateCommand::Verify { json, heads } => {
            let heads = heads.map(|file| heads_in(&file)).transpose()?;
            let head =
                heads.as_ref().map_or_else(|| log::verify(&path), |heads| log::compare(&path, heads))?;
            if json {
                println!("{}", serde_json::to_string(&head).map_err(|error| files::unusable(&path, error))?);
            } else {
                println!("{} entries, none changed, moved or missing; the last is {}", head.entry, head.hash);
                match heads {
                    Some(heads) => println!("All {} ends that the Hub was told are in it.", heads.len()),
                    None => println!(
                        "Root can write a log anew. Compare it with what the Hub was told:\n\
                         letsbe tenants gate-heads DOMAIN --json | ssh … letsbe-node gate verify --heads -"
                    ),
                }
            }
        }
    }
    Ok(())
}

/// What `letsbe tenants gate-heads … --json` wrote.
fn heads_in(file: &std::path::Path) -> Result<Vec<GateHead>, Problem> {
    let unusable = |error: std::io::Error| files::unusable(file, error);
    let mut text = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin().lock().take(HEADS_BYTES).read_to_end(&mut text).map_err(unusable)?;
    } else {
        std::fs::File::open(file)
            .and_then(|file| file.take(HEADS_BYTES).read_to_end(&mut text))
            .map_err(unusable)?;
    }
    serde_json::from_slice(&text).map_err(|error| files::unusable(file, error))
}

fn line_for_people(line: &str) -> String {
    let Ok(entry) = serde_json::from_str::<Entry>(line) else { return format!("not an entry: {line:?}") };
    let Entry { number, agent, verb, decision, .. } = &entry;
    let at = entry.at.format("%Y-%m-%d %H:%M:%S");
    let class = entry.class.map(|class| class.to_string()).unwrap_or_default();
    let more = match (&entry.phase, &entry.outcome) {
        (Phase::Ended, Some(outcome)) => {
            let code = outcome.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
            let problem = outcome.problem.as_ref().map(|code| format!(", {code}")).unwrap_or_default();
            let begun = entry.begun.unwrap_or_default();
            format!("of {begun} after {} ms{code}{problem}", outcome.milliseconds)
        }
        _ => format!("{} {decision}", entry.plan.lines().next().unwrap_or_default()),
    };
    let by = entry.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    format!("{number:>6} {at} {agent} {verb} {class} {:?}{by}: {}", entry.phase, more.trim())
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn what_a_model_wrote_cannot_act_on_the_terminal() {
        let text = "a \u{1b}[2J\u{202e}b\r\"c\"\n\u{7}é";
        assert_eq!(harmless(text), "a \\u{1b}[2J\\u{202e}b\\r\"c\"\n\\u{7}é");
    }
}
