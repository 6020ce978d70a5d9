//! The doors: every port from outside, the firewall with something behind it, and SSH.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, ensure};
use futures::StreamExt as _;
use letsbe_lab::fleet::eventually;
use letsbe_provisioner::ssh::{Session, Target, load_key, offered_methods};
use tokio::net::TcpStream;

use crate::Live;

const OPEN: [u16; 4] = [80, 443, 22022, 22023];
const MAIL: [u16; 3] = [25, 587, 993];
/// A port that says nothing in this time is shut.
const SILENCE: Duration = Duration::from_millis(400);
const WIDTH: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(20);

async fn is_open(live: &Live, port: u16) -> bool {
    let connecting = TcpStream::connect((live.host.address, port));
    matches!(tokio::time::timeout(SILENCE, connecting).await, Ok(Ok(_)))
}

pub(crate) async fn all_ports(live: &Live) -> anyhow::Result<()> {
    let open: BTreeSet<u16> = futures::stream::iter(1..=u16::MAX)
        .map(|port| async move { is_open(live, port).await.then_some(port) })
        .buffer_unordered(WIDTH)
        .filter_map(std::future::ready)
        .collect()
        .await;
    println!("     open: {open:?}");
    let extra: Vec<_> = open.iter().filter(|port| !OPEN.contains(port)).collect();
    ensure!(extra.is_empty(), "also open: {extra:?}");
    // The sweep is hurried; what must be open has a second chance.
    for port in OPEN {
        let found = open.contains(&port) || is_open(live, port).await;
        ensure!(found, "{port} is not open");
    }
    Ok(())
}

/// Whether a program that listens on the server is reached from outside.
async fn is_reached(live: &Live, port: u16) -> anyhow::Result<bool> {
    let unit = format!("lab-listener-{port}");
    let number = port.to_string();
    let (unit_argument, inside) = (format!("--unit={unit}"), format!("ss -Hltn 'sport = :{port}'"));
    let command =
        ["systemd-run", "--quiet", "--collect", &unit_argument, "python3", "-m", "http.server", &number];
    live.host.exec(&command).await?;
    let listens = eventually("a listener", PATIENCE, || async {
        Ok((!live.host.script(&inside).await?.is_empty()).then_some(()))
    })
    .await;
    let reached = is_open(live, port).await;
    live.host.exec(&["systemctl", "stop", &unit]).await?;
    listens?;
    Ok(reached)
}

pub(crate) async fn firewall(live: &Live) -> anyhow::Result<()> {
    // No mail tool is selected.
    for port in MAIL.into_iter().chain([22, 2375, 3306, 5432, 8080]) {
        ensure!(!is_reached(live, port).await?, "{port} is let in");
    }
    Ok(())
}

pub(crate) async fn published_container(live: &Live) -> anyhow::Result<()> {
    const PORT: u16 = 8077;
    let image = live.host.script("docker inspect --format '{{.Config.Image}}' letsbe-static-website").await?;
    let publish = format!("0.0.0.0:{PORT}:80");
    let run =
        ["docker", "run", "--detach", "--rm", "--name", "lab-intruder", "--publish", &publish, image.trim()];
    live.host.exec(&run).await?;
    let inside = eventually("the published container", PATIENCE, || async {
        let url = format!("http://127.0.0.1:{PORT}/");
        Ok(live.host.exec(&["curl", "--silent", "--output", "/dev/null", &url]).await.ok())
    })
    .await;
    let from_outside = is_open(live, PORT).await;
    live.host.exec(&["docker", "rm", "--force", "lab-intruder"]).await?;
    inside.context("it does not even answer on the server")?;
    ensure!(!from_outside, "it is reached from outside");
    Ok(())
}

/// One refused login only: fail2ban counts.
pub(crate) async fn ssh(live: &Live) -> anyhow::Result<()> {
    let key = load_key(&live.fleet.folder.path().join("hub/tenants-key"))?;
    let host_key = live.host.host_key().await?;
    let target = |user: &str| Target {
        address: live.host.address.into(),
        port: 22022,
        user: user.to_owned(),
        key: key.clone(),
        host_key: host_key.clone(),
    };
    let session = Session::connect(&target("letsbe-admin")).await?;
    let output = session.run(&["id", "-un"], b"").await?;
    ensure!(output.lines == ["letsbe-admin"], "{output:?}");
    let sudo = session.run(&["sudo", "-n", "true"], b"").await?;
    ensure!(sudo.code != 0, "the admin user may do everything as root");
    session.close().await;
    let root = Session::connect(&target("root")).await.err().context("root gets in")?;
    ensure!(root.code == "SSH003", "root: {root}");
    let methods = offered_methods(&target("letsbe-admin")).await?;
    ensure!(methods == ["publickey"], "offered: {methods:?}");
    ensure!(!is_open(live, 22).await, "port 22 is open");
    Ok(())
}
