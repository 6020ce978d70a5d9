//! One server: killed forward, killed on the way back, and all tools after a leak.

use std::collections::{BTreeMap, BTreeSet};

use letsbe_end_to_end::site::Site;
use sha2::{Digest as _, Sha256};

use crate::server::{CRASH_LOG, Server};

const NOCODB: &str = "/opt/letsbe/bundle/catalog/tools/nocodb";

pub(crate) async fn everything(site: &Site, server: &Server) {
    the_plan_names_what_is_rotated_and_what_is_kept(server).await;
    let hit = killed_at_every_point_it_goes_on(site, server).await;
    what_does_not_become_healthy_goes_back(site, server, hit).await;
    after_a_leak_all_tools_are_rotated(site, server).await;
}

async fn the_plan_names_what_is_rotated_and_what_is_kept(server: &Server) {
    let planned = server.rotate(&["--tool", "ghost", "--plan"], None).await.told("ghost");
    assert_eq!(planned["rotates"], serde_json::json!(["database_password", "database_root_password"]));
    assert_eq!(planned["kept"][0]["key"], "admin_password");
    assert!(planned["kept"][0]["reason"].as_str().is_some_and(|reason| reason.len() > 20), "{planned}");
    let unknown = server.rotate(&["--tool", "n8n"], None).await;
    assert!(unknown.code == 1 && unknown.stdout.contains("ROT004"), "{}", unknown.stdout);
}

/// The keys whose value is another one.
fn changed<'a>(before: &'a BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<&'a str> {
    assert!(before.keys().eq(after.keys()));
    before.iter().filter(|(key, value)| after[*key] != **value).map(|(key, _)| key.as_str()).collect()
}

async fn settled(server: &Server) {
    assert!(server.vault().await.rotating().is_empty(), "pending values are left");
    let left = server.host.exec(&["test", "-e", "/opt/letsbe/state/rotation.json"]).await;
    assert!(left.is_err(), "a journal is left");
    let lock = server.host.exec(&["test", "-e", "/opt/letsbe/state/lock.json"]).await;
    assert!(lock.is_err(), "the lock is left");
}

