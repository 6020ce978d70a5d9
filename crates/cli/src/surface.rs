//! What every command of this program has: a plan before what changes something, a question before what destroys, a help
//! text for each word, and a place in manual pages and completions.

use std::collections::BTreeSet;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use crate::Arguments;

/// Commands that change nothing anywhere but on this machine, or that the Hub takes back at once.
const WITHOUT_PLAN: [(&str, &str); 22] = [
    ("orders list", "reads"),
    ("orders show", "reads"),
    ("tenants list", "reads"),
    ("tenants show", "reads"),
    ("tenants approvals", "reads"),
    ("tenants gate-heads", "reads"),
    ("tenants escrow", "reads"),
    ("backups list", "reads"),
    ("backups show", "reads"),
    ("backups recoveries", "reads"),
    (
        "backups unseal",
        "asks for nothing of the Hub but what `recover --plan` has told; no key but for one server",
    ),
    ("login", "a session of one's own"),
    ("logout", "a session of one's own"),
    ("whoami", "reads"),
    ("explain", "reads"),
    ("demo order", "a lab of its own"),
    ("demo disaster", "a lab of its own"),
    ("demo", "a lab of its own"),
    ("completions", "prints"),
    ("man", "writes into a folder that is named"),
    ("help", "prints"),
    ("tenants command help", "prints"),
];

/// What destroys something, or takes a server from its customer: none of it happens unasked.
const DESTROYS: [&str; 6] = [
    "orders abandon",
    "tenants converge",
    "tenants revoke",
    "tenants approve",
    "backups recover",
    "backups cancel-recovery",
];

/// All commands that can be typed, with the words that lead to them.
fn leaves(command: &Command, path: &[&str]) -> Vec<(String, Command)> {
    let below = command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help");
    let below: Vec<_> = below.collect();
    if below.is_empty() {
        return vec![(path.join(" "), command.clone())];
    }
    below.into_iter().flat_map(|one| leaves(one, &[path, &[one.get_name()]].concat())).collect()
}

fn all() -> Vec<(String, Command)> {
    let mut program = Arguments::command();
    // What is global is on every command then.
    program.build();
    leaves(&program, &[])
}

fn has(command: &Command, long: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_long() == Some(long))
}

#[test]
fn every_command_that_changes_something_has_a_plan() {
    let without: BTreeSet<&str> = WITHOUT_PLAN.iter().map(|(path, _)| *path).collect();
    for (path, command) in all() {
        assert_eq!(has(&command, "plan"), !without.contains(path.as_str()), "{path} --plan");
    }
}

#[test]
fn whatever_destroys_something_asks_unless_a_script_says_yes() {
    for (path, command) in all() {
        assert_eq!(has(&command, "yes"), DESTROYS.contains(&path.as_str()), "{path} --yes");
    }
}

#[test]
fn every_command_takes_json_and_every_word_of_it_has_a_help_text() {
    for (path, command) in all() {
        assert!(has(&command, "json"), "{path} --json");
        assert!(command.get_about().is_some(), "{path} says nothing of itself");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path}: {} has no help text", argument.get_id());
        }
    }
}

#[test]
fn manual_pages_and_completions_name_every_command_and_option() {
    let folder = tempfile::tempdir().expect("a folder");
    clap_mangen::generate_to(Arguments::command(), folder.path()).expect("pages");
    let scripts = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell].map(|shell| {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Arguments::command(), "letsbe", &mut script);
        String::from_utf8(script).expect("text")
    });
    for (path, command) in all() {
        let page = folder.path().join(format!("letsbe-{}.1", path.replace(' ', "-")));
        let page = std::fs::read_to_string(&page).unwrap_or_else(|_| panic!("{path} has no page"));
        let page = page.replace('\\', "");
        let own = command.get_arguments().filter_map(clap::Arg::get_long);
        for long in own.filter(|long| *long != "version") {
            assert!(page.contains(&format!("--{long}")), "{path} --{long}");
        }
        let name = path.rsplit(' ').next().expect("a word");
        for script in &scripts {
            assert!(script.contains(name), "{path}");
        }
    }
}
