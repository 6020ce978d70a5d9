//! Bringing the Hub back: everything is restored beside first, proven against the manifest, and only then put where it
//! belongs. What is there already is never written over.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Component, Path, PathBuf},
};

use letsbe_store::{Database, Relocation, Store};
use letsbe_types::{Code, Problem};

use super::{DATABASE, MANIFEST, Manifest, TAG, files, new_file};
use crate::backups::restic::Restic;

/// What a Hub is brought back from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The repository, as restic names it.
    pub repository: &'a str,
    /// File with its password.
    pub password_file: &'a Path,
    /// Which snapshot.
    pub snapshot: &'a str,
}

/// Brings a Hub back below `root` (`/` on a new machine): every file at its own path there, and the database as a file of
/// SQLite among them, or into an empty database of PostgreSQL. Returns the manifest that it agrees with.
///
/// # Errors
/// When the repository cannot be read, what came back differs from its manifest, or something is in the way.
pub async fn rebuild(source: Source<'_>, root: &Path, into: Option<Database>) -> Result<Manifest, Problem> {
    let stage = root.join(".letsbe-hub-rebuild");
    fs::create_dir_all(root).map_err(|error| wrong(root, &error))?;
    // A folder of an earlier try that failed is looked at by a person: it holds keys.
    fs::DirBuilder::new().mode(0o700).create(&stage).map_err(|error| wrong(&stage, &error))?;
    let done = rebuilt(source, root, &stage, into).await;
    fs::remove_dir_all(&stage).map_err(|error| wrong(&stage, &error))?;
    done
}

async fn rebuilt(
    source: Source<'_>,
    root: &Path,
    stage: &Path,
    into: Option<Database>,
) -> Result<Manifest, Problem> {
    let manifest = proven(source, stage).await?;
    let kept = manifest.files.iter();
    let files = kept.map(|file| (stage.join(&file.stored), &file.path, file.mode));
    let database = stage.join(DATABASE);
    let as_file = into.is_none().then(|| (database.clone(), &manifest.database, 0o600));
    let places: Vec<(PathBuf, PathBuf, u32)> = as_file
        .into_iter()
        .chain(files)
        .map(|(from, to, mode)| Ok((from, below(root, to)?, mode)))
        .collect::<Result<_, Problem>>()?;
    if let Some((_, taken, _)) = places.iter().find(|(_, to, _)| to.exists()) {
        return Err(differs(&format!("{} is there already; nothing was put in its place", taken.display())));
    }
    if let Some(into) = into {
        let loaded = async { Relocation::prepare(&database, into).await?.carry_out().await };
        loaded.await.map_err(|error| differs(&error.to_string()))?;
    }
    for (from, to, mode) in &places {
        put(from, to, *mode).map_err(|error| wrong(to, &error))?;
    }
    Ok(manifest)
}

/// Restores everything into the folder, and compares it with its manifest.
async fn proven(source: Source<'_>, stage: &Path) -> Result<Manifest, Problem> {
    let Source { repository, password_file, snapshot } = source;
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
    let kept = manifest.files.iter().map(|file| (stage.join(&file.stored), &file.sha256));
    for (from, sha256) in kept.chain([(database.clone(), &manifest.database_sha256)]) {
        let found = files::sha256(&from).map_err(|error| wrong(&from, &error))?;
        if found != *sha256 {
            return Err(differs(&format!("{} has another content than was stored", from.display())));
        }
    }
    let counts = Store::inspect(&database).await.map_err(|error| differs(&error.to_string()))?;
    if counts != manifest.counts {
        return Err(differs(&format!("the database holds {counts:?}, not {:?}", manifest.counts)));
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
