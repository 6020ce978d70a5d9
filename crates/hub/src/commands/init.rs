//! What a new Hub needs.

use std::{fs, io::Read as _, os::unix::fs::DirBuilderExt as _, path::Path};

use anyhow::{Context as _, bail};
use letsbe_hub::{config::HubConfig, security};
use letsbe_store::Store;
use letsbe_types::{
    EmailAddress, Secret,
    clock::{Clock as _, SystemClock},
};

/// Longer input than this is no password.
const PASSWORD_BYTES_MAX: u64 = 1024;
const PASSWORD_CHARACTERS_MIN: usize = 12;

/// Repeatable: what is there stays.
pub(crate) async fn init(config: &HubConfig) -> anyhow::Result<()> {
    let data = &config.data_folder;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("{} could not be made", data.display()))?;
    Store::open(&data.join("hub.sqlite")).await?;
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

pub(crate) async fn add_staff(config: &HubConfig, email: &str) -> anyhow::Result<()> {
    let email: EmailAddress = email.parse()?;
    let mut password = String::new();
    std::io::stdin().take(PASSWORD_BYTES_MAX).read_to_string(&mut password)?;
    let password = Secret::new(password.trim_end_matches(['\r', '\n']).to_owned());
    if password.expose().chars().count() < PASSWORD_CHARACTERS_MIN {
        bail!("the password must have at least {PASSWORD_CHARACTERS_MIN} characters");
    }
    let store = Store::open(&config.data_folder.join("hub.sqlite")).await?;
    let hash = security::hash_password(password).await?;
    store.save_staff(email.as_str(), &hash, SystemClock.now()).await?;
    println!("{email} can log in.");
    Ok(())
}
