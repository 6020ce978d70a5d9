//! `heartbeat.accepted`: the Hub has accepted a heartbeat since the agent was started. Without a Hub: the agent runs.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use letsbe_host::{Assessment, Converge, Machine};
use letsbe_types::{Code, Problem, job::DesiredServer, paths};
use serde::Deserialize;

use super::{STEP, failed};
use crate::{read_file, read_unit};

/// The agent sends its first heartbeat as soon as it runs.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// An older one means that the Hub is out of reach now: the server works without it, but somebody should know.
const STALE: TimeDelta = TimeDelta::minutes(15);

pub(super) struct HeartbeatAccepted;

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// When the running agent was started; `None` if it does not run.
    started: Option<DateTime<Utc>>,
    /// When the Hub last accepted a heartbeat.
    accepted: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
}

impl Facts {
    /// systemd reports whole seconds.
    fn is_fresh(&self) -> bool {
        self.started.zip(self.accepted).is_some_and(|(started, accepted)| accepted >= started)
    }
}

#[derive(Deserialize)]
struct HeartbeatState {
    accepted_at: DateTime<Utc>,
}

#[async_trait]
impl Converge for HeartbeatAccepted {
    type Facts = Facts;
    const NAME: &'static str = "heartbeat.accepted";
    const STEP: u8 = STEP;

    async fn probe(&self, machine: &dyn Machine, desired: &DesiredServer) -> Result<Facts, Problem> {
        if desired.hub.is_none() {
            return read(machine).await;
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let facts = read(machine).await?;
            // Without a running agent there is nothing to wait for.
            if facts.is_fresh() || facts.started.is_none() || tokio::time::Instant::now() >= deadline {
                return Ok(facts);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn converge(&self, facts: &Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        if desired.hub.is_none() { judge_alone(facts) } else { judge(facts) }
    }
}

async fn read(machine: &dyn Machine) -> Result<Facts, Problem> {
    let unit = read_unit(machine, paths::AGENT_UNIT, "ActiveState,ExecMainStartTimestamp").await?;
    let active = unit.get("ActiveState").is_some_and(|state| state == "active");
    let started = unit.get("ExecMainStartTimestamp").and_then(|text| parse_unix(text)).filter(|_| active);
    let state = read_file(machine, paths::HEARTBEAT_STATE).await?;
    let accepted = state.and_then(|state| serde_json::from_str::<HeartbeatState>(&state.content).ok());
    Ok(Facts { started, accepted: accepted.map(|state| state.accepted_at), now: Utc::now() })
}

/// `@1763759594`.
fn parse_unix(text: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(text.trim().strip_prefix('@')?.parse().ok()?, 0)
}

const HINT: &str =
    "See `journalctl -u letsbe-agent` on the server, and whether the server reaches the Hub's address.";

/// Without a Hub.
fn judge_alone(facts: &Facts) -> Result<Assessment, Problem> {
    match facts.started {
        None => Err(failed(Code::NODE059, "the agent does not run".to_owned(), HINT)),
        Some(_) => Ok(Assessment::converged("the agent runs; there is no Hub to hear it")),
    }
}

fn judge(facts: &Facts) -> Result<Assessment, Problem> {
    match (facts.started, facts.accepted) {
        (None, _) => Err(failed(Code::NODE059, "the agent does not run".to_owned(), HINT)),
        (Some(_), None) => {
            Err(failed(Code::NODE059, "the Hub has accepted no heartbeat yet".to_owned(), HINT))
        }
        (Some(_), Some(_)) if !facts.is_fresh() => {
            let message = "the Hub has accepted no heartbeat since the agent was started".to_owned();
            Err(failed(Code::NODE059, message, HINT))
        }
        (Some(_), Some(accepted)) if facts.now - accepted > STALE => {
            Ok(Assessment::Warned { warning: format!("the Hub accepted its last heartbeat at {accepted}") })
        }
        (Some(_), Some(accepted)) => Ok(Assessment::converged(format!(
            "the Hub accepted a heartbeat at {}",
            accepted.format("%H:%M:%S")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use letsbe_host::Assessment;

    use super::{Facts, judge, judge_alone, parse_unix};

    #[test]
    fn a_heartbeat_counts_only_if_the_running_agent_sent_it() {
        let now = DateTime::from_timestamp(1_763_759_594, 0).expect("a time");
        let ago = |seconds| Some(now - TimeDelta::seconds(seconds));
        let assess = |started: Option<DateTime<Utc>>, accepted| judge(&Facts { started, accepted, now });
        assert!(matches!(assess(ago(60), ago(59)), Ok(Assessment::Converged { .. })));
        assert!(matches!(assess(ago(60), ago(60)), Ok(Assessment::Converged { .. })));
        assert!(matches!(assess(ago(4000), ago(1000)), Ok(Assessment::Warned { .. })));
        for (started, accepted) in [(ago(60), ago(61)), (ago(60), None), (None, ago(1)), (None, None)] {
            assert!(assess(started, accepted).is_err(), "{started:?} {accepted:?}");
        }
    }

    #[test]
    fn without_a_hub_the_agent_must_run_all_the_same() {
        let now = Utc::now();
        let facts = |started| Facts { started, accepted: None, now };
        assert!(matches!(judge_alone(&facts(Some(now))), Ok(Assessment::Converged { .. })));
        assert_eq!(judge_alone(&facts(None)).expect_err("refused").code, "NODE059");
    }

    #[test]
    fn systemd_times_are_read() {
        assert_eq!(parse_unix("@1763759594\n").map(|time| time.timestamp()), Some(1_763_759_594));
        assert_eq!(parse_unix(""), None);
        assert_eq!(parse_unix("n/a"), None);
    }
}
