//! A question before what cannot be taken back.

use std::io::IsTerminal as _;

use anyhow::bail;
use clap::Args;

use crate::{
    style::{self, Level, harmless},
    terminal,
};

/// The answer that a script gives beforehand.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct Yes {
    /// Do not ask (for scripts).
    #[arg(long, global = true)]
    pub(crate) yes: bool,
}

/// What the timeline keeps about why somebody did something.
#[derive(Args)]
pub(crate) struct Reason {
    /// Why; kept in the timeline.
    #[arg(long)]
    pub(crate) reason: String,
}

/// Has a person type the name of what is at stake, after the consequences were shown. With `--yes` nobody is asked.
///
/// # Errors
/// When something else was typed, or nobody can be asked.
pub(crate) async fn by_name(name: &str, consequences: &[String], given: Yes) -> anyhow::Result<()> {
    if given.yes {
        return Ok(());
    }
    for line in consequences {
        eprintln!("{} {}", Level::Warning.mark(), harmless(line));
    }
    if !std::io::stdin().is_terminal() {
        bail!("nobody can be asked whether this is meant; nothing was done. --yes says it for scripts");
    }
    let prompt = format!("Type {} to go on", style::bold(name));
    let typed: String =
        terminal::asked(|| dialoguer::Input::new().with_prompt(prompt).allow_empty(true).interact_text())
            .await?;
    if is_meant(&typed, name) { Ok(()) } else { bail!("that is not {name}; nothing was done") }
}

fn is_meant(typed: &str, name: &str) -> bool {
    typed.trim().eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::{Yes, by_name, is_meant};

    #[test]
    fn only_the_name_itself_is_a_yes() {
        assert!(is_meant(" Acme.example\n", "acme.example"));
        for other in ["", "y", "yes", "acme", "acme.example.org"] {
            assert!(!is_meant(other, "acme.example"), "{other}");
        }
    }

    #[tokio::test]
    async fn a_script_says_yes_beforehand() {
        assert!(by_name("acme.example", &[], Yes { yes: true }).await.is_ok());
    }
}
