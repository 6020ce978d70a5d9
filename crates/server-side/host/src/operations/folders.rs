//! Steps 1 and 4: our folders.

use async_trait::async_trait;
use letsbe_types::{Problem, job::DesiredServer, paths};

use crate::{
    change::Change,
    facts::ask,
    machine::Machine,
    operation::{Assessment, Converge},
};

/// Folder and mode. What holds secrets or customers' data is closed to everybody but root; in the folder of backups the
/// status can be read by its name, and nothing can be listed.
const FOLDERS: [(&str, u32); 10] = [
    (paths::HOME, 0o755),
    (paths::STACKS, 0o755),
    (paths::ENV, 0o700),
    (paths::BACKUPS, 0o711),
    (paths::NGINX, 0o755),
    (paths::SCRIPTS, 0o755),
    (paths::STATE, 0o700),
    (paths::DATA, 0o755),
    (paths::BIN, 0o755),
    ("/var/log/letsbe", 0o750),
];

/// What nginx mounts: the sites' configurations and the folder that ACME challenges are answered from.
const NGINX_FOLDERS: [(&str, u32); 2] = [(paths::NGINX_SITES, 0o755), (paths::NGINX_WEBROOT, 0o755)];

/// Our folders.
pub(super) struct Folders;
/// nginx' folders.
pub(super) struct NginxFolders;

/// Lines `<mode> <owner>:<group> <path>` as `stat` printed them.
type Found = Vec<String>;

async fn found(machine: &dyn Machine, folders: &[(&str, u32)]) -> Result<Found, Problem> {
    let paths: Vec<&str> = folders.iter().map(|(path, _)| *path).collect();
    let output = ask(machine, &format!("stat -c %F|%a|%U:%G|%n {}", paths.join(" "))).await?;
    Ok(output.stdout.lines().map(str::to_owned).collect())
}

fn converge(found: &Found, folders: &[(&str, u32)]) -> Assessment {
    let wrong: Vec<&(&str, u32)> = folders
        .iter()
        .filter(|(path, mode)| !found.contains(&format!("directory|{mode:o}|root:root|{path}")))
        .collect();
    if wrong.is_empty() {
        return Assessment::converged(format!("{} folders are there with their modes", folders.len()));
    }
    let owner = Some("root:root".to_owned());
    let names: Vec<&str> = wrong.iter().map(|(path, _)| *path).collect();
    Assessment::needed(
        format!("missing or with another mode or owner: {}", names.join(", ")),
        wrong
            .iter()
            .map(|(path, mode)| Change::MakeFolder { path: path.into(), mode: *mode, owner: owner.clone() })
            .collect(),
    )
}

#[async_trait]
impl Converge for Folders {
    type Facts = Found;
    const NAME: &'static str = "folders.made";
    const STEP: u8 = 1;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        found(machine, &FOLDERS).await
    }

    fn converge(&self, found: &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        Ok(converge(found, &FOLDERS))
    }
}

#[async_trait]
impl Converge for NginxFolders {
    type Facts = Found;
    const NAME: &'static str = "nginx.folders";
    const STEP: u8 = 4;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        found(machine, &NGINX_FOLDERS).await
    }

    fn converge(&self, found: &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        Ok(converge(found, &NGINX_FOLDERS))
    }
}
