//! Installs this program and the bundle, each whole or not at all, and remembers what is installed.

use std::{
    fs::{self, File, Permissions},
    io::ErrorKind,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use clap::Args;
use letsbe_protocol::{
    Installed,
    bundle::{NODE_FILE, TAR_FILE, sha256_file, unpack},
};
use letsbe_types::{Code, Problem};
use serde::{Deserialize, Serialize};

use letsbe_base::{files, layout::Layout};

/// What is to be installed. What is not named is not asked for.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Wanted {
    /// SHA-256 of the node program, in hex.
    #[arg(long)]
    node_sha256: Option<String>,
    /// SHA-256 of the bundle's tar file, in hex.
    #[arg(long)]
    bundle_sha256: Option<String>,
}

impl Wanted {
    /// Whether what is installed is what is wanted.
    pub(crate) fn matches(&self, installed: &Installed) -> bool {
        let holds = |wanted: &Option<String>, there: &Option<String>| wanted.is_none() || wanted == there;
        holds(&self.node_sha256, &installed.node_sha256)
            && holds(&self.bundle_sha256, &installed.bundle_sha256)
    }
}

/// Remembered, so that nobody has to hash a large file only to learn that nothing changed.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    installed: Installed,
    /// Size and time of the program when it was hashed: another program has others.
    program: Option<(u64, i64, i64)>,
}

fn stamp(path: &Path) -> Option<(u64, i64, i64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

fn record(layout: &Layout) -> Result<Record, Problem> {
    Ok(files::read_json(&layout.state("installed.json"))?.unwrap_or_default())
}

/// What is installed.
pub(crate) fn installed(layout: &Layout) -> Result<Installed, Problem> {
    let Record { mut installed, program } = record(layout)?;
    if program.is_none() || program != stamp(&layout.program()) {
        installed.node_sha256 = None;
    }
    if !layout.bundle().is_dir() {
        installed.bundle_sha256 = None;
    }
    Ok(installed)
}

/// Installs what lies in the folder `from` and has the hash that is wanted; removes the folder. Program and bundle are
/// both checked before either is replaced.
pub(crate) fn install(layout: &Layout, from: &Path, wanted: &Wanted) -> Result<(), Problem> {
    let before = installed(layout)?;
    let (program, bundle) = (layout.program(), layout.bundle());
    let node = wanted.node_sha256.as_ref().filter(|wanted| before.node_sha256.as_ref() != Some(*wanted));
    let tar = wanted.bundle_sha256.as_ref().filter(|wanted| before.bundle_sha256.as_ref() != Some(*wanted));
    let node = node.map(|wanted| staged(&from.join(NODE_FILE), &program, wanted)).transpose()?;
    let fresh = tar.map(|wanted| unpacked(&from.join(TAR_FILE), &bundle, wanted)).transpose();
    let fresh = fresh.inspect_err(|_| drop(node.as_deref().map(files::remove)))?;
    if let Some(staged) = node {
        let swap = || {
            fs::set_permissions(&staged, Permissions::from_mode(0o755))?;
            fs::rename(&staged, &program)
        };
        swap().map_err(|error| files::unusable(&program, error))?;
    }
    if let Some(fresh) = fresh {
        replace_bundle(&fresh, &bundle).map_err(|error| files::unusable(&bundle, error))?;
    }
    let now = Installed {
        node_sha256: wanted.node_sha256.clone().or(before.node_sha256),
        bundle_sha256: wanted.bundle_sha256.clone().or(before.bundle_sha256),
    };
    let program = stamp(&layout.program());
    files::write_json(&layout.state("installed.json"), &Record { installed: now, program })?;
    remove_folder(from).map_err(|error| files::unusable(from, error))
}

/// Copies a file to where only root can change it, and only then looks at its hash.
fn staged(source: &Path, destination: &Path, wanted: &str) -> Result<PathBuf, Problem> {
    let staged = destination.with_added_extension("new");
    if let Some(folder) = staged.parent() {
        fs::create_dir_all(folder).map_err(|error| files::unusable(folder, error))?;
    }
    let copy = || {
        fs::copy(source, &staged)?;
        File::open(&staged)?.sync_all()?;
        sha256_file(&staged)
    };
    let found = copy().map_err(|error| files::unusable(source, error))?;
    if found == wanted {
        return Ok(staged);
    }
    files::remove(&staged)?;
    Err(Problem::transient(
        Code::NODE023,
        format!("{} has SHA-256 {found}, not {wanted}", source.display()),
        "The upload was damaged. Retry the order.",
    ))
}

/// Unpacks a bundle beside the installed one.
fn unpacked(source: &Path, bundle: &Path, wanted: &str) -> Result<PathBuf, Problem> {
    let tar = staged(source, bundle, wanted)?;
    let fresh = bundle.with_added_extension("fresh");
    let done = remove_folder(&fresh).and_then(|()| unpack(&tar, &fresh));
    files::remove(&tar)?;
    done.map_err(|error| files::unusable(&fresh, error))?;
    Ok(fresh)
}

fn replace_bundle(fresh: &Path, bundle: &Path) -> std::io::Result<()> {
    let former = bundle.with_added_extension("former");
    remove_folder(&former)?;
    if bundle.exists() {
        fs::rename(bundle, &former)?;
    }
    fs::rename(fresh, bundle)?;
    remove_folder(&former)
}

fn remove_folder(path: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use letsbe_protocol::bundle::{NODE_FILE, PROGRAMS, TAR_FILE, pack};

    use super::{Wanted, install, installed};
    use letsbe_base::layout::Layout;

    #[test]
    fn what_was_asked_for_is_installed_once_and_damage_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let source = tempfile::tempdir().unwrap();
        fs::create_dir_all(source.path().join("catalog")).unwrap();
        fs::write(source.path().join("catalog/tiers.toml"), "x").unwrap();
        fs::write(source.path().join(NODE_FILE), "program").unwrap();
        fs::create_dir(source.path().join("programs")).unwrap();
        for name in PROGRAMS {
            let program = source.path().join("programs").join(name);
            fs::write(&program, name).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let bundle = pack(source.path()).unwrap();
        let wanted = Wanted {
            node_sha256: Some(bundle.node_sha256.clone()),
            bundle_sha256: Some(bundle.bundle_sha256.clone()),
        };
        assert!(!wanted.matches(&installed(&layout).unwrap()));

        let incoming = folder.path().join("incoming");
        fs::create_dir(&incoming).unwrap();
        fs::write(incoming.join(NODE_FILE), "programm").unwrap();
        assert_eq!(install(&layout, &incoming, &wanted).unwrap_err().code, "NODE023");
        assert!(!layout.program().exists());

        fs::copy(&bundle.node, incoming.join(NODE_FILE)).unwrap();
        fs::write(incoming.join(TAR_FILE), "damaged").unwrap();
        assert_eq!(install(&layout, &incoming, &wanted).unwrap_err().code, "NODE023");
        assert!(!layout.program().exists(), "the bundle is checked before the program is replaced");
        assert!(!layout.program().with_added_extension("new").exists());

        fs::copy(bundle.tar.path(), incoming.join(TAR_FILE)).unwrap();
        install(&layout, &incoming, &wanted).unwrap();
        assert!(wanted.matches(&installed(&layout).unwrap()));
        assert!(!incoming.exists());
        assert_eq!(fs::read_to_string(layout.bundle().join("catalog/tiers.toml")).unwrap(), "x");

        fs::write(layout.program(), "something else").unwrap();
        assert!(!wanted.matches(&installed(&layout).unwrap()), "another program is noticed");
    }
}
