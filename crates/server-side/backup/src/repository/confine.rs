//! A program that reads what a container may write, kept from everything else of the server (Landlock).
//!
//! restic opens files by their whole path, and a container can swap a folder on the way for a link between two of its
//! calls: what restic stored as the tool's would then be the server's. So it may open what is stored, its own repository and
//! what a program needs, and gets an error for the rest.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
    RulesetStatus,
};

/// What programs of a Debian server read to start at all.
const SYSTEM: [&str; 11] = [
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/proc",
    "/etc/ld.so.cache",
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/localtime",
    "/dev/urandom",
];
/// What it may write beside its own.
const SINKS: [&str; 1] = ["/dev/null"];

/// What a program may open.
#[derive(Debug, Clone, Default)]
pub(super) struct Reach {
    /// For reading, with all that is below.
    pub(super) read: Vec<PathBuf>,
    /// For writing too.
    pub(super) write: Vec<PathBuf>,
}

/// Lets this thread, and what it starts, open no more than that, for good. `false` where the kernel has no Landlock.
pub(super) fn restrict(reach: &Reach) -> Result<bool, landlock::RulesetError> {
    let (all, read) = (AccessFs::from_all(ABI::V3), AccessFs::from_read(ABI::V3));
    let mut rules = Ruleset::default().handle_access(all)?.create()?;
    let readable = SYSTEM.iter().map(Path::new).chain(reach.read.iter().map(PathBuf::as_path));
    let writable = SINKS.iter().map(Path::new).chain(reach.write.iter().map(PathBuf::as_path));
    for (path, access) in readable.map(|path| (path, read)).chain(writable.map(|path| (path, all))) {
        // What is not there needs no right.
        if let Ok(opened) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(opened, access))?;
        }
    }
    Ok(rules.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
}
