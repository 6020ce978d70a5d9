//! An end-to-end test on a fleet: one scene, many checks. All of them are made, and what failed is told at the end.

use std::{
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
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

/// Brings a fleet up whose servers need not pull the catalog's images, has a scene played on it that answers what
/// failed, and removes the fleet whatever happens.
///
/// # Errors
/// When there was no fleet or no scene, or a check failed.
pub async fn play(scene: impl AsyncFnOnce(&Fleet) -> anyhow::Result<Vec<String>>) -> anyhow::Result<()> {
    play_on(|options| FleetOptions { images: CatalogImages::Unpacked, ..options }, scene).await
}

/// As [`play`], on a fleet of another make; without more, its servers pull their images.
///
/// # Errors
/// As [`play`].
pub async fn play_on(
    make: impl FnOnce(FleetOptions) -> FleetOptions,
    scene: impl AsyncFnOnce(&Fleet) -> anyhow::Result<Vec<String>>,
) -> anyhow::Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize()?;
    lab::cleanup_stale().await?;
    let options = make(FleetOptions::new(&programs()?, &repository));
    let fleet = Fleet::start(&options, &|text| println!("-- {text}")).await?;
    let told = AssertUnwindSafe(scene(&fleet)).catch_unwind().await;
    let log = std::fs::read_to_string(&fleet.hub.log).unwrap_or_default();
    fleet.stop().await?;
    let failures = match told {
        Ok(Ok(failures)) => failures,
        Ok(Err(error)) => bail!("the scene could not be set: {error:?}\nThe Hub's log:\n{log}"),
        Err(panic) => std::panic::resume_unwind(panic),
    };
    ensure!(failures.is_empty(), "{} checks failed:\n{}", failures.len(), failures.join("\n"));
    Ok(())
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
