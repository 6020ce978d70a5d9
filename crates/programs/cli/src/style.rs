//! How things look on a terminal: marks that say the same as their colours.

use std::io::Write as _;

use letsbe_types::{Problem, print::causes, steers_terminal};
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

/// The same for a text of several lines.
pub(crate) fn harmless_lines(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
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
    let _ = writeln!(std::io::stdout(), "{}", only_colours(text));
}

/// What a terminal is sent: of all that steers it, only our own ends of lines and colours. Callers take out what comes
/// from elsewhere; this is for the one that forgets it.
fn only_colours(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        let colour = (letter == '\u{1b}').then(|| after.strip_prefix('[')).flatten().and_then(|numbers| {
            let end = numbers.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            (numbers[end..].starts_with('m')).then_some(end + 3)
        });
        let length = colour.unwrap_or(letter.len_utf8());
        match colour {
            None if steers_terminal(letter) && letter != '\n' => shown.push(' '),
            _ => shown.push_str(&rest[..length]),
        }
        rest = &rest[length..];
    }
    shown
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

/// It did not succeed, and that has been said.
#[derive(Debug, thiserror::Error)]
#[error("it did not succeed")]
pub(crate) struct Told;

/// Prints why a command failed, with what to do if that is known.
pub(crate) fn print_error(error: &anyhow::Error, json: bool) {
    let problem = error.downcast_ref::<Problem>();
    if json {
        let value = problem.map_or_else(
            || serde_json::json!({"error": {"message": causes(error.as_ref())}}),
            |problem| serde_json::json!({"error": problem}),
        );
        say(&escaped(&value.to_string()));
        return;
    }
    let mut out = std::io::stderr();
    let mark = "✗".if_supports_color(Stream::Stderr, |text| text.red()).to_string();
    let _ = writeln!(out, "{mark} {}", harmless(&causes(error.as_ref())));
    if let Some(problem) = problem.filter(|problem| !problem.hint.is_empty()) {
        let _ = writeln!(out, "  {}", harmless(&problem.hint));
    }
}

#[cfg(test)]
mod tests {
    use super::{Level, escaped, harmless, harmless_lines, only_colours};

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
        assert_eq!(harmless("a\u{9b}2Jb\u{202e}c\u{200b}d"), "a 2Jb c d");
        assert_eq!(harmless_lines("a\u{1b}]0;owned\u{7}\r\nb\u{1b}[2J\n"), "a ]0;owned \nb [2J");
    }

    #[test]
    fn what_a_caller_forgot_to_make_harmless_is_stopped_at_the_last_line() {
        let hostile = "\u{1b}[32m✓\u{1b}[39m a\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[\n\u{1b}";
        assert_eq!(only_colours(hostile), "\u{1b}[32m✓\u{1b}[39m a ]0;owned  [2J [\n ");
        assert_eq!(only_colours("plain ü ✓"), "plain ü ✓");
    }

    #[test]
    fn json_for_a_terminal_is_the_same_json_without_what_steers_it() {
        let value = serde_json::json!({"a": "\u{1b}[2J\u{9b}2J\u{202e}\u{e0041}\nü"});
        let plain = escaped(&value.to_string());
        assert!(!plain.chars().any(letsbe_types::steers_terminal), "{plain}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&plain).unwrap(), value);
    }
}
