//! A program that stands still: a far side took its request and says nothing more, and no error either. restic notices
//! that by itself only after ten requests of five minutes each.

use std::{collections::VecDeque, time::Duration};

use tokio::time::sleep;

/// So often a program is looked at within the time after which it is given up.
const LOOKS: u32 = 6;

/// Bytes. A program that waits still wakes itself up by a few; the slowest line carries more.
const STILL: u64 = 64 << 10;

/// Ends when this process has hardly read or written anything for `patience`, on disks and lines alike.
pub(super) async fn of(process: Option<u32>, patience: Duration) {
    let mut seen: VecDeque<Option<u64>> = VecDeque::new();
    loop {
        seen.push_back(process.and_then(moved));
        if seen.len() > LOOKS as usize
            && stands_still(seen.pop_front().flatten(), seen.back().copied().flatten())
        {
            return;
        }
        sleep(patience / LOOKS).await;
    }
}

/// What cannot be seen is nobody's fault.
fn stands_still(before: Option<u64>, now: Option<u64>) -> bool {
    before.zip(now).is_some_and(|(before, now)| now.saturating_sub(before) < STILL)
}

/// Bytes that a process has read and written so far (proc(5), `/proc/pid/io`).
fn moved(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/io")).ok()?;
    let of = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    Some(of("rchar:")? + of("wchar:")?)
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use tokio::{process::Command, time::timeout};

    use super::*;

    #[tokio::test]
    async fn who_waits_is_found_and_who_reads_or_writes_is_not() {
        // Patience is long where something comes to pass, and bounds the test where nothing does.
        for (program, still, patience) in
            [(&["sleep", "600"][..], true, 60), (&["cat", "/dev/zero"][..], false, 2)]
        {
            let mut command = Command::new(program[0]);
            command.args(&program[1..]).stdout(Stdio::null()).kill_on_drop(true);
            let child = command.spawn().unwrap();
            let found =
                timeout(Duration::from_secs(patience), of(child.id(), Duration::from_millis(600))).await;
            assert_eq!(found.is_ok(), still, "{program:?}");
        }
        assert!(timeout(Duration::from_millis(300), of(None, Duration::from_millis(60))).await.is_err());
    }

    #[test]
    fn a_few_bytes_are_none_and_what_cannot_be_seen_is_not_still() {
        assert!(stands_still(Some(1000), Some(1000 + STILL - 1)));
        assert!(!stands_still(Some(1000), Some(1000 + STILL)));
        assert!(!stands_still(None, Some(1000)) && !stands_still(Some(1000), None));
    }
}
