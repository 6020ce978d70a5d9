//! Every secret of the server and of the Hub, looked for by its value where it must not be.

use std::{collections::BTreeSet, path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use futures::StreamExt as _;
use letsbe_lab::{
    scan::{self, Hit, Named, Scanner},
    vault,
};
use letsbe_types::Secret;
use walkdir::WalkDir;

use crate::Live;

/// What on the server may be read by more than root, or is told to people.
const ON_THE_SERVER: [(&str, &str); 10] = [
    ("the runs' journals", "find /opt/letsbe/state/runs -type f -exec cat {} +"),
    ("the system journal", "journalctl --no-pager --all --output=export"),
    ("the log files", "find /var/log -path /var/log/journal -prune -o -type f -exec cat {} +"),
    ("files of LetsBe that are not private", "find /opt/letsbe -type f -perm /077 -size -4M -exec cat {} +"),
    (
        "the containers' labels and commands",
        "docker inspect --format '{{json .Config.Labels}} {{.Path}} {{json .Args}} {{json .Config.Healthcheck}}' \
         $(docker ps -aq)",
    ),
    ("the tools' logs", "for id in $(docker ps -aq); do docker logs $id 2>&1; done"),
    ("left-over files", "find /tmp /var/tmp /home /root -type f -size -4M -exec cat {} +"),
    ("the images", "docker image inspect $(docker images -q)"),
    ("units of systemd", "find /etc/systemd /run/systemd -type f -exec cat {} +"),
    ("the processes' arguments", "ps -eo args"),
];

/// Files of the Hub's that hold secrets of its own.
const PRIVATE_FILES: [&str; 4] = ["tenants-key", "netcup-token", "stripe-secret", "model-key"];

/// Everything of the server that root can read of what we and its containers have, the vault included.
const ALL_OF_THE_SERVER: [(&str, &str); 4] = [
    (
        "the vault",
        "node=/opt/letsbe/bin/letsbe-node; for name in $($node vault list | awk '{ print $1 }' | grep /); \
         do $node vault get $name; done",
    ),
    ("our files", "find /opt/letsbe /etc/letsbe /run/letsbe -type f -size -64M -exec cat {} +"),
    ("the containers", "docker inspect $(docker ps -aq)"),
    ("the processes' environments", "cat /proc/[0-9]*/environ || true"),
];

/// The operator's key at the model provider lies nowhere on the server, not even for root.
async fn model_key_is_at_the_hub_only(live: &Live) -> anyhow::Result<()> {
    let value = live.fleet.hub.model_key().clone();
    let scanner = Scanner::new(&[Named { name: "the model provider's key".to_owned(), value }])?;
    let relay_key = vault::host_vault(&live.host).await?.context("no vault")?;
    let relay_key = relay_key.entry("models", "lab").context("no key for the relay")?.present.clone();
    let own = Scanner::new(&[Named { name: "the server's key at the relay".to_owned(), value: relay_key }])?;
    for (place, command) in ALL_OF_THE_SERVER {
        let content = live.host.script(command).await?;
        let hits = scanner.hits(place, content.as_bytes());
        ensure!(hits.is_empty(), "the model provider's key is in {place}");
        if place == "the vault" {
            ensure!(!own.hits(place, content.as_bytes()).is_empty(), "the vault was not read");
        }
    }
    Ok(())
}

/// The secrets of the server, and those of them that the Hub gave it.
async fn of_server(live: &Live) -> anyhow::Result<(Vec<Named>, Vec<Named>)> {
    let read = |file: String| async move {
        let content = live.host.exec(&["cat", &file]).await?;
        anyhow::Ok((file, content))
    };
    let vault = vault::host_vault(&live.host).await?.context("the server has no vault")?;
    let mut secrets = vault::made_there(&vault);
    ensure!(secrets.len() >= 15, "only {} secrets in the vault", secrets.len());
    for file in live
        .host
        .script("find /opt/letsbe/stacks -name '*.env' -o -path '*/secrets/*' -type f")
        .await?
        .lines()
    {
        let (file, content) = read(file.to_owned()).await?;
        secrets.extend(scan::of_settings(&file, &content));
    }
    let (file, content) = read("/opt/letsbe/state/agent.json".to_owned()).await?;
    let key = serde_json::from_str::<serde_json::Value>(&content)?;
    let key = key["agent_key"].as_str().context("the agent's key")?.to_owned();
    secrets.push(Named { name: format!("{file} agent_key"), value: Secret::new(key) });
    let keys = "ls /etc/ssh/ssh_host_*_key; find /etc/letsencrypt/archive -name 'privkey*.pem'";
    for file in live.host.script(keys).await?.lines() {
        let public =
            if file.ends_with(".pem") { file.replace("privkey", "cert") } else { format!("{file}.pub") };
        let ((file, content), (_, public)) = (read(file.to_owned()).await?, read(public).await?);
        let lines = scan::of_private_key(&file, &content, &public);
        ensure!(!lines.is_empty(), "{file} is empty");
        secrets.extend(lines);
    }
    Ok((secrets, vault::given_to_it(&vault)))
}

fn of_hub(live: &Live) -> anyhow::Result<Vec<Named>> {
    let named =
        |name: &str, value: &str| Named { name: name.to_owned(), value: Secret::new(value.to_owned()) };
    let hub = &live.fleet.hub;
    let mut secrets = vec![
        named("the operator's password", hub.staff_password().expose()),
        named("the operator's session", live.customer.token()),
        named("Stripe's secret", hub.stripe_secret().expose()),
        named("the model provider's key", hub.model_key().expose()),
    ];
    let data = live.fleet.folder.path().join("hub");
    let key = std::fs::read_to_string(data.join("tenants-key"))?;
    let public = std::fs::read_to_string(data.join("tenants-key.pub"))?;
    secrets.extend(scan::of_private_key("the Hub's key for servers", &key, &public));
    let netcup = std::fs::read_to_string(data.join("netcup-token"))?;
    let netcup: serde_json::Value = serde_json::from_str(&netcup)?;
    secrets.push(named("Netcup's token", netcup["refresh_token"].as_str().context("Netcup's token")?));
    Ok(secrets)
}

/// What the Hub says to people.
async fn replies(live: &Live) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let http = reqwest::Client::new();
    let id = live.order.summary.id;
    let mut replies = Vec::new();
    let paths = [
        "/api/v1/admin/orders".to_owned(),
        format!("/api/v1/admin/orders/{id}"),
        format!("/api/v1/public/orders/{id}"),
        format!("/progress/{id}"),
        "/".to_owned(),
        format!("/orders/{id}"),
        "/login".to_owned(),
        format!("/api/v1/admin/orders/{id}/events"),
    ];
    for path in paths {
        let url = format!("{}{path}", live.fleet.hub.url);
        let token = live.customer.token();
        let reply = http
            .get(url)
            .bearer_auth(token)
            .header("Cookie", format!("letsbe_session={token}"))
            .send()
            .await?;
        ensure!(!reply.status().is_server_error(), "{path}: {}", reply.status());
        // The live stream has no end; everything there is to say comes at once.
        let mut content = Vec::new();
        let mut stream = reply.bytes_stream();
        while let Ok(Some(bytes)) = tokio::time::timeout(Duration::from_secs(2), stream.next()).await {
            content.extend(bytes?);
        }
        ensure!(!content.is_empty(), "{path} says nothing");
        replies.push((format!("the Hub's reply at {path}"), content));
    }
    Ok(replies)
}

