//! How much memory the agent and the secrets proxy hold, with a thousand secrets (DESIGN section 10).

use std::{path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use letsbe_budget::{Budget, Line, is_kept};

use crate::{
    docker::{docker, exec, exec_with_input},
    images,
    wait::eventually,
};

const SECRETS: usize = 1_000;
const CONTAINER: &str = "letsbe-lab-memory";
const NODE: &str = "/opt/letsbe/bin/letsbe-node";
const PROXY: &str = "/opt/letsbe/bin/letsbe-proxy";
const PATIENCE: Duration = Duration::from_secs(60);
/// Program and MiB.
const BUDGETS: [(&str, f64); 2] = [(NODE, 40.0), (PROXY, 30.0)];

/// Starts both from this folder of programs (a release build), and reports what they hold.
///
/// # Errors
/// When they do not start, or a budget is exceeded.
pub async fn measure(programs: &Path, repository: &Path) -> anyhow::Result<String> {
    let image = images::ensure("vps").await?;
    // What a measurement left that was killed.
    let _ = docker(&["rm", "-f", CONTAINER]).await;
    docker(&["run", "-d", "--name", CONTAINER, "--network", "none", "--entrypoint", "sleep", &image, "600"])
        .await?;
    let measured = in_container(programs, repository).await;
    docker(&["rm", "-f", CONTAINER]).await?;
    let lines = measured?;
    let mut report = format!("memory with {SECRETS} secrets\n");
    report.extend(lines.iter().map(|line| format!("  {line}\n")));
    ensure!(is_kept(&lines), "{report}");
    Ok(report)
}

async fn in_container(programs: &Path, repository: &Path) -> anyhow::Result<Vec<Line>> {
    let folders =
        ["/opt/letsbe/bin", "/opt/letsbe/state", "/opt/letsbe/bundle", "/opt/letsbe/env", "/var/log/letsbe"];
    exec(CONTAINER, &[&["mkdir", "-p"], folders.as_slice()].concat()).await?;
    for (name, place) in [("letsbe-node", NODE), ("letsbe-proxy", PROXY)] {
        let program = programs.join(name).display().to_string();
        docker(&["cp", &program, &format!("{CONTAINER}:{place}")]).await?;
    }
    let catalog = repository.join("catalog").display().to_string();
    docker(&["cp", &catalog, &format!("{CONTAINER}:/opt/letsbe/bundle/catalog")]).await?;
    let inbox = "/opt/letsbe/env/credentials.env";
    exec_with_input(CONTAINER, &["install", "-m", "600", "/dev/stdin", inbox], credentials().as_bytes())
        .await?;
    exec_with_input(CONTAINER, &[NODE, "vault", "seed"], br#"{"models":{}}"#).await?;
    docker(&["exec", "-d", CONTAINER, NODE, "agent"]).await?;
    docker(&["exec", "-d", CONTAINER, PROXY]).await?;
    eventually("the proxy to have the secrets", PATIENCE, || async {
        let said = exec(CONTAINER, &["curl", "-s", "http://127.0.0.1:8100/health"]).await.unwrap_or_default();
        Ok(said.contains("\"ready\"").then_some(()))
    })
    .await?;
    let mut measured = Vec::new();
    for (program, budget) in BUDGETS {
        let name = program.rsplit('/').next().unwrap_or(program);
        let process = exec(CONTAINER, &["pidof", "-s", name]).await?;
        let status = exec(CONTAINER, &["cat", &format!("/proc/{}/status", process.trim())]).await?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        let mebibytes = kibibytes.div_ceil(1024) as f64;
        measured.push(Line::fixed(format!("{program}, MiB"), mebibytes, Budget::AtMost(budget)));
    }
    Ok(measured)
}

/// The file of a server with as many secrets as a large one has.
fn credentials() -> String {
    let value = || hex::encode(rand::random::<[u8; 32]>());
    let keys = ["GATEWAY_TOKEN", "GATE_KEY", "MODEL_KEY"];
    let mut text = "# tool: openclaw\n".to_owned();
    text.extend(keys.iter().map(|key| format!("OPENCLAW_{key}={}\n", value())));
    text.push_str("# tool: ghost\n");
    text.extend((keys.len()..SECRETS).map(|number| format!("GHOST_KEY_{number}={}\n", value())));
    text
}
