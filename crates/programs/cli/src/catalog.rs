//! `letsbe catalog check`: what is wrong with a catalog, or with one tool of it, and what to write instead.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use letsbe_catalog::{CheckReport, Severity, check_folder};

use crate::style::{self, Level, bold, faint, harmless};

/// What can be done with the catalog.
#[derive(Subcommand)]
pub(crate) enum CatalogCommand {
    /// Check a catalog, or one tool's folder: what keeps it from being read, and what people get wrong; worst first.
    Check(CheckArguments),
}

/// What is checked.
#[derive(Args)]
pub(crate) struct CheckArguments {
    /// The catalog's folder, or one tool's.
    folder: PathBuf,
    /// The catalog that a tool is for, where its folder does not lie in one.
    #[arg(long, value_name = "FOLDER")]
    catalog: Option<PathBuf>,
}

/// Carries out a command.
///
/// # Errors
/// The folder is neither a catalog nor a tool's, or an error was found in it.
pub(crate) fn carry_out(command: CatalogCommand, json: bool) -> anyhow::Result<()> {
    let CatalogCommand::Check(CheckArguments { folder, catalog }) = command;
    let report = check_folder(&folder, catalog.as_deref())?;
    if json {
        style::say_json(&report)?;
    } else {
        style::say(text(&report).trim_end());
    }
    if report.count(Severity::Error) > 0 { Err(style::Told.into()) } else { Ok(()) }
}

fn text(report: &CheckReport) -> String {
    let mut text = String::new();
    for tool in &report.tools {
        let about = format!("{} ({})", tool.description, tool.licence);
        let needs = format!("{} MB of memory, {} GB of disk", tool.ram_mb, tool.disk_gb);
        let line = format!("{} {} {}\n", bold(tool.name.as_str()), harmless(&about), faint(&needs));
        text.push_str(&line);
    }
    for finding in &report.findings {
        let level = match finding.severity {
            Severity::Error => Level::Failed,
            Severity::Warning => Level::Warning,
            Severity::Note => Level::Running,
        };
        let file = finding.file.display().to_string();
        let place = finding.line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
        let (place, field) = (harmless(&place), harmless(&finding.field));
        text.push_str(&format!("{} {place}: {field}\n    {}\n", level.mark(), harmless(&finding.message)));
    }
    let [errors, warnings, notes] =
        [Severity::Error, Severity::Warning, Severity::Note].map(|severity| report.count(severity));
    let level = if errors == 0 { Level::Fine } else { Level::Failed };
    let counts = format!("{errors} errors, {warnings} warnings, {notes} notes");
    text.push_str(&format!("{} {} checked: {counts}\n", level.mark(), report.tools.len()));
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser as _;
    use letsbe_catalog::check_folder;

    use crate::Arguments;

    #[test]
    fn what_can_be_typed_about_the_catalog() {
        for (line, is_good) in [
            ("letsbe catalog check catalog", true),
            ("letsbe catalog check ./ghost --catalog catalog --json", true),
            ("letsbe catalog check", false),
            ("letsbe catalog", false),
        ] {
            assert_eq!(Arguments::try_parse_from(line.split_whitespace()).is_ok(), is_good, "{line}");
        }
    }

    #[test]
    fn a_tool_of_the_shipped_catalog_is_printed_with_its_findings_and_their_lines() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog/tools/ghost"));
        let text = super::text(&check_folder(folder, None).expect("a tool"));
        assert!(text.contains("Blog and newsletter. (MIT)"), "{text}");
        assert!(text.contains("ghost/compose.yml:3: services.app.image"), "{text}");
        assert!(text.contains("1 checked: 0 errors, 0 warnings, 2 notes"), "{text}");
    }
}
