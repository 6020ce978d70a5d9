//! All background work of the Hub, in one table. What each task does is said in `words/hub_tasks.rs` of `letsbe-pages`, in both languages.

use std::time::Duration;

/// Which Hubs run a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// One Hub at a time, for all of them, by a lease on the task.
    OnOneHub,
    /// Each Hub: for itself, or because each piece of the work has a lease of its own.
    OnEachHub,
}

/// What activates a task beside its period and a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Something was written to the database.
    Stored,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Where it runs.
    pub runs: Runs,
    /// What must stand in a Hub's settings, so that it runs it.
    pub needs: Option<&'static str>,
    /// How long after an activation the next one is due: after its beginning where one Hub runs it for all.
    pub every: Duration,
    /// What activates it earlier.
    pub signals: &'static [Signal],
    /// An activation that takes longer is ended.
    pub timeout: Duration,
    /// How long after a failure the next activation is due; twice that after the next failure, and so on.
    pub retry: Duration,
}

/// Carries out what orders need next.
pub const ORDER_EFFECTS: &str = "order-effects";
/// Sends e-mails.
pub const MESSAGES: &str = "messages";
/// Wakes open requests of tenants' servers for commands that another Hub queued.
pub const COMMAND_NOTICES: &str = "command-notices";
/// Keeps the login at the provider of servers alive.
pub const PROVIDER_LOGIN: &str = "provider-login";
/// Charges requests to models whose Hub died.
pub const MODEL_REQUESTS: &str = "model-requests";
/// Ends orders that nobody pays.
pub const UNPAID_ORDERS: &str = "unpaid-orders";
/// Schedules drills, begins them and ends them.
pub const DRILLS: &str = "drills";
/// Backs up the Hub itself.
pub const HUB_BACKUP: &str = "hub-backup";
/// Counts what is in tenants' buckets.
pub const BUCKET_COUNTS: &str = "bucket-counts";
/// Sums up the history of tenants' servers by day.
pub const SERVER_HISTORY: &str = "server-history";
/// Rates tenants' servers by today's rules.
pub const HEALTH_RATINGS: &str = "health-ratings";

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

const fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

/// Of each Hub, woken by what is stored.
const QUICK: Entry = Entry {
    name: "",
    runs: Runs::OnEachHub,
    needs: None,
    every: seconds(1),
    signals: &[Signal::Stored],
    timeout: minutes(1),
    retry: seconds(1),
};

/// Of one Hub for all, by the clock.
const REGULAR: Entry = Entry {
    name: "",
    runs: Runs::OnOneHub,
    needs: None,
    every: hours(1),
    signals: &[],
    timeout: minutes(10),
    retry: minutes(1),
};

/// The table.
pub const TABLE: [Entry; 11] = [
    // What fell due without a change in this process (a lease that ended, a retry) is found this quickly.
    Entry { name: ORDER_EFFECTS, every: millis(500), ..QUICK },
    Entry { name: MESSAGES, every: seconds(2), timeout: minutes(30), ..QUICK },
    Entry { name: COMMAND_NOTICES, ..QUICK },
    // The refresh token dies after 30 idle days.
    Entry {
        name: PROVIDER_LOGIN,
        runs: Runs::OnEachHub,
        needs: Some("[servers] mode = \"netcup\""),
        every: hours(24),
        ..REGULAR
    },
    Entry { name: MODEL_REQUESTS, every: minutes(1), ..REGULAR },
    Entry { name: UNPAID_ORDERS, ..REGULAR },
    Entry { name: DRILLS, timeout: minutes(30), ..REGULAR },
    Entry {
        name: HUB_BACKUP,
        needs: Some("[backups.hub]"),
        every: hours(24),
        timeout: hours(6),
        retry: hours(1),
        ..REGULAR
    },
    // How often is a setting.
    Entry { name: BUCKET_COUNTS, needs: Some("[backups.s3]"), timeout: hours(6), ..REGULAR },
    Entry { name: SERVER_HISTORY, every: minutes(10), ..REGULAR },
    Entry { name: HEALTH_RATINGS, every: minutes(15), ..REGULAR },
];

/// The line of this name.
#[must_use]
pub fn entry(name: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.name == name)
}
