//! What a new Hub needs.

use std::{fs, os::unix::fs::DirBuilderExt as _, path::Path};

use anyhow::{Context as _, bail};
use letsbe_hub::config::HubConfig;
use letsbe_store::{Database, Store};

use super::Planned;

/// Repeatable: what is there stays.
pub(crate) async fn init(config: &HubConfig, planned: Planned) -> anyhow::Result<()> {
    let data = &config.data_folder;
    if planned.plan {
        let wanted =
            [Some(data.clone()), config.database_file()?, Some(config.provisioning.private_key.clone())];
        for path in wanted.into_iter().flatten() {
            let what = if path.exists() { "is there and stays" } else { "would be made" };
            println!("{} {what}.", path.display());
        }
        if let database @ Database::Postgres(_) = config.database()? {
            println!("{database} would get the tables that it lacks.");
        }
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("{} could not be made", data.display()))?;
    Store::open(&config.database()?).await?;
    make_key(&config.provisioning.private_key).await?;
    println!(
        "Ready: {}. Next: letsbe-hub add-staff, letsbe-hub netcup-login, letsbe-hub serve.",
        data.display()
    );
    Ok(())
}

/// The key for tenants' servers, by OpenSSH's own program (runbook 3.3).
async fn make_key(path: &Path) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let output = tokio::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "letsbe-hub", "-f"])
        .arg(path)
        .output()
        .await
        .context("ssh-keygen could not be started; install openssh-client")?;
    if !output.status.success() {
        bail!(
            "ssh-keygen could not make {}: {}",
            path.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
