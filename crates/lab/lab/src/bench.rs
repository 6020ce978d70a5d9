//! How long an order takes, and how long a run that has nothing to do; and what of it is our own time.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use letsbe_budget::{Budget, Line, is_kept, ratios};
use letsbe_types::job::{Outcome, RunEvent, RunEventKind};

use crate::fleet::{Fleet, FleetOptions, ProvisionerRun};

const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// A run that has nothing to do may take so many times what its own login takes.
const BUDGET: f64 = 4.0;
const VERIFICATION: u8 = 11;
/// Work on the server that has nothing of ours in it. It takes turns with the runs, and how far it differs says whether
/// the machine was quiet.
const REFERENCE: [&str; 2] = ["sha256sum", "/opt/letsbe/bin/letsbe-node"];

/// Operations whose time is the package archive's, the image registry's, the certificate authority's, or the tools'
/// own for starting up.
const NOT_OURS: [(&str, &[&str]); 4] = [
    ("packages", &["packages.upgraded", "packages.installed", "docker.installed", "packages.conveniences"]),
    ("images", &["nginx.image_present", "images.present"]),
    ("certificates", &["certificate.issued"]),
    (
        "tools starting and setting up",
        &[
            "nginx.running",
            "nginx.healthy",
            "stacks.running",
            "stacks.healthy",
            "platform.running",
            "platform.healthy",
            "tools.set_up",
        ],
    ),
];

/// Where the time of one run went that had nothing to do. What is side by side is not summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SecondRun {
    total: Duration,
    /// Process start, bundle packed beside it, connection, login.
    login: Duration,
    /// From the login to the run's first line: a command, a unit of systemd.
    start: Duration,
    /// Everything on the server is read at the same time, for the run and for its verification inside.
    probing: Duration,
    /// Results written to the journal and read by us.
    telling: Duration,
    /// The checks from outside, beside the probing.
    outside: Duration,
    /// What is left after the run's end: the outside's results into the journal, goodbye.
    end: Duration,
}

impl SecondRun {
    fn of(run: &ProvisionerRun) -> anyhow::Result<Self> {
        let login =
            run.notes.iter().find(|(_, note)| note.starts_with("connected as")).context("no login")?.0;
        let at = |wanted: fn(&RunEventKind) -> bool| {
            let found = run.events.iter().find(|(_, event)| wanted(&event.event));
            found.map(|(when, event)| (*when, event.at)).context("an event is missing")
        };
        let (started, began) = at(|event| matches!(event, RunEventKind::Started { .. }))?;
        let (_, probed) = at(|event| matches!(event, RunEventKind::StepStarted { .. }))?;
        let (finished, ended) = at(|event| matches!(event, RunEventKind::Finished { .. }))?;
        let outside = run.events.iter().rev().find_map(|(_, event)| match event.event {
            RunEventKind::StepFinished { step: VERIFICATION, milliseconds, .. } => Some(milliseconds),
            _ => None,
        });
        Ok(Self {
            total: run.total,
            login,
            start: started.saturating_sub(login),
            probing: between(began, probed),
            telling: between(probed, ended),
            outside: Duration::from_millis(outside.context("no verification from outside")?),
            end: run.total.saturating_sub(finished),
        })
    }
}

fn between(from: DateTime<Utc>, to: DateTime<Utc>) -> Duration {
    (to - from).to_std().unwrap_or_default()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The time of the operations, by name.
fn operations<'a>(events: impl IntoIterator<Item = &'a RunEvent>) -> BTreeMap<String, Duration> {
    let mut times = BTreeMap::new();
    for event in events {
        if let RunEventKind::Operation { operation, milliseconds, .. } = &event.event {
            *times.entry(operation.clone()).or_default() += Duration::from_millis(*milliseconds);
        }
    }
    times
}

fn order_table(total: Duration, events: &[RunEvent]) -> String {
    let times = operations(events);
    let sum = |names: &[&str]| names.iter().filter_map(|name| times.get(*name)).sum::<Duration>();
    let first = events.first().map_or_else(Utc::now, |event| event.at);
    let run = between(first, events.last().map_or(first, |event| event.at));
    let mut text = format!("The order, from payment to FULFILLED   {:>7.1} s\n", total.as_secs_f64());
    let mut line = |name: &str, time: Duration| {
        let _ = writeln!(text, "  {name:<36} {:>7.1} s", time.as_secs_f64());
    };
    line("before and after the run", total.saturating_sub(run));
    line("the run on the server", run);
    for (name, operations) in NOT_OURS {
        line(&format!("  {name}"), sum(operations));
    }
    let others: Duration = NOT_OURS.iter().map(|(_, operations)| sum(operations)).sum();
    line("  everything else (ours)", run.saturating_sub(others));
    text
}

