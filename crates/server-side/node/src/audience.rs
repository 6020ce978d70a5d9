//! Who called this program: a person, a program of ours, or systemd. Each is told what went wrong once, in its own form.

use std::{ffi::OsString, fmt, io::Write as _};

use letsbe_protocol::NodeLine;
use letsbe_types::Problem;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use crate::run;

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A sentence on the error output.
    Person,
    /// A line of JSON on the output.
    Program,
    /// Both: the provisioner reads the output, the journal keeps the other.
    Protocol,
}

impl Audience {
    /// From the command line and the environment; verbs of the protocol are never typed by people.
    pub(crate) fn of(arguments: &[OsString], is_protocol: bool, for_programs: bool) -> Self {
        match is_protocol {
            true => Self::Protocol,
            false if for_programs || arguments.iter().any(|argument| argument == "--json") => Self::Program,
            false => Self::Person,
        }
    }

    /// Says what went wrong. Nobody has to listen.
    pub(crate) fn print(self, problem: Problem) {
        self.print_as("error", problem);
    }

    /// Says what would stop something that was only planned.
    pub(crate) fn print_stop(self, problem: Problem) {
        self.print_as("would stop", problem);
    }

    fn print_as(self, what: &str, problem: Problem) {
        if self != Self::Program {
            drop(writeln!(std::io::stderr().lock(), "{what}: {}", in_words(&problem)));
        }
        if self != Self::Person {
            drop(run::print_line(&NodeLine::Refused { problem }));
        }
    }
}

/// What went wrong, and what to do, each on a line.
fn in_words(problem: &Problem) -> String {
    if problem.hint.is_empty() { problem.to_string() } else { format!("{problem}\n  {}", problem.hint) }
}

/// Progress for people: sentences, without the level and the place in the program.
pub(crate) struct Sentences;

impl<S, N> FormatEvent<S, N> for Sentences
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match *event.metadata().level() {
            Level::ERROR => writer.write_str("error: ")?,
            Level::WARN => writer.write_str("warning: ")?,
            _ => {}
        }
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::{Code, Problem};

    use super::{Audience, in_words};

    #[test]
    fn only_who_asks_for_json_and_programs_get_json() {
        let of = |words: &str, protocol, for_programs| {
            let words: Vec<_> = words.split_whitespace().map(Into::into).collect();
            Audience::of(&words, protocol, for_programs)
        };
        assert_eq!(of("restore --tool ghost", false, false), Audience::Person);
        assert_eq!(of("restore --tool ghost --json", false, false), Audience::Program);
        assert_eq!(of("backup run", false, true), Audience::Program);
        assert_eq!(of("run start", true, false), Audience::Protocol);
    }

    #[test]
    fn what_to_do_stands_below_what_happened() {
        let problem = Problem::permanent(Code::NODE115, "There is no tool n8n here", "Tools: ghost.");
        assert_eq!(in_words(&problem), "[NODE115] There is no tool n8n here\n  Tools: ghost.");
    }
}
