//! A disk that fills during the run, then an SSH change that nobody can confirm, then all is well.

use std::{process::Stdio, time::Duration};

use letsbe_end_to_end::site::Site;
use letsbe_lab::{hosts::Host, wait::eventually};
use letsbe_types::job::{RunEventKind, StepResult};
use tokio::{net::TcpStream, process::Command};

use crate::{BadInput, run::Run};

const NAME: &str = "move";
const STACKS: &str = "/opt/letsbe/stacks";
/// The timer fires a minute after the run gave up.
const REVERT: Duration = Duration::from_secs(90);
const KNOCK: Duration = Duration::from_secs(2);
/// Stands for the provider's firewall: in a table that ufw does not touch.
const BLOCK: &str = "PREROUTING -p tcp --dport 22022 -j DROP";

pub(crate) async fn reverts_by_itself(BadInput { site, .. }: &BadInput) -> anyhow::Result<()> {
    let host = site.server(NAME).await;
    let job = site.job(NAME, host.address.into(), &["static-website"]);

    host.fill_disk(STACKS).await.expect("the fault");
    let ended = Run::provisioner(site, &job).await.end().await;
    ended.refused("NODE011", &[STACKS, "No space left on device"]);
    assert!(listens(&host, 22).await && !listens(&host, 22022).await, "SSH was not touched yet");
    host.free_disk(STACKS).await.expect("the end of the fault");
    site.say("move: a disk that fills during the run is told");

    iptables(&host, "-I").await;
    let mut run = Run::provisioner(site, &job).await;
    let confirmation = |event: &RunEventKind| matches!(event, RunEventKind::SshConfirmationNeeded { .. });
    run.until("a request for a confirmation", confirmation).await;
    site.say("move: nobody can confirm");
    assert!(listens(&host, 22).await && listens(&host, 22022).await, "both ports are open meanwhile");
    run.end().await.refused("NODE021", &["Nobody logged in from outside on port 22022"]);
    site.say("move: the run has given up");
    eventually("the revert", REVERT, || async {
        let gone = host.exec(&["test", "-e", "/opt/letsbe/state/ssh-move.json"]).await.is_err();
        Ok((gone && !listens(&host, 22022).await).then_some(()))
    })
    .await
    .expect("SSH goes back by itself");
    assert_eq!(root_logs_in(site, &host).await, "root");
    let rules = host.exec(&["ufw", "status"]).await.expect("ufw");
    assert!(rules.lines().any(|line| line.starts_with("22/tcp") && line.contains("ALLOW")), "{rules}");
    site.say("move: reverted by itself; root logs in on port 22");

    iptables(&host, "-D").await;
    let mut run = Run::provisioner(site, &job).await;
    run.started(3).await;
    run.until("step 7's end", |event| matches!(event, RunEventKind::StepFinished { step: 7, .. })).await;
    let ended = run.kill().await;
    let end = ended.events.last().map(|event| &event.event);
    assert!(matches!(end, Some(RunEventKind::StepFinished { result: StepResult::Changed, .. })), "{end:?}");
    assert!(!listens(&host, 22).await && listens(&host, 22022).await, "the move is made");
    // The firewall does not even answer; the system would try for two minutes.
    let knocked = tokio::time::timeout(KNOCK, TcpStream::connect((host.address, 22))).await;
    assert!(!matches!(knocked, Ok(Ok(_))), "the old port is open");
    site.say("move: made, once it could be confirmed");
    host.destroy().await?;
    Ok(())
}

async fn iptables(host: &Host, what: &str) {
    let words = ["iptables", "-t", "raw", what].into_iter().chain(BLOCK.split(' '));
    host.exec(&words.collect::<Vec<_>>()).await.expect("the provider's firewall");
}

async fn listens(host: &Host, port: u16) -> bool {
    let listeners = host.exec(&["ss", "-Htln"]).await.expect("a list");
    let end = format!(":{port}");
    listeners
        .lines()
        .any(|line| line.split_whitespace().nth(3).is_some_and(|address| address.ends_with(&end)))
}

async fn root_logs_in(site: &Site, host: &Host) -> String {
    let mut command = Command::new("ssh");
    command.arg("-i").arg(&site.key).args(["-F", "none", "-p", "22"]);
    for option in
        ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"]
    {
        command.args(["-o", option]);
    }
    let output =
        command.arg(format!("root@{}", host.address)).arg("whoami").stdin(Stdio::null()).output().await;
    let output = output.expect("ssh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
