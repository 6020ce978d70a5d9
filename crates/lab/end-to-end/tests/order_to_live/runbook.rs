//! Every command of docs/runbook.md that is for the server, typed over SSH by the only user whom a person can be there.
//! The commands are read from the document: one that is written there and does not work fails here.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use letsbe_lab::fleet::eventually;
use letsbe_provisioner::ssh::{Session, Target, load_key};

use crate::Live;

const DOCUMENT: &str = include_str!("../../../../../docs/runbook.md");
const PATIENCE: Duration = Duration::from_secs(120);

/// The rows of the runbook's section 11, as the specification writes them.
const SECTION_11: [&str; 14] = [
    r#"docker ps --format "table {{.Names}}\t{{.Status}}\t{{.Ports}}""#,
    "cd /opt/letsbe/stacks/{{tool}} && docker compose restart",
    "docker logs --tail 100 -f {{container_name}}",
    "df -h /opt/letsbe",
    "free -h",
    "/opt/letsbe/scripts/backups.sh",
    "/opt/letsbe/scripts/restore.sh --tool {{tool}} --date YYYY-MM-DD",
    "certbot certificates",
    "certbot renew --nginx",
    "curl http://127.0.0.1:8100/health",
    "curl http://127.0.0.1:18789/health",
    "cat /opt/letsbe/backups/backup-status.json | jq",
    "ufw status verbose",
    "fail2ban-client status sshd",
];

/// First words of what is typed on the server.
const PROGRAMS: [&str; 14] = [
    "cat",
    "cd",
    "certbot",
    "curl",
    "df",
    "docker",
    "fail2ban-client",
    "free",
    "iptables",
    "journalctl",
    "letsbe-node",
    "man",
    "systemctl",
    "ufw",
];

/// How a documented command is tried.
#[derive(Clone, Copy)]
enum How {
    /// As it is written; all of its answer holds these words.
    Typed(&'static [&'static str]),
    /// With `--plan`: carried out it would take minutes, or change what other checks need.
    Planned(&'static [&'static str]),
    /// It goes on for ever: its first line is waited for.
    Follows,
    /// It needs what this server does not have; the other test that plays it.
    Elsewhere(&'static str),
}
use How::{Elsewhere, Follows, Planned, Typed};

/// What each documented command besides those of section 11 must answer.
const OTHERS: [(&str, How); 50] = [
    ("letsbe-node ps", Typed(&["letsbe-ghost", "letsbe-nginx"])),
    ("letsbe-node restart <tool>", Typed(&["ghost was restarted"])),
    ("letsbe-node logs <tool> -f", Follows),
    ("man letsbe-node", Typed(&["SYNOPSIS", "letsbe-node-restore"])),
    ("man letsbe-node-restore", Typed(&["SYNOPSIS", "--date"])),
    ("letsbe-node disk --json", Typed(&["free_bytes", "reclaimable_bytes"])),
    ("letsbe-node disk", Typed(&["Filesystem", "Images"])),
    ("letsbe-node memory", Typed(&["Mem:", "letsbe-ghost"])),
    ("letsbe-node backup run", Typed(&["success"])),
    ("letsbe-node backup run --tool ghost", Typed(&["success"])),
    ("letsbe-node restore --tool ghost --date YYYY-MM-DD --plan", Typed(&["ghost: set"])),
    ("letsbe-node cert", Typed(&["<domain>", "until"])),
    ("letsbe-node cert renew", Typed(&["renew"])),
    ("certbot renew", Typed(&["renew"])),
    ("letsbe-node backup status", Typed(&["success", "ghost"])),
    ("letsbe-node firewall", Typed(&["Status: active", "Chain DOCKER-USER"])),
    ("iptables -L DOCKER-USER", Typed(&["Chain DOCKER-USER"])),
    ("iptables -L letsbe-input", Typed(&["Chain letsbe-input"])),
    ("letsbe-node fail2ban", Typed(&["sshd"])),
    ("letsbe-node status", Typed(&["<domain> is ", "containers", "memory"])),
    ("letsbe-node drift", Typed(&["differ"])),
    ("systemctl status --no-pager letsbe-agent", Typed(&["active (running)"])),
    ("letsbe-node logs agent", Typed(&["letsbe-node"])),
    ("journalctl --no-pager -u letsbe-agent", Typed(&["letsbe-node"])),
    ("journalctl --no-pager -u 'letsbe-run-*'", Typed(&["LetsBe provisioning run"])),
    ("journalctl --no-pager -u ssh", Typed(&["sshd"])),
    ("journalctl --no-pager -u letsbe-sftp", Typed(&["sshd"])),
    ("letsbe-node approvals list", Typed(&[])),
    ("letsbe-node gate log", Typed(&[])),
    ("letsbe-node gate verify", Typed(&[])),
    ("letsbe-node reveal --all --yes", Typed(&["https://blog.<domain>/", "<owner>"])),
    ("letsbe-node reveal --tool ghost", Typed(&["https://blog.<domain>/", "<owner>"])),
    ("letsbe-node reveal --tool static-website", Typed(&["sftp://letsbe-website@<domain>:22023/"])),
    ("letsbe-node vault list", Typed(&["ghost/admin_password"])),
    ("letsbe-node vault get ghost/admin_password", Typed(&[])),
    ("letsbe-node audit", Typed(&["reveal", "letsbe-admin"])),
    ("letsbe-node revert-ssh", Typed(&["was looked at"])),
    ("letsbe-node run attach --job <job>", Typed(&["\"event\""])),
    ("letsbe-node backup list", Typed(&["ghost"])),
    ("letsbe-node backup browse --tool ghost", Typed(&["ghost"])),
    ("letsbe-node backup export --help", Typed(&["Usage"])),
    ("letsbe-node backup destination", Typed(&[])),
    ("letsbe-node backup prove --tool ghost", Typed(&["ghost"])),
    ("letsbe-node backup check --data", Typed(&[])),
    (
        "letsbe-node backup rewind --at <moment>",
        Elsewhere("backups_are_proven_and_restores_bring_back_what_was_there"),
    ),
    ("letsbe-node openclaw update --to v2026.10", Elsewhere("a_model_that_wants_the_passwords_gets_none")),
    ("letsbe-node rotate --tool ghost", Planned(&["ghost"])),
    ("letsbe-node rotate --tool static-website", Typed(&["static-website"])),
    ("letsbe-node rotate --all", Planned(&["ghost", "nocodb"])),
    ("/opt/letsbe/scripts/restore.sh --all", Planned(&["ghost", "nocodb"])),
];

