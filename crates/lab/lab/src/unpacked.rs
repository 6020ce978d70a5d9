//! The catalog's images as an engine holds them once it has pulled them: unpacked once on this machine, and linked into
//! each server whose test is not about pulling. Unpacking them anew costs a server about a minute and 3 GB of writes.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use tokio::process::{Child, Command};

use crate::{
    docker::{self, DockerError, run},
    file_lock::lock,
    services::Registry,
    wait::eventually,
};

/// Beside the volumes, because links do not leave a file system.
const FOLDER: &str = "letsbe-lab-unpacked";
const LOCK: &str = "letsbe-lab-unpacked.lock";
const WHAT: &str = "unpacking the catalog's images";
/// How long an engine may take to come up, and to end.
const ENGINE: Duration = Duration::from_secs(60);
/// Unpacking is work: as many at once as a small machine has cores.
const PULLS: usize = 2;
/// What an engine keeps of images. Of the first only links are made: layers are read only, and an engine replaces or
/// removes their files but never writes into one. The second holds records, which are copied.
const LAYERS: &str = "overlay2";
const RECORDS: &str = "image";

/// A folder with an engine's images, which nobody removes as long as this value lives.
#[derive(Debug, Clone)]
pub struct UnpackedImages {
    folder: PathBuf,
    _used: Arc<File>,
}

impl UnpackedImages {
    /// Pulls what the registry offers of these images (reference and local name), unless that was done before. What
    /// was made of other images, and no lab uses, is removed.
    ///
    /// # Errors
    /// When an engine does not start or does not pull.
    pub async fn ensure(registry: &Registry, images: &[(String, String)]) -> Result<Self, DockerError> {
        let root =
            PathBuf::from(docker::docker(&["info", "--format", "{{.DockerRootDir}}"]).await?).join(FOLDER);
        let folder = root.join(identity(images).await?);
        fs::create_dir_all(&root).map_err(failed)?;
        let _one_at_a_time = lock(std::env::temp_dir().join(LOCK), File::lock).await.map_err(failed)?;
        if !folder.exists() {
            remove_unused(&root).map_err(failed)?;
            let making = tempfile::Builder::new().prefix(".making-").tempdir_in(&root).map_err(failed)?;
            let references: Vec<&str> = images.iter().map(|(reference, _)| reference.as_str()).collect();
            pull(registry, &references, making.path()).await?;
            fs::rename(making.keep(), &folder).map_err(failed)?;
        }
        let used = lock(in_use(&folder), File::lock_shared).await.map_err(failed)?;
        Ok(Self { folder, _used: Arc::new(used) })
    }

    /// Puts them into the volume of an engine that has not been started yet.
    ///
    /// # Errors
    /// When there is no such volume, or it is on another disk.
    pub async fn link_into(&self, volume: &str) -> Result<(), DockerError> {
        let target = docker::docker(&["volume", "inspect", "--format", "{{.Mountpoint}}", volume]).await?;
        let (layers, records) = (shown(&self.folder.join(LAYERS)), shown(&self.folder.join(RECORDS)));
        run("cp", &["--archive", "--link", &layers, &target], None).await?;
        run("cp", &["--archive", &records, &target], None).await.map(drop)
    }
}

/// Names what is unpacked: the images, and the engine in whose form they lie.
async fn identity(images: &[(String, String)]) -> Result<String, DockerError> {
    let mut hash = Sha256::new();
    hash.update(docker::docker(&["version", "--format", "{{.Server.Version}}"]).await?);
    let mut images: Vec<_> = images.to_vec();
    images.sort();
    for (reference, local) in &images {
        let id = docker::docker(&["image", "inspect", "--format", "{{.Id}}", local]).await?;
        hash.update(format!("\n{reference} {id}"));
    }
    Ok(hex::encode(hash.finalize())[..16].to_owned())
}

/// Has an engine of its own pull them into a folder, as a server's does.
async fn pull(registry: &Registry, references: &[&str], data: &Path) -> Result<(), DockerError> {
    let runtime = tempfile::Builder::new().prefix("letsbe-lab-engine-").tempdir().map_err(failed)?;
    let socket = format!("unix://{}/engine.sock", runtime.path().display());
    let mut engine = start(&socket, registry, data, runtime.path()).await?;
    let pulled = async {
        let asked = ["--host", &socket, "info", "--format", "{{.ServerVersion}}"];
        eventually(WHAT, ENGINE, async || {
            Ok(docker::docker(&asked).await.map(drop).map_err(|error| error.to_string()))
        })
        .await
        .map_err(DockerError::TimedOut)?;
        let pulls = stream::iter(references).map(async |reference| {
            docker::docker(&["--host", &socket, "pull", "--quiet", reference]).await.map(drop)
        });
        pulls.buffer_unordered(PULLS).try_collect::<()>().await
    }
    .await;
    end(&mut engine).await?;
    pulled
}

/// An engine in the registry's network namespace: in this machine's own it would take away the bridge of the engine that
/// works here. It ends with this process.
async fn start(socket: &str, registry: &Registry, data: &Path, runtime: &Path) -> Result<Child, DockerError> {
    let namespace = format!("--net={}", registry.namespace().await?);
    let log = File::create(runtime.join("engine.log")).map_err(failed)?;
    let errors = log.try_clone().map_err(failed)?;
    Command::new("nsenter")
        .args([&namespace, "setpriv", "--pdeathsig", "TERM", "dockerd", "--bridge", "none"])
        .args(["--iptables=false", "--ip6tables=false", "--storage-driver", "overlay2"])
        .args(["--host", socket, "--registry-mirror", &registry.mirror])
        .args(["--data-root", &shown(data), "--exec-root", &shown(&runtime.join("run"))])
        .args(["--pidfile", &shown(&runtime.join("engine.pid"))])
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| DockerError::Client { what: WHAT.to_owned(), source })
}

/// In order, so that its records are whole.
async fn end(engine: &mut Child) -> Result<(), DockerError> {
    if let Some(pid) = engine.id() {
        run("kill", &["-TERM", &pid.to_string()], None).await?;
    }
    let ended = tokio::time::timeout(ENGINE, engine.wait()).await;
    ended.map_err(failed)?.map(drop).map_err(failed)
}

/// The file that is locked by each who uses a folder, and by who removes it.
fn in_use(folder: &Path) -> PathBuf {
    folder.with_extension("used")
}

fn remove_unused(root: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(root)? {
        let folder = entry?.path();
        if !folder.is_dir() {
            continue;
        }
        let used = in_use(&folder);
        if File::create(&used)?.try_lock().is_ok() {
            fs::remove_dir_all(&folder)?;
            fs::remove_file(&used)?;
        }
    }
    Ok(())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn failed(error: impl std::fmt::Display) -> DockerError {
    DockerError::failed(WHAT, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lab_uses_is_not_removed_and_the_rest_is() {
        let root = tempfile::tempdir().unwrap();
        let [used, unused, half] = ["0011", "2233", ".making-x"].map(|name| root.path().join(name));
        for folder in [&used, &unused, &half] {
            fs::create_dir_all(folder.join(LAYERS)).unwrap();
        }
        let by_a_lab = File::create(in_use(&used)).unwrap();
        by_a_lab.lock_shared().unwrap();

        remove_unused(root.path()).unwrap();
        assert!(used.exists() && !unused.exists() && !half.exists());
        by_a_lab.unlock().unwrap();
        remove_unused(root.path()).unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
