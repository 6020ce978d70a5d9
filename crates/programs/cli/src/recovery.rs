//! Lost servers: asking for another one in their place, opening the escrow for it, and following it to the end.
//!
//! The escrow is opened on this machine only. What leaves it is sealed for the new server, and no key is printed.

mod follow;
mod keys;
mod show;

use std::path::PathBuf;

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use letsbe_types::{
    Code, Problem, Region,
    api::DeskPlan,
    ids::{OrderId, ServerId},
    recovery::{
        CancelRecovery, LostServerFate, RecoverRequest, RecoveryEntry, RecoveryPlan, SettleLost, WaitsFor,
    },
};

use self::follow::{follow, newest, unseal};
use crate::{
    confirm::{self, Reason, Yes},
    hub::Hub,
    names::Name,
    plan::{self, Planned},
    style::{self, Level, say},
};

#[derive(Subcommand)]
pub(crate) enum RecoveryCommand {
    /// Say that a tenant's server is lost: another one takes its place, with the data of the backups.
    Recover(Box<Recover>),
    /// Open the escrow on this machine and give the new server its keys, sealed.
    Unseal {
        /// The tenant: its id, the beginning of it, or its domain.
        tenant: Name,
        #[command(flatten)]
        opener: Opener,
        /// Wait until the new server asks for its keys.
        #[arg(long)]
        wait: bool,
    },
    /// Show recoveries, newest first, with how long they took and how much was lost.
    Recoveries {
        /// The tenant; everybody's if not given.
        tenant: Option<Name>,
    },
    /// Take a recovery back: the server was not lost after all. Possible until provisioning began.
    CancelRecovery {
        /// The tenant: its id, the beginning of it, or its domain.
        tenant: Name,
        #[command(flatten)]
        why: Reason,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        planned: Planned,
    },
    /// Write down what became of a lost server.
    SettleLost {
        /// The tenant: its id, the beginning of it, or its domain.
        tenant: Name,
        /// The lost server, as `<provider>:<id>`.
        #[arg(long)]
        server: String,
        /// What was done about it.
        #[arg(long)]
        became: Fate,
        /// What shows it: a ticket, a task, a date.
        #[arg(long)]
        evidence: String,
        #[command(flatten)]
        planned: Planned,
    },
}

#[derive(Args)]
pub(crate) struct Recover {
    /// The tenant: its id, the beginning of it, or its domain.
    tenant: Name,
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
    #[command(flatten)]
    planned: Planned,
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
            let id = tenant.tenant(&hub).await?;
            unseal(&hub, id, &opener, wait, json).await
        }
        RecoveryCommand::Recoveries { tenant } => {
            let of = match &tenant {
                Some(tenant) => Some(tenant.tenant(&hub).await?),
                None => None,
            };
            let recoveries = hub.recoveries(of).await?;
            if json { style::say_json(&recoveries) } else { show::list(&recoveries) }
        }
        RecoveryCommand::CancelRecovery { tenant, why, yes, planned } => {
            let id = tenant.tenant(&hub).await?;
            let entry = newest(&hub, id).await?;
            if planned.plan {
                return cancel_planned(&entry, json);
            }
            confirm::by_name(entry.domain.as_str(), &show::taken_back(&entry), yes).await?;
            let path = format!("/api/v1/admin/tenants/{id}/recovery/cancel");
            let entry: RecoveryEntry =
                hub.post(&path, &serde_json::to_value(CancelRecovery { reason: why.reason })?).await?;
            if json {
                return style::say_json(&entry);
            }
            say(&format!("{} the recovery of {} is taken back", Level::Fine.mark(), entry.domain));
            Ok(())
        }
        RecoveryCommand::SettleLost { tenant, server, became, evidence, planned } => {
            let id = tenant.tenant(&hub).await?;
            let settle = SettleLost { server: ServerId(server), became: became.into(), evidence };
            settle_lost(&hub, id, &settle, planned, json).await
        }
    }
}