fn files(folder: &Path, skipped: &[&str]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in WalkDir::new(folder) {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy();
        if entry.file_type().is_file() && !skipped.contains(&name.as_ref()) {
            found.push((format!("the Hub's {name}"), std::fs::read(entry.path())?));
        }
    }
    Ok(found)
}

/// The scanner must find what is put where it looks, else its silence means nothing.
async fn canaries_are_found(live: &Live) -> anyhow::Result<()> {
    let value = format!("canary/{}+=", live.order.summary.id);
    let canary = Named { name: "canary".to_owned(), value: Secret::new(value.clone()) };
    let scanner = Scanner::new(&[canary])?;
    live.host.write_file("/tmp/canary", "600", value.as_bytes()).await?;
    live.host
        .script(
            "base64 -w0 /tmp/canary | systemd-cat; od -An -tx1 /tmp/canary | tr -d ' \\n' > /var/log/canary",
        )
        .await?;
    live.host.script("journalctl --sync").await?;
    for (place, form) in [(ON_THE_SERVER[1], "base64"), (ON_THE_SERVER[2], "hex")] {
        let hits = scanner.hits(place.0, live.host.script(place.1).await?.as_bytes());
        ensure!(hits.iter().any(|hit| hit.form == form), "the canary is not found in {}", place.0);
    }
    live.host.script("rm /tmp/canary /var/log/canary").await?;
    let setting = format!("CANARY={value}");
    live.host.exec(&["env", &setting, "sleep", "0.5"]).await?;
    let seen = live.observer.seen();
    for (process, part) in [("sleep", "environ"), ("nsenter", "cmdline")] {
        let place = format!("the {part} of a process {process}");
        let mut there = seen.iter().filter(|(name, _)| *name == place);
        ensure!(there.any(|(_, content)| !scanner.hits(&place, content).is_empty()), "no canary in {place}");
    }
    for process in ["letsbe-hub", "letsbe-provisio", "letsbe-node"] {
        let place = format!("the cmdline of a process {process}");
        ensure!(seen.iter().any(|(name, _)| *name == place), "{process} was never seen");
    }
    Ok(())
}