/// One part of a run.
type Part = fn(&SecondRun) -> Duration;

fn runs_table(runs: &[SecondRun]) -> String {
    let rows: [(&str, Part); 7] = [
        ("total", |run| run.total),
        ("  login by SSH", |run| run.login),
        ("  start of the run", |run| run.start),
        ("  probing and verification inside", |run| run.probing),
        ("  journal", |run| run.telling),
        ("  after the run's end", |run| run.end),
        ("  beside it: verification outside", |run| run.outside),
    ];
    let mut text = format!("A run that has nothing to do ({} runs)   median    best   worst\n", runs.len());
    for (name, of) in rows {
        let times: Vec<Duration> = runs.iter().map(of).collect();
        let (best, worst) = (times.iter().min().copied(), times.iter().max().copied());
        let times = [Some(median(times)), best, worst].map(|time| time.unwrap_or_default().as_millis());
        let _ = writeln!(text, "  {name:<36} {:>4} ms {:>4} ms {:>4} ms", times[0], times[1], times[2]);
    }
    text
}

/// The operations that took longest, of one run.
fn slowest(run: &ProvisionerRun) -> String {
    let mut times: Vec<_> = operations(run.events.iter().map(|(_, event)| event)).into_iter().collect();
    times.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
    let mut text = "The slowest to read, side by side with the others\n".to_owned();
    for (name, time) in times.iter().take(12) {
        let _ = writeln!(text, "  {name:<38} {:>4} ms", time.as_millis());
    }
    text
}

