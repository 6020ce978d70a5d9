//! An end-to-end test on a fleet: one scenario, many checks. All of them are made, and what failed is told at the end.

use std::{
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use futures::{FutureExt as _, future::LocalBoxFuture};
use letsbe_lab::{
    fleet::{Fleet, FleetOptions},
    lab::{self, CatalogImages},
};

/// A check and what it shows.
pub type Check<'a> = (&'static str, LocalBoxFuture<'a, anyhow::Result<()>>);

/// Brings a fleet up whose servers need not pull the catalog's images, plays a scenario on it that answers what
/// failed, and removes the fleet whatever happens.
///
/// # Errors
/// When there was no fleet or no scenario, or a check failed.
pub async fn play(scenario: impl AsyncFnOnce(&Fleet) -> anyhow::Result<Vec<String>>) -> anyhow::Result<()> {
    play_on(unpacked, scenario).await
}

/// As [`play`], on a fleet of another make; without more, its servers pull their images.
///
/// # Errors
/// As [`play`].
pub async fn play_on(
    make: impl FnOnce(FleetOptions) -> FleetOptions,
    scenario: impl AsyncFnOnce(&Fleet) -> anyhow::Result<Vec<String>>,
) -> anyhow::Result<()> {
    let fleet = start(make).await?;
    let told = AssertUnwindSafe(scenario(&fleet)).catch_unwind().await;
    let log = std::fs::read_to_string(&fleet.hub.log).unwrap_or_default();
    fleet.stop().await?;
    let failures = match told {
        Ok(Ok(failures)) => failures,
        Ok(Err(error)) => bail!("the scenario could not be set up: {error:?}\nThe Hub's log:\n{log}"),
        Err(panic) => std::panic::resume_unwind(panic),
    };
    ensure!(failures.is_empty(), "{} checks failed:\n{}", failures.len(), failures.join("\n"));
    Ok(())
}

/// Brings a fleet up and has the scenario of [`Checks`](crate::checks::Checks) built on it; removes it when that fails.
///
/// # Errors
/// When there was no fleet, or the scenario could not be built; with the Hub's log.
pub async fn on_fleet<S>(
    make: impl FnOnce(FleetOptions) -> FleetOptions,
    build: impl AsyncFnOnce(Arc<Fleet>) -> anyhow::Result<S>,
) -> anyhow::Result<S> {
    let fleet = Arc::new(start(make).await?);
    let built = AssertUnwindSafe(build(Arc::clone(&fleet))).catch_unwind().await;
    let why = match built {
        Ok(Ok(scenario)) => return Ok(scenario),
        Ok(Err(error)) => Ok(error),
        Err(panic) => Err(panic),
    };
    let log = std::fs::read_to_string(&fleet.hub.log).unwrap_or_default();
    fleet.stop().await?;
    match why {
        Ok(error) => Err(error.context(format!("the Hub's log:\n{log}"))),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

async fn start(make: impl FnOnce(FleetOptions) -> FleetOptions) -> anyhow::Result<Fleet> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize()?;
    lab::cleanup_stale().await?;
    let options = make(FleetOptions::new(&programs()?, &repository));
    Fleet::start(&options, &|text| println!("-- {text}")).await
}

/// The options of a fleet whose servers have the catalog's images unpacked.
#[must_use]
pub fn unpacked(options: FleetOptions) -> FleetOptions {
    FleetOptions { images: CatalogImages::Unpacked, ..options }
}

/// Cargo's output folder, where the programs are.
fn programs() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe()?;
    Ok(test.ancestors().nth(2).context("not in Cargo's output folder")?.to_owned())
}

/// Makes the checks one after the other, none longer than `limit`; what failed, with its reason.
pub async fn carry_out(checks: Vec<Check<'_>>, limit: Duration) -> Vec<String> {
    let mut failures = Vec::new();
    for (name, check) in checks {
        let began = Instant::now();
        let result = match tokio::time::timeout(limit, AssertUnwindSafe(check).catch_unwind()).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(anyhow::anyhow!("it panicked")),
            Err(_) => Err(anyhow::anyhow!("it took longer than {} s", limit.as_secs())),
        };
        let mark = if result.is_ok() { "✓" } else { "✗" };
        println!("-- {mark} {name} ({:.1} s)", began.elapsed().as_secs_f64());
        if let Err(error) = result {
            println!("     {error:#}");
            failures.push(format!("{name}: {error:#}"));
        }
    }
    failures
}
