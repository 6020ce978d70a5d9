//! What is read for the agent, as data: containers, disk, and the audit of the runbook (10.1, 10.2).

use std::collections::BTreeMap;

use letsbe_host::Command;
use letsbe_types::Problem;
use serde_json::{Value, json};

use crate::gate::{execute::Work, process};
use letsbe_base::readings;

/// Most logins and addresses that an audit names.
const LIST: usize = 100;

async fn output(command: Command, work: &Work, what: &str) -> Result<String, Problem> {
    process::run(&command, &work.id, &work.redactor).await?.of_success(what)
}

/// Containers and how they are.
pub(super) async fn containers(work: &Work) -> Result<Value, Problem> {
    let list = Command::new("docker", ["ps", "--all", "--no-trunc", "--format", "{{json .}}"]);
    Ok(Value::Array(of_docker_ps(&output(list, work, "Listing containers").await?)))
}

fn of_docker_ps(text: &str) -> Vec<Value> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.map(|line| readings::container(&line)).collect()
}

/// How full the disk is, and with what (runbook 7.5).
pub(super) async fn disk(work: &Work) -> Result<Value, Problem> {
    let df = Command::words("df --block-size=1 --output=target,size,used,avail,pcent /");
    let file_systems = readings::file_systems(&output(df, work, "Reading the disk").await?);
    let docker = Command::new("docker", ["system", "df", "--format", "{{json .}}"]);
    let docker = output(docker, work, "Asking Docker for its disk use").await?;
    let docker: Vec<Value> = docker.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let folders = Command::words("du --summarize --block-size=1 /opt/letsbe /var/log /var/lib/docker");
    // A file may go away while it is counted; what was counted is still told.
    let folders = process::run(&folders, &work.id, &work.redactor).await?.stdout;
    let folders: BTreeMap<&str, u64> = folders
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(bytes, folder)| Some((folder, bytes.parse().ok()?)))
        .collect();
    Ok(json!({ "file_systems": file_systems, "docker": docker, "folder_bytes": folders }))
}

/// Logins, bans, and containers with too many rights. A part that cannot be read says so; the others are told.
pub(super) async fn audit(work: &Work) -> Result<Value, Problem> {
    let journal = |pattern: &str| {
        let pattern = format!("--grep={pattern}");
        Command::new(
            "journalctl",
            ["--unit=ssh", "--since=-7d", "--no-pager", "--output=short-iso", "--lines=20000", &pattern],
        )
    };
    // journalctl ends with 1 when nothing was found.
    let accepted = process::run(&journal("^Accepted "), &work.id, &work.redactor).await?.stdout;
    let refused = process::run(&journal("^(Failed|Invalid user) "), &work.id, &work.redactor).await?.stdout;
    let jail = Command::words("fail2ban-client status sshd");
    let jail = process::run(&jail, &work.id, &work.redactor).await;
    let fail2ban = match jail {
        Ok(output) if output.code == Some(0) => readings::jail(&output.stdout, LIST),
        _ => json!({ "unreadable": "fail2ban-client did not answer" }),
    };
    let ids = Command::new("docker", ["ps", "--all", "--quiet", "--no-trunc"]);
    let ids = output(ids, work, "Listing containers").await?;
    let format = "{{json .Name}} {{json .Config.User}} {{json .HostConfig.Privileged}} {{json .HostConfig.NetworkMode}}";
    let inspect = ["inspect", "--format", format].into_iter().chain(ids.split_whitespace());
    let containers = if ids.trim().is_empty() {
        Vec::new()
    } else {
        of_inspect(&output(Command::new("docker", inspect), work, "Looking at containers").await?)
    };
    Ok(json!({
        "days": 7,
        "ssh_logins": of_logins(&accepted),
        "ssh_refused": of_refused(&refused),
        "fail2ban": fail2ban,
        "containers": containers,
    }))
}

