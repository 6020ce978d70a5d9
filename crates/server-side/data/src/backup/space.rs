//! Whether there is room for another set, before anything is begun.

use std::path::Path;

use letsbe_host::{Command, Machine};
use letsbe_types::{Code, Problem, paths::HOME};

use letsbe_base::output;

/// At least so much is free before a run begins; on a small disk, a twentieth of it.
const LEAST: u64 = 1 << 30;

/// The far side is looked at through a cache: without room for it, restic asks again and again for a quarter of an hour.
const CACHE: u64 = 32 << 20;

/// Free and all bytes of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) free: u64,
    pub(super) all: u64,
}

/// What must be free: twice what the last run added, and some room for everybody.
pub(super) fn needed(last_added: u64, disk: Disk) -> u64 {
    last_added.saturating_mul(2).max(LEAST.min(disk.all / 20))
}

/// Refuses to begin on a disk that would be full before the end.
///
/// # Errors
/// BAK004.
pub(super) fn check(disk: Disk, last_added: u64) -> Result<(), Problem> {
    require("A backup", needed(last_added, disk), disk)
}

/// Refuses a copy outside on a disk that has no room for its cache.
///
/// # Errors
/// BAK004.
pub(super) fn check_for_copy(disk: Disk) -> Result<(), Problem> {
    require("A copy outside", CACHE, disk)
}

fn require(what: &str, needed: u64, disk: Disk) -> Result<(), Problem> {
    if disk.free >= needed {
        return Ok(());
    }
    Err(Problem::transient(
        Code::BAK004,
        format!(
            "{what} needs {} of free disk, and {} are free",
            output::size(needed),
            output::size(disk.free)
        ),
        format!("Make room on the server (`docker system df`, `du -sh {HOME}/*`), or order a larger disk."),
    ))
}

/// The disk that a folder lies on.
///
/// # Errors
/// When it cannot be asked.
pub(super) async fn disk(machine: &dyn Machine, folder: &Path) -> Result<Disk, Problem> {
    let unreadable = |why: String| {
        Problem::transient(
            Code::HOST009,
            format!("The free space cannot be read: {why}"),
            "Try `df` on the server.",
        )
    };
    let words = ["--output=avail,size", "--block-size=1", &folder.to_string_lossy()].map(str::to_owned);
    let output =
        machine.run(&Command::new("df", words)).await.map_err(|error| unreadable(error.to_string()))?;
    parse(&output.stdout).ok_or_else(|| unreadable(output.tail()))
}

fn parse(text: &str) -> Option<Disk> {
    let mut numbers = text.lines().nth(1)?.split_whitespace().map(str::parse);
    Some(Disk { free: numbers.next()?.ok()?, all: numbers.next()?.ok()? })
}

#[cfg(test)]
mod tests {
    use super::{CACHE, Disk, check, check_for_copy, needed, parse};

    #[test]
    fn a_run_begins_only_with_room_for_twice_what_the_last_one_added() {
        const GIB: u64 = 1 << 30;
        let table = [
            (0, 500 * GIB, GIB),
            (0, 10 * GIB, GIB / 2),
            (GIB / 4, 500 * GIB, GIB),
            (3 * GIB, 500 * GIB, 6 * GIB),
            (u64::MAX, 500 * GIB, u64::MAX),
        ];
        for (added, all, expected) in table {
            assert_eq!(needed(added, Disk { free: 0, all }), expected, "{added} {all}");
            assert!(check(Disk { free: expected, all }, added).is_ok());
            let refusal = check(Disk { free: expected - 1, all }, added).unwrap_err();
            assert_eq!(refusal.code, "BAK004");
        }
        assert!(check_for_copy(Disk { free: CACHE, all: 500 * GIB }).is_ok());
        assert_eq!(check_for_copy(Disk { free: CACHE - 1, all: 1 }).unwrap_err().code, "BAK004");
        assert_eq!(parse(" Avail 1B-blocks\n 7 9\n"), Some(Disk { free: 7, all: 9 }));
        assert_eq!(parse("df: nothing\n"), None);
    }
}
