//! `letsbe demo`: hands over to the lab's program, which lies beside this one.

use anyhow::{Context as _, bail};
use clap::ValueEnum;

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Story {
    /// A paid order becomes a live, proven server.
    Order,
    /// And the server is lost, and the customer comes back on another one.
    Disaster,
}

/// Shows it, until Ctrl-C.
pub(crate) fn show(story: Story) -> anyhow::Result<()> {
    let lab = std::env::current_exe()?.with_file_name("letsbe-lab");
    let options: &[&str] = match story {
        Story::Order => &["demo"],
        Story::Disaster => &["demo", "--disaster"],
    };
    let shown = std::process::Command::new(&lab).args(options).status();
    let shown = shown.with_context(|| {
        format!("{} cannot be run: build it with `make build`, in the project's folder", lab.display())
    })?;
    if !shown.success() {
        bail!("the demo ended with {shown}");
    }
    Ok(())
}
