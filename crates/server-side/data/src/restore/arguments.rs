//! What the command line asks for.

use chrono::{DateTime, NaiveDate, Utc};
use letsbe_backup::selection::Wish;
use letsbe_types::Problem;

use super::{journal::Former, refused, stage::record::StageId};
use letsbe_base::{output::parse_moment, planned::Planned};

/// `letsbe-node restore …`
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RestoreArguments {
    #[command(subcommand)]
    command: Option<RestoreCommand>,
    /// One tool, or `openclaw`: memory and sessions of the AI team.
    #[arg(long, conflicts_with_all = ["all", "resume"], required_unless_present_any = ["all", "resume"])]
    tool: Option<String>,
    /// Every tool of this server and the AI team, one after the other.
    #[arg(long, conflicts_with_all = ["target", "resume"])]
    all: bool,
    /// The newest set of this day (2026-02-25).
    #[arg(long, conflicts_with = "at")]
    date: Option<NaiveDate>,
    /// The newest set not after this moment (2026-02-23 14:05, or 2026-02-23T14:05:00Z).
    #[arg(long, value_parser = parse_moment)]
    at: Option<DateTime<Utc>>,
    /// Where the set is read from.
    #[arg(long, value_enum, default_value_t = Source::Local)]
    from: Source,
    /// `temp` leaves the tool alone and makes a copy that can be looked into.
    #[arg(long, value_enum, default_value_t = Target::Tool)]
    target: Target,
    /// How long such a copy stays.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=24 * 30))]
    keep_hours: u32,
    /// Make no set of what the tool has now: for a tool that is too broken for it.
    #[arg(long)]
    without_safety_set: bool,
    /// Only end what was interrupted.
    #[arg(long, conflicts_with = "plan")]
    resume: bool,
    #[command(flatten)]
    planned: Planned,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum RestoreCommand {
    /// Bring back what a tool had before its last restore.
    Undo {
        /// The tool.
        #[arg(long)]
        tool: String,
        #[command(flatten)]
        planned: Planned,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Copies that were made with `--target temp`.
    #[command(subcommand)]
    Temp(TempCommand),
}

#[derive(clap::Subcommand)]
enum TempCommand {
    /// What stands, until when, and how to reach it.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove copies.
    Remove {
        /// Every copy of this tool.
        #[arg(long, conflicts_with = "id", required_unless_present = "id")]
        tool: Option<String>,
        /// One, by the id that the list shows; also what a restore has put aside.
        #[arg(long)]
        id: Option<String>,
        #[command(flatten)]
        planned: Planned,
    },
}

/// Where a set is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Source {
    /// The repository on this server.
    Local,
    /// The copy outside.
    Remote,
}

/// Where a set is restored to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Target {
    /// In the place of what the tool has.
    Tool,
    /// Beside it, to be looked into.
    Temp,
}

/// Which tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// One.
    Tool(String),
    /// Every one of this server.
    All,
}

/// Which copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    /// Every copy of a tool.
    Tool(String),
    /// One stage.
    Stage(StageId),
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tool(tool) => f.write_str(tool),
            Self::Stage(id) => id.fmt(f),
        }
    }
}

/// What a person wants restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Which tools.
    pub(crate) what: What,
    /// From where.
    pub(crate) source: Source,
    /// Which sets.
    pub(crate) wish: Wish,
    /// What becomes of what the tools have.
    pub(crate) former: Former,
}

/// What is asked for, without contradictions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    Plan { choice: Choice, target: Target, json: bool },
    Restore { choice: Choice, json: bool },
    Temp { choice: Choice, hours: u32, json: bool },
    TempList { json: bool },
    TempRemove { which: Which, plan: bool },
    Undo { tool: String, plan: bool, json: bool },
    Resume { json: bool },
}

