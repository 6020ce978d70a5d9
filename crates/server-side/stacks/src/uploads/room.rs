//! How much may be uploaded. Pure.
//!
//! Whoever has the password could fill the disk, and databases stop on a full one. A quota of ext4 needs a mount option and,
//! for projects, a file system that is not in use; a file system of its own in a file could not change places with a
//! restored folder, as restores do it (a mount point cannot be renamed), and what is live would have to be moved. So the
//! disk is looked at every other second, also while the folder is counted. The folder is counted once a minute, and when
//! the disk has lost what the folder may still grow by: ten seconds after the last count at the latest. When either bound
//! is reached the service takes only what makes room.
//!
//! So the bound of the folder can be passed by what comes in while it is counted and in the rest after; and it does not
//! hold for what no count sees: a file that was removed while it is still written to, a folder that is renamed while it is
//! counted. The reserve of the disk holds for all of it: whoever is cut off loses his open files, and those give their room
//! back. Copies within the server, which could be quicker than the look, are never taken.

/// Of the disk, so much stays free for others: on a small one, a twentieth.
const RESERVE: u64 = 5 << 30;
/// Closed uploads are opened below this share of a bound, so that they do not open and close with every file.
const OPENS_BELOW: (u64, u64) = (19, 20);

/// What the folder may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Files and folders.
    pub files: u64,
}

/// What the folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Held {
    pub(super) bytes: u64,
    pub(super) files: u64,
    /// Something in it lies so deep that what is beneath is not counted.
    pub(super) too_deep: bool,
    /// Something in it cannot be read.
    pub(super) unread: bool,
}

/// What is left of the disk, for whoever is not root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) free: u64,
    pub(super) all: u64,
    pub(super) free_files: u64,
    /// 0 where the file system has no number of them.
    pub(super) all_files: u64,
}

/// Why nothing more is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The folder holds what it may.
    Bytes,
    /// There are too many files.
    Files,
    /// Some of it lies too deep to be counted.
    Hidden,
    /// It cannot be counted, or the last count did not end.
    Unread,
    /// The server's disk has no more to give.
    Disk,
}

impl Bound {
    fn size(self) -> String {
        match self.bytes / 1_000_000 {
            megabytes @ ..1000 => format!("{megabytes} MB"),
            megabytes => format!("{} GB", megabytes / 1000),
        }
    }
}

impl Full {
    /// For the operator.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Bytes => "the folder holds as much as it may",
            Self::Files => "the folder holds as many files as it may",
            Self::Hidden => "not all of the folder can be counted: a path in it is too long or too deep",
            Self::Unread => "the folder could not be counted: see `journalctl -u letsbe-sftp-watch`",
            Self::Disk => "the server's disk is nearly full",
        }
    }

    /// What the owner's program shows with each login, in both languages that we write to owners in.
    pub(super) fn to_owner(self, bound: Bound) -> String {
        let (size, files) = (bound.size(), bound.files);
        let (english, german) = match self {
            Self::Bytes => (
                format!("The website holds {size}, and there is no space left for more."),
                format!("Die Website umfasst {size}; mehr Platz gibt es nicht."),
            ),
            Self::Files => (
                format!("The website holds {files} files and folders, and there is no space left for more."),
                format!("Die Website umfasst {files} Dateien und Ordner; mehr Platz gibt es nicht."),
            ),
            Self::Hidden => (
                "The website has folders within folders so deep that they cannot be read.".to_owned(),
                "Die Website hat so tief verschachtelte Ordner, dass sie nicht lesbar sind.".to_owned(),
            ),
            Self::Unread => (
                "The files of the website could not be counted.".to_owned(),
                "Die Dateien der Website ließen sich nicht zählen.".to_owned(),
            ),
            Self::Disk => (
                "There is no space left on the server.".to_owned(),
                "Auf dem Server ist kein Platz mehr.".to_owned(),
            ),
        };
        let (until, again, bis) = match self {
            Self::Bytes | Self::Files | Self::Hidden => (
                "Nothing can be uploaded until files are removed;",
                " A minute later uploads work again.",
                "Hochladen geht erst wieder, wenn Dateien gelöscht sind;",
            ),
            // It need not be the owner's doing.
            Self::Unread | Self::Disk => (
                "Nothing can be uploaded until the server's operator has seen to it;",
                "",
                "Hochladen geht erst wieder, wenn der Betreiber des Servers sich darum gekümmert hat;",
            ),
        };
        format!(
            "{english} {until}\n\
             removing and renaming work, and visitors see the website as it is.{again}\n\
             {german} {bis}\n\
             Löschen und Umbenennen geht, und Besucher sehen die Website wie bisher.\n"
        )
    }
}

