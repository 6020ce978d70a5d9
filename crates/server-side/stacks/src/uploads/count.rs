//! What a folder holds, as far as it needs to be known.

use std::{io::ErrorKind, os::unix::fs::MetadataExt as _, path::Path};

use super::room::{Bound, Held};

/// So deep lies what is read. Each level keeps a folder open, and a buffer.
pub(super) const DEEPEST: usize = 100;
/// After so many files and folders the disk is looked at.
const LOOKS_AFTER: u64 = 1000;

/// Counts, and stops where either bound is reached or the disk is low: more need not be known. Its memory is bounded by
/// the depth, whatever the folder holds.
pub(super) fn count(folder: &Path, bound: Bound, is_low: impl Fn() -> bool) -> Held {
    let mut held = Held::default();
    let walk = walkdir::WalkDir::new(folder).min_depth(1).max_depth(DEEPEST).same_file_system(true);
    // With fewer that are open, the rest of a folder would be read into memory to close it: all names of a wide one.
    for entry in walk.max_open(usize::MAX) {
        match entry.and_then(|entry| Ok((entry.depth(), entry.metadata()?))) {
            Ok((depth, found)) => {
                held.files += 1;
                held.bytes = held.bytes.saturating_add(found.blocks().saturating_mul(512));
                held.too_deep |= depth == DEEPEST && found.is_dir();
            }
            Err(error) => unread(&mut held, &error),
        }
        let is_reached = held.files >= bound.files || held.bytes >= bound.bytes;
        if is_reached || held.too_deep || (held.files % LOOKS_AFTER == 0 && is_low()) {
            break;
        }
    }
    held
}

fn unread(held: &mut Held, error: &walkdir::Error) {
    let why = error.io_error();
    if why.is_some_and(|why| why.kind() == ErrorKind::NotFound) {
        // Removed in the meantime.
        return;
    }
    let too_long = rustix::io::Errno::NAMETOOLONG.raw_os_error();
    if why.and_then(std::io::Error::raw_os_error) == Some(too_long) {
        held.too_deep = true;
        return;
    }
    if !held.unread {
        tracing::warn!(path = ?error.path(), why = ?why, "what is uploaded cannot be counted");
    }
    held.unread = true;
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Bound, DEEPEST, count};

    const ENDLESS: Bound = Bound { bytes: u64::MAX, files: u64::MAX };
    const COUNTED: &str = "LETSBE_TEST_COUNTED";

    /// A folder so many levels below, each with a name of this length.
    fn below(folder: &Path, levels: usize, length: usize) -> PathBuf {
        let below = (0..levels).fold(folder.to_owned(), |folder, _| folder.join("n".repeat(length)));
        std::fs::create_dir_all(&below).expect("made");
        below
    }

    fn most_memory() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    #[test]
    fn a_wide_folder_that_deep_ones_lie_in_is_counted_in_little_memory() {
        // In a process of its own, whose memory is nobody else's.
        if let Ok(folder) = std::env::var(COUNTED) {
            let before = most_memory();
            let held = count(folder.as_ref(), ENDLESS, || false);
            println!("counted {} {}", held.files, most_memory() - before);
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let wide = below(folder.path(), 10, 200);
        for number in 0..20_000 {
            std::fs::File::create(wide.join(number.to_string())).expect("made");
        }
        for number in 0..50 {
            below(&wide.join(format!("deep{number}")), 14, 1);
        }
        let name =
            "stacks::uploads::count::tests::a_wide_folder_that_deep_ones_lie_in_is_counted_in_little_memory";
        let counted = std::process::Command::new(std::env::current_exe().expect("it runs"))
            .args(["--exact", name, "--nocapture"])
            .env(COUNTED, folder.path())
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&counted.stdout).into_owned();
        let line = said.lines().find_map(|line| line.split_once("counted ")).expect(&said).1;
        let (files, kilobytes) = line.split_once(' ').expect("two numbers");
        assert_eq!(files.parse(), Ok(10 + 20_000 + 50 * 15), "{said}");
        assert!(kilobytes.parse::<usize>().expect("a number") < 16_000, "{said}");
    }

    #[test]
    fn a_count_ends_at_either_bound_on_a_low_disk_and_at_what_lies_too_deep() {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..2500 {
            std::fs::write(folder.path().join(number.to_string()), "x").expect("written");
        }
        let files = |bound, is_low: bool| count(folder.path(), bound, || is_low).files;
        assert_eq!(files(ENDLESS, false), 2500);
        assert_eq!(files(Bound { files: 7, ..ENDLESS }, false), 7);
        assert!(files(Bound { bytes: 1, ..ENDLESS }, false) <= 2500);
        assert_eq!(files(ENDLESS, true), 1000);

        let folder = tempfile::tempdir().expect("a folder");
        below(folder.path(), DEEPEST - 1, 1);
        assert!(!count(folder.path(), ENDLESS, || false).too_deep);
        below(folder.path(), DEEPEST, 1);
        assert!(count(folder.path(), ENDLESS, || false).too_deep);
    }
}
