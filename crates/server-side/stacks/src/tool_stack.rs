//! One tool's stack for a restore sandbox beside the tool: its files as they are rendered today, its
//! containers' health, and its probes asked at another address. Nothing here changes the tool's own stack.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use letsbe_catalog::{Catalog, render_exchange};
use letsbe_host::{FileWrite, Machine};
use letsbe_types::{Code, Problem, job::DesiredServer, paths};
use letsbe_vault::Credentials;

use super::{
    Pins, containers::Container, deployment::Deployment, deployment::declared, deployment::not_rendered,
    http, reading::SharedContainers, running::never_healthy, running::troubled, setup_tool::PATIENCE,
};

const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// A tool's stack, rendered; nothing of it is written.
#[derive(Debug, Clone)]
pub struct ToolStack {
    /// The compose file, with the releases that this server is held at.
    pub compose: String,
    /// The other files, with paths relative to the stack's folder.
    pub files: Vec<FileWrite>,
}

/// Renders a tool's stack with these credentials.
///
/// # Errors
/// The desired server does not fit the catalog, no such tool is among them, or a credential is missing.
pub async fn tool_stack(
    machine: &dyn Machine,
    catalog: &Arc<Catalog>,
    desired: &DesiredServer,
    tool: &str,
    credentials: &Credentials,
) -> Result<ToolStack, Problem> {
    let deployment = Deployment::new(Arc::clone(catalog), desired)?;
    let found = deployment.find(tool).ok_or_else(|| unknown(tool))?;
    let stack = deployment.stack(found, credentials, &Pins::read(machine).await?, false)?;
    let folder = paths::stack(tool);
    let mut rendered = ToolStack { compose: String::new(), files: Vec::new() };
    for file in stack.files {
        let Ok(path) = file.path.strip_prefix(&folder).map(PathBuf::from) else { continue };
        match path.to_str() {
            Some("docker-compose.yml") => rendered.compose.clone_from(file.content.expose()),
            // Marks the tool's own containers.
            Some("docker-compose.override.yml") => {}
            _ => rendered.files.push(FileWrite { path, ..file }),
        }
    }
    Ok(rendered)
}

/// Waits until the named containers run and pass their checks.
///
/// # Errors
/// When one of them ends, or is not healthy within `patience`.
pub async fn await_healthy(
    machine: &dyn Machine,
    names: &[String],
    patience: Duration,
) -> Result<(), Problem> {
    let deadline = tokio::time::Instant::now() + patience;
    let shared = SharedContainers::default();
    loop {
        let containers = shared.read(machine).await?;
        let troubled = troubled(names, &containers);
        if troubled.is_empty() {
            return Ok(());
        }
        if tokio::time::Instant::now() >= deadline
            || troubled.iter().any(|(name, _)| ended(name, &containers))
        {
            let patience = chrono::TimeDelta::from_std(patience).unwrap_or(chrono::TimeDelta::MAX);
            return Err(never_healthy(&troubled, patience));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Nothing starts these containers again.
fn ended(name: &str, containers: &[Container]) -> bool {
    let is_over = |container: &Container| ["exited", "dead"].contains(&container.state.as_str());
    containers.iter().any(|container| container.name == name && is_over(container))
}

/// Asks a tool's health and functional probes at another address than its port of this server; answers what was
/// asked and came back as the catalog says.
///
/// # Errors
/// `NODE057` when it answers otherwise.
pub async fn probe_at(
    catalog: &Arc<Catalog>,
    desired: &DesiredServer,
    tool: &str,
    credentials: &Credentials,
    address: SocketAddr,
) -> Result<Vec<String>, Problem> {
    let deployment = Deployment::new(Arc::clone(catalog), desired)?;
    let tool = deployment.find(tool).ok_or_else(|| unknown(tool))?;
    let values = declared(tool, credentials);
    let mut answered = Vec::new();
    for exchange in [&tool.health.probe].into_iter().chain(&tool.functional) {
        let rendered =
            render_exchange(tool, exchange, &deployment.context(false), &values).map_err(not_rendered)?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let Err(why) = http::ask_at(address, &rendered).await? else { break };
            if tokio::time::Instant::now() >= deadline {
                return Err(Problem::transient(
                    Code::NODE057,
                    format!("{} at http://{address}{}: {why}", tool.name, exchange.path),
                    "The logs of its containers show why.",
                ));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        answered.push(format!("{} answers as the catalog says", exchange.path));
    }
    Ok(answered)
}

fn unknown(tool: &str) -> Problem {
    Problem::permanent(Code::NODE050, format!("there is no tool {tool} on this server"), "Check the name.")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use letsbe_vault::Credentials;

    use super::tool_stack;
    use crate::tests::{Files, catalog, desired};

    #[tokio::test]
    async fn a_stack_for_elsewhere_has_every_file_but_the_mark_of_the_tools_own_containers() {
        let mut credentials = Credentials::default();
        for key in ["database_password", "database_root_password", "admin_password"] {
            credentials.insert_missing("ghost", key, format!("the-{key}").as_str().into());
        }
        let stack = tool_stack(&Files::default(), &catalog(), &desired(), "ghost", &credentials)
            .await
            .expect("renders");
        assert!(stack.compose.contains("container_name: letsbe-ghost-db"));
        let paths: Vec<&Path> = stack.files.iter().map(|file| file.path.as_path()).collect();
        assert_eq!(paths, [Path::new(".env"), Path::new("db.env")]);
        assert!(stack.files.iter().all(|file| file.mode == 0o600));
        let unknown = tool_stack(&Files::default(), &catalog(), &desired(), "odoo", &credentials).await;
        assert_eq!(unknown.expect_err("not selected").code, "NODE050");
    }
}