/// Whether anything more may be uploaded, by what is there; `now` is how it was until now.
pub(super) fn decide(held: &Held, disk: &Disk, bound: Bound, now: Option<Full>) -> Option<Full> {
    let (least, whole) = if now.is_some() { OPENS_BELOW } else { (1, 1) };
    let reached = |found: u64, most: u64| found >= most / whole * least;
    let reserve = |most: u64, all: u64| most.min(all / 20) / least * whole;
    if disk.free < reserve(RESERVE, disk.all)
        || (disk.all_files > 0 && disk.free_files < reserve(u64::MAX, disk.all_files))
    {
        return Some(Full::Disk);
    }
    if held.too_deep {
        return Some(Full::Hidden);
    }
    if held.unread {
        return Some(Full::Unread);
    }
    if reached(held.files, bound.files) {
        return Some(Full::Files);
    }
    reached(held.bytes, bound.bytes).then_some(Full::Bytes)
}

#[cfg(test)]
mod tests {
    use super::{Bound, Disk, Full, Held, decide};

    const GB: u64 = 1_000_000_000;
    const BOUND: Bound = Bound { bytes: 10 * GB, files: 1000 };
    const DISK: Disk = Disk { free: 100 << 30, all: 160 << 30, free_files: 9_000_000, all_files: 10_000_000 };

    #[test]
    fn uploads_end_at_each_bound_and_begin_again_well_below_it() {
        let held = |bytes, files| Held { bytes, files, ..Held::default() };
        let (open, bytes) = (None, Some(Full::Bytes));
        for (found, disk, now, wanted) in [
            (held(0, 1), DISK, open, open),
            (held(10 * GB - 1, 999), DISK, open, open),
            (held(10 * GB, 1), DISK, open, bytes),
            (held(0, 1000), DISK, open, Some(Full::Files)),
            (held(96 * GB / 10, 1), DISK, bytes, bytes),
            (held(94 * GB / 10, 1), DISK, bytes, open),
            (held(0, 951), DISK, Some(Full::Files), Some(Full::Files)),
            (held(0, 949), DISK, Some(Full::Files), open),
            (Held { too_deep: true, ..held(0, 1) }, DISK, open, Some(Full::Hidden)),
            (Held { unread: true, ..held(0, 1) }, DISK, open, Some(Full::Unread)),
            (held(0, 1), Disk { free: (5 << 30) - 1, ..DISK }, open, Some(Full::Disk)),
            (held(0, 1), Disk { free: 5 << 30, ..DISK }, open, open),
            (held(0, 1), Disk { free: 5 << 30, ..DISK }, Some(Full::Disk), Some(Full::Disk)),
            (held(0, 1), Disk { free: 6 << 30, ..DISK }, Some(Full::Disk), open),
            // A small disk, and one whose files are nearly all taken.
            (held(0, 1), Disk { free: 2 << 30, all: 20 << 30, ..DISK }, open, open),
            (held(0, 1), Disk { free: (1 << 30) - 1, all: 20 << 30, ..DISK }, open, Some(Full::Disk)),
            (held(0, 1), Disk { free_files: 499_999, ..DISK }, open, Some(Full::Disk)),
            (held(0, 1), Disk { free_files: 0, all_files: 0, ..DISK }, open, open),
        ] {
            assert_eq!(decide(&found, &disk, BOUND, now), wanted, "{found:?} {disk:?} {now:?}");
        }
    }

    #[test]
    fn an_owner_is_told_the_bound_in_both_languages() {
        let said = Full::Bytes.to_owner(BOUND);
        assert!(
            said.contains("holds 10 GB, and there is no space left")
                && said.contains("mehr Platz gibt es nicht"),
            "{said}"
        );
        for full in [Full::Bytes, Full::Files, Full::Hidden] {
            assert!(full.to_owner(BOUND).contains("until files are removed"), "{full:?}");
        }
        // To remove files is not what helps there.
        for full in [Full::Unread, Full::Disk] {
            let said = full.to_owner(BOUND);
            assert!(
                said.contains("until the server's operator") && !said.contains("A minute later"),
                "{said}"
            );
        }
    }
}
