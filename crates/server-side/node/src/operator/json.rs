//! `--json` of what an operator looks at: one object for each command, with the fields that docs/operating.md names. Sizes
//! are bytes. What cannot be read is a problem, never an empty list.

use letsbe_host::{Command, Machine};
use letsbe_types::{Code, Problem, paths::HOME};
use serde_json::{Value, json};

use letsbe_base::readings;

/// The chains of the firewall that are ours to look at.
const CHAINS: [&str; 2] = ["DOCKER-USER", "letsbe-input"];

/// `letsbe-node ps --json`.
pub(super) async fn containers(machine: &dyn Machine) -> Result<Value, Problem> {
    let command = Command::new("docker", ["ps", "--all", "--no-trunc", "--format", "{{json .}}"]);
    let lines = understood(&command, readings::lines(&output(machine, &command).await?))?;
    Ok(json!({ "containers": lines.iter().map(readings::container).collect::<Vec<_>>() }))
}

/// `letsbe-node disk --json`.
pub(super) async fn disk(machine: &dyn Machine) -> Result<Value, Problem> {
    let df = Command::words(&format!("df --block-size=1 --output=target,size,used,avail,pcent {HOME}"));
    let file_systems = readings::file_systems(&output(machine, &df).await?);
    let file_systems = understood(&df, (!file_systems.is_empty()).then_some(file_systems))?;
    let command = Command::new("docker", ["system", "df", "--format", "{{json .}}"]);
    let lines = readings::lines(&output(machine, &command).await?);
    let docker = lines.and_then(|lines| lines.iter().map(readings::docker_space).collect::<Option<Vec<_>>>());
    Ok(json!({ "file_systems": file_systems, "docker": understood(&command, docker)? }))
}

/// `letsbe-node memory --json`.
pub(super) async fn memory(machine: &dyn Machine) -> Result<Value, Problem> {
    let command = Command::words("cat /proc/meminfo");
    let memory = understood(&command, readings::memory(&output(machine, &command).await?))?;
    let command = Command::new("docker", ["stats", "--no-stream", "--format", "{{json .}}"]);
    let lines = readings::lines(&output(machine, &command).await?);
    let containers =
        lines.and_then(|lines| lines.iter().map(readings::container_memory).collect::<Option<Vec<_>>>());
    Ok(json!({ "memory": memory, "containers": understood(&command, containers)? }))
}

/// `letsbe-node firewall --json`.
pub(super) async fn firewall(machine: &dyn Machine) -> Result<Value, Problem> {
    let command = Command::words("ufw status verbose");
    let mut firewall = understood(&command, readings::ufw(&output(machine, &command).await?))?;
    let mut chains = Vec::new();
    for name in CHAINS {
        let text = output(machine, &Command::new("iptables", ["-S", name])).await?;
        chains.push(json!({ "name": name, "rules": readings::rules(&text) }));
    }
    firewall["chains"] = chains.into();
    Ok(firewall)
}

/// `letsbe-node fail2ban --json`.
pub(super) async fn jail(machine: &dyn Machine) -> Result<Value, Problem> {
    let command = Command::words("fail2ban-client status sshd");
    let mut jail = readings::jail(&output(machine, &command).await?, usize::MAX);
    let is_known = jail["banned_now"].is_number();
    jail["jail"] = "sshd".into();
    understood(&command, is_known.then_some(jail))
}

/// `letsbe-node audit --json`: the last entries, each as it was written.
pub(super) fn audit(lines: &[&str]) -> Value {
    // A line that was torn is shown too.
    let entry = |line: &&str| serde_json::from_str(line).unwrap_or_else(|_| json!({ "unreadable": line }));
    json!({ "entries": lines.iter().map(entry).collect::<Vec<Value>>() })
}

async fn output(machine: &dyn Machine, command: &Command) -> Result<String, Problem> {
    let output = machine.run(command).await.map_err(|error| unreadable(command, &error))?;
    if output.success() { Ok(output.stdout) } else { Err(unreadable(command, &output.tail())) }
}

fn understood<T>(command: &Command, read: Option<T>) -> Result<T, Problem> {
    read.ok_or_else(|| unreadable(command, &"its answer has another form than is known"))
}

