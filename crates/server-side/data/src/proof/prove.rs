//! `letsbe-node backup prove`.

use std::time::Instant;

use letsbe_types::{Problem, backup::Proof};
use serde::Serialize;

use super::{evidence, is_put_off, nightly, source::Source};
use crate::backup::lease;
use letsbe_base::{layout::Layout, output, server::TenantServer};

/// What the command line asks for; without a tool and `--all`, whatever is due.
#[derive(Debug, clap::Args)]
pub struct ProveArguments {
    /// One tool, or part of the platform (`nginx`, `openclaw`, `letsbe`).
    #[arg(long, conflicts_with = "all")]
    tool: Option<String>,
    /// Every tool and part of the platform, due or not.
    #[arg(long)]
    all: bool,
    /// From the copy outside, as another server would read it.
    #[arg(long)]
    remote: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    proven: usize,
    failed: usize,
    put_off: usize,
    seconds: u64,
    proofs: &'a [Proof],
}

/// Carries the command out.
///
/// # Errors
/// When a proof failed, or the one that was asked for could not be carried through; the evidence has been printed before.
pub(crate) async fn command(layout: &Layout, arguments: ProveArguments) -> Result<(), Problem> {
    let began = Instant::now();
    let server = TenantServer::read(layout)?;
    let ProveArguments { tool, all, remote, .. } = &arguments;
    let proofs =
        lease::with(layout, "a proof of backups", async |_| match (tool.is_some() || *all, *remote) {
            (true, false) => nightly::of(&server, Source::local(&server).await?, tool.as_deref()).await,
            (true, true) => nightly::of(&server, Source::outside(&server).await?, tool.as_deref()).await,
            (false, false) => nightly::nightly(&server).await,
            (false, true) => super::nightly_outside(&server).await,
        })
        .await?;
    print(&proofs, began.elapsed().as_secs(), arguments.json)?;
    let wanted = |proof: &&Proof| evidence::has_failed(proof) || arguments.tool.is_some();
    proofs.iter().filter(wanted).find_map(evidence::what_failed).map_or(Ok(()), Err)
}

fn print(proofs: &[Proof], seconds: u64, json: bool) -> Result<(), Problem> {
    let failed = proofs.iter().filter(|proof| evidence::has_failed(proof)).count();
    let proven = proofs.iter().filter(|proof| proof.holds()).count();
    let report = Report { proven, failed, put_off: proofs.len() - proven - failed, seconds, proofs };
    output::print(json, &report, || proofs.iter().map(line).chain([summary(&report)]).collect())
}

/// One proof for a person.
fn line(proof: &Proof) -> String {
    let steps: Vec<String> = proof
        .steps
        .iter()
        .map(|step| {
            format!("{} {}.{} s", step.name, step.milliseconds / 1000, step.milliseconds % 1000 / 100)
        })
        .collect();
    let word = match evidence::what_failed(proof) {
        None if proof.outside.is_some() => {
            format!("proven from the copy outside: {}", proof.equal.join("; "))
        }
        None => format!("proven: {}", proof.equal.join("; ")),
        Some(problem) if is_put_off(&problem) => format!("put off: {problem}"),
        Some(problem) => format!("FAILED: {problem}"),
    };
    let steps = if steps.is_empty() { String::new() } else { format!(" ({})", steps.join(", ")) };
    format!("{:<14} {}  {word}{steps}", proof.tool, proof.taken_at.format("%Y-%m-%d %H:%M UTC"))
}

fn summary(report: &Report<'_>) -> String {
    let names: Vec<&str> = report
        .proofs
        .iter()
        .filter(|proof| evidence::has_failed(proof))
        .map(|proof| proof.tool.as_str())
        .collect();
    let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    let Report { proven, failed, put_off, seconds, .. } = report;
    format!("{proven} proven, {failed} failed{names}, {put_off} put off, in {seconds} s")
}

#[cfg(test)]
mod tests {
    use letsbe_types::{Code, Problem, backup::Proof};

    use super::{Report, line, summary};
    use crate::proof::evidence::tests::proof;

    #[test]
    fn a_person_reads_what_was_seen_and_how_long_it_took() {
        let held = proof("ghost", 0);
        let said = line(&held);
        assert!(said.contains("proven: 3 tables, 40 rows (restore 1.5 s)"), "{said}");
        let put_off = Problem::transient(Code::PRF002, "too little memory", "wait");
        let put_off = Proof { problem: Some(put_off), steps: vec![], ..proof("odoo", 0) };
        assert!(line(&put_off).ends_with("put off: [PRF002] too little memory"), "{}", line(&put_off));
        let differs = Proof { differences: vec!["posts: 1 row, not 2".to_owned()], ..proof("nocodb", 0) };
        assert!(line(&differs).contains("FAILED: [PRF001]"), "{}", line(&differs));
        let proofs = [held, put_off, differs];
        let report = Report { proven: 1, failed: 1, put_off: 1, seconds: 9, proofs: &proofs };
        assert_eq!(summary(&report), "1 proven, 1 failed (nocodb), 1 put off, in 9 s");
    }
}
