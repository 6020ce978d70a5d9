//! The owner of the static website puts a page there, with the login that he was given.

use std::{os::unix::fs::PermissionsExt as _, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use letsbe_lab::vault;

use crate::{Live, pages};

const PATIENCE: Duration = Duration::from_secs(60);
const PAGE: &str = "<!doctype html><html lang=\"en\"><title>Bakery</title>Fresh bread";

/// Runs `sftp` with the vault's password; how it ended, and what it said.
async fn sftp(live: &Live<'_>, batch: &str) -> anyhow::Result<(bool, String)> {
    let vault = vault::host_vault(&live.host).await?.context("the server has no vault")?;
    let entry = vault.entry("static-website", "upload_password").context("no password for uploads")?;
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("page"), PAGE)?;
    std::fs::write(at("batch"), batch.replace("PAGE", &at("page").display().to_string()))?;
    std::fs::write(at("answer"), format!("#!/bin/sh\necho {}\n", entry.present.expose()))?;
    std::fs::set_permissions(at("answer"), std::fs::Permissions::from_mode(0o700))?;
    let known = format!("[{}]:22023 {}\n", live.host.address, live.host.host_key().await?);
    std::fs::write(at("known"), known)?;
    let mut program = tokio::process::Command::new("sftp");
    program
        .args(["-F", "none", "-o", "BatchMode=no", "-o", "PubkeyAuthentication=no", "-P", "22023", "-o"])
        .arg(format!("UserKnownHostsFile={}", at("known").display()))
        .arg("-b")
        .arg(at("batch"))
        .arg(format!("letsbe-website@{}", live.host.address))
        .env("SSH_ASKPASS", at("answer"))
        .env("SSH_ASKPASS_REQUIRE", "force")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, program.output()).await.context("sftp hangs")??;
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok((output.status.success(), text.concat()))
}

pub(crate) async fn a_page(live: &Live<'_>) -> anyhow::Result<()> {
    let visitor = pages::visitor(live)?;
    let url = format!("https://{}/", live.domain());
    let (well, said) = sftp(live, "put PAGE index.html\n").await?;
    ensure!(well, "the upload: {said}");
    let (code, text) = pages::page(&visitor, &url).await?;
    ensure!(code == 200 && text == PAGE, "a visitor sees {code} {text:.300}");
    // A link that root left there leads nowhere.
    live.host.exec(&["ln", "-s", "/etc/passwd", "/opt/letsbe/data/static-website/link"]).await?;
    let (code, text) = pages::page(&visitor, &format!("{url}link")).await?;
    ensure!(code.as_u16() >= 400 && !text.contains("root:"), "a link is followed: {code} {text:.300}");
    let (well, said) = sftp(live, "rm link\nrm index.html\n").await?;
    ensure!(well, "the removal: {said}");
    let (well, said) = sftp(live, "get /etc/passwd /dev/null\n").await?;
    ensure!(!well, "a file of the server is read: {said}");
    Ok(())
}
