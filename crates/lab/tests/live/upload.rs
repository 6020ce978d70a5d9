//! The owner of the static website puts a page there, with the login that he was given.

use anyhow::{Context as _, ensure};
use letsbe_lab::uploads::sftp;

use crate::{Live, pages};

/// As people write them: the second is valid without `<html>`, the third is no page at all.
const PAGES: [&str; 3] = [
    "<!doctype html><html lang=\"en\"><title>Bakery</title>Fresh bread",
    "<!doctype html><title>Bakery</title>Fresh rolls",
    "",
];

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
    live.host.exec(&["systemctl", "is-active", "letsbe-sftp-watch.service"]).await?;
    for page in PAGES {
        let (well, said) = sftp(&live.host, page, "put PAGE index.html\n").await?;
        ensure!(well, "the upload: {said}");
        let (code, text) = pages::page(&visitor, &url).await?;
        ensure!(code == 200 && text == page, "a visitor sees {code} {text:.300}");
        is_well(live).await.with_context(|| format!("with the page {page:?}"))?;
    }
    // A link that root left there leads nowhere.
    live.host.exec(&["ln", "-s", "/etc/passwd", "/opt/letsbe/data/static-website/link"]).await?;
    let (code, text) = pages::page(&visitor, &format!("{url}link")).await?;
    ensure!(code.as_u16() >= 400 && !text.contains("root:"), "a link is followed: {code} {text:.300}");
    let (well, said) = sftp(&live.host, "", "rm link\nrm index.html\n").await?;
    ensure!(well, "the removal: {said}");
    let (well, said) = sftp(&live.host, "", "get /etc/passwd /dev/null\n").await?;
    ensure!(!well, "a file of the server is read: {said}");
    Ok(())
}
