//! Watches the processes of this machine and of the servers while an order is carried out, and keeps what was printed.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

/// How often the processes are looked at.
const PAUSE: Duration = Duration::from_millis(25);
/// A process that has been there for so many looks hardly becomes another program any more: it is read at one of so
/// many from then on.
const YOUNG: u32 = 40;

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
                let (mut looks, mut ages) = (0_u32, BTreeMap::new());
                while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                    ages = look(&seen, &ages, looks);
                    looks += 1;
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

/// Reads the young processes, and some of the others; how many looks each has been there for.
fn look(seen: &Mutex<Seen>, ages: &BTreeMap<u32, u32>, looks: u32) -> BTreeMap<u32, u32> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
    let numbers = processes.flatten().filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
    numbers
        .map(|number| {
            let age = ages.get(&number).map_or(0, |age| age + 1);
            if age < YOUNG || (number.wrapping_add(looks)).is_multiple_of(YOUNG) {
                read(seen, &Path::new("/proc").join(number.to_string()));
            }
            (number, age)
        })
        .collect()
}

/// Arguments and environment of a process that is not inside a tool's container: such a one is three process
/// namespaces deep (this machine, the server, the tool), and gets its secrets by its environment on purpose.
fn read(seen: &Mutex<Seen>, process: &Path) {
    let status = std::fs::read_to_string(process.join("status")).unwrap_or_default();
    let depth = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    if depth.is_none_or(|depth| depth.split_whitespace().count() > 2) {
        return;
    }
    let name = status.lines().next().and_then(|line| line.strip_prefix("Name:")).unwrap_or_default().trim();
    for part in ["cmdline", "environ"] {
        let content = std::fs::read(process.join(part)).unwrap_or_default();
        if !content.is_empty() {
            let place = format!("the {part} of a process {name}");
            seen.lock().unwrap_or_else(PoisonError::into_inner).insert((place, content));
        }
    }
}