/// Measures one order and then `runs` runs that have nothing to do, with the programs in `programs`; gives the report.
///
/// # Errors
/// When anything does not work, a run changed something, or the budget is missed.
pub async fn bench(
    programs: &Path,
    repository: &Path,
    tools: &[&str],
    runs: u32,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<String> {
    let options = FleetOptions::new(programs, repository);
    let fleet = Fleet::start(&options, say).await?;
    let measured = tokio::select! {
        measured = measure(&fleet, tools, runs, say) => measured,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    fleet.stop().await?;
    measured
}

async fn measure(
    fleet: &Fleet,
    tools: &[&str],
    runs: u32,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<String> {
    let customer = fleet.customer().await?;
    say(&format!("An order with {}", tools.join(", ")));
    let began = std::time::Instant::now();
    let order = fleet.place(&customer, &fleet.request("bench", tools)).await?;
    let order = fleet.follow(&customer, order, PATIENCE, |_| {}).await?;
    let total = began.elapsed();
    let host = fleet.machines.host(order.summary.domain.as_str())?;
    let journal =
        host.exec(&["find", "/opt/letsbe/state/runs", "-type", "f", "-exec", "cat", "{}", "+"]).await?;
    let first: Vec<RunEvent> = journal.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    say(&format!("{runs} runs that have nothing to do"));
    let (mut times, mut reference, mut last) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..runs {
        let run = fleet.provision(&fleet.job_again(&order).await?).await?;
        ensure!(run.success && !changed(&run), "the run did not just look:\n{}", run.output);
        times.push(SecondRun::of(&run)?);
        last = slowest(&run);
        let began = std::time::Instant::now();
        host.exec(&REFERENCE).await?;
        reference.push(began.elapsed().as_secs_f64());
    }
    let verdict = judged(&times, &reference);
    let report = [order_table(total, &first), runs_table(&times), last, format!("{verdict}\n")].join("\n");
    ensure!(is_kept(&[verdict]), "{report}");
    Ok(report)
}

/// The median of the runs, each against its own login, judged where what took turns with them took about the same each time.
fn judged(runs: &[SecondRun], reference: &[f64]) -> Line {
    let seconds = |of: Part| -> Vec<f64> { runs.iter().map(|run| of(run).as_secs_f64()).collect() };
    let of_login = ratios(&seconds(|run| run.total), &seconds(|run| run.login));
    Line::timed("a run that has nothing to do, of its login", &of_login, Budget::AtMost(BUDGET), &[reference])
}

fn changed(run: &ProvisionerRun) -> bool {
    let mut events = run.events.iter();
    events.any(|(_, event)| {
        matches!(&event.event, RunEventKind::Operation { outcome: Outcome::Changed { .. }, .. })
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use letsbe_budget::Verdict;
    use letsbe_types::job::StepResult;

    use super::*;

    fn run() -> ProvisionerRun {
        let start = DateTime::<Utc>::UNIX_EPOCH;
        let outcome = || Outcome::Converged { why: "w".to_owned() };
        let operation = |operation: &str, milliseconds| RunEventKind::Operation {
            step: 1,
            operation: operation.to_owned(),
            outcome: outcome(),
            milliseconds,
        };
        let kinds = [
            (100, 0, RunEventKind::Started { attempt: 1 }),
            (300, 150, RunEventKind::StepStarted { step: 1, title: String::new() }),
            (300, 151, operation("images.present", 70)),
            (300, 152, operation("identity.planted", 5)),
            (310, 160, RunEventKind::Finished { problem: None }),
            (
                330,
                180,
                RunEventKind::StepFinished { step: 11, result: StepResult::Converged, milliseconds: 140 },
            ),
        ];
        let events = kinds.into_iter().zip(1..).map(|((seen, at, event), sequence)| {
            let at = start + TimeDelta::milliseconds(at);
            (Duration::from_millis(seen), RunEvent { sequence, at, event })
        });
        ProvisionerRun {
            success: true,
            notes: vec![(Duration::from_millis(40), "connected as letsbe-admin".to_owned())],
            events: events.collect(),
            total: Duration::from_millis(350),
            output: String::new(),
        }
    }

    #[test]
    fn the_parts_of_a_run() {
        let milliseconds = Duration::from_millis;
        let wanted = SecondRun {
            total: milliseconds(350),
            login: milliseconds(40),
            start: milliseconds(60),
            probing: milliseconds(150),
            telling: milliseconds(10),
            outside: milliseconds(140),
            end: milliseconds(40),
        };
        assert_eq!(SecondRun::of(&run()).unwrap(), wanted);
        assert_eq!(median(vec![milliseconds(9), milliseconds(1), milliseconds(5)]), milliseconds(5));
        let table = runs_table(&[wanted]);
        assert!(table.contains("login by SSH") && table.contains("  40 ms"), "{table}");
        assert!(slowest(&run()).lines().nth(1).is_some_and(|line| line.contains("images.present")));
    }

    #[test]
    fn runs_are_judged_by_their_median_where_the_reference_was_quiet_or_by_the_best_of_them() {
        let verdict = |milliseconds: &[u64], reference: &[f64]| {
            let of =
                |total| SecondRun { total: Duration::from_millis(total), ..SecondRun::of(&run()).unwrap() };
            judged(&milliseconds.iter().copied().map(of).collect::<Vec<_>>(), reference).verdict()
        };
        let (quiet, noisy) = ([0.3; 5], [0.3, 0.3, 0.4, 0.9, 0.9]);
        for (milliseconds, reference, wanted) in [
            (&[140, 150, 160, 170, 2_000][..], quiet, Verdict::Kept),
            (&[140, 150, 165, 170, 170], quiet, Verdict::Missed),
            (&[140, 150, 2_000, 2_000, 2_000], quiet, Verdict::Missed),
            (&[140, 150, 2_000, 2_000, 2_000], noisy, Verdict::NotJudged),
            (&[140, 165, 2_000, 2_000, 2_000], noisy, Verdict::Missed),
            (&[140], quiet, Verdict::NotJudged),
        ] {
            assert_eq!(verdict(milliseconds, &reference), wanted, "{milliseconds:?}");
        }
    }

    #[test]
    fn downloads_are_told_from_our_own_time() {
        let events: Vec<RunEvent> = run().events.into_iter().map(|(_, event)| event).collect();
        let table = order_table(Duration::from_secs(2), &events);
        let row = |name: &str| table.lines().find(|line| line.trim().starts_with(name)).unwrap().to_owned();
        assert!(row("images").ends_with("0.1 s") && row("the run on").ends_with("0.2 s"), "{table}");
        assert!(row("before and after").ends_with("1.8 s"), "{table}");
    }
}
