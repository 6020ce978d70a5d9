//! What the demo prints: a line for what is done, and one whenever nothing was printed for a while.

use std::{
    sync::{
        Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

/// So long may nothing be printed. A reader who sees nothing for longer takes the program for hung.
const SILENCE: Duration = Duration::from_secs(8);

/// When the last line was printed, and what has been under way since when.
struct Printed {
    at: Instant,
    title: String,
    since: Instant,
}

static PRINTED: Mutex<Option<Printed>> = Mutex::new(None);

/// Prints the title of what is done next.
pub(crate) fn say(text: &str) {
    println!("\n── {text}");
    let now = Instant::now();
    *PRINTED.lock().unwrap_or_else(PoisonError::into_inner) =
        Some(Printed { at: now, title: text.to_owned(), since: now });
}

/// Prints a line.
pub(crate) fn print(line: &str) {
    println!("{line}");
    if let Some(printed) = PRINTED.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        printed.at = Instant::now();
    }
}

/// Waits for this work, and prints what is under way whenever nothing else was printed for eight seconds. A thread of its
/// own looks: work that keeps its thread busy for a while would keep a timer from running too.
pub(crate) async fn until_done<T>(work: impl Future<Output = T>) -> T {
    let (_until_dropped, ended) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        while ended.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
            let mut printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(line) = printed.as_ref().and_then(|printed| still(printed, Instant::now())) {
                println!("{line}");
                if let Some(printed) = printed.as_mut() {
                    printed.at = Instant::now();
                }
            }
        }
    });
    work.await
}

/// The line that says what is under way, if it is time for one.
fn still(printed: &Printed, now: Instant) -> Option<String> {
    let building = letsbe_lab::images::being_built();
    let what = if building.is_empty() { &printed.title } else { &building };
    (now.duration_since(printed.at) >= SILENCE)
        .then(|| format!("   … {what} ({} s)", now.duration_since(printed.since).as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_under_way_once_nothing_was_printed_for_eight_seconds() {
        let start = Instant::now();
        let printed =
            Printed { at: start + Duration::from_secs(5), title: "The Hub".to_owned(), since: start };
        assert_eq!(still(&printed, start + Duration::from_secs(12)), None);
        let line = still(&printed, start + Duration::from_secs(13));
        assert_eq!(line.as_deref(), Some("   … The Hub (13 s)"));
    }
}
