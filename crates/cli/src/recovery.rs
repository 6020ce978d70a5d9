//! Lost servers: asking for another one in their place, opening the escrow for it, and following it to the end.
//!
//! The escrow is opened on this machine only. What leaves it is sealed for the new server, and no key is printed.

mod keys;
mod show;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use letsbe_types::{
    Problem, Region,
    ids::{OrderId, ServerId},
    recovery::{
        CancelRecovery, LostServerFate, RecoverRequest, RecoveryEntry, RecoveryPlan, RecoveryState,
        SettleLost, WaitsFor,
    },
};

use crate::{
    confirm::{self, Yes},
    hub::Hub,
    orders,
    style::{self, Level, harmless, say},
    tenants::{TenantName, id_of},
};

/// How often a recovery is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// A Hub that is away for longer is not waited for.
const HUB_AWAY: Duration = Duration::from_secs(10 * 60);

#[derive(Subcommand)]
pub(crate) enum RecoveryCommand {
    /// Say that a tenant's server is lost: another one takes its place, with the data of the backups.
    Recover(Box<Recover>),
    /// Open the escrow on this machine and give the new server its keys, sealed.
    Unseal {
        /// The tenant: its id or its domain.
        tenant: TenantName,
        #[command(flatten)]
        opener: Opener,
        /// Wait until the new server asks for its keys.
        #[arg(long)]
        wait: bool,
    },
    /// Show recoveries, newest first, with how long they took and how much was lost.
    Recoveries {
        /// The tenant; everybody's if not given.
        tenant: Option<TenantName>,
    },
    /// Take a recovery back: the server was not lost after all. Possible until provisioning began.
    CancelRecovery {
        /// The tenant: its id or its domain.
        tenant: TenantName,
        /// Why; kept in the timeline.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        yes: Yes,
    },
    /// Write down what became of a lost server.
    SettleLost {
        /// The tenant: its id or its domain.
        tenant: TenantName,
        /// The lost server, as `<provider>:<id>`.
        #[arg(long)]
        server: String,
        /// What was done about it.
        #[arg(long)]
        became: Fate,
        /// What shows it: a ticket, a task, a date.
        #[arg(long)]
        evidence: String,
    },
}

#[derive(Args)]
pub(crate) struct Recover {
    /// The tenant: its id or its domain.
    tenant: TenantName,
    /// What happened; kept in the timeline.
    #[arg(long)]
    reason: String,
    /// Where the other server shall stand, if not where the order wants it.
    #[arg(long)]
    region: Option<Region>,
    /// The newest data before this moment: 2026-11-20, "2026-11-20 14:00" or with a time zone.
    #[arg(long, value_parser = moment)]
    at: Option<DateTime<Utc>>,
    /// Read the copies outside as they were at this moment: somebody deleted there what he could.
    #[arg(long, value_parser = moment)]
    as_of: Option<DateTime<Utc>>,
    /// File with the destination (JSON, with its secret), if the Hub does not know where the copies are.
    #[arg(long)]
    source: Option<PathBuf>,
    /// Show what would happen, and do nothing.
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    opener: OptionalOpener,
    /// Follow it to its end.
    #[arg(long)]
    wait: bool,
    /// The server was heard a moment ago and is to be given up all the same.
    #[arg(long)]
    still_alive_is_ok: bool,
    #[command(flatten)]
    yes: Yes,
}

/// What opens the escrow.
#[derive(Args)]
pub(crate) struct Opener {
    /// age identity file of one of the escrow's recipients.
    #[arg(long)]
    identity: PathBuf,
    #[command(flatten)]
    rest: OpenerRest,
}

/// The same, where it may come later.
#[derive(Args)]
struct OptionalOpener {
    /// age identity file of one of the escrow's recipients: the keys are unsealed as soon as they are asked for.
    #[arg(long, requires = "wait")]
    identity: Option<PathBuf>,
    #[command(flatten)]
    rest: OpenerRest,
}

#[derive(Args)]
struct OpenerRest {
    /// A copy of the escrow kept elsewhere, instead of the Hub's newest.
    #[arg(long, requires = "identity", conflicts_with = "number")]
    escrow: Option<PathBuf>,
    /// The one of the Hub's with this number, as `letsbe tenants escrow --list` shows it, instead of the newest.
    #[arg(long, requires = "identity")]
    number: Option<u64>,
    /// The fingerprint that the new server itself shows; the keys are sealed for no other.
    #[arg(long, requires = "identity")]
    fingerprint: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Fate {
    /// It was found and wiped.
    Wiped,
    /// It was given back to the provider.
    Cancelled,
}

impl From<Fate> for LostServerFate {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Wiped => Self::Wiped,
            Fate::Cancelled => Self::Cancelled,
        }
    }
}

/// A moment as a person writes it; without a time zone it is this machine's, a date alone is its end.
fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let end = NaiveTime::from_hms_opt(23, 59, 59).unwrap_or(NaiveTime::MIN);
    let formats = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let written = formats
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|date| date.and_time(end)));
    let written = written.ok_or("write it as 2026-11-20, \"2026-11-20 14:00\" or 2026-11-20T14:00:00Z")?;
    let local = written.and_local_timezone(Local).latest();
    local.map(|at| at.to_utc()).ok_or_else(|| "this time does not exist here".to_owned())
}

