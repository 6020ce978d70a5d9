//! Files below a folder that a container may write.
//!
//! Whoever writes there also chooses what a path means: a link, a FIFO, a device, a link that is swapped in between two
//! calls. So root never opens such a path by its name. It opens the folder itself, whose parents belong to root, and asks
//! the kernel for a file below it without following any link (`openat2`). What it gets is looked at before it is read.

use std::{
    fs::File,
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
    path::{Component, Path, PathBuf},
};

use letsbe_types::{Code, Problem};
use rustix::{
    fs::{
        AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Uid, chownat, fchmod, fstat, mkdirat,
        openat, openat2, renameat,
    },
    io::Errno,
};

/// The kernel answers "try again" while somebody moves folders about.
const TRIES: u32 = 64;
/// Modes that a file gets from another one: never set-user-ID.
const PERMISSIONS: u32 = 0o777;

/// A folder that a container may write, opened once.
pub struct Beneath {
    folder: OwnedFd,
    path: PathBuf,
    device: u64,
}

/// Who owns something, and what it lets them do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    uid: u32,
    gid: u32,
    mode: u32,
}

impl Beneath {
    /// Opens the folder itself. Its parents are root's.
    ///
    /// # Errors
    /// When there is no folder, or a link.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(CWD, path, flags, Mode::empty())
            .and_then(|folder| fstat(&folder).map(|found| (folder, found.st_dev)));
        let (folder, device) = opened.map_err(|error| refused(path, &error.to_string()))?;
        Ok(Self { folder, path: path.to_owned(), device })
    }

    /// Opens a regular file for reading; `None` where there is nothing.
    ///
    /// # Errors
    /// `BAK020` for a link on the way, a FIFO, a device, a file of another file system or one with a second name.
    pub fn file(&self, relative: &Path) -> Result<Option<File>, Problem> {
        let Some(found) = self.found(relative)? else { return Ok(None) };
        let refused = |why: &str| refused(&self.path.join(relative), why);
        let stat = fstat(&found).map_err(|error| refused(&error.to_string()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(refused("it is no regular file"));
        }
        if stat.st_dev != self.device {
            return Err(refused("it is on another file system than its folder"));
        }
        if stat.st_nlink != 1 {
            return Err(refused("it has a second name (a hard link)"));
        }
        // The same file that was looked at, whatever the name means by now; only now is it opened.
        let same = format!("/proc/self/fd/{}", found.as_raw_fd());
        let file = openat(CWD, same, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty());
        file.map(|file| Some(File::from(file))).map_err(|error| refused(&error.to_string()))
    }

    /// Who owns what is there; `None` where there is nothing.
    ///
    /// # Errors
    /// As [`Beneath::file`], links only.
    pub fn ownership(&self, relative: &Path) -> Result<Option<Ownership>, Problem> {
        let Some(found) = self.found(relative)? else { return Ok(None) };
        fstat(&found)
            .map(|stat| Some(Ownership::of(&stat)))
            .map_err(|error| refused(&self.path.join(relative), &error.to_string()))
    }

    /// Moves a file of root's to a place below the folder, replacing what has its name; folders on the way are made. It
    /// belongs to whom `like` says, else to whom its folder belongs.
    ///
    /// # Errors
    /// `BAK020` when there is a link on the way.
    pub fn put(&self, file: &Path, relative: &Path, like: Option<Ownership>) -> Result<(), Problem> {
        let place = self.path.join(relative);
        let refused = |error: Errno| refused(&place, &error.to_string());
        let names = names(relative).ok_or_else(|| self::refused(&place, "it is no path below its folder"))?;
        let Some((name, folders)) = names.split_last() else {
            return Err(self::refused(&place, "it is no path below its folder"));
        };
        let mut folder = None;
        for next in folders {
            let parent = folder.as_ref().map_or(self.folder.as_fd(), OwnedFd::as_fd);
            match mkdirat(parent, *next, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(refused(error)),
            }
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let opened = openat2(parent, *next, flags, Mode::empty(), strict()).map_err(refused)?;
            folder = Some(opened);
        }
        let folder = folder.as_ref().map_or(self.folder.as_fd(), OwnedFd::as_fd);
        let ownership = match like {
            Some(like) => like,
            None => Ownership { mode: 0o600, ..Ownership::of(&fstat(folder).map_err(refused)?) },
        };
        // While it is still where only root can be.
        ownership.give(file).map_err(refused)?;
        renameat(CWD, file, folder, *name).map_err(refused)
    }

    /// What a path means, not opened: no link is followed, and nothing outside the folder is reached.
    fn found(&self, relative: &Path) -> Result<Option<OwnedFd>, Problem> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let refused = |why: &str| refused(&self.path.join(relative), why);
        for _ in 0..TRIES {
            match openat2(&self.folder, relative, flags, Mode::empty(), strict()) {
                Ok(found) => return Ok(Some(found)),
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::AGAIN) => {}
                Err(Errno::LOOP) => return Err(refused("a symbolic link leads to it")),
                Err(Errno::XDEV) => return Err(refused("it leads out of its folder")),
                Err(error) => return Err(refused(&error.to_string())),
            }
        }
        Err(refused("its folders are moved about all the time"))
    }
}

impl Ownership {
    const fn of(stat: &Stat) -> Self {
        Self { uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode & PERMISSIONS }
    }

