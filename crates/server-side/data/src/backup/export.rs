//! `backup export`: one file out of a set, compared with its manifest before it gets its name.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use letsbe_backup::{BackupSet, Item, ItemFacts, Listed, Manifest, Repository, sets};
use letsbe_types::{Code, Problem};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{remote, repositories::Repositories, selector};
use letsbe_base::{files, output, server::TenantServer};

/// A file passes by in pieces of this size.
const PIECE: usize = 256 << 10;

/// What is taken out.
#[derive(clap::Args)]
pub struct ExportArguments {
    /// The tool.
    #[arg(long)]
    tool: String,
    #[command(flatten)]
    which: selector::SetSelector,
    /// The item, as `browse` prints it: `database:ghost`, `files:content`.
    #[arg(long)]
    item: String,
    /// The file in it, as `browse` prints it; not needed where there is one only.
    #[arg(long)]
    path: Option<String>,
    /// Where it goes; there must be nothing yet.
    #[arg(long)]
    to: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Carries the command out.
pub(super) async fn carry_out(server: &TenantServer, arguments: &ExportArguments) -> Result<(), Problem> {
    let repositories = Repositories::open(server).await?;
    let all = sets(&repositories.local.snapshots().await?);
    let set = selector::meant(server, &all, &arguments.tool, &arguments.which)?;
    let taken =
        extract(&repositories.local, set, &arguments.item, arguments.path.as_deref(), &arguments.to).await?;
    let value = json!({
        "set": set.id, "item": arguments.item, "path": taken.path, "bytes": taken.bytes, "sha256": taken.sha256,
        "to": arguments.to,
    });
    output::print(arguments.json, &value, || {
        let same = if taken.compared { "; it is what the manifest says" } else { "" };
        vec![format!("{} → {}, {}{same}", taken.path, arguments.to.display(), output::size(taken.bytes))]
    })
}

/// A file that was taken out.
#[derive(Debug)]
pub(super) struct Taken {
    path: String,
    bytes: u64,
    pub(super) sha256: String,
    /// Whether the manifest had a hash to compare with.
    compared: bool,
}

/// Takes a file out of a set.
///
/// # Errors
/// BAK015 when there is no such item or path, something is at `to` already, or what came out is not what went in.
pub(super) async fn extract(
    repository: &Repository,
    set: &BackupSet,
    item: &str,
    path: Option<&str>,
    to: &Path,
) -> Result<Taken, Problem> {
    if to.symlink_metadata().is_ok() {
        return Err(refused(&format!("there is something at {} already", to.display())));
    }
    let known: Item = item.parse().map_err(|_| no_item(set, item))?;
    let snapshot = set.items.get(&known).ok_or_else(|| no_item(set, item))?;
    let manifest = remote::manifest(repository, set).await?;
    let listed = repository.list(snapshot).await?;
    let file = chosen(&listed, path, item)?;
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let unusable = |error: std::io::Error| files::unusable(to, error);
    let made = tempfile::Builder::new().prefix(".letsbe-").tempfile_in(folder).map_err(unusable)?;
    made.as_file().set_permissions(Permissions::from_mode(0o600)).map_err(unusable)?;
    let (bytes, sha256) = written(repository, snapshot, &file.path, made.path()).await?;
    let compared = compare(&manifest, item, file, bytes, &sha256)?;
    made.as_file().sync_all().map_err(unusable)?;
    made.persist_noclobber(to).map_err(|error| unusable(error.error))?;
    Ok(Taken { path: file.path.clone(), bytes, sha256, compared })
}

fn chosen<'a>(listed: &'a [Listed], path: Option<&str>, item: &str) -> Result<&'a Listed, Problem> {
    let mut files = listed.iter().filter(|one| one.kind == "file");
    match path {
        Some(path) => files
            .find(|one| one.path == path)
            .ok_or_else(|| refused(&format!("there is no file {path} in {item}"))),
        None => match (files.next(), files.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(refused(&format!("{item} holds no file"))),
            _ => Err(refused(&format!("{item} holds more than one file: say which with --path"))),
        },
    }
}

/// Whether what came out is what went in; a dump by its hash, anything else by its size.
fn compare(
    manifest: &Manifest,
    item: &str,
    file: &Listed,
    bytes: u64,
    sha256: &str,
) -> Result<bool, Problem> {
    if bytes != file.size {
        return Err(refused(&format!("{} has {} bytes, and {bytes} came out", file.path, file.size)));
    }
    match manifest.items.get(item) {
        Some(ItemFacts::Database(facts)) if facts.sha256 == sha256 && facts.bytes == bytes => Ok(true),
        Some(ItemFacts::Database(_)) => {
            Err(refused(&format!("{} is not what was dumped: its hash is another one", file.path)))
        }
        _ => Ok(false),
    }
}

async fn written(
    repository: &Repository,
    snapshot: &str,
    path: &str,
    to: &Path,
) -> Result<(u64, String), Problem> {
    let unreadable = |why: &dyn std::fmt::Display| refused(&format!("{path} could not be read whole: {why}"));
    let unusable = |error: std::io::Error| files::unusable(to, error);
    let mut child = repository.dump(snapshot, path, Stdio::null()).map_err(|error| unreadable(&error))?;
    let mut from = child.stdout.take().ok_or_else(|| unreadable(&"no output"))?;
    let mut file = tokio::fs::OpenOptions::new().write(true).open(to).await.map_err(unusable)?;
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        let length = from.read(&mut piece).await.map_err(|error| unreadable(&error))?;
        if length == 0 {
            break;
        }
        hash.update(&piece[..length]);
        bytes += length as u64;
        file.write_all(&piece[..length]).await.map_err(unusable)?;
    }
    file.flush().await.map_err(unusable)?;
    let ended = child.wait().await.map_err(|error| unreadable(&error))?;
    if ended.success() { Ok((bytes, hex::encode(hash.finalize()))) } else { Err(unreadable(&ended)) }
}

fn no_item(set: &BackupSet, item: &str) -> Problem {
    let items: Vec<String> = set.items.keys().map(ToString::to_string).collect();
    let asked: String = item.chars().take(80).collect();
    refused(&format!("there is no item {asked} in this set; there are {}", items.join(", ")))
}

fn refused(why: &str) -> Problem {
    Problem::permanent(
        Code::BAK015,
        format!("Nothing was exported: {why}"),
        "`letsbe-node backup browse --tool …` prints every item and path.",
    )
}
