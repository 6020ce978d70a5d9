//! How things look on a terminal: marks that say the same as their colours.

use std::io::Write as _;

use letsbe_types::Problem;
use owo_colors::{OwoColorize as _, Stream};

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Fine,
    Running,
    Warning,
    Failed,
}

impl Level {
    /// From the level of a timeline's entry.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "ok" => Self::Fine,
            "warning" => Self::Warning,
            "failed" => Self::Failed,
            _ => Self::Running,
        }
    }

    /// The mark, coloured on terminals only.
    pub(crate) fn mark(self) -> String {
        let coloured = |mark: &str| match self {
            Self::Fine => mark.if_supports_color(Stream::Stdout, |text| text.green()).to_string(),
            Self::Running => mark.if_supports_color(Stream::Stdout, |text| text.blue()).to_string(),
            Self::Warning => mark.if_supports_color(Stream::Stdout, |text| text.yellow()).to_string(),
            Self::Failed => mark.if_supports_color(Stream::Stdout, |text| text.red()).to_string(),
        };
        coloured(match self {
            Self::Fine => "✓",
            Self::Running => "●",
            Self::Warning => "!",
            Self::Failed => "✗",
        })
    }
}

/// Bold on terminals.
pub(crate) fn bold(text: &str) -> String {
    text.if_supports_color(Stream::Stdout, |text| text.bold()).to_string()
}

/// Faint on terminals.
pub(crate) fn faint(text: &str) -> String {
    text.if_supports_color(Stream::Stdout, |text| text.dimmed()).to_string()
}

/// Text from elsewhere, without characters that could steer a terminal.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A table without lines, as wide as the terminal at most.
pub(crate) fn table() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    if let Some((_, width)) = dialoguer::console::Term::stdout().size_checked() {
        table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic).set_width(width);
    }
    table
}

/// Prints a line; whoever stopped reading wants no more of it.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a value as JSON.
pub(crate) fn say_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    say(&serde_json::to_string(value)?);
    Ok(())
}

/// Prints why a command failed, with what to do if that is known.
pub(crate) fn print_error(error: &anyhow::Error, json: bool) {
    let problem = error.downcast_ref::<Problem>();
    if json {
        let value = problem.map_or_else(
            || serde_json::json!({"error": {"message": format!("{error:#}")}}),
            |problem| serde_json::json!({"error": problem}),
        );
        say(&value.to_string());
        return;
    }
    let mut out = std::io::stderr();
    let mark = "✗".if_supports_color(Stream::Stderr, |text| text.red()).to_string();
    let _ = writeln!(out, "{mark} {}", harmless(&format!("{error:#}")));
    if let Some(problem) = problem.filter(|problem| !problem.hint.is_empty()) {
        let _ = writeln!(out, "  {}", harmless(&problem.hint));
    }
}

#[cfg(test)]
mod tests {
    use super::{Level, harmless};

    #[test]
    fn every_level_has_its_own_mark() {
        let marks = ["ok", "running", "warning", "failed"].map(|name| Level::named(name).mark());
        let different: std::collections::BTreeSet<&String> = marks.iter().collect();
        assert_eq!(different.len(), 4);
        assert_eq!(Level::named("waiting"), Level::Running);
    }

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(harmless("a\u{1b}[31mb\r\nc"), "a [31mb  c");
    }
}
