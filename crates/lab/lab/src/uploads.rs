//! The owner of a static website puts pages there, with the login that he was given.

use std::{os::unix::fs::PermissionsExt as _, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};

use crate::{hosts::Host, vault};

const PATIENCE: Duration = Duration::from_secs(60);
/// Where the pages lie.
const SITE: &str = "/opt/letsbe/data/static-website";
/// What [`fill`] uploads.
const PAGE: &str = "<!doctype html><title>Bakery</title>Sourdough since 1904";

/// Runs `sftp` with the vault's password, where `PAGE` is a file with this text that only its owner may read; how it ended,
/// and what it said.
///
/// # Errors
/// When it cannot be run, or hangs.
pub async fn sftp(host: &Host, page: &str, batch: &str) -> anyhow::Result<(bool, String)> {
    let vault = vault::host_vault(host).await?.context("the server has no vault")?;
    let entry = vault.entry("static-website", "upload_password").context("no password for uploads")?;
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("page"), page)?;
    std::fs::set_permissions(at("page"), std::fs::Permissions::from_mode(0o600))?;
    std::fs::write(at("batch"), batch.replace("PAGE", &at("page").display().to_string()))?;
    std::fs::write(at("answer"), format!("#!/bin/sh\necho {}\n", entry.present.expose()))?;
    std::fs::set_permissions(at("answer"), std::fs::Permissions::from_mode(0o700))?;
    let known = format!("[{}]:22023 {}\n", host.address, host.host_key().await?);
    std::fs::write(at("known"), known)?;
    let mut program = tokio::process::Command::new("sftp");
    program
        .args(["-F", "none", "-o", "BatchMode=no", "-o", "PubkeyAuthentication=no", "-P", "22023", "-o"])
        .arg(format!("UserKnownHostsFile={}", at("known").display()))
        .arg("-b")
        .arg(at("batch"))
        .arg(format!("letsbe-website@{}", host.address))
        .env("SSH_ASKPASS", at("answer"))
        .env("SSH_ASKPASS_REQUIRE", "force")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, program.output()).await.context("sftp hangs")??;
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok((output.status.success(), text.concat()))
}

/// Puts two pages there, one that only its owner may read.
///
/// # Errors
/// When the server does not take them.
pub async fn fill(host: &Host) -> anyhow::Result<()> {
    let batch = "put PAGE index.html\nchmod 600 index.html\nmkdir menu\nput PAGE menu/bread.html\n\
                 chmod 644 menu/bread.html\n";
    let (well, said) = sftp(host, PAGE, batch).await?;
    ensure!(well, "the upload: {said}");
    Ok(())
}

/// Whether what [`fill`] put there is there, whose it is, and whether the owner's login of before works on.
///
/// # Errors
/// What is not so.
pub async fn came_back(host: &Host) -> anyhow::Result<()> {
    let list = format!("cd {SITE} && find . -printf '%m %U:%G %p\\n' | sort -k 3 && cat index.html");
    let found = host.script(&list).await?;
    let wanted = format!(
        "755 22023:22023 .\n600 22023:22023 ./index.html\n755 22023:22023 ./menu\n\
         644 22023:22023 ./menu/bread.html\n{PAGE}"
    );
    ensure!(found.trim() == wanted, "what came back: {found}");
    let (well, said) =
        sftp(host, "newer", "put PAGE menu/bread.html\nput PAGE newer.html\nrm newer.html\n").await?;
    ensure!(well, "the owner's login on the other server: {said}");
    Ok(())
}