fn unreadable(command: &Command, why: &dyn std::fmt::Display) -> Problem {
    let message = format!("the server's state cannot be read: `{command}`: {why}");
    Problem::transient(Code::HOST009, message, "Without --json the program's own answer is shown.")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use async_trait::async_trait;
    use letsbe_host::{Command, CommandOutput, FileWrite, Machine, MachineError, machine::FileState};
    use serde_json::{Value, json};

    use super::{audit, containers, disk, firewall, jail, memory};

    /// Answers by command line; what it does not know is not there.
    struct Recorded(BTreeMap<&'static str, &'static str>);

    #[async_trait]
    impl Machine for Recorded {
        async fn run(&self, command: &Command) -> Result<CommandOutput, MachineError> {
            match self.0.get(command.to_string().as_str()) {
                Some(text) => Ok(CommandOutput { stdout: (*text).to_owned(), ..CommandOutput::default() }),
                None => {
                    let stderr = "it is not running".to_owned();
                    Ok(CommandOutput { code: 1, stderr, ..CommandOutput::default() })
                }
            }
        }
        async fn read(&self, _: &Path) -> Result<Option<FileState>, MachineError> {
            Ok(None)
        }
        async fn list(&self, _: &Path) -> Result<Vec<String>, MachineError> {
            Ok(Vec::new())
        }
        async fn write(&self, _: &FileWrite) -> Result<(), MachineError> {
            Ok(())
        }
        async fn remove(&self, _: &Path) -> Result<(), MachineError> {
            Ok(())
        }
        async fn make_folder(&self, _: &Path, _: u32) -> Result<(), MachineError> {
            Ok(())
        }
    }

    fn server() -> Recorded {
        Recorded(BTreeMap::from([
            (
                "docker ps --all --no-trunc --format '{{json .}}'",
                r#"{"Names":"letsbe-ghost","Image":"ghost:6","State":"running","Status":"Up 3 hours (healthy)","Ports":"127.0.0.1:3001->2368/tcp","Labels":"x"}"#,
            ),
            (
                "df --block-size=1 --output=target,size,used,avail,pcent /opt/letsbe",
                "Mounted on 1B-blocks Used Avail Use%\n/ 100 40 60 40%\n",
            ),
            (
                "docker system df --format '{{json .}}'",
                r#"{"Active":"4","Reclaimable":"1kB (4%)","Size":"2MB","TotalCount":"5","Type":"Images"}"#,
            ),
            ("cat /proc/meminfo", "MemTotal: 4 kB\nMemAvailable: 1 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"),
            (
                "docker stats --no-stream --format '{{json .}}'",
                r#"{"Name":"letsbe-ghost","MemUsage":"1KiB / 2KiB","MemPerc":"50%"}"#,
            ),
            (
                "ufw status verbose",
                "Status: active\nDefault: deny (incoming)\n\nTo  Action  From\n--  ------  ----\n80/tcp  ALLOW IN  Anywhere\n",
            ),
            ("iptables -S DOCKER-USER", "-N DOCKER-USER\n-A DOCKER-USER -j RETURN\n"),
            ("iptables -S letsbe-input", "-N letsbe-input\n"),
            (
                "fail2ban-client status sshd",
                "|  |- Total failed:\t9\n   |- Currently banned:\t1\n   |- Total banned:\t3\n   `- Banned IP list:\t192.0.2.1\n",
            ),
        ]))
    }

    /// By command, what each answers.
    async fn all(server: &Recorded) -> [(&'static str, Result<Value, letsbe_types::Problem>); 5] {
        [
            ("ps", containers(server).await),
            ("disk", disk(server).await),
            ("memory", memory(server).await),
            ("firewall", firewall(server).await),
            ("fail2ban", jail(server).await),
        ]
    }

    #[tokio::test]
    async fn each_command_has_its_one_shape() {
        let expected = [
            json!({ "containers": [{ "name": "letsbe-ghost", "image": "ghost:6", "state": "running",
                    "status": "Up 3 hours (healthy)", "ports": "127.0.0.1:3001->2368/tcp" }] }),
            json!({ "file_systems": [{ "mounted_at": "/", "bytes": 100, "used_bytes": 40, "free_bytes": 60, "used_percent": 40 }],
                    "docker": [{ "what": "Images", "count": 5, "in_use": 4, "bytes": 2_000_000, "reclaimable_bytes": 1000 }] }),
            json!({ "memory": { "bytes": 4096, "used_bytes": 3072, "available_bytes": 1024, "swap_bytes": 0, "swap_used_bytes": 0 },
                    "containers": [{ "name": "letsbe-ghost", "used_bytes": 1024, "limit_bytes": 2048 }] }),
            json!({ "active": true, "default": { "incoming": "deny" },
                    "rules": [{ "to": "80/tcp", "action": "ALLOW IN", "from": "Anywhere" }],
                    "chains": [{ "name": "DOCKER-USER", "rules": ["-A DOCKER-USER -j RETURN"] },
                               { "name": "letsbe-input", "rules": [] }] }),
            json!({ "jail": "sshd", "failed_in_all": 9, "banned_now": 1, "banned_in_all": 3, "addresses": ["192.0.2.1"] }),
        ];
        for ((command, answer), expected) in all(&server()).await.into_iter().zip(expected) {
            assert_eq!(answer.unwrap(), expected, "{command}");
            assert_documented(command, &expected);
        }
        let lines =
            [r#"{"at":"2026-11-28T02:00:00Z","who":"ann","did":"reveal","tool":"ghost"}"#, "{\"at\":"];
        let told = audit(&lines);
        assert_eq!(
            told,
            json!({ "entries": [{ "at": "2026-11-28T02:00:00Z", "who": "ann", "did": "reveal", "tool": "ghost" },
                                             { "unreadable": "{\"at\":" }] })
        );
        assert_documented("audit", &json!({ "entries": [told["entries"][0]] }));
    }

    /// The row of docs/operating.md names every field.
    fn assert_documented(command: &str, value: &Value) {
        let document = include_str!("../../../../../docs/operating.md");
        let row =
            document.lines().find(|line| line.starts_with(&format!("| `letsbe-node {command} --json`")));
        let row = row.unwrap_or_else(|| panic!("{command} is not documented"));
        for field in fields(value) {
            assert!(row.contains(&format!("`{field}`")), "{command}: {field} is not documented");
        }
    }

    fn fields(value: &Value) -> Vec<String> {
        match value {
            Value::Object(map) => {
                map.iter().flat_map(|(name, value)| [vec![name.clone()], fields(value)].concat()).collect()
            }
            Value::Array(all) => all.iter().flat_map(fields).collect(),
            _ => Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_program_that_does_not_answer_or_says_something_else_is_a_problem_and_no_empty_list() {
        for (command, answer) in all(&Recorded(BTreeMap::new())).await {
            let problem = answer.expect_err(command);
            assert_eq!(problem.code, "HOST009", "{command}");
            assert!(problem.message.contains("it is not running"), "{command}: {problem}");
        }
        let noise = Recorded(server().0.into_keys().map(|line| (line, "noise\n")).collect());
        for (command, answer) in all(&noise).await {
            assert_eq!(answer.expect_err(command).code, "HOST009", "{command}");
        }
    }
}