impl RestoreArguments {
    /// What they ask for.
    ///
    /// # Errors
    /// What is no stage's id.
    pub(crate) fn request(self) -> Result<Request, Problem> {
        let json = self.json;
        let (source, former) =
            (self.from, if self.without_safety_set { Former::Kept } else { Former::Saved });
        let wish = match (self.date, self.at) {
            (Some(date), _) => Wish::Date(date),
            (None, Some(at)) => Wish::At(at),
            (None, None) => Wish::Newest,
        };
        let choice = |what| Choice { what, source, wish, former };
        let asked = match self.command {
            Some(RestoreCommand::Undo { tool, planned, json }) => {
                return Ok(Request::Undo { tool, plan: planned.plan, json });
            }
            Some(RestoreCommand::Temp(TempCommand::List { json })) => return Ok(Request::TempList { json }),
            Some(RestoreCommand::Temp(TempCommand::Remove { tool, id, planned })) => {
                return Ok(Request::TempRemove { which: which(tool, id)?, plan: planned.plan });
            }
            None if self.resume => return Ok(Request::Resume { json }),
            None => choice(self.tool.map_or(What::All, What::Tool)),
        };
        Ok(match self.target {
            target if self.planned.plan => Request::Plan { choice: asked, target, json },
            Target::Tool => Request::Restore { choice: asked, json },
            Target::Temp => Request::Temp { choice: asked, hours: self.keep_hours, json },
        })
    }
}

fn which(tool: Option<String>, id: Option<String>) -> Result<Which, Problem> {
    match (tool, id) {
        (Some(tool), _) => Ok(Which::Tool(tool)),
        (None, id) => {
            let text = id.unwrap_or_default();
            let not_one =
                || refused(format!("{text:?} is no stage"), "`letsbe-node restore temp list` shows them.");
            StageId::try_from(text.clone()).map(Which::Stage).map_err(|_| not_one())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use letsbe_backup::selection::Wish;

    use super::{Choice, Former, Request, RestoreArguments, Source, Target, What, Which};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        restore: RestoreArguments,
    }

    fn request(line: &str) -> Result<Request, String> {
        let words = std::iter::once("restore").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.restore.request().map_err(|problem| problem.code)
    }

    #[test]
    fn the_runbooks_commands_are_understood_as_written() {
        let choice = |what, wish| Choice { what, source: Source::Local, wish, former: Former::Saved };
        let restore = |what, wish| Request::Restore { choice: choice(what, wish), json: false };
        let date = |text: &str| Wish::Date(text.parse().unwrap());
        let tool = |name: &str| What::Tool(name.to_owned());
        assert_eq!(
            request("--tool nextcloud --date 2026-02-25"),
            Ok(restore(tool("nextcloud"), date("2026-02-25")))
        );
        assert_eq!(
            request("--tool odoo --date 2026-02-23 --target temp"),
            Ok(Request::Temp { choice: choice(tool("odoo"), date("2026-02-23")), hours: 24, json: false })
        );
        assert_eq!(request("--all"), Ok(restore(What::All, Wish::Newest)));
        assert_eq!(request("--tool ghost"), Ok(restore(tool("ghost"), Wish::Newest)));
        assert_eq!(
            request("--tool ghost --from remote --without-safety-set --plan"),
            Ok(Request::Plan {
                choice: Choice {
                    source: Source::Remote,
                    former: Former::Kept,
                    ..choice(tool("ghost"), Wish::Newest)
                },
                target: Target::Tool,
                json: false
            })
        );
        assert_eq!(request("--resume"), Ok(Request::Resume { json: false }));
        assert_eq!(
            request("undo --tool ghost"),
            Ok(Request::Undo { tool: "ghost".to_owned(), plan: false, json: false })
        );
        assert_eq!(
            request("temp remove --tool ghost"),
            Ok(Request::TempRemove { which: Which::Tool("ghost".to_owned()), plan: false })
        );
        assert_eq!(request("temp list"), Ok(Request::TempList { json: false }));
    }

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "",
            "--tool a --all",
            "--all --target temp",
            "--tool a --date 2026-02-30",
            "--tool a --date 2026-02-25 --at 2026-02-25T00:00:00Z",
            "--tool a --at yesterday",
            "--tool a --target temp --keep-hours 0",
            "--resume --plan",
            "temp remove",
            "temp remove --id ../..",
            "temp remove --tool a --id 0badcafe",
        ] {
            assert!(request(line).is_err(), "{line}");
        }
    }
}
