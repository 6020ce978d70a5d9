//! Watches the processes of this machine and of the servers while an order is carried out, and keeps what was printed.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

/// How often the processes are looked at.
const PAUSE: Duration = Duration::from_millis(25);

/// What was seen: where, and the text.
type Seen = BTreeSet<(String, Vec<u8>)>;

pub(crate) struct Observer {
    seen: Arc<Mutex<Seen>>,
    /// The watcher ends when this is dropped.
    stop: Option<Sender<()>>,
    watcher: Option<JoinHandle<()>>,
}

impl Observer {
    pub(crate) fn start() -> Self {
        let seen = Arc::new(Mutex::new(Seen::new()));
        let (stop, stopped) = channel();
        let watcher = std::thread::spawn({
            let seen = Arc::clone(&seen);
            move || {
                while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                    look(&seen);
                }
            }
        });
        Self { seen, stop: Some(stop), watcher: Some(watcher) }
    }

    /// Keeps what something printed.
    pub(crate) fn keep(&self, place: &str, content: impl Into<Vec<u8>>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert((place.to_owned(), content.into()));
    }

    /// Everything seen so far.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

/// Arguments and environment of every process that is not inside a tool's container: such a one is three process
/// namespaces deep (this machine, the server, the tool), and gets its secrets by its environment on purpose.
fn look(seen: &Mutex<Seen>) {
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    for process in processes.flatten() {
        let path = process.path();
        let status = std::fs::read_to_string(path.join("status")).unwrap_or_default();
        let depth = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        if depth.is_none_or(|depth| depth.split_whitespace().count() > 2) {
            continue;
        }
        let name =
            status.lines().next().and_then(|line| line.strip_prefix("Name:")).unwrap_or_default().trim();
        for part in ["cmdline", "environ"] {
            let content = std::fs::read(path.join(part)).unwrap_or_default();
            if !content.is_empty() {
                let place = format!("the {part} of a process {name}");
                seen.lock().unwrap_or_else(PoisonError::into_inner).insert((place, content));
            }
        }
    }
}