async fn killed_at_every_point_it_goes_on(site: &Site, server: &Server) -> BTreeSet<String> {
    let before = server.values("ghost").await;
    let (ended, kills) = server.rotate_to_the_end(&["--tool", "ghost"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let told = ended.told("ghost");
    assert!(told["secrets"] == 2 && told["problem"].is_null(), "{told}");

    settled(server).await;
    let after = server.values("ghost").await;
    assert_eq!(changed(&before, &after), ["database_password", "database_root_password"]);
    for (user, key) in [("ghost", "database_password"), ("root", "database_root_password")] {
        assert!(server.ghost_lets_in(user, &after[key]).await, "{user}: the vault's value is not let in");
        assert!(!server.ghost_lets_in(user, &before[key]).await, "{user}: the old value lives");
    }
    for container in ["letsbe-ghost", "letsbe-ghost-db"] {
        assert_eq!(server.health(container).await, "healthy");
    }
    let file = server.inside(&["cat", "/opt/letsbe/stacks/ghost/.env"]).await;
    assert!(file.contains(&after["database_password"]) && !file.contains(&before["database_password"]));
    assert_eq!(server.vault().await, server.vault().await, "two readers see the same");
    let audit = server.inside(&["cat", "/var/log/letsbe/audit.log"]).await;
    assert!(audit.lines().any(|line| line.contains("rotate") && line.contains("ghost")), "{audit}");
    site.say(&format!("Ghost was rotated, killed {kills} times on the way"));
    hit(server).await
}

async fn hit(server: &Server) -> BTreeSet<String> {
    server.inside(&["cat", CRASH_LOG]).await.lines().map(str::to_owned).collect()
}

/// NocoDB's check passes with the present secret only. Killed at every point that was not hit before.
async fn what_does_not_become_healthy_goes_back(site: &Site, server: &Server, before_hit: BTreeSet<String>) {
    let before = server.values("nocodb").await;
    let good = break_health(server, &before["jwt_secret"]).await;
    let (ended, kills) = server.rotate_to_the_end(&["--tool", "nocodb"]).await;
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let told = ended.told("nocodb");
    assert!(told["secrets"] == 0 && told["problem"]["code"] == "ROT001", "{told}");
    assert!(told["problem"]["message"].as_str().is_some_and(|why| why.contains("letsbe-nocodb")), "{told}");

    settled(server).await;
    let after = server.values("nocodb").await;
    assert_eq!(changed(&before, &after), Vec::<&str>::new(), "it keeps its secrets");
    assert!(server.nocodb_lets_in(&after["database_password"]).await);
    let vault = server.vault().await;
    let abandoned = vault.entry("nocodb", "database_password").expect("there").retired[0].value.clone();
    assert!(!server.nocodb_lets_in(abandoned.expose()).await, "the abandoned value lives");
    assert_eq!(server.health("letsbe-nocodb").await, "healthy");

    let hit = hit(server).await;
    let points = letsbe_lab::crash::points(&server.host, "rotation").await.expect("the list");
    let missed: Vec<&String> = points.difference(&hit).collect();
    assert!(missed.is_empty(), "never killed at {missed:?}; hit: {hit:?}");
    assert!(hit.len() > before_hit.len());
    mend_health(server, &good).await;
    site.say(&format!("NocoDB went back, killed {kills} times on the way"));
}

/// Lets NocoDB's check pass only with this secret; answers the files as they were.
async fn break_health(server: &Server, secret: &str) -> [(String, String); 2] {
    let read = async |name: &str| {
        let path = format!("{NOCODB}/{name}");
        let text = server.inside(&["cat", &path]).await + "\n";
        (path, text)
    };
    let good = [read("compose.yml").await, read("tool.toml").await];
    let known = hex::encode(Sha256::digest(secret));
    let check = format!(
        "        - CMD-SHELL\n        - test $(printf %s $$NC_AUTH_JWT_SECRET | sha256sum | cut -c1-64) = {known}\n      \
         interval: 2s\n"
    )
    .replace("$(", "$$(");
    let (from, to) = good[0].1.split_once("        - CMD\n        - node\n").expect("NocoDB's check");
    let (_, rest) = to.split_once("interval: 10s\n").expect("its interval");
    let compose = format!("{from}{check}{rest}").replace("start_period: 180s", "start_period: 5s");
    let tool = good[1].1.replace("start_seconds = 180", "start_seconds = 20");
    for ((path, _), text) in good.iter().zip([compose, tool]) {
        server.host.write_file(path, "644", text.as_bytes()).await.expect("written");
    }
    good
}

async fn mend_health(server: &Server, good: &[(String, String); 2]) {
    for (path, text) in good {
        server.host.write_file(path, "644", text.as_bytes()).await.expect("written");
    }
}

async fn after_a_leak_all_tools_are_rotated(site: &Site, server: &Server) {
    let (ghost, nocodb) = (server.values("ghost").await, server.values("nocodb").await);
    let openclaw = server.values("openclaw").await;
    let ended = server.rotate(&["--all"], None).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    settled(server).await;
    assert_eq!(changed(&ghost, &server.values("ghost").await).len(), 2);
    let new = server.values("nocodb").await;
    assert_eq!(changed(&nocodb, &new), ["admin_password", "database_password", "jwt_secret"]);
    assert!(server.nocodb_lets_in(&new["database_password"]).await);
    assert!(!server.nocodb_lets_in(&nocodb["database_password"]).await);
    let openclaw_now = server.values("openclaw").await;
    assert_eq!(changed(&openclaw, &openclaw_now).len(), openclaw.len());
    assert_eq!(ended.told("nocodb")["kept"][0]["key"], "connection_key");
    let vault = server.vault().await;
    let journal = server.inside(&["journalctl", "--no-pager", "--output", "cat"]).await;
    let shown = vault.every_value().find(|(_, value)| journal.contains(value.expose()));
    assert!(shown.is_none(), "{:?} stands in the server's journal", shown.map(|(name, _)| name));
    site.say("all tools were rotated");
}
