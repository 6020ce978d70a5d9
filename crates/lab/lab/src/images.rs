//! The images of the lab: what stands in for the public registries and packages that cannot be reached, each built
//! from a folder of `crates/lab/images` and kept under the hash of that folder and of everything below it.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use futures::future::{BoxFuture, try_join_all};
use sha2::{Digest as _, Sha256};

use crate::{
    docker::{self, DockerError, run},
    file_lock,
};

/// Whether an image is the tool itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The real program, from a package registry.
    Real,
    /// Another program that speaks the tool's port and paths; the label `biz.letsbe.lab.standin` names it.
    StandIn,
}

/// An image that the catalog names.
#[derive(Debug, Clone, Copy)]
pub struct Image {
    /// The name and tag in the catalog's compose files.
    pub reference: &'static str,
    /// The folder it is built from.
    pub folder: &'static str,
    /// Whether it is the tool itself.
    pub kind: Kind,
}

const fn real(reference: &'static str, folder: &'static str) -> Image {
    Image { reference, folder, kind: Kind::Real }
}

const fn stand_in(reference: &'static str, folder: &'static str) -> Image {
    Image { reference, folder, kind: Kind::StandIn }
}

/// Every image that the registry of the lab offers, besides the secrets proxy, which is built from this workspace.
/// Tags are the catalog's; the programs are of the version that the package registries have.
pub const CATALOG: &[Image] = &[
    real("ghost:6", "ghost"),
    real("letsbe/openclaw:2026.9", "openclaw"),
    real("mariadb:11.4", "mariadb"),
    real("mysql:8.4", "mysql9"),
    real("nginx:1.28-alpine", "nginx"),
    real("nocodb/nocodb:0.301.3", "nocodb"),
    real("postgres:16-alpine", "postgres"),
    real("redis:7-alpine", "redis"),
    real("wordpress:6-apache", "wordpress"),
    stand_in("louislam/uptime-kuma:1", "standin-uptime-kuma"),
    stand_in("nextcloud:31-apache", "standin-nextcloud"),
    stand_in("odoo:18", "standin-odoo"),
    stand_in("portainer/portainer-ce:2.21.5", "standin-portainer"),
];

/// Releases of OpenClaw that the registry offers besides the catalog's, to be updated to. The catalog's `2026.9` is
/// OpenClaw 2026.9.5 and `2026.10` is 2026.9.6, which moves the state to a newer form; `2026.11` does not work.
pub const RELEASES: &[Image] = &[
    real("letsbe/openclaw:2026.10", "openclaw-2026.10"),
    stand_in("letsbe/openclaw:2026.11", "openclaw-2026.11"),
];

/// Folders whose packages are in Debian's unstable release only, where one may be uninstallable for days; and the
/// folder that stands in then.
const INSTEAD: &[(&str, &str)] = &[("mysql9", "standin-mysql")];

/// The name and tag of the secrets proxy in the catalog.
pub const PROXY_REFERENCE: &str = "letsbe/secrets-proxy:0.1.0";

/// Makes sure that the image of this folder (and all it builds on) exists, and gives its name with the hash as tag; for
/// a few folders the name of a stand-in's, where the image itself cannot be built today.
///
/// # Errors
/// When a build fails.
pub fn ensure(folder: &str) -> BoxFuture<'_, Result<String, DockerError>> {
    Box::pin(async move {
        let instead = INSTEAD.iter().find(|(missing, _)| *missing == folder);
        match (ensure_with_parents(folder).await, instead) {
            (Err(why), Some((_, instead))) => {
                tracing::warn!(folder, instead, "cannot be built: {why}");
                ensure_with_parents(instead).await
            }
            (answer, _) => answer,
        }
    })
}

/// Makes sure that every image of [`CATALOG`] exists. Gives each reference with the local name of its image.
///
/// # Errors
/// When a build fails.
pub async fn ensure_catalog() -> Result<Vec<(String, String)>, DockerError> {
    ensure_images(CATALOG).await
}

/// Makes sure that these images exist. Gives each reference with the local name of its image.
///
/// # Errors
/// When a build fails.
pub async fn ensure_images(images: &[Image]) -> Result<Vec<(String, String)>, DockerError> {
    try_join_all(
        images.iter().map(|image| async { Ok((image.reference.to_owned(), ensure(image.folder).await?)) }),
    )
    .await
}

