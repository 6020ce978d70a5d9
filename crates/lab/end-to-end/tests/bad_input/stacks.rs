//! A container that never becomes healthy; then, with the good bundle, a run that outlives its connection and its
//! provisioner.

use std::{fs, path::PathBuf};

use chrono::TimeDelta;
use letsbe_end_to_end::site::Site;
use letsbe_lab::{
    hosts::Host,
    vault::{host_credentials, host_vault},
};
use letsbe_types::job::RunEventKind;
use letsbe_vault::{CREDENTIALS_FILE, Credentials};

use crate::{BadInput, run::Run};

/// A run that goes on must come to its first step in this time.
const PROMPT: TimeDelta = TimeDelta::seconds(20);
const NAME: &str = "stacks";

pub(crate) async fn survive(BadInput { site, .. }: &BadInput) -> anyhow::Result<()> {
    let host = site.server(NAME).await;
    let mut job = site.job(NAME, host.address.into(), &["static-website", "nocodb"]);

    let good = std::mem::replace(&mut job.bundle, broken_bundle(site));
    let ended = Run::provisioner(site, &job).await.end().await;
    ended.refused("NODE045", &["not healthy within 60 s", "letsbe-nocodb is unhealthy"]);
    let credentials = host_credentials(&host).await.expect("credentials");
    let health = ["docker", "inspect", "--format", "{{json .State.Health}}", "letsbe-nocodb"];
    let health = host.exec(&health).await.expect("a look");
    let secrets = secrets(&credentials);
    assert!(secrets.len() >= 4, "{} secrets", secrets.len());
    assert!(secrets.iter().any(|secret| health.contains(*secret)), "the check itself gives secrets away");
    assert!(!secrets.iter().any(|secret| ended.printed.contains(*secret)), "a secret was printed");
    site.say("stacks: a container that is never healthy is told");

    job.bundle = good;
    let mut run = Run::provisioner(site, &job).await;
    let start = run.started(2).await;
    let step = run.until("step 1", |event| matches!(event, RunEventKind::StepStarted { step: 1, .. })).await;
    assert!(step.at - start.at < PROMPT, "the run waited for containers that it was to replace");
    run.until("step 9", |event| matches!(event, RunEventKind::StepStarted { step: 9, .. })).await;
    cut_connection(&host).await;
    run.until("step 9's end", |event| matches!(event, RunEventKind::StepFinished { step: 9, .. })).await;
    let first = run.kill().await;
    assert_eq!(first.printed.matches("connected as letsbe-admin").count(), 2, "{}", first.printed);
    site.say("stacks: the connection was cut, and its provisioner killed");

    let second = Run::provisioner(site, &job).await.end().await;
    assert!(second.problem.is_none(), "{}", second.printed);
    let sequences: Vec<u64> = second.events.iter().map(|event| event.sequence).collect();
    assert_eq!(
        sequences,
        (1..=sequences.len() as u64).collect::<Vec<_>>(),
        "the whole journal, without gaps"
    );
    assert_eq!(second.events[..first.events.len()].last(), first.events.last());
    let starts: Vec<u32> = second
        .events
        .iter()
        .filter_map(|event| match event.event {
            RunEventKind::Started { attempt } => Some(attempt),
            _ => None,
        })
        .collect();
    assert_eq!(starts, [1, 2], "one for each bundle: the run itself was never disturbed");
    assert!(host_vault(&host).await.expect("it opens").is_some(), "the credentials are in no vault");
    host.exec(&["find", CREDENTIALS_FILE]).await.expect_err("the credentials still lie in the open");
    let after = host_credentials(&host).await.expect("credentials");
    for (tool, key, value) in credentials.iter() {
        assert_eq!(after.get(tool, key), Some(value), "{tool}/{key} was made twice");
    }
    assert!(!secrets.iter().any(|secret| second.printed.contains(*secret)), "a secret was printed");
    site.say("stacks: a second provisioner saw the same run to its end");
    host.destroy().await?;
    Ok(())
}

/// NocoDB whose check always fails, and prints all it knows.
fn broken_bundle(site: &Site) -> PathBuf {
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let folder = site.folder.path().join("broken");
    let bundle = site.programs.bundle(&folder, &repository).expect("a bundle");
    let tool = bundle.join("catalog/tools/nocodb");
    let exchange = |file: &str, pairs: &[(&str, &str)]| {
        let path = tool.join(file);
        let mut text = fs::read_to_string(&path).expect("a file of the catalog");
        for (from, to) in pairs {
            assert_eq!(text.matches(from).count(), 1, "{from} in {file}");
            text = text.replace(from, to);
        }
        fs::write(&path, text).expect("written");
    };
    exchange("tool.toml", &[("start_seconds = 180", "start_seconds = 20")]);
    let check = "        - CMD\n        - node\n        - -e\n        - \"fetch('http://127.0.0.1:8080/api/v1/health')\
                 .then(r=>process.exit(r.ok?0:1),()=>process.exit(1))\"\n      interval: 10s\n";
    let fails = "        - CMD-SHELL\n        - env; exit 1\n      interval: 2s\n";
    exchange("compose.yml", &[(check, fails), ("start_period: 180s", "start_period: 20s")]);
    bundle
}

fn secrets(credentials: &Credentials) -> Vec<&str> {
    let values = credentials.iter().map(|(_, _, value)| value.expose().as_str());
    values.filter(|value| value.len() >= 24).collect()
}

/// Ends the SSH server's processes that serve logged-in users.
async fn cut_connection(host: &Host) {
    let listed = host.exec(&["ps", "-eo", "pid=,args="]).await.expect("processes");
    let served = listed.lines().filter(|line| line.contains("sshd: ") && line.contains("@notty"));
    let ids: Vec<&str> = served.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(!ids.is_empty(), "{listed}");
    host.exec(&[&["kill", "-9"], ids.as_slice()].concat()).await.expect("cut");
}