/// `2026-11-22T01:02:03+00:00 host sshd[7]: Accepted publickey for letsbe-admin from 192.0.2.1 port 7 ssh2: …`.
fn of_logins(text: &str) -> Vec<Value> {
    let login = |line: &str| {
        let (at, rest) = line.split_once(' ')?;
        let (_, rest) = rest.split_once("Accepted ")?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        match words[..] {
            [method, "for", user, "from", address, ..] => {
                Some(json!({ "at": at, "method": method, "user": user, "from": address }))
            }
            _ => None,
        }
    };
    let all: Vec<Value> = text.lines().filter_map(login).collect();
    all[all.len().saturating_sub(LIST)..].to_vec()
}

fn of_refused(text: &str) -> Value {
    let mut by_address: BTreeMap<&str, u64> = BTreeMap::new();
    for line in text.lines() {
        if let Some(address) = line.rsplit_once(" from ").and_then(|(_, rest)| rest.split_whitespace().next())
        {
            *by_address.entry(address).or_default() += 1;
        }
    }
    let count: u64 = by_address.values().sum();
    let mut most: Vec<(&str, u64)> = by_address.into_iter().collect();
    most.sort_by_key(|(address, count)| (std::cmp::Reverse(*count), *address));
    let most: Vec<Value> =
        most.into_iter().take(20).map(|(from, count)| json!({ "from": from, "count": count })).collect();
    json!({ "count": count, "most": most })
}

fn of_inspect(text: &str) -> Vec<Value> {
    let container = |line: &str| {
        let mut parts = serde_json::Deserializer::from_str(line).into_iter::<Value>().filter_map(Result::ok);
        let (name, user, privileged, network) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let name = name.as_str()?.trim_start_matches('/').to_owned();
        let first = user.as_str().unwrap_or_default().split(':').next().unwrap_or_default();
        let root = ["", "0", "root"].contains(&first);
        Some(json!({ "name": name, "root": root, "privileged": privileged, "network": network }))
    };
    text.lines().filter_map(container).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{of_docker_ps, of_inspect, of_logins, of_refused};

    #[test]
    fn what_programs_print_becomes_data() {
        let ps = r#"{"Names":"letsbe-ghost","Image":"ghost:6","State":"running","Status":"Up 3 hours (healthy)","Ports":"","Labels":"x"}"#;
        let wanted = json!([{ "name": "letsbe-ghost", "image": "ghost:6", "state": "running", "status": "Up 3 hours (healthy)", "ports": "" }]);
        assert_eq!(json!(of_docker_ps(&format!("{ps}\nnoise\n"))), wanted);
        let inspect = "\"/letsbe-nginx\" \"\" false \"host\"\n\"/letsbe-secrets-proxy\" \"65532:65532\" false \"bridge\"\n\"/x\" \"0:0\" true \"none\"\nnoise";
        let wanted = json!([
            { "name": "letsbe-nginx", "root": true, "privileged": false, "network": "host" },
            { "name": "letsbe-secrets-proxy", "root": false, "privileged": false, "network": "bridge" },
            { "name": "x", "root": true, "privileged": true, "network": "none" },
        ]);
        assert_eq!(json!(of_inspect(inspect)), wanted);
    }

    #[test]
    fn logins_and_refusals_are_told_apart_and_counted() {
        let line = "2026-11-22T01:02:03+00:00 h sshd[7]: Accepted publickey for letsbe-admin from 192.0.2.1 port 7 ssh2: ED25519 SHA256:x";
        let wanted = json!([{ "at": "2026-11-22T01:02:03+00:00", "method": "publickey", "user": "letsbe-admin", "from": "192.0.2.1" }]);
        assert_eq!(json!(of_logins(&format!("-- No entries --\n{line}\n"))), wanted);
        let text = "t h sshd[1]: Failed password for root from 192.0.2.9 port 1 ssh2\n\
                    t h sshd[1]: Failed password for invalid user from from 192.0.2.8 port 1 ssh2\n\
                    t h sshd[1]: Invalid user x from 192.0.2.9 port 3\n-- No entries --\n";
        let wanted = json!({ "count": 3, "most": [{ "from": "192.0.2.9", "count": 2 }, { "from": "192.0.2.8", "count": 1 }] });
        assert_eq!(of_refused(text), wanted);
    }
}
