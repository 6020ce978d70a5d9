//! How the agent stands with the Hub: whether it is registered, heard, away or refused. Every part that talks to
//! the Hub says here how it went, and waits here for better times.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::Problem;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};

use super::stamp::Stamp;
use crate::hub::{self, AgentState, Client, HeartbeatState};
use letsbe_base::{files, layout::Layout};

/// A refused key is told this often.
const REFUSAL_TOLD: TimeDelta = TimeDelta::hours(1);
/// No pause is longer while the Hub answers others.
const FINE_PAUSE: Duration = Duration::from_secs(2);

/// How the agent stands with the Hub.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Standing {
    /// The Hub, if this server is registered with one.
    pub hub_url: Option<String>,
    /// When it last accepted a heartbeat.
    pub accepted_at: Option<DateTime<Utc>>,
    /// Since when it does not answer.
    pub away_since: Option<DateTime<Utc>>,
    /// Why it refuses: the key was revoked, or a message is not understood.
    pub refused: Option<Problem>,
}

impl Standing {
    /// Whether the key is not valid any more.
    pub fn key_refused(&self) -> bool {
        self.refused.as_ref().is_some_and(hub::is_key_refused)
    }

    fn is_fine(&self) -> bool {
        self.away_since.is_none() && !self.key_refused()
    }
}

/// The way to the Hub.
pub(crate) struct HubDoor {
    layout: Layout,
    client: watch::Sender<Option<Arc<Client>>>,
    standing: watch::Sender<Standing>,
    registration: Mutex<Option<Stamp>>,
    told: std::sync::Mutex<Option<DateTime<Utc>>>,
}

impl HubDoor {
    /// Knows when the Hub last accepted a heartbeat, but not yet whether there is one.
    pub(crate) fn new(layout: &Layout) -> Result<Self, Problem> {
        let last: Option<HeartbeatState> = files::read_json(&layout.state("heartbeat.json"))?;
        let standing = Standing { accepted_at: last.map(|last| last.accepted_at), ..Standing::default() };
        Ok(Self {
            layout: layout.clone(),
            client: watch::Sender::new(None),
            standing: watch::Sender::new(standing),
            registration: Mutex::new(None),
            told: std::sync::Mutex::new(None),
        })
    }

    /// Looks whether this server was registered, or registered anew.
    pub(crate) async fn refresh(&self) -> Result<(), Problem> {
        let path = self.layout.state("agent.json");
        let mut known = self.registration.lock().await;
        let stamp = Stamp::of(&[&path]);
        if known.as_ref() == Some(&stamp) {
            return Ok(());
        }
        let agent: Option<AgentState> = files::read_json(&path)?;
        let client = agent.as_ref().map(Client::new).transpose()?;
        *known = Some(stamp);
        self.standing.send_modify(|standing| {
            standing.hub_url = agent.map(|agent| agent.hub_url);
            standing.refused = None;
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
    pub(crate) fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// Keeps how a call went, and answers it.
    pub(crate) fn note<T>(&self, result: Result<T, Problem>) -> Result<T, Problem> {
        match &result {
            Ok(_) => {
                self.standing.send_if_modified(|standing| {
                    let news = standing.away_since.is_some() || standing.refused.is_some();
                    standing.away_since = None;
                    standing.refused = None;
                    news
                });
            }
            Err(problem) if problem.retryable => {
                self.standing.send_if_modified(|standing| {
                    let news = standing.away_since.is_none();
                    standing.away_since.get_or_insert_with(Utc::now);
                    news
                });
            }
            Err(problem) => {
                self.standing.send_modify(|standing| {
                    standing.away_since = None;
                    standing.refused = Some(problem.clone());
                });
                self.tell_refusal(problem);
            }
        }
        result
    }

    /// The Hub has accepted a heartbeat.
    pub(crate) fn accepted(&self, now: DateTime<Utc>) -> Result<(), Problem> {
        self.standing.send_modify(|standing| standing.accepted_at = Some(now));
        files::write_json(&self.layout.state("heartbeat.json"), &HeartbeatState { accepted_at: now })
    }

    /// Waits; not longer than needed when the Hub answers others meanwhile.
    pub(crate) async fn pause(&self, time: Duration) {
        let mut standing = self.standing.subscribe();
        let better = async {
            if standing.wait_for(Standing::is_fine).await.is_err() {
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
        let mut standing = self.standing.subscribe();
        let _ = standing.wait_for(|standing| !standing.key_refused()).await;
    }

    fn tell_refusal(&self, problem: &Problem) {
        let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = Utc::now();
        if told.is_none_or(|last| now - last >= REFUSAL_TOLD) {
            *told = Some(now);
            tracing::error!("{problem} {}", problem.hint);
        }
    }
}
