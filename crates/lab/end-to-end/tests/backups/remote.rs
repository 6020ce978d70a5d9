//! What comes back from the copies outside: a tool, when the local repository is no use; the repository itself, when
//! somebody deleted both.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use chrono::{SecondsFormat, TimeDelta, Utc};
use letsbe_lab::{content, fleet::eventually, services::Account};
use letsbe_types::backup::{Destination, RemoteSync};

use crate::{
    restores::RESTORE,
    server::{BUCKET, LOCAL, Server},
};

const PATIENCE: Duration = Duration::from_secs(30);
const DELETE_ORDERS: &str = "DELETE FROM bakery_orders WHERE id > 7;";

/// Damaged, and gone.
pub(crate) async fn brings_tools_back(server: &Server<'_>) -> anyhow::Result<()> {
    let good = content::inventory(&server.host).await?;
    content::mysql(&server.host, "ghost", "DELETE FROM members;").await?;
    let spoilt = content::inventory(&server.host).await?;
    server.shell(&format!("mv {LOCAL}/config /root/config")).await?;
    let ghost = [RESTORE, "--tool", "ghost", "--from", "remote"];
    let local = server.call(&ghost[..3], None).await?;
    let listed = server.node(&["backup", "list", "--remote", "--tool", "ghost"]).await?;
    let unsafely = server.call(&ghost, None).await?;
    let untouched = content::inventory(&server.host).await?;
    let restored = server.call(&[&ghost[..], &["--without-safety-set"]].concat(), None).await?;
    server.shell(&format!("mv /root/config {LOCAL}/config")).await?;
    local.refused("REPO003").context("from the damaged one")?;
    listed.succeeded().context("the list of what is outside")?;
    let refused = unsafely.refused("REPO003").context("nothing can be saved in the damaged one")?;
    ensure!(format!("{}{}", refused.stdout, refused.stderr).contains("--without-safety-set"));
    ensure!(untouched == spoilt, "a restore that was refused touched something: {untouched:?}");
    restored.succeeded().context("from outside, beside a damaged one")?;
    ensure!(content::inventory(&server.host).await? == good);

    content::postgres(&server.host, "nocodb", DELETE_ORDERS).await?;
    server.shell(&format!("mv {LOCAL} {LOCAL}.kept")).await?;
    let restored = server.call(&[RESTORE, "--tool", "nocodb", "--from", "remote"], None).await?;
    let saved = server.sets("nocodb").await;
    server.shell(&format!("rm -r {LOCAL} && mv {LOCAL}.kept {LOCAL}")).await?;
    restored.succeeded().context("from outside, with none here")?;
    let saved = saved?;
    ensure!(saved.len() == 1 && saved[0]["kind"] == "safety", "what was there is in a new one: {saved:?}");
    ensure!(content::inventory(&server.host).await? == good);
    Ok(())
}

/// A thief with root deletes the local repository, and outside what the server's key lets him.
pub(crate) async fn is_rewound_after_theft(server: &Server<'_>) -> anyhow::Result<()> {
    server.node(&["backup", "run", "--tool", "nocodb"]).await?.succeeded()?;
    let good = content::inventory(&server.host).await?;
    let (set, copied) = (server.sets("nocodb").await?.pop(), server.status().await?.remote_at);
    // Versions carry whole seconds.
    let moment = copied.context("a copy outside")? + TimeDelta::seconds(1);
    eventually("the moment has passed", PATIENCE, async || {
        Ok((Utc::now() > moment + TimeDelta::seconds(1)).then_some(()))
    })
    .await?;
    let Destination::S3(own) = &server.destination else { anyhow::bail!("no bucket") };
    let account = Account {
        access_key_id: own.access_key_id.clone(),
        secret_access_key: own.secret_access_key.clone(),
    };
    let theft = server.site.lab.storage.steal(BUCKET, &account).await?;
    ensure!(theft.done.get("delete").is_some_and(|count| *count > 5), "nothing was deleted: {theft:?}");
    server.shell(&format!("rm -rf {LOCAL}")).await?;
    content::postgres(&server.host, "nocodb", DELETE_ORDERS).await?;

    let at = moment.to_rfc3339_opts(SecondsFormat::Secs, true);
    let rewind = ["backup", "rewind", "--at", &at, "--to", LOCAL];
    let brought = server.node(&rewind).await?.succeeded()?.stdout;
    let id = set.as_ref().and_then(|set| set["set"].as_str()).context("a set")?;
    ensure!(brought.contains(id) && !brought.contains("DAMAGED"), "the set {id} is not there: {brought}");
    server.call(&[RESTORE, "--tool", "nocodb", "--at", &at], None).await?.succeeded()?;
    ensure!(content::inventory(&server.host).await? == good);
    server.node(&rewind).await?.refused("BAK016").context("onto what is there")?;

    server.node(&["backup", "run", "--tool", "nocodb"]).await?.succeeded()?;
    let status = server.status().await?;
    ensure!(status.remote_sync == RemoteSync::Success, "the far side is not made anew: {status:?}");
    Ok(())
}