/// Makes sure that every image of the lab exists. Prints a line for each: that it is there, or how long it took.
///
/// # Errors
/// When a build fails.
pub async fn build_all(print: &(impl Fn(&str) + Sync)) -> anyhow::Result<()> {
    let folders: BTreeSet<&str> = ["vps", "services", "storage"]
        .into_iter()
        .chain(CATALOG.iter().chain(RELEASES).map(|image| image.folder))
        .collect();
    let (all, done) = (folders.len(), AtomicUsize::new(0));
    let built = folders.into_iter().map(|folder| {
        let (done, started) = (&done, Instant::now());
        async move {
            ensure(folder).await?;
            let count = done.fetch_add(1, Ordering::Relaxed) + 1;
            print(&format!("   image {count} of {all}: {folder} ({} s)", started.elapsed().as_secs()));
            Ok::<_, DockerError>(())
        }
    });
    try_join_all(built).await?;
    Ok(())
}

/// The folders whose images are being built now.
static BUILDING: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Which images this process is building now, in words; empty if none.
#[must_use]
pub fn being_built() -> String {
    let building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let names: Vec<&str> = building.iter().map(String::as_str).collect();
    if names.is_empty() { String::new() } else { format!("building {}", names.join(", ")) }
}

/// Stands in [`BUILDING`] until it is dropped.
struct Building(String);

impl Building {
    fn new(folder: &str) -> Self {
        BUILDING.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
        Self(folder.to_owned())
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        BUILDING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// The image of the secrets proxy around this binary: its reference in the catalog and its local name.
///
/// # Errors
/// When the binary cannot be read or the build fails.
pub async fn proxy_image(binary: &Path) -> Result<(String, String), DockerError> {
    let base = ensure("debian").await?;
    let what = "image secrets-proxy";
    let io = |error: std::io::Error| DockerError::failed(what, format!("{}: {error}", binary.display()));
    let folder = images_folder().join("secrets-proxy");
    let parents = [base];
    let mut hash = hash_of(&folder, &parents).map_err(io)?;
    hash.update(fs::read(binary).map_err(io)?);
    let name = format!("letsbe-lab/secrets-proxy:{}", short(hash));
    if !docker::exists("image", &name).await {
        let context = copy_of(&folder).map_err(io)?;
        fs::copy(binary, context.path().join("letsbe-proxy")).map_err(io)?;
        let dockerfile = fs::read_to_string(folder.join("Dockerfile")).map_err(io)?;
        pin_parents(context.path(), &dockerfile, &parents).map_err(io)?;
        docker::build(context.path(), &[&name]).await?;
    }
    Ok((PROXY_REFERENCE.to_owned(), name))
}

async fn ensure_with_parents(folder: &str) -> Result<String, DockerError> {
    let source = images_folder().join(folder);
    let io = |error: std::io::Error| DockerError::failed(format!("image {folder}"), error.to_string());
    let dockerfile = fs::read_to_string(source.join("Dockerfile")).map_err(io)?;
    let parents = try_join_all(parents(&dockerfile).map(ensure)).await?;
    let prepare = source.join("prepare.sh").exists();
    let mut hash = hash_of(&source, &parents).map_err(io)?;
    if prepare {
        hash.update(short(hash_of(&images_folder().join("shared"), &[]).map_err(io)?));
    }
    let name = format!("letsbe-lab/{folder}:{}", short(hash));
    let lock = lock_builds(folder).await.map_err(io)?;
    if !docker::exists("image", &name).await {
        let _building = Building::new(folder);
        let context = copy_of(&source).map_err(io)?;
        if prepare {
            let script = context.path().join("prepare.sh").display().to_string();
            let arguments =
                [script, context.path().display().to_string(), images_folder().display().to_string()];
            run("sh", &arguments, None).await?;
        }
        pin_parents(context.path(), &dockerfile, &parents).map_err(io)?;
        docker::build(context.path(), &[&name]).await?;
    }
    drop(lock);
    Ok(name)
}

/// Where the image folders are: `crates/lab/images`.
#[must_use]
pub fn images_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../images")
}

/// The folders whose images a Dockerfile builds on.
fn parents(dockerfile: &str) -> impl Iterator<Item = &str> {
    dockerfile.lines().filter_map(|line| line.strip_prefix("FROM letsbe-lab/")).map(str::trim)
}

/// Puts the parents' hashes into the copy of the Dockerfile, so that no other build can slip under this one.
fn pin_parents(context: &Path, dockerfile: &str, names: &[String]) -> std::io::Result<()> {
    let mut names = names.iter();
    let lines: Vec<String> = dockerfile
        .lines()
        .map(|line| match line.strip_prefix("FROM letsbe-lab/").and_then(|_| names.next()) {
            Some(name) => format!("FROM {name}"),
            None => line.to_owned(),
        })
        .collect();
    fs::write(context.join("Dockerfile"), lines.join("\n") + "\n")
}

/// An image is built once at a time, in this process and others; who waits finds it made.
async fn lock_builds(folder: &str) -> std::io::Result<File> {
    file_lock::lock(std::env::temp_dir().join(format!("letsbe-lab-image-{folder}.lock")), File::lock).await
}

fn files_of(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(std::io::Error::other)?;
        if entry.file_type().is_file() && entry.path().extension().is_none_or(|extension| extension != "pyc")
        {
            files.push(entry.path().strip_prefix(folder).map_err(std::io::Error::other)?.to_owned());
        }
    }
    Ok(files)
}

