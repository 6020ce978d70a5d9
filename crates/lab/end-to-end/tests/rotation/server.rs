//! A provisioned server with Ghost (MySQL) and NocoDB (PostgreSQL), and what can be seen on it.

use std::{collections::BTreeMap, process::Stdio};

use letsbe_lab::{docker, hosts::Host};
use letsbe_vault::{REGISTRY_KEY_FILE, VAULT_FILE, Vault, rotation::mysql_options};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

use letsbe_end_to_end::site::Site;

const NODE: &str = "/opt/letsbe/bin/letsbe-node";
const NAME: &str = "rotation";
/// Exit code of a program that was killed by SIGKILL.
const KILLED: i32 = 137;
/// Where the points are kept that were hit.
pub(crate) const CRASH_LOG: &str = "/root/crashed";

pub(crate) struct Server {
    pub(crate) host: Host,
}

/// How one call of `letsbe-node rotate` ended.
pub(crate) struct Rotated {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Rotated {
    /// What was said about a tool.
    pub(crate) fn told(&self, tool: &str) -> Value {
        let line = self.stdout.lines().next().unwrap_or_else(|| panic!("silence: {}", self.stderr));
        let told: Value = serde_json::from_str(line).expect("JSON");
        let tools = told["tools"].as_array().unwrap_or_else(|| panic!("no tools: {line}"));
        tools.iter().find(|one| one["tool"] == tool).cloned().unwrap_or_else(|| panic!("no {tool}: {line}"))
    }
}

impl Server {
    pub(crate) async fn provisioned(site: &Site) -> Self {
        let host = site.server(NAME).await;
        let job = site.job(NAME, host.address.into(), &["ghost", "nocodb"]);
        let mut command = Command::new(&site.programs.provisioner);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the provisioner starts");
        let job = serde_json::to_vec(&job).expect("a job");
        child.stdin.take().expect("an input").write_all(&job).await.expect("it reads the job");
        let output = child.wait_with_output().await.expect("an end");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        site.say("a server with Ghost and NocoDB");
        Self { host }
    }

    pub(crate) async fn inside(&self, command: &[&str]) -> String {
        self.host.exec(command).await.expect("a look inside")
    }

    /// Calls `letsbe-node rotate` once.
    pub(crate) async fn rotate(&self, arguments: &[&str], crash: Option<&str>) -> Rotated {
        let mut command = Command::new("docker");
        command.args(["exec", "--env", "RUST_LOG=info"]);
        if let Some(log) = crash {
            command.arg("--env").arg(format!("{}={log}", letsbe_types::crash::LOG_VARIABLE));
        }
        command.args([&self.host.container, NODE, "rotate", "--json"]).args(arguments);
        let output = command.output().await.expect("docker runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let rotated = Rotated {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        self.nothing_is_given_away(&rotated).await;
        rotated
    }

    /// Calls it again and again until it is not killed any more.
    pub(crate) async fn rotate_to_the_end(&self, arguments: &[&str]) -> (Rotated, usize) {
        for kills in 0..60 {
            let rotated = self.rotate(arguments, Some(CRASH_LOG)).await;
            if rotated.code != KILLED {
                return (rotated, kills);
            }
        }
        panic!("it is killed for ever");
    }

    async fn nothing_is_given_away(&self, rotated: &Rotated) {
        let vault = self.vault().await;
        let printed = format!("{}{}", rotated.stdout, rotated.stderr);
        let shown = vault.every_value().find(|(_, value)| printed.contains(value.expose()));
        assert!(shown.is_none(), "{:?} was printed", shown.map(|(name, _)| name));
    }

    /// The vault as it lies on the disk.
    pub(crate) async fn vault(&self) -> Vault {
        // The last line break is lost on the way.
        let sealed = self.inside(&["cat", VAULT_FILE]).await + "\n";
        let key = self.inside(&["cat", REGISTRY_KEY_FILE]).await;
        Vault::unseal(&sealed, &key).expect("the vault opens")
    }

    /// The tool's values in force.
    pub(crate) async fn values(&self, tool: &str) -> BTreeMap<String, String> {
        let present = self.vault().await.present();
        let of = present.of(tool).expect("the tool has secrets");
        of.iter().map(|(key, value)| (key.clone(), value.expose().clone())).collect()
    }

    /// Whether Ghost's database lets this user in with this password.
    pub(crate) async fn ghost_lets_in(&self, user: &str, password: &str) -> bool {
        let options = mysql_options(user, &password.into(), &"SELECT 1".into());
        let client = ["mysql", "--defaults-file=/dev/stdin", "--protocol=tcp", "--host=db"];
        self.client("letsbe-ghost-db", &client, options.expose()).await
    }

    /// Whether NocoDB's database lets its user in with this password.
    pub(crate) async fn nocodb_lets_in(&self, password: &str) -> bool {
        let client = ["psql", "-X", "-q", "-W", "-h", "db", "-U", "nocodb", "-d", "nocodb"];
        self.client("letsbe-nocodb-db", &client, &format!("{password}\nSELECT 1;\n")).await
    }

    async fn client(&self, container: &str, client: &[&str], input: &str) -> bool {
        let command = [&["docker", "exec", "-i", container], client].concat();
        docker::exec_with_input(&self.host.container, &command, input.as_bytes()).await.is_ok()
    }

    /// Docker's word for a container's health.
    pub(crate) async fn health(&self, container: &str) -> String {
        self.inside(&["docker", "inspect", "--format", "{{.State.Health.Status}}", container]).await
    }
}
