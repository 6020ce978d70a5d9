//! What is asked of Docker about a sandbox.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use letsbe_host::{Command, LocalMachine, Machine as _};
use letsbe_types::{Code, Problem};

use super::{compose::SANDBOX_LABEL, record::SandboxId};

/// Containers are made, started and removed within this time.
const PATIENCE: Duration = Duration::from_secs(900);

/// Runs a command that must succeed; answers what it printed. Not for programs that could print secrets or rows.
pub async fn must(command: Command) -> Result<String, Problem> {
    let failed = |why: String| {
        let hint = "See `journalctl -u docker` on the server. The tool was not touched by this.";
        Problem::transient(Code::RES006, format!("`{command}` failed: {why}"), hint)
    };
    match LocalMachine.run(&command).await {
        Ok(output) if output.success() || command.tolerated => Ok(output.stdout),
        Ok(output) => Err(failed(output.tail())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn docker<const N: usize>(arguments: [&str; N]) -> Command {
    Command::new("docker", arguments).within(PATIENCE)
}

/// Makes a volume that Compose takes for its own.
pub(crate) async fn make_volume(labels: &[(&str, &str)], name: &str) -> Result<PathBuf, Problem> {
    let labels = labels.iter().flat_map(|(key, value)| ["--label".to_owned(), format!("{key}={value}")]);
    let words = ["volume", "create"].map(str::to_owned).into_iter().chain(labels).chain([name.to_owned()]);
    must(Command::new("docker", words)).await?;
    let place = must(docker(["volume", "inspect", "--format", "{{.Mountpoint}}", name])).await?;
    Ok(PathBuf::from(place.trim()))
}

/// Makes and starts services of the sandbox in `folder`, without those that they depend on.
pub(crate) async fn up(folder: &std::path::Path, services: &[String]) -> Result<(), Problem> {
    let fixed = ["compose", "up", "--detach", "--pull", "never", "--no-deps"].map(str::to_owned);
    let command = Command::new("docker", fixed.into_iter().chain(services.iter().cloned()));
    must(command.in_folder(folder).within(PATIENCE)).await.map(drop)
}

/// Makes and starts everything of the sandbox in `folder`, each after what it depends on.
pub(crate) async fn up_all(folder: &std::path::Path) -> Result<(), Problem> {
    let command = docker(["compose", "up", "--detach", "--pull", "never"]);
    must(command.in_folder(folder)).await.map(drop)
}

/// Ends the containers of the sandbox in `folder` in good order; they stay.
pub(crate) async fn stop(folder: &std::path::Path) -> Result<(), Problem> {
    must(docker(["compose", "stop"]).in_folder(folder)).await.map(drop)
}

/// A container's address in the one network that it is in.
pub(crate) async fn address(container: &str) -> Result<IpAddr, Problem> {
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let text = must(docker(["inspect", "--format", format, container])).await?;
    text.trim().parse().map_err(|_| {
        let hint = "See `docker inspect` on the server.";
        Problem::transient(Code::RES006, format!("{container} has no address of its own"), hint)
    })
}

/// Removes containers and networks of a sandbox.
pub(crate) async fn remove_containers(id: &SandboxId) -> Result<(), Problem> {
    let containers = labelled(id, ["ps", "--all", "--quiet"]).await?;
    remove(["rm", "--force", "--volumes"], containers).await?;
    remove(["network", "rm"], labelled(id, ["network", "ls", "--quiet"]).await?).await
}

/// Removes the volumes of a sandbox.
pub(crate) async fn remove_volumes(id: &SandboxId) -> Result<(), Problem> {
    remove(["volume", "rm"], labelled(id, ["volume", "ls", "--quiet"]).await?).await
}

/// Whether Docker has anything of a sandbox.
pub(crate) async fn has_any(id: &SandboxId) -> Result<bool, Problem> {
    let lists = [
        labelled(id, ["ps", "--all", "--quiet"]).await?,
        labelled(id, ["network", "ls", "--quiet"]).await?,
        labelled(id, ["volume", "ls", "--quiet"]).await?,
    ];
    Ok(lists.iter().any(|list| !list.is_empty()))
}

async fn labelled<const N: usize>(id: &SandboxId, list: [&str; N]) -> Result<Vec<String>, Problem> {
    let filter = format!("label={SANDBOX_LABEL}={id}");
    let words = list.into_iter().chain(["--filter", &filter]);
    let text = must(Command::new("docker", words)).await?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

async fn remove<const N: usize>(verb: [&str; N], names: Vec<String>) -> Result<(), Problem> {
    if names.is_empty() {
        return Ok(());
    }
    let words = verb.map(str::to_owned).into_iter().chain(names);
    must(Command::new("docker", words).within(PATIENCE)).await.map(drop)
}
