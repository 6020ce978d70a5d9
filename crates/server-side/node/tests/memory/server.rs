//! A server's files, and the agent that finds them where they belong.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Map, json};

pub(crate) const SECRETS: usize = 1_000;
pub(crate) const TOOLS: usize = 28;
/// As many as the queue keeps, of the size at which their bytes are almost as many as it keeps.
pub(crate) const EVENTS: usize = 9_900;
const EVENT_TEXT: usize = 1_300;
/// As the queue cuts its files.
const EVENTS_IN_A_SEGMENT: usize = 170;
const AT: &str = "2026-11-28T02:10:00Z";

/// Puts the folders where the agent looks, in a namespace of its own; what it needs of the real `/etc` was copied.
const ENTER: &str = r#"
set -eu
for place in opt run etc var/log; do mount --bind "$1/$place" "/$place"; done
printf '{"models":{}}' | /opt/letsbe/bin/letsbe-node vault seed
exec /opt/letsbe/bin/letsbe-node agent
"#;

pub(crate) struct Server {
    root: PathBuf,
}

/// The program, ended with this.
pub(crate) struct Agent(Child);

impl Server {
    pub(crate) fn made(root: &Path, hub_url: &str) -> Self {
        let server = Self { root: root.to_owned() };
        let folders =
            ["bin", "state/outbox", "bundle", "env", "backups"].map(|name| format!("opt/letsbe/{name}"));
        for folder in folders.iter().map(String::as_str).chain(["run", "etc/letsbe", "var/log/letsbe"]) {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for name in ["ld.so.cache", "passwd", "group", "nsswitch.conf", "hosts", "ssl"] {
            copy(&Path::new("/etc").join(name), &root.join("etc"));
        }
        let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../catalog");
        copy(&catalog, &root.join("opt/letsbe/bundle"));
        fs::copy(env!("CARGO_BIN_EXE_letsbe-node"), root.join("opt/letsbe/bin/letsbe-node")).unwrap();
        server.write("env/credentials.env", &credentials());
        let agent = json!({ "hub_url": hub_url, "agent_key": "ab".repeat(32) });
        server.write("state/agent.json", &agent.to_string());
        server.write("backups/backup-status.json", &backup_status());
        for first in (1..=EVENTS).step_by(EVENTS_IN_A_SEGMENT) {
            let last = (first + EVENTS_IN_A_SEGMENT - 1).min(EVENTS);
            server.write(&format!("state/outbox/{first:020}.jsonl"), &events(first, last));
        }
        server
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.root.join("opt/letsbe").join(name);
        fs::File::create(&path).unwrap().write_all(content.as_bytes()).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn start(&self) -> Agent {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", ENTER, "sh"]).arg(&self.root);
        let log = fs::File::create(self.root.join("agent.log")).unwrap();
        Agent(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }
}

fn copy(from: &Path, into: &Path) {
    let copied = Command::new("cp").arg("-rL").args([from, into]).output().unwrap();
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
}

impl Agent {
    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap().div_ceil(1024)
    }

    /// What it holds now, without its code.
    pub(crate) fn data_mib(&self) -> u64 {
        self.status("RssAnon:")
    }

    /// The most that it ever held, with its code.
    pub(crate) fn peak_mib(&self) -> u64 {
        self.status("VmHWM:")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The file of a server with as many secrets as a large one has.
fn credentials() -> String {
    let value = |number: usize| format!("{:064x}", (number as u128 + 1).wrapping_mul(u128::MAX / 4_097));
    let keys = ["GATEWAY_TOKEN", "GATE_KEY", "MODEL_KEY"];
    let mut text = "# tool: openclaw\n".to_owned();
    for (number, key) in keys.iter().enumerate() {
        writeln!(text, "OPENCLAW_{key}={}", value(number)).unwrap();
    }
    text.push_str("# tool: ghost\n");
    for number in keys.len()..SECRETS {
        writeln!(text, "GHOST_KEY_{number}={}", value(number)).unwrap();
    }
    text
}

fn backup_status() -> String {
    let tool = json!({
        "set": null, "taken_at": AT, "bytes": 4_000_000_000_u64, "rows": 100_000, "files": 10_000, "problem": null,
        "proven_at": AT, "proven_set": null, "proof_problem": null,
        "outside": { "place": "s3:https://s3.example.com/bucket", "since": AT, "proven_at": AT },
    });
    let tools: Map<_, _> = (0..TOOLS).map(|number| (format!("tool-{number}"), tool.clone())).collect();
    json!({ "timestamp": AT, "status": "success", "errors": [], "total_size_gb": 4.0, "tools": tools })
        .to_string()
}

/// Lines of the queue's file.
fn events(first: usize, last: usize) -> String {
    (first..=last).fold(String::new(), |mut text, sequence| {
        let problem = json!({
            "code": "BAK004", "message": format!("{sequence}: {}", "no room on the disk ".repeat(EVENT_TEXT / 20)),
            "hint": "Make room.", "retryable": true,
        });
        let event = json!({ "sequence": sequence, "at": AT, "event": { "kind": "trouble", "problem": problem } });
        writeln!(text, "{}", json!({ "event": event })).unwrap();
        text
    })
}
