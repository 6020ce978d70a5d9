//! The owner of the static website puts a page there, with the login that he was given.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use letsbe_lab::{uploads::sftp, wait::eventually};

use crate::{Live, pages};

/// As people write them: the second is valid without `<html>`, the third is no page at all.
const PAGES: [&str; 3] = [
    "<!doctype html><html lang=\"en\"><title>Bakery</title>Fresh bread",
    "<!doctype html><title>Bakery</title>Fresh rolls",
    "",
];

/// Whether the site counts as well, by Docker and by whoever asks from outside, whatever is uploaded.
async fn is_well(live: &Live) -> anyhow::Result<()> {
    let name = "letsbe-static-website";
    let inspect = ["docker", "inspect", "--format", "{{index .Config.Healthcheck.Test 5}}", name];
    let asked = live.host.exec(&inspect).await?;
    live.host.exec(&["docker", "exec", name, "wget", "-q", "-O", "/dev/null", asked.trim()]).await?;
    let url = format!("https://{}/.well-known/letsbe-health", live.domain());
    let (code, text) = pages::page(&pages::visitor(live)?, &url).await?;
    ensure!(code == 200 && text.contains("the static website is served"), "{url}: {code} {text:.300}");
    Ok(())
}

pub(crate) async fn a_page(live: &Live) -> anyhow::Result<()> {
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
    too_much(live).await
}

/// The watch of the server with a bound of a megabyte, as systemd runs it.
const SMALL: &str = "mkdir -p /etc/systemd/system/letsbe-sftp-watch.service.d
cat > /etc/systemd/system/letsbe-sftp-watch.service.d/small.conf <<END
[Service]
ExecStart=
ExecStart=/opt/letsbe/bin/letsbe-node watch-uploads --folder /opt/letsbe/data/static-website \
    --bytes 1000000 --files 1000
END
systemctl daemon-reload
systemctl restart letsbe-sftp-watch.service";
const AS_BEFORE: &str = "rm -r /etc/systemd/system/letsbe-sftp-watch.service.d
systemctl daemon-reload
systemctl restart letsbe-sftp-watch.service";
/// More than a minute, which closed uploads are counted after.
const PATIENCE: Duration = Duration::from_secs(100);

async fn full(live: &Live) -> anyhow::Result<bool> {
    let asked = "test -e /var/lib/letsbe-sftp/full.conf && echo closed || echo open";
    Ok(live.host.script(asked).await?.trim() == "closed")
}

/// What comes in beyond the bound closes uploads, and what is removed opens them.
async fn too_much(live: &Live) -> anyhow::Result<()> {
    live.host.script(SMALL).await?;
    // It may be cut off when all of it is nearly there.
    let (_, said) = sftp(&live.host, &"x".repeat(2_000_000), "put PAGE big.bin\n").await?;
    let is_closed = async || Ok(full(live).await?.then_some(()));
    eventually("uploads are closed", PATIENCE, is_closed).await.context(said)?;
    // The file is there before the service has started with it.
    let is_refused = async || {
        let (well, said) = sftp(&live.host, "", "put PAGE more.html\n").await?;
        let is_said = said.contains("The website holds 1 MB, and there is no space left for more.");
        Ok(if !well && is_said { Ok(()) } else { Err(said) })
    };
    eventually("an upload is refused", PATIENCE, is_refused).await?;
    let status = live.host.exec(&["/opt/letsbe/bin/letsbe-node", "status", "--json"]).await?;
    ensure!(status.contains("the folder holds as much as it may"), "the operator is told: {status}");
    let (well, said) = sftp(&live.host, "", "-rm more.html\nrm big.bin\n").await?;
    ensure!(well, "the removal: {said}");
    let is_open = async || Ok((!full(live).await?).then_some(()));
    eventually("uploads are open again", PATIENCE, is_open).await?;
    let is_taken = async || {
        let (well, said) = sftp(&live.host, "", "put PAGE more.html\nrm more.html\n").await?;
        Ok(if well { Ok(()) } else { Err(said) })
    };
    eventually("an upload is taken", PATIENCE, is_taken).await?;
    live.host.script(AS_BEFORE).await?;
    Ok(())
}
