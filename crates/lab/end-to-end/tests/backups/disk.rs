//! The disk of the backups is full, though it looked roomy enough when the run began.

use anyhow::ensure;
use letsbe_types::backup::Ending;
use serde_json::Value;

use crate::{
    kills::nothing_stands_still,
    server::{Called, LOCAL, Server},
};

const FOLDER: &str = "/opt/letsbe/backups";
const UPLOAD: &str = "/var/lib/docker/volumes/letsbe-wordpress_content/_data/uploads/2026/too-much.bin";
/// MiB that the disk has beside what is there, and MiB that come new.
const ROOM: u32 = 64;
const MUCH: u32 = 128;

pub(crate) async fn full_in_the_middle(server: &Server<'_>) -> anyhow::Result<()> {
    // A disk of its own with a copy of what is there; the folder under it stays as it is.
    let mount = format!(
        "cp -a {FOLDER} /root/backups && size=$(($(du -sm /root/backups | cut -f1) + {ROOM})) && \
         mount -t tmpfs -o size=${{size}}m,mode=700 small {FOLDER} && cp -a /root/backups/. {FOLDER}/"
    );
    server.shell(&mount).await?;
    let told = ends_clean_and_heals(server).await;
    server.shell(&format!("umount {FOLDER}; rm -rf /root/backups {UPLOAD}")).await?;
    told
}

async fn ends_clean_and_heals(server: &Server<'_>) -> anyhow::Result<()> {
    // What the run before added must not be what refuses this one.
    let (added, room) = (server.status().await?.added_bytes >> 20, u64::from(ROOM));
    ensure!(2 * added < room, "the last run added {added} MiB: this one would not be begun");
    let (wordpress, ghost) = (server.sets("wordpress").await?, server.sets("ghost").await?);
    let before = megabytes(server).await?;
    server.shell(&format!("dd if=/dev/urandom of={UPLOAD} bs=1M count={MUCH} status=none")).await?;
    let called = server.node(&["backup", "run", "--tool", "wordpress"]).await?;
    told(server, &called, "wordpress").await?;
    let now = server.sets("wordpress").await?;
    ensure!(now == wordpress, "{now:?} instead of {wordpress:?}");
    let left = megabytes(server).await?;
    ensure!(left <= before + 2, "what did not fit is still there: {left} MiB instead of {before}");

    // To the last byte, as soon as it is written down what will stand still.
    let line = format!(
        "/opt/letsbe/bin/letsbe-node backup run --tool ghost & run=$!; \
         timeout 100 sh -c 'until [ -s /run/letsbe/backup/paused.json ]; do :; done'; \
         dd if=/dev/zero of={FOLDER}/filler bs=64k status=none; wait $run"
    );
    let called = server.call(&["sh", "-c", &line], None).await?;
    told(server, &called, "ghost").await?;
    // What was stored of a set before the last byte was gone stays until there is room to remove it: the next run does.
    let whole = |set: &Value| set["complete"] == true;
    let now: Vec<Value> = server.sets("ghost").await?.into_iter().filter(whole).collect();
    ensure!(now == ghost, "{now:?} instead of {ghost:?}");
    let checked = server.restic(LOCAL, "check --no-lock").await?;
    ensure!(checked.contains("no errors were found"), "{checked}");

    server.shell(&format!("rm {FOLDER}/filler {UPLOAD}")).await?;
    server.node(&["backup", "run"]).await?.succeeded()?;
    let status = server.status().await?;
    ensure!(status.status == Ending::Success && status.errors.is_empty(), "{status:?}");
    ensure!(server.sets("ghost").await?.len() == ghost.len() + 1);
    Ok(())
}

/// The run failed and says why; the tool works.
async fn told(server: &Server<'_>, called: &Called, tool: &str) -> anyhow::Result<()> {
    ensure!(called.code != 0, "a full disk counts as good: {}", called.stdout);
    nothing_stands_still(server).await?;
    let status = server.status().await?;
    let problem = status.tools[tool].problem.as_ref();
    ensure!(problem.is_some_and(|problem| problem.code == "REPO005"), "{tool}: {status:?}");
    let named = status.errors.iter().any(|line| line.contains(tool) && line.contains("REPO005"));
    ensure!(status.status == Ending::Failed && named, "{status:?}");
    Ok(())
}

async fn megabytes(server: &Server<'_>) -> anyhow::Result<u64> {
    Ok(server.shell(&format!("du -sm {LOCAL} | cut -f1")).await?.trim().parse()?)
}
