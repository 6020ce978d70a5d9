//! Bad input: a clear word, and nothing touched.

use anyhow::{Context as _, ensure};
use letsbe_lab::content;

use crate::{
    restores::{RESTORE, today},
    server::Server,
};

/// Where Docker keeps what tools have.
const VOLUMES: &str = "/var/lib/docker/volumes";

pub(crate) async fn bad_input(server: &Server<'_>) -> anyhow::Result<()> {
    let before = content::inventory(&server.host).await?;
    let table: [(&[&str], &str, &str); 4] = [
        (&[RESTORE, "--tool", "n8n", "--date", "2026-01-01"], "n8n", "nocodb"),
        (&[RESTORE, "--tool", "nocodb", "--date", "2019-01-01"], "BAK010", "2026"),
        (&["/opt/letsbe/scripts/backups.sh", "--tool", "n8n"], "n8n", "nocodb"),
        (&[RESTORE, "--tool", "nocodb", "--date", "yesterday"], "date", "yesterday"),
    ];
    for (program, first, second) in table {
        let called = server.call(program, None).await?;
        let said = format!("{}{}", called.stdout, called.stderr);
        ensure!(called.code != 0 && said.contains(first) && said.contains(second), "{program:?}: {said}");
    }
    let repository = "/opt/letsbe/backups/repository";
    server.shell(&format!("mv {repository} {repository}.good && mkdir {repository}")).await?;
    server.shell(&format!("echo foreign > {repository}/config")).await?;
    let foreign = server.node(&["restore", "--tool", "nocodb"]).await?;
    let made = server.node(&["backup", "run", "--tool", "nocodb"]).await?;
    server.shell(&format!("rm -r {repository} && mv {repository}.good {repository}")).await?;
    foreign.refused("REPO").context("a restore from a foreign repository")?;
    made.refused("REPO").context("a backup into a foreign repository")?;
    ensure!(content::inventory(&server.host).await? == before, "something was touched");
    server.node(&["backup", "run", "--tool", "nocodb"]).await?.succeeded()?;
    Ok(())
}

/// A restore as the runbook has it, on a disk that is too full for a stage beside the tool.
pub(crate) async fn no_room(server: &Server<'_>) -> anyhow::Result<()> {
    let (before, sets) = (content::inventory(&server.host).await?, server.sets("nocodb").await?);
    let restore = [RESTORE, "--tool", "nocodb", "--date", &today(server).await?];
    server.host.fill_disk(VOLUMES).await?;
    let planned = server.call(&[&restore[..], &["--plan"]].concat(), None).await;
    let restored = server.call(&restore, None).await;
    server.host.free_disk(VOLUMES).await?;
    planned?.refused("RES003").context("a plan")?;
    restored?.refused("RES003")?;
    ensure!(server.sets("nocodb").await? == sets, "a set was made for nothing");
    ensure!(content::inventory(&server.host).await? == before, "something was touched");
    let resumed = server.call(&[RESTORE, "--resume"], None).await?.succeeded()?;
    ensure!(resumed.stdout.contains("Nothing was to be done"), "{}", resumed.stdout);
    Ok(())
}
