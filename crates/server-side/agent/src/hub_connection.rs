//! The connection to the Hub: whether it is registered, heard, away or refused. Every part that talks to
//! the Hub says here how it went, and waits here for better times.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::Problem;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};

use super::file_version::FileVersion;
use crate::hub::{self, AgentState, Client, HeartbeatState};
use letsbe_base::{files, layout::Layout};

/// A refused key is told this often.
const REFUSAL_TOLD: TimeDelta = TimeDelta::hours(1);
/// No pause is longer while the Hub answers others.
const FINE_PAUSE: Duration = Duration::from_secs(2);

/// How the agent stands with the Hub.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ConnectionState {
    /// The Hub, if this server is registered with one.
    pub hub_url: Option<String>,
    /// When it last accepted a heartbeat.
    pub accepted_at: Option<DateTime<Utc>>,
    /// Since when it does not answer.
    pub away_since: Option<DateTime<Utc>>,
    /// Why it refuses: the key was revoked, or a message is not understood.
    pub refused: Option<Problem>,
}

impl ConnectionState {
    /// Whether the key is not valid any more.
    pub fn key_refused(&self) -> bool {
        self.refused.as_ref().is_some_and(hub::is_key_refused)
    }

    fn is_fine(&self) -> bool {
        self.away_since.is_none() && !self.key_refused()
    }
}

/// The way to the Hub.
pub(crate) struct HubConnection {
    layout: Layout,
    client: watch::Sender<Option<Arc<Client>>>,
    state: watch::Sender<ConnectionState>,
    registration: Mutex<Option<FileVersion>>,
    told: std::sync::Mutex<Option<DateTime<Utc>>>,
}

impl HubConnection {
    /// Knows when the Hub last accepted a heartbeat, but not yet whether there is one.
    pub(crate) fn new(layout: &Layout) -> Result<Self, Problem> {
        let last: Option<HeartbeatState> = files::read_json(&layout.state("heartbeat.json"))?;
        let state =
            ConnectionState { accepted_at: last.map(|last| last.accepted_at), ..ConnectionState::default() };
        Ok(Self {
            layout: layout.clone(),
            client: watch::Sender::new(None),
            state: watch::Sender::new(state),
            registration: Mutex::new(None),
            told: std::sync::Mutex::new(None),
        })
    }

    /// Looks whether this server was registered, or registered anew.
    pub(crate) async fn refresh(&self) -> Result<(), Problem> {
        let path = self.layout.state("agent.json");
        let mut known = self.registration.lock().await;
        let version = FileVersion::of(&[&path]);
        if known.as_ref() == Some(&version) {
            return Ok(());
        }
        let agent: Option<AgentState> = files::read_json(&path)?;
        let client = agent.as_ref().map(Client::new).transpose()?;
        *known = Some(version);
        self.state.send_modify(|state| {
            state.hub_url = agent.map(|agent| agent.hub_url);
            state.refused = None;
        });
        self.client.send_replace(client.map(Arc::new));
        Ok(())
    }

    /// The Hub; waits until this server is registered with one.
    pub(crate) async fn client(&self) -> Arc<Client> {
        let mut client = self.client.subscribe();
        loop {
            if let Some(client) = client.borrow_and_update().clone() {
                return client;
            }
            if client.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// How things stand.
    pub(crate) fn state(&self) -> ConnectionState {
        self.state.borrow().clone()
    }

    /// Keeps how a call went, and answers it.
    pub(crate) fn note<T>(&self, result: Result<T, Problem>) -> Result<T, Problem> {
        match &result {
            Ok(_) => {
                self.state.send_if_modified(|state| {
                    let news = state.away_since.is_some() || state.refused.is_some();
                    state.away_since = None;
                    state.refused = None;
                    news
                });
            }
            Err(problem) if problem.retryable => {
                self.state.send_if_modified(|state| {
                    let news = state.away_since.is_none();
                    state.away_since.get_or_insert_with(Utc::now);
                    news
                });
            }
            Err(problem) => {
                self.state.send_modify(|state| {
                    state.away_since = None;
                    state.refused = Some(problem.clone());
                });
                self.log_refusal(problem);
            }
        }
        result
    }

    /// The Hub has accepted a heartbeat.
    pub(crate) fn accepted(&self, now: DateTime<Utc>) -> Result<(), Problem> {
        self.state.send_modify(|state| state.accepted_at = Some(now));
        files::write_json(&self.layout.state("heartbeat.json"), &HeartbeatState { accepted_at: now })
    }

    /// Waits; not longer than needed when the Hub answers others meanwhile.
    pub(crate) async fn pause(&self, time: Duration) {
        let mut state = self.state.subscribe();
        let better = async {
            if state.wait_for(ConnectionState::is_fine).await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(FINE_PAUSE).await;
        };
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = better => {}
        }
    }

    /// Waits while the key is refused: only heartbeats keep asking then.
    pub(crate) async fn until_heard(&self) {
        let mut state = self.state.subscribe();
        let _ = state.wait_for(|state| !state.key_refused()).await;
    }

    fn log_refusal(&self, problem: &Problem) {
        let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = Utc::now();
        if told.is_none_or(|last| now - last >= REFUSAL_TOLD) {
            *told = Some(now);
            tracing::error!("{problem} {}", problem.hint);
        }
    }
}
