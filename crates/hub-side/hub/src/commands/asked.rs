//! What commands that change something take: a plan before, and a question before what cannot be taken back.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

use anyhow::ensure;
use clap::Args;

/// Longer input than this is no name.
const NAME_BYTES_MAX: u64 = 1024;

/// `--plan`, on every command that changes something.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct Planned {
    /// Show what would be done or what stands in the way, and do nothing.
    #[arg(long)]
    pub(crate) plan: bool,
}

/// The answer that a script gives beforehand.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct Yes {
    /// Do not ask (for scripts).
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Has a person type the name of what is at stake, after the consequence was shown. With `--yes` nobody is asked.
///
/// # Errors
/// When something else was typed, or nobody can be asked.
pub(crate) fn by_name(name: &str, consequence: &str, given: Yes) -> anyhow::Result<()> {
    if given.yes {
        return Ok(());
    }
    let input = std::io::stdin();
    ensure!(
        input.is_terminal(),
        "nobody can be asked whether this is meant; nothing was changed. --yes says it for scripts"
    );
    // The terminal itself reads the line: whoever breaks off gets it back as it was.
    write!(std::io::stderr(), "{consequence}\nType {name} to go on: ")?;
    let mut typed = String::new();
    input.lock().take(NAME_BYTES_MAX).read_line(&mut typed)?;
    ensure!(typed.trim().eq_ignore_ascii_case(name), "that is not {name}; nothing was changed");
    Ok(())
}