pub(crate) async fn nowhere_else(live: &Live) -> anyhow::Result<()> {
    canaries_are_found(live).await?;
    model_key_is_at_the_hub_only(live).await?;
    let ((made, given), hub) = (of_server(live).await?, of_hub(live)?);
    let count = made.len() + given.len() + hub.len();
    let (made, given, of_hub) = (Scanner::new(&made)?, Scanner::new(&given)?, Scanner::new(&hub)?);
    let folder = live.fleet.folder.path();
    let mut places = replies(live).await?;
    for (name, command) in ON_THE_SERVER {
        places.push((format!("{name} of the server"), live.host.script(command).await?.into_bytes()));
    }
    for mail in live.fleet.lab.mail.received().await? {
        places.push(("the customer's mail".to_owned(), mail.raw.into_bytes()));
    }
    places.push(("the Hub's log".to_owned(), std::fs::read(&live.fleet.hub.log)?));
    let ours = places.len();
    // This machine's processes include the test's own, which is given the Hub's secrets by no other way.
    places.extend(live.observer.seen());
    let bytes: usize = places.iter().map(|(_, content)| content.len()).sum();
    println!("     {count} secrets, {} places, {} MiB", places.len(), bytes >> 20);
    ensure!(ours > 12 && places.len() > 500, "too little was looked at: {} places", places.len());
    let mut hits: BTreeSet<Hit> = BTreeSet::new();
    for (place, content) in &places {
        [&made, &given, &of_hub].into_iter().for_each(|secrets| hits.extend(secrets.hits(place, content)));
    }
    // Private files of the Hub's data folder hold the Hub's own secrets, and those that it gives to servers.
    for (place, content) in files(&folder.join("hub"), &PRIVATE_FILES)? {
        hits.extend(of_hub.hits(&place, &content));
    }
    for (place, content) in files(&folder.join("hub"), &[])? {
        hits.extend(made.hits(&place, &content));
    }
    let told: Vec<String> = hits.iter().map(ToString::to_string).collect();
    ensure!(told.is_empty(), "{}", told.join("; "));
    Ok(())
}
