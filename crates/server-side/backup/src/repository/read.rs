//! Reading back: lists, single files, whole folders.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt, chown},
    },
    path::Path,
    process::Stdio,
};

use letsbe_types::{Code, Problem};
use rustix::{
    fs::{XattrFlags, setxattr},
    io::Errno,
};
use tokio::process::Child;

use super::{
    Listed, Repository,
    answers::{self, Restored},
    children, problem,
    process::Pieces,
    restic::{Call, collect, not_understood, too_much},
};
use crate::spelled;

/// Entries that [`Repository::list`] holds at most.
const ENTRIES: usize = 1_000_000;

/// What [`Repository::read`] reads at most.
const SMALL: usize = 16 << 20;

/// A line of a list at most; a path has at most 4 KiB, six times that when every letter is escaped.
const LINE: usize = 64 << 10;

impl Repository {
    /// Everything in a snapshot, by path; at most a million entries.
    ///
    /// # Errors
    /// As [`Repository::ensure`]; `REPO012` for more.
    pub async fn list(&self, snapshot: &str) -> Result<Vec<Listed>, Problem> {
        let mut entries = Vec::new();
        self.each(snapshot, |entry| bounded(&mut entries, entry)).await?;
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    /// Gives everything in a snapshot to `take`, entry by entry, so that no list of them is held; symbolic links come
    /// last.
    ///
    /// # Errors
    /// As [`Repository::ensure`], and what `take` answers.
    pub async fn each(
        &self,
        snapshot: &str,
        mut take: impl FnMut(Listed) -> Result<(), Problem> + Send,
    ) -> Result<(), Problem> {
        let mut links = Vec::new();
        self.nodes(&[snapshot], &mut |entry| match entry.kind.as_str() {
            "symlink" => bounded(&mut links, entry),
            _ => take(entry),
        })
        .await?;
        if !links.is_empty() {
            self.read_links(snapshot, &mut links).await?;
        }
        links.into_iter().try_for_each(take)
    }

    /// restic tells the targets of links only in its list for people. A target is known up to its first line break.
    async fn read_links(&self, snapshot: &str, links: &mut [Listed]) -> Result<(), Problem> {
        let mut open = links.iter_mut().peekable();
        let mut lines = Pieces::new(b'\n', LINE);
        let call =
            Call::new("listing the links of a snapshot", &["--no-lock", "ls", "--long", snapshot]).long();
        self.run(call, &mut |bytes| {
            lines.feed(bytes, |line| {
                let line = spelled(OsStr::from_bytes(line));
                while open.next_if(|link| link.path.contains('\n')).is_some() {}
                if let Some(target) = open.peek().and_then(|link| answers::target(&line, &link.path)) {
                    let target = target.to_owned();
                    open.next().into_iter().for_each(|link| link.link = Some(target.clone()));
                }
                Ok(())
            })
        })
        .await
        .map(drop)
    }

    async fn nodes(
        &self,
        what: &[&str],
        take: &mut (dyn FnMut(Listed) -> Result<(), Problem> + Send),
    ) -> Result<(), Problem> {
        let doing = "listing a snapshot";
        let mut lines = Pieces::new(b'\n', LINE);
        let call = Call::new(doing, &["--no-lock", "ls", "--json"]).arguments(what).long();
        self.run(call, &mut |bytes| {
            lines.feed(bytes, |line| match answers::node(line) {
                Ok(Some(node)) => take(node),
                Ok(None) => Ok(()),
                Err(_) => Err(not_understood(doing)),
            })
        })
        .await
        .map(drop)
    }

    /// A small file of a snapshot, at most 16 MiB.
    ///
    /// # Errors
    /// Also a larger one (`REPO012`), and one that is not there (`REPO011`).
    pub async fn read(&self, snapshot: &str, path: &str) -> Result<Vec<u8>, Problem> {
        let doing = format!("reading {path} of a snapshot");
        let mut content = Vec::new();
        let call = Call::new(&doing, &["--no-lock", "dump", snapshot, path]).answers(&[0, 1]);
        let ended = self.run(call, &mut |piece| collect(&mut content, piece, SMALL, &doing)).await?;
        match ended.code {
            Some(0) => Ok(content),
            _ if is_absent(&ended.errors) => Err(absent(&self.location.name, path)),
            _ => Err(problem::of(&self.location, &doing, &ended)),
        }
    }

    /// Starts what writes a file of a snapshot to its standard output (piped), and what is wrong with it to `errors`; it must
    /// end with 0.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn dump(&self, snapshot: &str, path: &str, errors: Stdio) -> io::Result<Child> {
        let mut command = self.restic();
        command.args(["dump", snapshot, path]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).kill_on_drop(true);
        children::spawn(command, None)
    }

