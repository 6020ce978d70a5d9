//! Restores: by date, undone, beside everything.

use anyhow::{Context as _, ensure};
use letsbe_lab::content;
use serde_json::Value;

use crate::server::Server;

pub(crate) const RESTORE: &str = "/opt/letsbe/scripts/restore.sh";

pub(crate) async fn today(server: &Server<'_>) -> anyhow::Result<String> {
    Ok(server.shell("TZ=Europe/Berlin date +%F").await?.trim().to_owned())
}

pub(crate) async fn by_date(server: &Server<'_>) -> anyhow::Result<()> {
    let before = content::inventory(&server.host).await?;
    content::postgres(&server.host, "nocodb", "DELETE FROM bakery_orders WHERE id > 10;").await?;
    content::mysql(&server.host, "ghost", "DELETE FROM members;").await?;
    let damaged = content::inventory(&server.host).await?;
    let date = today(server).await?;
    let plan =
        server.call(&[RESTORE, "--tool", "nocodb", "--date", &date, "--plan"], None).await?.succeeded()?;
    ensure!(plan.stdout.contains("nocodb"), "{}", plan.stdout);
    ensure!(content::inventory(&server.host).await? == damaged, "a plan changes nothing");
    server.call(&[RESTORE, "--tool", "nocodb", "--date", &date], None).await?.succeeded()?;
    let after = content::inventory(&server.host).await?;
    ensure!(after["nocodb orders"] == before["nocodb orders"], "{after:?}");
    ensure!(after["ghost members"] == damaged["ghost members"], "another tool was touched: {after:?}");
    server.call(&[RESTORE, "--tool", "ghost", "--date", &date], None).await?.succeeded()?;
    let after = content::inventory(&server.host).await?;
    ensure!(after == before, "{after:?}");
    let domain = server.site.domain("bakery");
    let roots = server.site.lab.issued_roots_pem();
    content::pages_and_logins(&server.host, &domain, roots, "owner@bakery.test").await
}

pub(crate) async fn undo(server: &Server<'_>) -> anyhow::Result<()> {
    server.call(&[RESTORE, "undo", "--tool", "nocodb"], None).await?.succeeded()?;
    let left = content::postgres(&server.host, "nocodb", "SELECT count(*) FROM bakery_orders;").await?;
    ensure!(left.trim() == "10", "the state before the restore is back: {left}");
    // Before the restore a safety set was taken: it has those ten rows, and undoing can be undone.
    server.call(&[RESTORE, "undo", "--tool", "nocodb"], None).await?.succeeded()?;
    let back = content::postgres(&server.host, "nocodb", "SELECT count(*) FROM bakery_orders;").await?;
    ensure!(back.trim() == content::ROWS.to_string(), "{back}");
    let kinds: Vec<Value> = server.sets("nocodb").await?.iter().map(|set| set["kind"].clone()).collect();
    ensure!(kinds.contains(&Value::from("safety")), "{kinds:?}");
    Ok(())
}

pub(crate) async fn temporary(server: &Server<'_>) -> anyhow::Result<()> {
    let before = content::inventory(&server.host).await?;
    let date = today(server).await?;
    let called = server
        .call(&[RESTORE, "--tool", "nocodb", "--date", &date, "--target", "temp", "--json"], None)
        .await?;
    let told = called.succeeded()?.json()?;
    let address = told["address"].as_str().with_context(|| told.to_string())?.to_owned();
    let health = server.host.exec(&["curl", "-sf", &format!("http://{address}/api/v1/health")]).await?;
    ensure!(health.contains("OK"), "{health}");
    let names = server.shell("docker ps --format '{{.Names}}' --filter name=stage").await?;
    let database =
        names.lines().find(|name| name.contains("-db-")).with_context(|| names.clone())?.to_owned();
    let count = ["docker", "exec", &database, "psql", "-U", "nocodb", "-d", "nocodb", "-Atc"];
    let rows = server.host.exec(&[&count[..], &["SELECT count(*) FROM bakery_orders"]].concat()).await?;
    ensure!(rows.trim() == content::ROWS.to_string(), "{rows}");
    let app = names.lines().find(|name| !name.contains("-db-")).with_context(|| names.clone())?.to_owned();
    let script = format!(
        "const s=require('net').connect(25,'{}');s.setTimeout(4000);s.on('connect',()=>process.exit(0));\
         s.on('error',()=>process.exit(7));s.on('timeout',()=>process.exit(7))",
        server.site.lab.mail.address
    );
    let mail = server.call(&["docker", "exec", &app, "node", "-e", &script], None).await?;
    ensure!(mail.code == 7, "a temporary copy reaches the mail server: {} {}", mail.code, mail.stderr);
    ensure!(content::inventory(&server.host).await? == before, "the tool itself was touched");
    let id = told["id"].as_str().with_context(|| told.to_string())?;
    server.call(&[RESTORE, "temp", "remove", "--id", id], None).await?.succeeded()?;
    let left = server.shell("docker ps --all --format '{{.Names}}' --filter name=stage").await?;
    ensure!(!left.contains(&app), "{left}");
    Ok(())
}
