//! Bringing the Hub back: everything is restored beside first, proven against the manifest, and only then put where it
//! belongs. What is there already is never written over.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Component, Path, PathBuf},
};

use letsbe_store::Store;
use letsbe_types::{Code, Problem};

use super::{DATABASE, MANIFEST, Manifest, TAG, files, new_file};
use crate::backups::restic::Restic;

/// Brings a Hub back from `repository` below `root` (`/` on a new machine): every file at its own path there. Returns
/// the manifest that it agrees with.
///
/// # Errors
/// When the repository cannot be read, what came back differs from its manifest, or something is in the way.
pub async fn rebuild(
    repository: &str,
    password_file: &Path,
    snapshot: &str,
    root: &Path,
) -> Result<Manifest, Problem> {
    let stage = root.join(".letsbe-hub-rebuild");
    fs::create_dir_all(root).map_err(|error| wrong(root, &error))?;
    // A folder of an earlier try that failed is looked at by a person: it holds keys.
    fs::DirBuilder::new().mode(0o700).create(&stage).map_err(|error| wrong(&stage, &error))?;
    let done = proven(repository, password_file, snapshot, root, &stage).await;
    fs::remove_dir_all(&stage).map_err(|error| wrong(&stage, &error))?;
    done
}

async fn proven(
    repository: &str,
    password_file: &Path,
    snapshot: &str,
    root: &Path,
    stage: &Path,
) -> Result<Manifest, Problem> {
    let password_file = files::absolute(password_file).map_err(|error| wrong(password_file, &error))?;
    let restic =
        Restic { repository: repository.to_owned(), password_file, files: own_variables(), cache: None };
    let target = files::absolute(stage).map_err(|error| wrong(stage, &error))?;
    let target = target.to_string_lossy().into_owned();
    restic
        .run(stage, &["restore", snapshot, "--tag", TAG, "--host", TAG, "--target", &target, "--verify"])
        .await
        .map_err(unreadable)?;
    let text = fs::read(stage.join(MANIFEST)).map_err(|error| wrong(stage, &error))?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| differs(&format!("its manifest is damaged: {error}")))?;
    let database = stage.join(DATABASE);
    let mut places =
        vec![(database.clone(), manifest.database.clone(), 0o600, manifest.database_sha256.clone())];
    let kept = manifest.files.iter();
    places.extend(
        kept.map(|file| (stage.join(&file.stored), file.path.clone(), file.mode, file.sha256.clone())),
    );
    for (from, _, _, sha256) in &places {
        let found = files::sha256(from).map_err(|error| wrong(from, &error))?;
        if found != *sha256 {
            return Err(differs(&format!("{} has another content than was stored", from.display())));
        }
    }
    let counts = Store::inspect(&database).await.map_err(|error| differs(&error.to_string()))?;
    if counts != manifest.counts {
        return Err(differs(&format!("the database holds {counts:?}, not {:?}", manifest.counts)));
    }
    let places: Vec<(PathBuf, PathBuf, u32)> = places
        .into_iter()
        .map(|(from, to, mode, _)| Ok((from, below(root, &to)?, mode)))
        .collect::<Result<_, Problem>>()?;
    if let Some((_, taken, _)) = places.iter().find(|(_, to, _)| to.exists()) {
        return Err(differs(&format!("{} is there already; nothing was put in its place", taken.display())));
    }
    for (from, to, mode) in &places {
        put(from, to, *mode).map_err(|error| wrong(to, &error))?;
    }
    Ok(manifest)
}

/// Variables that name files, as an operator set them for restic.
fn own_variables() -> std::collections::BTreeMap<String, PathBuf> {
    let names = ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "RCLONE_CONFIG"];
    names.into_iter().filter_map(|name| Some((name.to_owned(), std::env::var_os(name)?.into()))).collect()
}

/// An absolute path below another root.
fn below(root: &Path, path: &Path) -> Result<PathBuf, Problem> {
    let mut place = root.to_owned();
    for part in path.components() {
        match part {
            Component::RootDir => {}
            Component::Normal(name) => place.push(name),
            _ => return Err(differs(&format!("{} is no path of a file", path.display()))),
        }
    }
    Ok(place)
}

fn put(from: &Path, to: &Path, mode: u32) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = new_file(to, mode)?;
    std::io::copy(&mut fs::File::open(from)?, &mut file)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

fn wrong(path: &Path, error: &std::io::Error) -> Problem {
    differs(&format!("{}: {error}", path.display()))
}

/// What restic said, as somebody meets it who brings the Hub back.
fn unreadable(said: Problem) -> Problem {
    Problem::transient(
        Code::DEST006,
        said.message,
        "Nothing was put in place. Check the repository, its password file and restic: restic snapshots.",
    )
}

fn differs(why: &str) -> Problem {
    Problem::permanent(
        Code::DEST005,
        format!("The Hub could not be brought back: {why}."),
        "Nothing was started. Try another snapshot (restic snapshots), or another folder.",
    )
}
