//! Root's rights for whoever may have them: `letsbe-node status` typed by `letsbe-admin` is `sudo letsbe-node status`.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
};

use letsbe_types::{Code, Problem};

use letsbe_base::{files::is_root, layout::Layout};

/// Starts this program anew through sudo, if it is the installed one and sudo lets its caller; returns only if not.
///
/// # Errors
/// `NODE113` when the caller may not have root's rights.
pub(crate) fn become_root(layout: &Layout, arguments: &[OsString]) -> Result<(), Problem> {
    let program = layout.program();
    if is_root() || std::env::current_exe().ok().as_deref() != Some(program.as_path()) {
        return Ok(());
    }
    // Asked first, and in silence: what sudo says to who may not is of no use to him.
    let asked = sudo(&program, &["-n", "-l"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !asked.is_ok_and(|answer| answer.success()) {
        return Err(without_rights(None));
    }
    let error = sudo(&program, &["-n"]).args(arguments).exec();
    Err(without_rights(Some(&error)))
}

fn sudo(program: &Path, options: &[&str]) -> Command {
    let mut sudo = Command::new("/usr/bin/sudo");
    sudo.args(options).arg("--").arg(program);
    sudo
}

fn without_rights(error: Option<&std::io::Error>) -> Problem {
    let why = error.map(|error| format!(": {error}")).unwrap_or_default();
    Problem::permanent(
        Code::NODE113,
        format!("This needs root's rights, and you may not have them{why}"),
        "Log in as letsbe-admin (`ssh -p 22022 letsbe-admin@…`), or run it with sudo.",
    )
}
