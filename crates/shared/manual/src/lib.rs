//! Manual pages and completion scripts of a program, made from its command line as clap knows it; and the table that a
//! test holds its commands against.
//!
//! It must never know a program: what is hidden in a command line is in no page and no script.

pub mod surface;

use std::{fs, io, path::Path};

use clap::Command;
use clap_complete::Generator;
pub use clap_complete::{Shell, shells::Bash};
use clap_mangen::Man;

/// A manual page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its file, for example `letsbe-orders-list.1`.
    pub file: String,
    /// Its text, as `man` reads it.
    pub text: String,
}

/// A page for the program and each of its commands.
#[must_use]
pub fn pages(program: Command) -> Vec<Page> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    collect(&program, &mut pages);
    pages
}

fn collect(command: &Command, pages: &mut Vec<Page>) {
    let man = Man::new(command.clone());
    let mut text = Vec::new();
    // Only what it is written to could fail, and this is memory.
    if man.render(&mut text).is_ok() {
        pages.push(Page { file: man.get_filename(), text: String::from_utf8_lossy(&text).into_owned() });
    }
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        collect(below, pages);
    }
}

/// Writes the pages into a folder, which is made if it is not there.
///
/// # Errors
/// When that is not possible.
pub fn write_pages(program: Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    pages(program).iter().try_for_each(|page| fs::write(folder.join(&page.file), &page.text))
}

/// The completion script for a shell: [`Shell`] is any of them, [`Bash`] that one alone, so that a program that needs one
/// does not carry them all.
#[must_use]
pub fn completions(program: &Command, shell: impl Generator) -> String {
    let name = program.get_name();
    // clap_complete loses what lies below the first command of a program with a hyphen in its name: the script is made
    // for another name.
    let plain = name.replace('-', "_");
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(program), plain.as_str(), &mut script);
    String::from_utf8_lossy(&script).replace(&plain, name)
}

/// The command line without what is hidden: shells would offer it.
fn visible(command: &Command) -> Command {
    let shown = Command::new(command.get_name().to_owned())
        .args(command.get_arguments().cloned())
        .groups(command.get_groups().cloned())
        .subcommands(command.get_subcommands().filter(|below| !below.is_hide_set()).map(visible));
    let shown = match command.get_about() {
        Some(about) => shown.about(about.clone()),
        None => shown,
    };
    match command.get_version() {
        Some(version) => shown.version(version.to_owned()),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command as Program;

    use clap::{Arg, ArgAction, Command};

    use super::{Bash, completions};

    #[test]
    fn bash_completes_commands_below_commands_whether_or_not_the_programs_name_has_a_hyphen() {
        for name in ["program", "our-program"] {
            let flag = Arg::new("json").long("json").action(ArgAction::SetTrue);
            let group = Command::new("copies").subcommand(Command::new("temp-list").arg(flag));
            let program = Command::new(name).subcommand(Command::new("all").subcommand(group));
            let script = completions(&program, Bash);
            let completed = |words: &[&str]| {
                let test = "source /dev/stdin; COMP_WORDS=(\"$@\"); COMP_CWORD=$(( $# - 1 )); \
                            function=$(complete -p \"$1\" | sed 's/.* -F \\([^ ]*\\) .*/\\1/'); \
                            \"$function\" \"$1\" \"${COMP_WORDS[COMP_CWORD]}\" x; printf '%s ' \"${COMPREPLY[@]}\"";
                let mut bash = Program::new("bash");
                bash.args(["-c", test, "bash", name]).args(words);
                let (reader, mut writer) = std::io::pipe().expect("a pipe");
                let child = bash.stdin(reader).stdout(std::process::Stdio::piped()).spawn().expect("bash");
                drop(bash);
                std::io::Write::write_all(&mut writer, script.as_bytes()).expect("read");
                drop(writer);
                String::from_utf8(child.wait_with_output().expect("ends").stdout).expect("text")
            };
            assert_eq!(completed(&["a"]), "all ");
            assert_eq!(completed(&["all", "copies", "temp"]), "temp-list ");
            assert_eq!(completed(&["all", "copies", "temp-list", "--j"]), "--json ");
        }
    }
}
