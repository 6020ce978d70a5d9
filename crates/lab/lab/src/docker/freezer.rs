//! Processes that stand still cannot die: on a machine with version 1 of control groups, a server whose own containers
//! are paused outlives its kill. So they are let go on.

use std::path::Path;

const FREEZER: &str = "/sys/fs/cgroup/freezer/docker";

/// Lets everything below this process go on.
pub(super) fn thaw_below(process: u32) {
    let Ok(groups) = std::fs::read_dir(FREEZER) else { return };
    for group in groups.flatten().map(|entry| entry.path()) {
        if stands_still_below(&group, process) {
            // Its end may have come first.
            let _ = std::fs::write(group.join("freezer.state"), "THAWED");
        }
    }
}

fn stands_still_below(group: &Path, process: u32) -> bool {
    let read = |name: &str| std::fs::read_to_string(group.join(name)).unwrap_or_default();
    read("freezer.state").trim() != "THAWED"
        && read("cgroup.procs").lines().filter_map(|line| line.parse().ok()).any(|one| is_below(one, process))
}

fn is_below(mut process: u32, ancestor: u32) -> bool {
    while process > 1 {
        if process == ancestor {
            return true;
        }
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return false };
        // The command stands in brackets and may hold anything; the parent is the second field after it.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        let Some(parent) = parent else { return false };
        process = parent;
    }
    false
}
