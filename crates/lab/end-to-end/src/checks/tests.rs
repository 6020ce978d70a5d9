//! The harness itself, on a scenario that counts.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::ensure;
use tokio::sync::Barrier;

use super::*;

const LIMIT: Duration = Duration::from_secs(20);

/// How often something was set up, checked and removed; the most checks at one time.
#[derive(Default)]
struct Counts {
    set_up: AtomicUsize,
    checked: AtomicUsize,
    removed: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

struct Counted(Arc<Counts>);

impl Scenario for Counted {
    async fn remove(&self) -> anyhow::Result<()> {
        self.0.removed.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

impl Counts {
    fn checks(self: &Arc<Self>) -> Checks<Counted> {
        let counts = Arc::clone(self);
        Checks::on("all_of_it", LIMIT, async move || {
            counts.set_up.fetch_add(1, Ordering::SeqCst);
            Ok(Counted(counts))
        })
    }

    /// Set up, checked, removed.
    fn told(&self) -> [usize; 3] {
        [&self.set_up, &self.checked, &self.removed].map(|count| count.load(Ordering::SeqCst))
    }
}

async fn passes(counted: &Counted) -> anyhow::Result<()> {
    let now = counted.0.at_once.fetch_add(1, Ordering::SeqCst) + 1;
    counted.0.most_at_once.fetch_max(now, Ordering::SeqCst);
    tokio::task::yield_now().await;
    counted.0.checked.fetch_add(1, Ordering::SeqCst);
    counted.0.at_once.fetch_sub(1, Ordering::SeqCst);
    Ok(())
}

async fn fails(counted: &Counted) -> anyhow::Result<()> {
    passes(counted).await?;
    anyhow::bail!("not so")
}

async fn panics(counted: &Counted) -> anyhow::Result<()> {
    passes(counted).await?;
    panic!("not so either")
}

/// Runs the checks with this filter; how many passed, failed, were not asked for; and what was written.
fn run(checks: Checks<Counted>, filter: Option<&str>) -> ([u64; 3], String) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let logfile = Some(log.display().to_string());
    let filter = filter.map(str::to_owned);
    let arguments = Arguments { filter, logfile, test_threads: Some(8), ..Arguments::default() };
    let conclusion = checks.run_with(arguments).unwrap();
    let counts = [conclusion.num_passed, conclusion.num_failed, conclusion.num_filtered_out];
    (counts, std::fs::read_to_string(log).unwrap())
}

#[test]
fn what_fails_or_panics_hides_no_other_check_and_all_share_one_scenario() {
    let counts = Arc::new(Counts::default());
    let checks = counts.checks().check("one", fails).check("two", panics).check("three", passes);
    let (told, log) = run(checks.check("four", passes), None);
    assert_eq!(told, [2, 2, 0]);
    assert_eq!(counts.told(), [1, 4, 1]);
    assert!(log.contains("all_of_it::three ... ok") && log.contains("not so"), "{log}");
    assert_eq!(counts.most_at_once.load(Ordering::SeqCst), 1, "whatever the command line says");
}

#[test]
fn one_check_is_made_alone_by_its_name() {
    let counts = Arc::new(Counts::default());
    let checks = counts.checks().check("one", fails).check("two", passes);
    let (told, _) = run(checks, Some("two"));
    assert_eq!(told, [1, 0, 1]);
    assert_eq!(counts.told(), [1, 1, 1]);
}

#[test]
fn what_needs_no_scenario_sets_none_up() {
    let counts = Arc::new(Counts::default());
    let checks = counts.checks().check("one", passes).check_without_scenario("two", || Ok(()));
    let (told, _) = run(checks, Some("two"));
    assert_eq!(told, [1, 0, 1]);
    assert_eq!(counts.told(), [0, 0, 0]);
}

#[test]
fn a_scenario_that_cannot_be_set_up_fails_each_check_and_is_tried_once() {
    for panicking in [false, true] {
        let tried = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&tried);
        let checks = Checks::on("all_of_it", LIMIT, async move || {
            counted.fetch_add(1, Ordering::SeqCst);
            assert!(!panicking, "no server");
            anyhow::bail!("no server")
        });
        let (told, log) = run(checks.check("one", passes).check("two", passes), None);
        assert_eq!((told, tried.load(Ordering::SeqCst)), ([0, 2, 0], 1));
        assert!(log.contains("could not be set up"), "{log}");
    }
}

#[test]
fn checks_are_made_beside_each_other_where_they_may() {
    let counts = Arc::new(Counts::default());
    let both = Arc::new(Barrier::new(2));
    let meets = |both: &Arc<Barrier>| {
        let both = Arc::clone(both);
        async move |_: &Counted| {
            both.wait().await;
            Ok(())
        }
    };
    let checks = counts.checks().at_once(2).check("one", meets(&both)).check("two", meets(&both));
    assert_eq!(run(checks, None).0, [2, 0, 0]);
}

#[test]
fn a_check_that_takes_too_long_fails_and_the_next_is_made() {
    let counts = Arc::new(Counts::default());
    let kept = Arc::clone(&counts);
    let checks = Checks::on("all_of_it", Duration::ZERO, async move || Ok(Counted(kept)));
    let checks = checks.check("one", async |_: &Counted| std::future::pending().await);
    let (told, log) = run(checks.check_without_scenario("two", || Ok(())), None);
    assert_eq!((told, counts.told()), ([1, 1, 0], [0, 0, 1]));
    assert!(log.contains("it took longer than 0 s"), "{log}");
}

#[test]
fn a_scenario_that_is_not_removed_fails_the_run() {
    struct Stays;
    impl Scenario for Stays {
        async fn remove(&self) -> anyhow::Result<()> {
            ensure!(false, "a container is left");
            Ok(())
        }
    }
    let checks = Checks::on("all_of_it", LIMIT, async || Ok(Stays)).check("one", async |_: &Stays| Ok(()));
    let error = checks.run_with(Arguments { quiet: true, ..Arguments::default() }).unwrap_err();
    assert_eq!(format!("{error:#}"), "the scenario could not be removed: a container is left");
}
