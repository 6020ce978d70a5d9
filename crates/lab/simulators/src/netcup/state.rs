//! What the simulated account knows, behind one lock.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use chrono::{DateTime, Utc};
use letsbe_netcup::types;
use letsbe_types::clock::Clock;
use serde::Serialize;
use tokio::sync::watch;

use super::{Faults, HostControl, SimServer, realm::Logins, task::Task};

const MOST_CALLS_KEPT: usize = 10_000;

/// A call of the API that arrived.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// When.
    pub at: DateTime<Utc>,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The content type of its body.
    pub content_type: Option<String>,
    /// What was answered; 0 when the connection was dropped.
    pub status: u16,
}

pub(super) struct State {
    pub(super) servers: BTreeMap<i32, SimServer>,
    pub(super) tasks: Vec<Task>,
    pub(super) ssh_keys: Vec<types::SshKey>,
    pub(super) next_key: i32,
    pub(super) snapshots: BTreeMap<i32, Vec<types::SnapshotMinimal>>,
    pub(super) firewalls: BTreeMap<i32, types::ServerFirewall>,
    /// Firewall policies of the account.
    pub(super) policies: BTreeMap<i32, serde_json::Value>,
    /// Storage drivers that were changed.
    pub(super) disk_drivers: BTreeMap<i32, String>,
    /// Attached ISO images.
    pub(super) isos: BTreeMap<i32, String>,
    pub(super) reverse_names: BTreeMap<String, String>,
    pub(super) installs: BTreeMap<i32, u32>,
    pub(super) calls: VecDeque<Call>,
    pub(super) faults: Faults,
    pub(super) logins: Logins,
}

impl State {
    pub(super) fn new(servers: Vec<SimServer>) -> Self {
        Self {
            servers: servers.into_iter().map(|server| (server.id, server)).collect(),
            tasks: Vec::new(),
            ssh_keys: Vec::new(),
            next_key: 1,
            snapshots: BTreeMap::new(),
            firewalls: BTreeMap::new(),
            policies: BTreeMap::new(),
            disk_drivers: BTreeMap::new(),
            isos: BTreeMap::new(),
            reverse_names: BTreeMap::new(),
            installs: BTreeMap::new(),
            calls: VecDeque::new(),
            faults: Faults::default(),
            logins: Logins::default(),
        }
    }

    /// A server's snapshot of this name.
    pub(super) fn snapshot(&self, server: i32, name: &str) -> Option<&types::SnapshotMinimal> {
        let kept = self.snapshots.get(&server)?;
        kept.iter().find(|snapshot| snapshot.name.as_deref() == Some(name))
    }

    pub(super) fn note(&mut self, call: Call) {
        if self.calls.len() == MOST_CALLS_KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }
}

pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) hosts: Arc<dyn HostControl>,
    pub(super) clock: Arc<dyn Clock>,
    /// Scheme, host and port.
    pub(super) origin: String,
    /// Whether tasks are held.
    pub(super) hold: watch::Sender<bool>,
    pub(super) task_ended: watch::Sender<()>,
}

impl Shared {
    pub(super) fn new(
        state: State,
        hosts: Arc<dyn HostControl>,
        clock: Arc<dyn Clock>,
        origin: String,
    ) -> Self {
        let (hold, task_ended) = (watch::Sender::new(false), watch::Sender::new(()));
        Self { state: Mutex::new(state), hosts, clock, origin, hold, task_ended }
    }
}
