//! Every [`NodeCommand`] is read by this program's command line as the command that it means.

use std::collections::BTreeSet;

use clap::{ArgMatches, CommandFactory as _, parser::ValueSource};
use letsbe_protocol::{
    BackupCommand, BackupRun, NodeCommand, Output, ProofScope, RecoveredPart, RestoreCommand, RotateCommand,
    RunCommand, Wanted,
};
use letsbe_types::ids::JobId;

use super::Arguments;

/// A command of each kind, and of each shape that a kind has.
fn examples() -> Vec<NodeCommand> {
    let job = JobId::generate();
    let wanted = Wanted { node_sha256: Some("ab".to_owned()), bundle_sha256: Some("cd".to_owned()) };
    let tar = Some("/tmp/a b/bundle.tar".into());
    let (tool, database) = ("ghost".to_owned(), "main".to_owned());
    vec![
        RunCommand::Start { job, from: 7, clock: 1_795_003_200, wanted: wanted.clone() }.into(),
        RunCommand::Start { job, from: 2, clock: 3, wanted: Wanted::default() }.into(),
        RunCommand::Execute { job }.into(),
        RunCommand::Attach { job, from: 2 }.into(),
        RunCommand::Record { job }.into(),
        RunCommand::Recover { part: RecoveredPart::Platform }.into(),
        RunCommand::Recover { part: RecoveredPart::Tools }.into(),
        RunCommand::Keys { job }.into(),
        RunCommand::Plan { bundle: None, wanted: wanted.clone() }.into(),
        RunCommand::Plan { bundle: tar, wanted: Wanted::default() }.into(),
        NodeCommand::ConfirmSsh { nonce: "0badcafe".to_owned() },
        NodeCommand::RevertSsh,
        NodeCommand::Install { from: "/tmp/incoming".into(), wanted },
        NodeCommand::InstallManual,
        NodeCommand::Register,
        NodeCommand::Agent,
        NodeCommand::SetupTool { tool: tool.clone() },
        NodeCommand::WatchUploads { folder: "/srv/a".into(), bytes: 10, files: 1000 },
        NodeCommand::VaultSeed,
        BackupCommand::Run(BackupRun::default()).into(),
        BackupCommand::Run(BackupRun { tool: Some(tool.clone()), here: true, output: Output::Json }).into(),
        BackupCommand::Nightly.into(),
        BackupCommand::Prove(ProofScope::Due).into(),
        BackupCommand::Prove(ProofScope::All).into(),
        BackupCommand::Prove(ProofScope::Tool(tool.clone())).into(),
        BackupCommand::SetDestination.into(),
        BackupCommand::Resume.into(),
        RestoreCommand::OfDay { tool: tool.clone(), date: "2026-02-25".to_owned() }.into(),
        RestoreCommand::Resume.into(),
        RotateCommand::Tool(tool.clone()).into(),
        RotateCommand::All.into(),
        RotateCommand::Resume.into(),
        NodeCommand::UpdateOpenClaw { to: "v2026.10".to_owned(), force: false },
        NodeCommand::UpdateOpenClaw { to: "v2026.10".to_owned(), force: true },
        NodeCommand::Drift,
        BackupCommand::Dump { tool, database, facts: "/run/facts".into() }.into(),
        NodeCommand::AsWritten { program: "ufw".to_owned() },
    ]
}

/// A command in the names of the command line: its verbs, and the value of each argument.
type Meaning = (&'static str, Vec<(&'static str, String)>);

fn meaning(command: &NodeCommand) -> Meaning {
    match command {
        NodeCommand::Run(command) => meaning_of_run(command),
        NodeCommand::ConfirmSsh { nonce } => ("confirm-ssh", vec![("nonce", nonce.clone())]),
        NodeCommand::RevertSsh => ("revert-ssh", Vec::new()),
        NodeCommand::Install { from, wanted } => {
            let from = ("from", from.display().to_string());
            ("install", std::iter::once(from).chain(hashes(wanted)).collect())
        }
        NodeCommand::InstallManual => ("install-manual", Vec::new()),
        NodeCommand::Register => ("register", Vec::new()),
        NodeCommand::Agent => ("agent", Vec::new()),
        NodeCommand::SetupTool { tool } => ("setup-tool", vec![("tool", tool.clone())]),
        NodeCommand::WatchUploads { folder, bytes, files } => {
            let folder = ("folder", folder.display().to_string());
            ("watch-uploads", vec![folder, ("bytes", bytes.to_string()), ("files", files.to_string())])
        }
        NodeCommand::VaultSeed => ("vault seed", Vec::new()),
        NodeCommand::Backup(command) => meaning_of_backup(command),
        NodeCommand::Restore(RestoreCommand::ByHand) => ("restore", Vec::new()),
        NodeCommand::Restore(RestoreCommand::OfDay { tool, date }) => {
            ("restore", vec![("tool", tool.clone()), ("date", date.clone()), given("json")])
        }
        NodeCommand::Restore(RestoreCommand::Resume) => ("restore", vec![given("resume")]),
        NodeCommand::Rotate(RotateCommand::Tool(tool)) => {
            ("rotate", vec![("tool", tool.clone()), given("json")])
        }
        NodeCommand::Rotate(RotateCommand::All) => ("rotate", vec![given("all"), given("json")]),
        NodeCommand::Rotate(RotateCommand::Resume) => ("rotate", vec![given("resume")]),
        NodeCommand::UpdateOpenClaw { to, force } => {
            let force = force.then(|| given("force"));
            ("openclaw update", [("to", to.clone()), given("json")].into_iter().chain(force).collect())
        }
        NodeCommand::Drift => ("drift", vec![given("json")]),
        NodeCommand::AsWritten { program } => ("as-written", vec![("program", program.clone())]),
    }
}

