//! A place to work in, with the real programs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use chrono::{DateTime, Utc};
use letsbe_backup::{Item, Location, NewItem, Programs, Repository, SetKind, Stored};
use letsbe_types::{Problem, ids::SetId};
use tempfile::TempDir;

/// As long as what the vault makes.
pub(crate) const KEY: &str = "canary-0123456789abcdef0123456789abcdef0123456789abcdef012345678";

/// A place to work in, with a repository in it.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) repository: Repository,
}

pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("PATH");
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed: run `make setup`"))
}

pub(crate) fn programs() -> Programs {
    Programs { restic: program("restic"), rclone: program("rclone") }
}

impl Place {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("key"), KEY).unwrap();
        let place = Self { repository: repository_at(&folder, "repository", "key"), folder };
        place.repository.ensure(None).await.unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of `size` bytes that are unlike those of any other seed.
    pub(crate) fn file(&self, name: &str, seed: u64, size: usize) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .take(size)
        .collect();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) async fn store(&self, item: &NewItem, path: PathBuf) -> Stored {
        self.repository.store_files(item, &[path], &[]).await.unwrap()
    }

    /// restic as a person would run it.
    pub(crate) fn by_hand(&self, arguments: &[&str]) -> Output {
        let output = Command::new(program("restic"))
            .arg("--repo")
            .arg(self.path("repository"))
            .arg("--password-file")
            .arg(self.path("key"))
            .arg("--no-cache")
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// The largest pack of the repository: one with data.
    pub(crate) fn largest_pack(&self) -> PathBuf {
        let packs = walk(&self.path("repository/data"));
        packs.into_iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap()
    }
}

pub(crate) fn repository_at(folder: &(impl AsRef<Path> + ?Sized), name: &str, key: &str) -> Repository {
    let folder = folder.as_ref();
    let location = Location::folder(&folder.join(name));
    Repository::new(&programs(), location, &folder.join(key), &folder.join("cache"))
}

pub(crate) fn walk(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path) } else { vec![path] }
        })
        .collect()
}

pub(crate) fn moment() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

pub(crate) fn item(item: Item) -> NewItem {
    NewItem {
        identity: "tenant-1".to_owned(),
        set: SetId::generate(),
        taken_at: moment(),
        tool: "ghost".to_owned(),
        kind: SetKind::Nightly,
        item,
    }
}

pub(crate) fn files(name: &str) -> NewItem {
    item(Item::Files(name.to_owned()))
}

pub(crate) fn sh(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

pub(crate) async fn refused<T: std::fmt::Debug>(
    answer: impl Future<Output = Result<T, Problem>>,
    code: &str,
) -> Problem {
    let problem = answer.await.unwrap_err();
    assert_eq!(problem.code, code, "{problem}");
    problem
}