    /// Writes the folder `path` of a snapshot into `target`, with owners, modes, times and extended attributes (ACLs and
    /// capabilities are such), the folder's own too. Anything missing or warned about is an error.
    ///
    /// # Errors
    /// Also a full disk (`REPO005`), a path that is not in the snapshot or was not written whole (`REPO011`).
    pub async fn restore(&self, snapshot: &str, path: &str, target: &Path) -> Result<(), Problem> {
        let doing = format!("restoring {path} into {}", target.display());
        let call = Call::new(&doing, &["restore", "--json", &format!("{snapshot}:{path}"), "--target"])
            .arguments([target])
            .long()
            .answers(&[0, 1]);
        let (ended, answer) = self.ask(call).await?;
        if ended.code != Some(0) {
            if is_absent(&ended.errors) {
                return Err(absent(&self.location.name, path));
            }
            return Err(problem::of(&self.location, &doing, &ended));
        }
        let restored: Restored = answers::summary(&answer).ok_or_else(|| not_understood(&doing))?;
        let warnings = ended.errors.lines().filter(|line| is_warning(line)).count();
        if !restored.is_whole() || warnings > 0 {
            return Err(Problem::permanent(
                Code::REPO011,
                format!(
                    "{doing}: {} of {} files were written, with {warnings} warnings",
                    restored.files_restored + restored.files_skipped,
                    restored.total_files
                ),
                "Do not use what was written. Check the repository, and restore an older set if it is damaged.",
            ));
        }
        self.restore_top(snapshot, path, target).await
    }

    /// restic gives the folder that it restores into no owner, mode, time and attributes: the tool's volume itself, whose default
    /// ACL is what new files in it get.
    async fn restore_top(&self, snapshot: &str, path: &str, target: &Path) -> Result<(), Problem> {
        let doing = format!("reading what {path} was like");
        let lost = |why: String| {
            Problem::permanent(
                Code::REPO011,
                format!("{} could not be given its owner, mode and attributes: {why}", target.display()),
                "Restore into a folder of a file system that has owners, modes and extended attributes.",
            )
        };
        let path = path.trim_end_matches('/');
        if path.is_empty() {
            // The root of a snapshot is told of nowhere.
            return Ok(());
        }
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = if folder.is_empty() { "/" } else { folder };
        let call = Call::new(&doing, &["--no-lock", "cat", "tree", &format!("{snapshot}:{folder}")]);
        let (_, answer) = self.ask(call).await?;
        let top = answers::in_tree(&answer, name).ok_or_else(|| lost(format!("{path} is not told of")))?;
        let apply = || -> io::Result<()> {
            chown(target, Some(top.uid), Some(top.gid))?;
            for attribute in &top.attributes {
                let value = attribute.value().ok_or_else(|| io::Error::other("a value is no base64"))?;
                match setxattr(target, &attribute.name, &value, XattrFlags::empty()) {
                    // As restic does with those of all else: a file system that has none of its kind.
                    Err(Errno::NOTSUP) => {}
                    other => other?,
                }
            }
            fs::set_permissions(target, fs::Permissions::from_mode(top.unix_mode()))?;
            if let Some(at) = top.mtime {
                fs::File::open(target)?.set_modified(at.into())?;
            }
            Ok(())
        };
        apply().map_err(|error| lost(error.to_string()))
    }
}

/// Adds an entry to a list that must stay bounded.
fn bounded(entries: &mut Vec<Listed>, entry: Listed) -> Result<(), Problem> {
    if entries.len() >= ENTRIES {
        return Err(too_much("listing a snapshot", "a million entries"));
    }
    entries.push(entry);
    Ok(())
}

/// Whether restic said that the snapshot does not hold what was asked for.
fn is_absent(errors: &str) -> bool {
    [
        "not found in snapshot",
        ": not found",
        "cannot dump file",
        "failed to find snapshot",
        "no matching ID found",
    ]
    .iter()
    .any(|words| errors.contains(words))
}

/// Whether a line on standard error says that something is not as it was stored. Trying again is none.
fn is_warning(line: &str) -> bool {
    !line.trim().is_empty()
        && !line.contains("retrying after")
        && !line.contains("operation successful after")
}

fn absent(place: &str, path: &str) -> Problem {
    Problem::permanent(
        Code::REPO011,
        format!("{path} is not in that snapshot of {place}"),
        "List the snapshot to see what it holds.",
    )
}