    fn give(self, file: &Path) -> rustix::io::Result<()> {
        let opened = openat(CWD, file, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        chownat(&opened, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
        fchmod(&opened, Mode::from_raw_mode(self.mode))
    }
}

fn strict() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV
}

/// The names of a path that only goes down.
fn names(relative: &Path) -> Option<Vec<&std::ffi::OsStr>> {
    relative
        .components()
        .map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect()
}

fn refused(path: &Path, why: &str) -> Problem {
    Problem::permanent(
        Code::BAK020,
        format!("{} is not read by root: {why}", path.display()),
        "A tool's own program leaves a plain file there. Look at who put it there, and what else that container did.",
    )
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read as _,
        os::unix::fs::{PermissionsExt as _, symlink},
        path::{Path, PathBuf},
        sync::atomic::{AtomicBool, Ordering},
    };

    use super::Beneath;

    struct World {
        _root: tempfile::TempDir,
        volume: PathBuf,
        secret: PathBuf,
    }

    /// A volume, and beside it what no container may see.
    fn world() -> World {
        let root = tempfile::tempdir().unwrap();
        let (volume, outside) = (root.path().join("_data"), root.path().join("outside"));
        std::fs::create_dir_all(volume.join("db")).unwrap();
        std::fs::create_dir_all(&outside).unwrap();
        std::fs::write(outside.join("kuma.db"), "SECRET").unwrap();
        std::fs::write(volume.join("db/kuma.db"), "tool's").unwrap();
        World { volume, secret: outside.join("kuma.db"), _root: root }
    }

    fn read(volume: &Path, relative: &str) -> Result<Option<String>, String> {
        let beneath = Beneath::open(volume).unwrap();
        let file = beneath.file(Path::new(relative)).map_err(|problem| problem.code.to_string())?;
        Ok(file.map(|mut file| {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            text
        }))
    }

    #[test]
    fn a_plain_file_is_opened_and_links_fifos_and_second_names_are_refused() {
        let World { volume, secret, _root } = world();
        assert_eq!(read(&volume, "db/kuma.db"), Ok(Some("tool's".to_owned())));
        assert_eq!(read(&volume, "db/nothing"), Ok(None));
        let refused = Err("BAK020".to_owned());
        symlink(&secret, volume.join("absolute")).unwrap();
        symlink("../outside/kuma.db", volume.join("relative")).unwrap();
        symlink("db/kuma.db", volume.join("inside")).unwrap();
        symlink(secret.parent().unwrap(), volume.join("folder")).unwrap();
        std::fs::hard_link(&secret, volume.join("second")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            volume.join("fifo"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let hostile = [
            "absolute",
            "relative",
            "inside",
            "folder/kuma.db",
            "second",
            "fifo",
            "db",
            "../outside/kuma.db",
            "/etc/passwd",
            "db/../../outside/kuma.db",
        ];
        for name in hostile {
            assert_eq!(read(&volume, name), refused, "{name}");
        }
    }

    #[test]
    fn a_folder_that_is_swapped_for_a_link_all_the_time_never_shows_what_is_outside() {
        let World { volume, secret, _root } = world();
        let stop = AtomicBool::new(false);
        symlink(secret.parent().unwrap(), volume.join("link")).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (db, link) = (volume.join("db"), volume.join("link"));
                let exchange = rustix::fs::RenameFlags::EXCHANGE;
                while !stop.load(Ordering::Relaxed) {
                    let cwd = rustix::fs::CWD;
                    rustix::fs::renameat_with(cwd, &db, cwd, &link, exchange).unwrap();
                }
            });
            let mut kinds = [0_u32; 2];
            for _ in 0..20_000 {
                match read(&volume, "db/kuma.db") {
                    Ok(Some(text)) => {
                        assert_eq!(text, "tool's");
                        kinds[0] += 1;
                    }
                    Ok(None) => {}
                    Err(code) => {
                        assert_eq!(code, "BAK020");
                        kinds[1] += 1;
                    }
                }
            }
            stop.store(true, Ordering::Relaxed);
            assert!(kinds.iter().all(|count| *count > 0), "both states were met: {kinds:?}");
        });
    }

    #[test]
    fn a_restored_file_is_put_below_its_folder_only_and_belongs_to_whom_the_tools_does() {
        let World { volume, secret, _root } = world();
        let beneath = Beneath::open(&volume).unwrap();
        let mine = _root.path().join("mine");
        let fresh = || std::fs::write(&mine, "restored").unwrap();
        fresh();
        std::fs::set_permissions(volume.join("db/kuma.db"), std::fs::Permissions::from_mode(0o4640)).unwrap();
        let like = beneath.ownership(Path::new("db/kuma.db")).unwrap();
        beneath.put(&mine, Path::new("deep/er/kuma.db"), like).unwrap();
        let placed = volume.join("deep/er/kuma.db");
        assert_eq!(std::fs::read_to_string(&placed).unwrap(), "restored");
        assert_eq!(std::fs::metadata(&placed).unwrap().permissions().mode() & 0o7777, 0o640);
        // What the set brought back is the tool's choice too.
        symlink(secret.parent().unwrap(), volume.join("linked")).unwrap();
        for hostile in ["linked/kuma.db", "linked/new/kuma.db", "../outside/kuma.db", ""] {
            fresh();
            let problem = beneath.put(&mine, Path::new(hostile), None).unwrap_err();
            assert_eq!(problem.code, "BAK020", "{hostile}");
        }
        assert_eq!(std::fs::read_to_string(&secret).unwrap(), "SECRET");
        assert_eq!(std::fs::read_dir(secret.parent().unwrap()).unwrap().count(), 1);
        // A link in the file's own place is replaced, not followed.
        symlink(&secret, volume.join("db/link")).unwrap();
        beneath.put(&mine, Path::new("db/link"), None).unwrap();
        assert_eq!(std::fs::read_to_string(&secret).unwrap(), "SECRET");
        assert_eq!(std::fs::read_to_string(volume.join("db/link")).unwrap(), "restored");
    }
}
