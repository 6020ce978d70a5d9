//! How things look on a terminal: marks that say the same as their colours.

use std::io::Write as _;

use letsbe_types::{Problem, steers_terminal};
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
pub(crate) use letsbe_types::harmless;

/// Prints a line; whoever stopped reading wants no more of it.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a value as JSON.
pub(crate) fn say_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    say(&escaped(&serde_json::to_string(value)?));
    Ok(())
}

/// JSON escapes most characters that could steer a terminal by itself; the rest stand in texts only.
fn escaped(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if steers_terminal(c) {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| shown += &format!("\\u{unit:04x}"));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Prints why a command failed, with what to do if that is known.
pub(crate) fn print_error(error: &anyhow::Error, json: bool) {
    let problem = error.downcast_ref::<Problem>();
    if json {
        let value = problem.map_or_else(
            || serde_json::json!({"error": {"message": format!("{error:#}")}}),
            |problem| serde_json::json!({"error": problem}),
        );
        say(&escaped(&value.to_string()));
        return;
    }
    let mut out = std::io::stderr();
    let mark = "✗".if_supports_color(Stream::Stderr, |text| text.red()).to_string();
    let _ = writeln!(out, "{mark} {}", harmless(&format!("{error:#}")));
    if let Some(problem) = problem {
        let _ = writeln!(out, "  {}", harmless(&problem.hint));
    }
}

#[cfg(test)]
mod tests {
    use super::{Level, escaped};

    #[test]
    fn every_level_has_its_own_mark() {
        let marks = ["ok", "running", "warning", "failed"].map(|name| Level::named(name).mark());
        let different: std::collections::BTreeSet<&String> = marks.iter().collect();
        assert_eq!(different.len(), 4);
        assert_eq!(Level::named("waiting"), Level::Running);
    }

    #[test]
    fn json_holds_no_character_that_could_steer_the_terminal_and_stays_the_same_value() {
        let text = "a\u{1b}[2J\u{9b}2J\u{202e}b\u{e0041}é";
        let shown = escaped(&serde_json::to_string(text).unwrap());
        assert!(!shown.chars().any(letsbe_types::steers_terminal), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }
}
