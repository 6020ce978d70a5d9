//! An order's timeline as people read it: steps that ended well are folded, states and codes are words. The page and
//! what is sent to it afterwards are made from the same lines. Pure.

use letsbe_lifecycle::order::{Phase, State};
use letsbe_types::{Language, api::TimelineEntry};

use super::view::{Moment, label, level_word, mark};

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) at: Moment,
    pub(super) level: String,
    pub(super) mark: &'static str,
    /// The level for those who do not see the mark.
    pub(super) word: &'static str,
    pub(super) kind: String,
    /// The error code that it begins with, or that an operation ended with.
    pub(super) code: Option<String>,
    pub(super) message: String,
    /// Whether the message is in English whoever reads it.
    pub(super) is_english: bool,
    /// The state that it names, as the API spells it.
    pub(super) phase: Option<&'static str>,
}

impl Line {
    /// For this reader.
    pub(super) fn of(entry: TimelineEntry, language: Language) -> Self {
        let (code, mut message) = match coded(&entry) {
            Some((code, rest)) => (Some(code.to_owned()), rest),
            None => (None, entry.message),
        };
        // What waits for another try, or for a person, has not failed for good.
        if let Some(rest) = message.strip_prefix("FAILED: ").filter(|_| entry.kind == "state") {
            message = format!("Stopped: {rest}");
        }
        let phase = Phase::ALL.into_iter().find(|phase| entry.kind == "state" && phase.as_str() == message);
        Self {
            at: Moment::of(entry.at, language),
            mark: mark(&entry.level),
            word: level_word(&entry.level, language),
            level: entry.level,
            kind: entry.kind,
            code,
            is_english: phase.is_none(),
            message: phase
                .map_or(message, |phase| label(&State { phase, ..State::new() }, language).words.to_owned()),
            phase: phase.map(Phase::as_str),
        }
    }
}

impl Line {
    /// Whether a tenant's server said it.
    pub(super) fn is_quoted(&self) -> bool {
        ["operation", "step"].contains(&self.kind.as_str())
    }
}

/// The code in a line, and the line without it: `[DNS001] …`, or `packages.installed: [PKG001] …` of an operation.
fn coded(entry: &TimelineEntry) -> Option<(&str, String)> {
    let message = &entry.message;
    if let Some((code, rest)) = letsbe_explain::split(message) {
        return Some((code, rest.to_owned()));
    }
    let place = message.find(": [").filter(|_| entry.kind == "operation")? + 2;
    let (code, rest) = letsbe_explain::split(&message[place..])?;
    Some((code, format!("{}{rest}", &message[..place])))
}

/// A line, or a step that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) line: Line,
    /// What was done in the step.
    pub(super) folded: Vec<Line>,
}

/// Folds the steps that ended.
pub(super) fn entries(lines: Vec<TimelineEntry>, language: Language) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    // The step that is under way: `Step 3: `, its title, and where it began.
    let mut open: Option<(String, String, usize)> = None;
    for mut line in lines.into_iter().map(|line| Line::of(line, language)) {
        let step = step(&line);
        if let Some((number, title)) =
            step.as_ref().and_then(|(number, rest)| Some((number, rest.strip_suffix(" …")?)))
        {
            open = Some((number.clone(), title.to_owned(), entries.len()));
        } else if let (Some((number, rest)), Some((begun, title, place))) =
            (step, open.take_if(|_| line.kind == "step"))
        {
            let ended = number == begun && line.level != "failed";
            let after = entries.get(place + 1..).unwrap_or_default();
            if ended && after.iter().all(|entry| entry.line.kind == "operation" && entry.folded.is_empty()) {
                let folded = entries.drain(place..).skip(1).map(|entry| entry.line).collect();
                line.message = format!("{number}{title}: {rest}");
                entries.push(Entry { line, folded });
                continue;
            }
        }
        entries.push(Entry { line, folded: Vec::new() });
    }
    entries
}

/// `Step 3: ` and what follows.
fn step(line: &Line) -> Option<(String, String)> {
    let rest = line.message.strip_prefix("Step ").filter(|_| line.kind == "step")?;
    let (number, rest) = rest.split_once(": ")?;
    number.parse::<u8>().ok().map(|number| (format!("Step {number}: "), rest.to_owned()))
}

#[cfg(test)]
mod tests {
    use letsbe_types::{Language, api::TimelineEntry};

    use super::{Line, entries};

    fn shown(lines: &[(&str, &str, &str)]) -> Vec<(String, usize)> {
        let line = |(place, (kind, level, message)): (usize, &(&str, &str, &str))| TimelineEntry {
            sequence: i64::try_from(place).unwrap(),
            at: chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
            kind: (*kind).to_owned(),
            level: (*level).to_owned(),
            message: (*message).to_owned(),
        };
        let entries = entries(lines.iter().enumerate().map(line).collect(), Language::En);
        entries.into_iter().map(|entry| (entry.line.message, entry.folded.len())).collect()
    }

    #[test]
    fn a_step_that_ended_is_one_line_and_one_that_failed_or_goes_on_is_all_its_lines() {
        let lines = [
            ("state", "ok", "PROVISIONING"),
            ("step", "running", "Step 1: Packages …"),
            ("operation", "ok", "a: x"),
            ("operation", "warning", "b: y"),
            ("step", "warning", "Step 1: done with a warning (1.0 s)"),
            ("step", "running", "Step 2: Docker …"),
            ("operation", "failed", "c: z"),
            ("step", "failed", "Step 2: failed (1.0 s)"),
            ("step", "running", "Step 2: Docker …"),
            ("step", "warning", "The run was interrupted and goes on (start 2)"),
            ("step", "running", "Step 3: Vault …"),
            ("operation", "ok", "d: w"),
        ];
        let expected = [
            ("Provisioning", 0),
            ("Step 1: Packages: done with a warning (1.0 s)", 2),
            ("Step 2: Docker …", 0),
            ("c: z", 0),
            ("Step 2: failed (1.0 s)", 0),
            ("Step 2: Docker …", 0),
            ("The run was interrupted and goes on (start 2)", 0),
            ("Step 3: Vault …", 0),
            ("d: w", 0),
        ];
        assert_eq!(shown(&lines), expected.map(|(text, folded)| (text.to_owned(), folded)));
    }

    #[test]
    fn a_code_at_the_beginning_is_taken_out_for_its_link() {
        assert_eq!(
            shown(&[("effect", "waiting", "[DNS001] 1 DNS record is missing")])[0].0,
            "1 DNS record is missing"
        );
        let of = |kind: &str, message: &str| {
            let entry = TimelineEntry {
                sequence: 1,
                at: chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
                kind: kind.to_owned(),
                level: "failed".to_owned(),
                message: message.to_owned(),
            };
            let line = Line::of(entry, Language::En);
            (line.code, line.message)
        };
        let found = |code: &str, message: &str| (Some(code.to_owned()), message.to_owned());
        let none = |message: &str| (None, message.to_owned());
        assert_eq!(of("operation", "dns.ready: [DNS001] x: [y]"), found("DNS001", "dns.ready: x: [y]"));
        assert_eq!(of("operation", "dns.ready: [NONE1] x"), none("dns.ready: [NONE1] x"));
        assert_eq!(of("effect", "dns.ready: [DNS001] x"), none("dns.ready: [DNS001] x"));
        assert_eq!(of("state", "FAILED: try 1 of 3"), none("Stopped: try 1 of 3"));
        assert_eq!(of("effect", "FAILED: x"), none("FAILED: x"));
    }
}