pub(crate) async fn carry_out(
    named: Option<&str>,
    command: RecoveryCommand,
    json: bool,
) -> anyhow::Result<()> {
    let hub = Hub::open(named)?;
    match command {
        RecoveryCommand::Recover(asked) => recover(&hub, *asked, json).await,
        RecoveryCommand::Unseal { tenant, opener, wait } => {
            let id = id_of(&hub, &tenant).await?;
            unseal(&hub, id, &opener, wait, json).await
        }
        RecoveryCommand::Recoveries { tenant } => {
            let of = match &tenant {
                Some(tenant) => Some(id_of(&hub, tenant).await?),
                None => None,
            };
            let recoveries = hub.recoveries(of).await?;
            if json { style::say_json(&recoveries) } else { show::list(&recoveries) }
        }
        RecoveryCommand::CancelRecovery { tenant, reason, yes } => {
            let id = id_of(&hub, &tenant).await?;
            let entry = newest(&hub, id).await?;
            confirm::by_name(entry.domain.as_str(), &show::taken_back(&entry), yes)?;
            let path = format!("/api/v1/admin/tenants/{id}/recovery/cancel");
            let entry: RecoveryEntry =
                hub.post(&path, &serde_json::to_value(CancelRecovery { reason })?).await?;
            if json {
                return style::say_json(&entry);
            }
            say(&format!("{} the recovery of {} is taken back", Level::Fine.mark(), entry.domain));
            Ok(())
        }
        RecoveryCommand::SettleLost { tenant, server, became, evidence } => {
            let id = id_of(&hub, &tenant).await?;
            let settle = SettleLost { server: ServerId(server), became: became.into(), evidence };
            let path = format!("/api/v1/admin/tenants/{id}/recovery/lost");
            let _: serde_json::Value = hub.post(&path, &serde_json::to_value(&settle)?).await?;
            if json {
                return style::say_json(&settle);
            }
            say(&format!("{} it is written down what became of {}", Level::Fine.mark(), settle.server));
            if settle.became == LostServerFate::Wiped {
                say(&format!(
                    "  `letsbe-hub return-server {}` on the Hub puts it into the pool.",
                    settle.server
                ));
            }
            Ok(())
        }
    }
}