/// An option without a value, as clap keeps it.
fn given(name: &'static str) -> (&'static str, String) {
    (name, "true".to_owned())
}

fn meaning_of_backup(command: &BackupCommand) -> Meaning {
    match command {
        BackupCommand::Run(BackupRun { tool, here, output }) => {
            let tool = tool.iter().map(|tool| ("tool", tool.clone()));
            let flags = [("here", *here), ("json", *output == Output::Json)];
            let flags = flags.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| given(name));
            ("backup run", tool.chain(flags).collect())
        }
        BackupCommand::Nightly => ("backup nightly", Vec::new()),
        BackupCommand::Prove(ProofScope::Due) => ("backup prove", Vec::new()),
        BackupCommand::Prove(ProofScope::All) => ("backup prove", vec![given("all")]),
        BackupCommand::Prove(ProofScope::Tool(tool)) => ("backup prove", vec![("tool", tool.clone())]),
        BackupCommand::SetDestination => ("backup destination set", Vec::new()),
        BackupCommand::Resume => ("backup resume", Vec::new()),
        BackupCommand::Dump { tool, database, facts } => {
            let facts = ("facts", facts.display().to_string());
            ("backup dump", vec![("tool", tool.clone()), ("database", database.clone()), facts])
        }
    }
}

fn meaning_of_run(command: &RunCommand) -> Meaning {
    let of_job = |job: &JobId| vec![("job", job.to_string())];
    match command {
        RunCommand::Start { job, from, clock, wanted } => {
            let numbers = [("from", from.to_string()), ("clock", clock.to_string())];
            ("run start", of_job(job).into_iter().chain(numbers).chain(hashes(wanted)).collect())
        }
        RunCommand::Execute { job } => ("run execute", of_job(job)),
        RunCommand::Attach { job, from } => {
            ("run attach", of_job(job).into_iter().chain([("from", from.to_string())]).collect())
        }
        RunCommand::Record { job } => ("run record", of_job(job)),
        RunCommand::Recover { part: RecoveredPart::Platform } => {
            ("run recover", vec![("part", "platform".to_owned())])
        }
        RunCommand::Recover { part: RecoveredPart::Tools } => {
            ("run recover", vec![("part", "tools".to_owned())])
        }
        RunCommand::Keys { job } => ("run keys", of_job(job)),
        RunCommand::Plan { bundle, wanted } => {
            let bundle = bundle.iter().map(|bundle| ("bundle", bundle.display().to_string()));
            ("run plan", bundle.chain(hashes(wanted)).collect())
        }
    }
}

fn hashes(wanted: &Wanted) -> impl Iterator<Item = (&'static str, String)> {
    let named = [("node_sha256", &wanted.node_sha256), ("bundle_sha256", &wanted.bundle_sha256)];
    named.into_iter().filter_map(|(name, hash)| Some((name, hash.clone()?))).collect::<Vec<_>>().into_iter()
}

/// The verbs that were read, and the arguments of the last of them.
fn read(mut matches: ArgMatches) -> (String, ArgMatches) {
    let mut verbs = Vec::new();
    while let Some((verb, below)) = matches.remove_subcommand() {
        verbs.push(verb);
        matches = below;
    }
    (verbs.join(" "), matches)
}

/// Verbs that the help does not show and that have no verbs below them.
fn hidden(command: &clap::Command, above: &str, is_hidden: bool) -> Vec<String> {
    let of = |below: &clap::Command| {
        let verbs = format!("{above} {}", below.get_name()).trim_start().to_owned();
        let is_hidden = is_hidden || below.is_hide_set();
        if below.has_subcommands() {
            hidden(below, &verbs, is_hidden)
        } else {
            is_hidden.then_some(verbs).into_iter().collect()
        }
    };
    command.get_subcommands().flat_map(of).collect()
}

#[test]
fn every_command_of_the_protocol_is_read_as_the_command_it_means() {
    for command in examples() {
        let words = std::iter::once("letsbe-node".to_owned()).chain(command.argv());
        let matches = Arguments::command().try_get_matches_from(words);
        let (verbs, matches) = read(matches.unwrap_or_else(|error| panic!("{command:?}: {error}")));
        let (meant, values) = meaning(&command);
        assert_eq!(verbs, meant, "{command:?}");
        for (name, value) in &values {
            let read = matches.get_raw(name).into_iter().flatten().collect::<Vec<_>>();
            assert_eq!(read, [value.as_str()], "{name} of {command:?}");
        }
        // Groups are named like types; arguments like fields.
        let is_given = |id: &&str| {
            let is_argument = id.starts_with(|first: char| first.is_ascii_lowercase());
            is_argument && matches.value_source(id) == Some(ValueSource::CommandLine)
        };
        let given: BTreeSet<&str> = matches.ids().map(clap::Id::as_str).filter(is_given).collect();
        assert_eq!(given, values.iter().map(|(name, _)| *name).collect(), "{command:?}");
    }
}

#[test]
fn every_verb_that_only_programs_use_is_a_command_of_the_protocol() {
    let known: BTreeSet<&str> = examples().iter().map(|command| meaning(command).0).collect();
    let hidden = hidden(&Arguments::command(), "", false);
    assert!(hidden.len() > 10, "{hidden:?}");
    // For tests of a debug build only.
    for verbs in hidden.iter().filter(|verbs| *verbs != "crash-points") {
        assert!(known.contains(verbs.as_str()), "`letsbe-node {verbs}` has no NodeCommand");
    }
}