/// What taking a recovery back would do, or why it cannot be taken back.
fn cancel_planned(entry: &RecoveryEntry, json: bool) -> anyhow::Result<()> {
    let domain = &entry.domain;
    let over = (!entry.can_be_cancelled).then_some(match entry.waits_for {
        WaitsFor::Nothing => "is not under way any more",
        WaitsFor::Release => "is being taken back already",
        _ => "has begun with the other server already",
    });
    let problem = over.map(|why| {
        let hint = format!("Look how far it is: `letsbe backups recoveries {domain}`");
        Problem::permanent(Code::HUB055, format!("The recovery of {domain} {why}."), hint)
    });
    plan::show_desk(&DeskPlan { consequences: show::taken_back(entry), problem }, json)
}

async fn settle_lost(
    hub: &Hub,
    id: OrderId,
    settle: &SettleLost,
    planned: Planned,
    json: bool,
) -> anyhow::Result<()> {
    let became = match settle.became {
        LostServerFate::Wiped => "wiped",
        LostServerFate::Cancelled => "cancelled",
    };
    if planned.plan {
        let line = format!("It is written down that {} was {became} ({}).", settle.server, settle.evidence);
        let open = hub.recoveries(Some(id)).await?;
        let is_open = |entry: &RecoveryEntry| {
            entry.lost_server_is_open() && entry.lost.server.as_ref() == Some(&settle.server)
        };
        let problem = (!open.iter().any(is_open)).then(|| {
            let message =
                format!("{} is not a lost server of this tenant that is still open.", settle.server);
            let hint = format!("See which are: `letsbe backups recoveries {id}`");
            Problem::permanent(Code::HUB055, message, hint)
        });
        return plan::show_desk(&DeskPlan { consequences: vec![line], problem }, json);
    }
    let path = format!("/api/v1/admin/tenants/{id}/recovery/lost");
    let _: serde_json::Value = hub.post(&path, &serde_json::to_value(settle)?).await?;
    if json {
        return style::say_json(settle);
    }
    say(&format!("{} it is written down what became of {}", Level::Fine.mark(), settle.server));
    if settle.became == LostServerFate::Wiped {
        say(&format!("  `letsbe-hub return-server {}` on the Hub puts it into the pool.", settle.server));
    }
    Ok(())
}

/// How long ago a server was heard that cannot be taken for lost: it reports every five minutes.
fn heard_lately(heard_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<chrono::TimeDelta> {
    heard_at.map(|at| now - at).filter(|ago| *ago < chrono::TimeDelta::minutes(15))
}

/// What does not look lost is not given up by mistake.
fn still_alive(domain: &str, ago: chrono::TimeDelta) -> Problem {
    Problem::permanent(
        Code::HUB057,
        format!("The server of {domain} was heard {} s ago, so it does not look lost", ago.num_seconds()),
        "Nothing was done. --still-alive-is-ok gives it up all the same.",
    )
}

async fn recover(hub: &Hub, asked: Recover, json: bool) -> anyhow::Result<()> {
    let id = asked.tenant.tenant(hub).await?;
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
    let tenant = hub.tenant(id).await?.summary;
    let heard = heard_lately(tenant.heard_at, Utc::now()).filter(|_| !asked.still_alive_is_ok);
    let alive = heard.map(|ago| still_alive(tenant.domain.as_str(), ago));
    if asked.planned.plan {
        return show::plan(&plan().await?, alive.as_ref(), json);
    }
    if let Some(alive) = alive {
        return Err(alive.into());
    }
    if !asked.yes.yes {
        let RecoveryPlan { steps, warnings, .. } = plan().await?;
        let consequences: Vec<String> = steps.into_iter().chain(warnings).collect();
        confirm::by_name(tenant.domain.as_str(), &consequences, asked.yes).await?;
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