/// Restores: after a backup, in this order.
const RESTORES: [(&str, How); 6] = [
    ("letsbe-node backup run", Typed(&["success"])),
    ("/opt/letsbe/scripts/restore.sh --tool ghost --date YYYY-MM-DD", Typed(&["ghost"])),
    ("/opt/letsbe/scripts/restore.sh undo --tool ghost", Typed(&["is undone"])),
    ("/opt/letsbe/scripts/restore.sh --tool ghost --date YYYY-MM-DD --target temp", Typed(&["ghost"])),
    ("/opt/letsbe/scripts/restore.sh temp remove --tool ghost", Typed(&[])),
    ("/opt/letsbe/scripts/restore.sh --tool openclaw --date YYYY-MM-DD", Planned(&["openclaw"])),
];

/// What every row of section 11 answers.
const ANSWERS: [How; 14] = [
    Typed(&["NAMES", "letsbe-ghost"]),
    Typed(&["letsbe-ghost"]),
    Follows,
    Typed(&["Filesystem"]),
    Typed(&["Mem:"]),
    Typed(&["success"]),
    Typed(&["ghost"]),
    Typed(&["<domain>", "Expiry Date"]),
    Typed(&["nginx runs in a container", "renew"]),
    Typed(&["vault"]),
    Typed(&["ok"]),
    Typed(&["\"status\": \"success\""]),
    Typed(&["Status: active", "22022"]),
    Typed(&["sshd"]),
];

/// The commands of the document that are for the server.
fn documented() -> Vec<String> {
    let spans = DOCUMENT.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_typed = |command: &String| {
        let first = command.split(' ').next().unwrap_or_default();
        let known = PROGRAMS.contains(&first) || first.starts_with("/opt/letsbe/scripts/");
        // A program's name alone is none of its commands, nor is what must never be typed.
        let named = [String::from("docker compose"), "docker volume prune".into()].contains(command);
        let whole = command.contains(' ') || first.starts_with('/');
        known && whole && !named && !command.contains('…')
    };
    let mut commands: Vec<String> = spans.map(|span| span.replace("\\|", "|")).filter(is_typed).collect();
    commands.sort();
    commands.dedup();
    commands
}

/// Documented commands that no table here has, and commands of the tables that are not documented.
fn untried() -> Vec<String> {
    let documented = documented();
    let tried = || OTHERS.iter().chain(&RESTORES).map(|(name, _)| *name).chain(SECTION_11);
    let unknown = documented.iter().filter(|command| !tried().any(|name| name == *command)).cloned();
    let gone = tried().filter(|name| !documented.iter().any(|command| command == name)).map(str::to_owned);
    unknown.chain(gone).collect()
}

pub(crate) fn is_tried_and_documented() -> anyhow::Result<()> {
    let untried = untried();
    ensure!(untried.is_empty(), "tried, or documented, and not both: {untried:?}");
    Ok(())
}

/// Row by row, word for word.
pub(crate) async fn section_11(live: &Live) -> anyhow::Result<()> {
    let documented = documented();
    for (command, how) in SECTION_11.into_iter().zip(ANSWERS) {
        ensure!(documented.iter().any(|one| one == command), "docs/runbook.md has not: {command}");
        try_out(live, command, how).await.with_context(|| command.to_owned())?;
    }
    Ok(())
}

