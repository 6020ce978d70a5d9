//! The owner of the static website puts a page there, with the login that he was given.

use std::{os::unix::fs::PermissionsExt as _, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use letsbe_lab::vault;

use crate::{Live, pages};

const PATIENCE: Duration = Duration::from_secs(60);
/// As people write them: the second is valid without `<html>`, the third is no page at all.
const PAGES: [&str; 3] = [
    "<!doctype html><html lang=\"en\"><title>Bakery</title>Fresh bread",
    "<!doctype html><title>Bakery</title>Fresh rolls",
    "",
];

/// Runs `sftp` with the vault's password, where `PAGE` is a file with this text that only its owner may read; how it ended,
/// and what it said.
async fn sftp(live: &Live<'_>, page: &str, batch: &str) -> anyhow::Result<(bool, String)> {
    let vault = vault::host_vault(&live.host).await?.context("the server has no vault")?;
    let entry = vault.entry("static-website", "upload_password").context("no password for uploads")?;
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("page"), page)?;
    std::fs::set_permissions(at("page"), std::fs::Permissions::from_mode(0o600))?;
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

/// Whether the site counts as well, by Docker and by whoever asks from outside, whatever is uploaded.
async fn is_well(live: &Live<'_>) -> anyhow::Result<()> {
    let name = "letsbe-static-website";
    let inspect = ["docker", "inspect", "--format", "{{index .Config.Healthcheck.Test 5}}", name];
    let asked = live.host.exec(&inspect).await?;
    live.host.exec(&["docker", "exec", name, "wget", "-q", "-O", "/dev/null", asked.trim()]).await?;
    let url = format!("https://{}/.well-known/letsbe-health", live.domain());
    let (code, text) = pages::page(&pages::visitor(live)?, &url).await?;
    ensure!(code == 200 && text.contains("the static website is served"), "{url}: {code} {text:.300}");
    Ok(())
}

pub(crate) async fn a_page(live: &Live<'_>) -> anyhow::Result<()> {
    let visitor = pages::visitor(live)?;
    let url = format!("https://{}/", live.domain());
    is_well(live).await.context("before the first page")?;
    for page in PAGES {
        let (well, said) = sftp(live, page, "put PAGE index.html\n").await?;
        ensure!(well, "the upload: {said}");
        let (code, text) = pages::page(&visitor, &url).await?;
        ensure!(code == 200 && text == page, "a visitor sees {code} {text:.300}");
        is_well(live).await.with_context(|| format!("with the page {page:?}"))?;
    }
    // A link that root left there leads nowhere.
    live.host.exec(&["ln", "-s", "/etc/passwd", "/opt/letsbe/data/static-website/link"]).await?;
    let (code, text) = pages::page(&visitor, &format!("{url}link")).await?;
    ensure!(code.as_u16() >= 400 && !text.contains("root:"), "a link is followed: {code} {text:.300}");
    let (well, said) = sftp(live, "", "rm link\nrm index.html\n").await?;
    ensure!(well, "the removal: {said}");
    let (well, said) = sftp(live, "", "get /etc/passwd /dev/null\n").await?;
    ensure!(!well, "a file of the server is read: {said}");
    Ok(())
}
