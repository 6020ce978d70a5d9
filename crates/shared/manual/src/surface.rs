//! What every command of a program has: a row in a table of its test, JSON where it shows something, a plan where it
//! changes something, a question where it destroys something, help texts, and a place in manual and completions.

use std::collections::BTreeMap;

use clap::{Arg, Command};

use crate::{Shell, completions, pages};

/// What a command does, and so what it must take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Shows a list or a status, and changes nothing: `--json`.
    Reads,
    /// The same, after a question: `--json` and `--yes`.
    Shows,
    /// Changes something: `--plan`.
    Changes,
    /// Destroys something, or takes it from its owner: `--plan`, and a question that `--yes` answers.
    Destroys,
    /// Neither, and why.
    Apart(&'static str),
}

/// All commands that can be typed, with the words that lead to them; those too that others may follow.
#[must_use]
pub fn commands(program: Command) -> Vec<(String, Command)> {
    let mut program = program;
    // What is global is on every command then.
    program.build();
    below(&program, &[])
}

fn below(command: &Command, path: &[&str]) -> Vec<(String, Command)> {
    let shown = command.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help");
    let shown: Vec<&Command> = shown.collect();
    let stands_alone = shown.is_empty() || !(path.is_empty() || command.is_subcommand_required_set());
    let own = stands_alone.then(|| (path.join(" "), command.clone()));
    let deeper = shown.into_iter().flat_map(|one| below(one, &[path, &[one.get_name()]].concat()));
    own.into_iter().chain(deeper).collect()
}

/// Whether it takes an option, by its name or by another one that is shown.
#[must_use]
pub fn takes(command: &Command, long: &str) -> bool {
    let is_it = |argument: &Arg| {
        argument.get_long() == Some(long)
            || argument.get_visible_aliases().is_some_and(|names| names.contains(&long))
    };
    command.get_arguments().any(is_it)
}

/// Where a program and its table differ: a command without a row, a row without a command, an option that is missing
/// or that the row says nothing of.
#[must_use]
pub fn differences(program: &Command, table: &[(&str, Kind)]) -> Vec<String> {
    let mut rows: BTreeMap<&str, Kind> = table.iter().copied().collect();
    let mut found = Vec::new();
    if rows.len() != table.len() {
        found.push("a command has two rows".to_owned());
    }
    for (path, command) in commands(program.clone()) {
        let Some(kind) = rows.remove(path.as_str()) else {
            found.push(format!("{path} has no row"));
            continue;
        };
        let must = match kind {
            Kind::Reads => [("json", Some(true)), ("plan", Some(false)), ("yes", Some(false))],
            Kind::Shows => [("json", Some(true)), ("plan", Some(false)), ("yes", Some(true))],
            Kind::Changes => [("json", None), ("plan", Some(true)), ("yes", Some(false))],
            Kind::Destroys => [("json", None), ("plan", Some(true)), ("yes", Some(true))],
            Kind::Apart("") => [("a reason", Some(true)), ("plan", Some(false)), ("yes", Some(false))],
            Kind::Apart(_) => [("json", None), ("plan", Some(false)), ("yes", Some(false))],
        };
        for (option, wanted) in must {
            let has = takes(&command, option);
            match wanted {
                Some(true) if !has => found.push(format!("{path} ({kind:?}) lacks --{option}")),
                Some(false) if has => found.push(format!("{path} ({kind:?}) has --{option}")),
                _ => {}
            }
        }
    }
    found.extend(rows.keys().map(|path| format!("{path} is no command")));
    found
}

/// Commands and options that say nothing of themselves, or that a manual page or a completion script lacks.
#[must_use]
pub fn untold(program: &Command) -> Vec<String> {
    const SHELLS: [Shell; 5] = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell];
    let mut found = Vec::new();
    let texts: BTreeMap<String, String> =
        pages(program.clone()).into_iter().map(|page| (page.file, page.text.replace('\\', ""))).collect();
    let scripts = SHELLS.map(|shell| completions(program, shell));
    for (path, command) in commands(program.clone()) {
        if command.get_about().is_none() {
            found.push(format!("{path} says nothing of itself"));
        }
        let file = format!("{}-{}.1", program.get_name(), path.replace(' ', "-"));
        let page = texts.get(&file).map_or("", String::as_str);
        if page.is_empty() {
            found.push(format!("{path} has no page"));
        }
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            if argument.get_help().is_none() {
                found.push(format!("{path}: {} has no help text", argument.get_id()));
            }
            let long = argument.get_long().filter(|long| *long != "version");
            if long.is_some_and(|long| !page.contains(&format!("--{long}"))) {
                found.push(format!("{path}: --{} is not in its page", argument.get_id()));
            }
        }
        let name = path.rsplit(' ').next().unwrap_or_default();
        found.extend(
            scripts
                .iter()
                .zip(SHELLS)
                .filter(|(script, _)| !script.contains(name))
                .map(|(_, shell)| format!("{path} is not completed by {shell}")),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction, Command};

    use super::{Kind, commands, differences, untold};
    use crate::{Shell, completions, pages};

    fn flag(name: &'static str) -> Arg {
        Arg::new(name).long(name).help("Text.").action(ArgAction::SetTrue)
    }

    fn program() -> Command {
        let remove = Command::new("remove").about("Removes.").args([flag("plan"), flag("yes")]);
        let pages = Command::new("pages").about("Pages.").arg(flag("json")).subcommand(remove);
        let group = Command::new("group")
            .subcommand_required(true)
            .subcommand(Command::new("list").about("Lists.").arg(flag("json")));
        let inside = Command::new("inside").hide(true).about("Between programs.");
        Command::new("program").subcommand_required(true).subcommands([pages, group, inside])
    }

    #[test]
    fn a_command_that_others_may_follow_is_one_itself_and_hidden_ones_are_none() {
        let paths: Vec<String> = commands(program()).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["pages", "pages remove", "group list"]);
    }

    #[test]
    fn whatever_differs_from_the_table_is_named() {
        let right = [("pages", Kind::Reads), ("pages remove", Kind::Destroys), ("group list", Kind::Reads)];
        assert_eq!(differences(&program(), &right), [""; 0]);
        for (row, expected) in [
            (("pages remove", Kind::Changes), "pages remove (Changes) has --yes"),
            (("pages remove", Kind::Apart("no reason that counts")), "has --plan"),
            (("pages remove", Kind::Reads), "pages remove (Reads) lacks --json"),
            (("pages removed", Kind::Destroys), "pages remove has no row"),
            (("pages", Kind::Reads), "a command has two rows"),
        ] {
            let found = differences(&program(), &[right[0], row, right[2]]);
            assert!(found.iter().any(|one| one.contains(expected)), "{expected}: {found:?}");
        }
        let found = differences(&program(), &[right[0], right[1], ("group list", Kind::Changes)]);
        assert_eq!(found, ["group list (Changes) lacks --plan"]);
    }

    #[test]
    fn what_says_nothing_is_named_and_what_is_hidden_is_in_no_page_and_no_script() {
        assert_eq!(untold(&program()), [""; 0]);
        let silent = program().subcommand(Command::new("silent").arg(Arg::new("word").long("word")));
        let found = untold(&silent);
        assert!(found.contains(&"silent says nothing of itself".to_owned()), "{found:?}");
        assert!(found.contains(&"silent: word has no help text".to_owned()), "{found:?}");
        let script = completions(&program(), Shell::Bash);
        assert!(script.contains("remove") && !script.contains("inside"), "{script}");
        assert!(pages(program()).iter().all(|page| !page.text.contains("inside")));
    }
}