/// All that the document has besides.
pub(crate) async fn everything_else(live: &Live) -> anyhow::Result<()> {
    let mut failed = Vec::new();
    for (command, how) in OTHERS {
        if let Err(error) = try_out(live, command, how).await {
            failed.push(format!("{command}: {error:#}"));
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

/// Restores, as the document has them.
pub(crate) async fn restores(live: &Live) -> anyhow::Result<()> {
    for (command, how) in RESTORES {
        try_out(live, command, how).await.with_context(|| command.to_owned())?;
    }
    Ok(())
}

/// Whoever has this login is not root by it: what is not written down is refused, with what is.
pub(crate) async fn nothing_more(live: &Live) -> anyhow::Result<()> {
    let session = login(live).await?;
    for (line, word) in [
        ("ufw disable", "NODE116"),
        ("certbot renew --deploy-hook id", "NODE116"),
        ("cd /opt/letsbe/stacks/ghost && docker compose config", "NODE116"),
        ("sudo -n ufw disable", "sudo"),
        ("sudo -n sh", "sudo"),
        ("cat /opt/letsbe/stacks/ghost/.env", "denied"),
        ("ls /opt/letsbe/backups", "denied"),
        ("letsbe-node reveal --all", "NODE114"),
        ("letsbe-node logs n8n", "NODE115"),
    ] {
        let output = session.run(&["eval", line], b"").await?;
        let said = format!("{}\n{}", output.lines.join("\n"), output.stderr);
        ensure!(output.code != 0 && said.contains(word), "{line}: {} {said}", output.code);
        let told = said.matches(word).count();
        ensure!(!word.starts_with("NODE") || told == 1, "{line}: told {told} times: {said}");
    }
    session.close().await;
    Ok(())
}

async fn login(live: &Live) -> anyhow::Result<Session> {
    let key = load_key(&live.fleet.folder.path().join("hub/tenants-key"))?;
    let address = live.host.address.into();
    let host_key = live.host.host_key().await?;
    let target = Target { address, port: 22022, user: "letsbe-admin".to_owned(), key, host_key };
    Ok(Session::connect(&target).await?)
}

async fn try_out(live: &Live, command: &str, how: How) -> anyhow::Result<()> {
    let (plan, words) = match how {
        Elsewhere(test) => {
            println!("     {command}: see {test}");
            return Ok(());
        }
        Follows => return follow(live, &filled(live, command).await?).await,
        Typed(words) => ("", words),
        Planned(words) => (" --plan", words),
    };
    let line = format!("{}{plan}", filled(live, command).await?);
    let session = login(live).await?;
    // As sshd gives it to the shell of the user, with the path that this has.
    let output = session.run(&["eval", &line], b"").await?;
    session.close().await;
    let said = format!("{}\n{}", output.lines.join("\n"), output.stderr);
    // What holds passwords is not repeated.
    let shown =
        if line.contains("reveal") || line.contains("vault get") { "(not shown)" } else { said.as_str() };
    ensure!(output.code == 0, "ended with {}: {shown}", output.code);
    ensure!(!said.trim().is_empty() || words.is_empty(), "said nothing");
    for word in words {
        let word = filled(live, word).await?;
        ensure!(said.contains(&word), "does not say {word:?}: {shown}");
    }
    if ["restart", "restore"].iter().any(|word| line.contains(word)) && plan.is_empty() {
        healthy(live).await?;
    }
    Ok(())
}

/// The first line of what goes on for ever; then nobody reads any more.
async fn follow(live: &Live, line: &str) -> anyhow::Result<()> {
    let session = login(live).await?;
    let mut running = session.start(&["eval", line], b"").await?;
    let first = tokio::time::timeout(PATIENCE, running.next_line()).await.context("nothing came")??;
    let Some(first) = first else { bail!("it ended: {}", running.stderr()) };
    ensure!(!first.trim().is_empty(), "an empty line came first");
    session.close().await;
    Ok(())
}

/// A documented command with this server's names in the place of the document's.
async fn filled(live: &Live, command: &str) -> anyhow::Result<String> {
    let mut line = command
        .replace("{{tool}}", "ghost")
        .replace("<tool>", "ghost")
        .replace("{{container_name}}", "letsbe-ghost")
        .replace("<domain>", live.domain())
        .replace("<owner>", live.order.summary.email.as_str());
    if line.contains("YYYY-MM-DD") {
        line = line.replace("YYYY-MM-DD", live.host.script("date +%F").await?.trim());
    }
    if line.contains("<job>") {
        let newest = live.host.script("ls -t /opt/letsbe/state/runs | head -n 1").await?;
        line = line.replace("<job>", newest.trim());
    }
    Ok(line)
}

async fn healthy(live: &Live) -> anyhow::Result<()> {
    const STATES: &str =
        "docker inspect --format '{{.State.Health.Status}}' letsbe-ghost letsbe-ghost-db | sort -u";
    eventually("Ghost to be healthy again", PATIENCE, || async {
        let states = live.host.script(STATES).await.unwrap_or_default();
        Ok((states.trim() == "healthy").then_some(()))
    })
    .await
}