/// How long ago a server was heard that cannot be taken for lost: it reports every five minutes.
fn heard_lately(heard_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<chrono::TimeDelta> {
    heard_at.map(|at| now - at).filter(|ago| *ago < chrono::TimeDelta::minutes(15))
}

async fn recover(hub: &Hub, asked: Recover, json: bool) -> anyhow::Result<()> {
    let id = id_of(hub, &asked.tenant).await?;
    let source = asked.source.as_deref().map(keys::destination).transpose()?;
    let request = RecoverRequest {
        reason: asked.reason,
        region: asked.region,
        at: asked.at,
        as_of: asked.as_of,
        source,
    };
    let path = format!("/api/v1/admin/tenants/{id}/recovery");
    let body = serde_json::to_value(&request)?;
    let plan = async || hub.post::<RecoveryPlan>(&format!("{path}/plan"), &body).await;
    if asked.plan {
        let plan = plan().await?;
        return if json { style::say_json(&plan) } else { show::plan(&plan) };
    }
    let tenant = hub.tenant(id).await?.summary;
    if let (Some(at), false) = (heard_lately(tenant.heard_at, Utc::now()), asked.still_alive_is_ok) {
        bail!(
            "the server of {} was heard {} s ago, so it does not look lost. Nothing was done; \
             --still-alive-is-ok gives it up all the same",
            tenant.domain,
            at.num_seconds()
        );
    }
    if !asked.yes.yes {
        let RecoveryPlan { steps, warnings, .. } = plan().await?;
        let consequences: Vec<String> = steps.into_iter().chain(warnings).collect();
        confirm::by_name(tenant.domain.as_str(), &consequences, asked.yes)?;
    }
    // What cannot be read is said before anything is asked for.
    let opener = asked.opener.identity.map(|identity| Opener { identity, rest: asked.opener.rest });
    let keys = opener.as_ref().map(keys::Keys::read).transpose()?;
    let entry: RecoveryEntry = hub.post(&path, &body).await?;
    if !asked.wait {
        if json {
            return style::say_json(&entry);
        }
        return show::begun(&entry);
    }
    if !json {
        show::begun(&entry)?;
    }
    follow(hub, id, keys.as_ref(), json).await
}

async fn unseal(hub: &Hub, id: OrderId, opener: &Opener, wait: bool, json: bool) -> anyhow::Result<()> {
    let keys = keys::Keys::read(opener)?;
    let mut entry = newest(hub, id).await?;
    loop {
        match (entry.waits_for, &entry.keys) {
            (WaitsFor::Keys, Some(asked)) => match keys.give(hub, id, &asked.recipient, json).await {
                // Whether it was heard, the next look tells.
                Err(error) if wait && is_unanswered(&error) => {}
                given => return answer(&given?, json),
            },
            (WaitsFor::Run, Some(asked)) if asked.given_at.is_some() => {
                if !json {
                    say(&format!("{} the new server's keys were given already", Level::Fine.mark()));
                }
                return answer(&entry, json);
            }
            (WaitsFor::Nothing | WaitsFor::Dns | WaitsFor::Release | WaitsFor::Operator, _) => {
                bail!("no new server of {} will ask for keys: {}", entry.domain, show::waiting(&entry))
            }
            _ if !wait => {
                bail!(
                    "the new server of {} does not ask for its keys yet: {} (--wait waits for it)",
                    entry.domain,
                    show::waiting(&entry)
                )
            }
            _ => {}
        }
        tokio::time::sleep(LOOK).await;
        entry = patiently(async || newest(hub, id).await).await?;
    }
}

fn answer(entry: &RecoveryEntry, json: bool) -> anyhow::Result<()> {
    if json { style::say_json(entry) } else { Ok(()) }
}

/// Whether a request got no answer, or half of one.
fn is_unanswered(error: &anyhow::Error) -> bool {
    error.is::<reqwest::Error>()
}

/// Looks until the Hub answers: one that is started again is waited for, what it refuses is its answer.
async fn patiently<T>(look: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let began = Instant::now();
    loop {
        match look().await {
            Err(error) if !error.is::<Problem>() && began.elapsed() < HUB_AWAY => {
                tokio::time::sleep(LOOK).await
            }
            looked => return looked,
        }
    }
}

async fn newest(hub: &Hub, id: OrderId) -> anyhow::Result<RecoveryEntry> {
    hub.recovery(id).await?.context("this tenant's server was never lost")
}

/// Shows what happens until the recovery ends, and unseals the keys each time that a run asks for them.
async fn follow(hub: &Hub, id: OrderId, keys: Option<&keys::Keys>, json: bool) -> anyhow::Result<()> {
    let begun = newest(hub, id).await?;
    let mut last = i64::MIN;
    let mut told: Option<WaitsFor> = None;
    let mut given: Option<String> = None;
    loop {
        // What goes on does not need us.
        let look = async || anyhow::Ok((newest(hub, id).await?, hub.order(id).await?));
        let (entry, order) = patiently(look).await?;
        for line in order.timeline.iter().filter(|line| line.sequence > last && line.at >= begun.requested_at)
        {
            if json { style::say_json(line)? } else { say(&orders::line(line)) }
        }
        last = order.timeline.last().map_or(last, |line| last.max(line.sequence));
        if entry.id != begun.id || entry.state != RecoveryState::Running {
            return ended(&entry, json);
        }
        let asked = entry.keys.as_ref().filter(|_| entry.waits_for == WaitsFor::Keys);
        if let (Some(asked), Some(keys)) = (asked, keys)
            && given.as_ref() != Some(&asked.recipient)
        {
            match keys.give(hub, id, &asked.recipient, json).await {
                // Whether it was heard, the next look tells.
                Err(error) if is_unanswered(&error) => {}
                sent => {
                    sent?;
                    given = Some(asked.recipient.clone());
                }
            }
        } else if told != Some(entry.waits_for) && !json {
            say(&format!("{} {}", Level::Running.mark(), style::bold(&show::waiting(&entry))));
            show::needed(&entry);
        }
        told = Some(entry.waits_for);
        if entry.waits_for == WaitsFor::Operator {
            return ended(&entry, json);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn ended(entry: &RecoveryEntry, json: bool) -> anyhow::Result<()> {
    if json {
        style::say_json(entry)?;
    } else {
        show::end(entry)?;
    }
    match (&entry.problem, entry.state) {
        (_, RecoveryState::Finished) => Ok(()),
        (Some(problem), _) if !json => Err(problem.clone().into()),
        _ => bail!("the recovery of {} did not end well: {}", entry.domain, harmless(&show::waiting(entry))),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};

    use super::{heard_lately, moment};

    #[test]
    fn a_server_that_was_heard_within_a_quarter_of_an_hour_is_not_taken_for_lost() {
        let now = Utc::now();
        assert!(heard_lately(Some(now - TimeDelta::minutes(14)), now).is_some());
        assert!(heard_lately(Some(now - TimeDelta::minutes(16)), now).is_none());
        assert!(heard_lately(None, now).is_none());
    }

    #[test]
    fn moments_are_written_as_people_write_them() {
        let exact = "2026-11-20T14:00:00Z";
        assert_eq!(moment(exact).unwrap().to_rfc3339(), "2026-11-20T14:00:00+00:00");
        assert!(moment("2026-11-20").unwrap() > moment("2026-11-20 14:00").unwrap());
        assert_eq!(moment("2026-11-20T14:00").unwrap(), moment("2026-11-20 14:00").unwrap());
        for bad in ["", "yesterday", "2026-13-01", "2026-11-20 25:00"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }
}