fn hash_of(folder: &Path, parents: &[String]) -> std::io::Result<Sha256> {
    let mut hash = Sha256::new();
    for parent in parents {
        hash.update(parent);
        hash.update([0]);
    }
    for file in files_of(folder)? {
        let content = fs::read(folder.join(&file))?;
        hash.update(file.display().to_string());
        hash.update([0]);
        hash.update(content.len().to_le_bytes());
        hash.update(content);
    }
    Ok(hash)
}

fn short(hash: Sha256) -> String {
    hex::encode(&hash.finalize()[..8])
}

fn copy_of(folder: &Path) -> std::io::Result<tempfile::TempDir> {
    let copy = tempfile::Builder::new().prefix("letsbe-lab-image-").tempdir()?;
    for file in files_of(folder)? {
        let to = copy.path().join(&file);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(folder.join(&file), to)?;
    }
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_refuse_what_the_real_programs_refuse() {
        let asked = std::process::Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/stand_ins.py"))
            .arg(images_folder().join("standin"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .expect("python3 is installed");
        let said = String::from_utf8_lossy(&asked.stderr);
        assert!(asked.status.success() && said.contains("Ran 4 tests"), "{said}");
    }

    #[test]
    fn every_image_has_its_folder_and_every_stand_in_its_label() {
        let instead = INSTEAD.iter().map(|(missing, folder)| stand_in(missing, folder));
        for image in CATALOG.iter().chain(RELEASES).copied().chain(instead) {
            let dockerfile = fs::read_to_string(images_folder().join(image.folder).join("Dockerfile"));
            let dockerfile = dockerfile.unwrap_or_else(|error| panic!("{}: {error}", image.folder));
            let labelled = dockerfile.contains("biz.letsbe.lab.standin=");
            assert_eq!(labelled, image.kind == Kind::StandIn, "{}", image.reference);
            assert!(parents(&dockerfile).next().is_some(), "{}: what is it built on?", image.folder);
        }
    }

    #[test]
    fn the_registry_offers_what_the_catalog_names() {
        let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../catalog");
        let mut named = BTreeSet::new();
        for entry in walkdir::WalkDir::new(catalog).into_iter().map(Result::unwrap) {
            if entry.file_name() == "compose.yml" {
                let text = fs::read_to_string(entry.path()).unwrap();
                let images = text.lines().filter_map(|line| line.trim().strip_prefix("image: "));
                named.extend(images.map(str::to_owned));
            }
        }
        let offered = CATALOG.iter().map(|image| image.reference).chain([PROXY_REFERENCE]).map(str::to_owned);
        assert_eq!(offered.collect::<BTreeSet<_>>(), named);
    }

    #[test]
    fn the_hash_tells_content_names_and_parents_apart() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "1").unwrap();
        let first = short(hash_of(folder.path(), &[]).unwrap());
        assert_eq!(first, short(hash_of(folder.path(), &[]).unwrap()));
        assert_ne!(first, short(hash_of(folder.path(), &["parent".to_owned()]).unwrap()));
        fs::write(folder.path().join("a"), "2").unwrap();
        assert_ne!(first, short(hash_of(folder.path(), &[]).unwrap()));
        fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
        fs::write(folder.path().join("b"), "1").unwrap();
        assert_ne!(first, short(hash_of(folder.path(), &[]).unwrap()));
    }

    #[test]
    fn parents_are_pinned_by_their_hash() {
        let folder = tempfile::tempdir().unwrap();
        let dockerfile = "# text\nFROM letsbe-lab/debian\nRUN true\n";
        assert_eq!(parents(dockerfile).collect::<Vec<_>>(), ["debian"]);
        pin_parents(folder.path(), dockerfile, &["letsbe-lab/debian:12".to_owned()]).unwrap();
        let pinned = fs::read_to_string(folder.path().join("Dockerfile")).unwrap();
        assert_eq!(pinned, "# text\nFROM letsbe-lab/debian:12\nRUN true\n");
    }
}
