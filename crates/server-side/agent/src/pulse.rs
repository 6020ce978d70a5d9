//! systemd's watchdog: fed only while every part that must not stand still has lately shown that it does not.

use std::{
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// systemd is told this often that we live; it waits for four of them.
const INTERVAL: Duration = Duration::from_secs(15);

/// One part's sign of life.
#[derive(Debug)]
struct Pulse {
    name: &'static str,
    /// A part that is silent for longer stands still.
    allowed: Duration,
    last: Mutex<Instant>,
}

/// A part's way to say that it goes on.
#[derive(Debug, Clone)]
pub(crate) struct Beat(Arc<Pulse>);

impl Beat {
    /// It goes on.
    pub(crate) fn beat(&self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// All parts that must not stand still.
#[derive(Debug, Default)]
pub(crate) struct Pulses(Vec<Beat>);

impl Pulses {
    /// A part that must not be silent for longer than this.
    pub(crate) fn part(&mut self, name: &'static str, allowed: Duration) -> Beat {
        let beat = Beat(Arc::new(Pulse { name, allowed, last: Mutex::new(Instant::now()) }));
        self.0.push(beat.clone());
        beat
    }

    /// Parts that stand still at this time.
    fn still(&self, now: Instant) -> Vec<&'static str> {
        let is_still = |beat: &&Beat| {
            let last = *beat.0.last.lock().unwrap_or_else(PoisonError::into_inner);
            now.saturating_duration_since(last) > beat.0.allowed
        };
        self.0.iter().filter(is_still).map(|beat| beat.0.name).collect()
    }

    /// Feeds the watchdog for ever.
    pub(crate) async fn feed(&self) {
        loop {
            let still = self.still(Instant::now());
            if still.is_empty() {
                notify("WATCHDOG=1");
            } else {
                tracing::error!(?still, "parts of the agent stand still; systemd will start it anew");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

/// Tells systemd something, if it listens. Best effort: nothing depends on it but systemd itself.
pub(crate) fn notify(message: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let send = || {
        let text = path.to_string_lossy();
        let address = match text.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(Path::new(&path))?,
        };
        UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address)
    };
    if let Err(error) = send() {
        tracing::debug!(%error, "systemd was not told");
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Pulses;

    #[test]
    fn a_part_that_stands_still_starves_the_watchdog() {
        let mut pulses = Pulses::default();
        let quick = pulses.part("quick", Duration::from_secs(10));
        let _slow = pulses.part("slow", Duration::from_secs(100));
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert!(pulses.still(later(9)).is_empty());
        assert_eq!(pulses.still(later(11)), ["quick"]);
        assert_eq!(pulses.still(later(101)), ["quick", "slow"]);
        quick.beat();
        assert!(pulses.still(later(9)).is_empty());
    }
}
