//! What is asked of the Hub about backups.

use std::{io::Read as _, path::Path};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use letsbe_protocol::{BackupCommand, NodeCommand};
use letsbe_types::{
    Secret,
    api::OrderSummary,
    backup::Destination,
    backups::{
        BackupList, BackupSummary, DestinationEntry, Drill, DrillKind, DrillOutcome, DrillRequest,
        TenantBackups,
    },
    ids::OrderId,
    tenant::CommandWork,
};
use serde_json::json;

use super::show;
use crate::{
    hub::{Hub, Page, Search, list_path},
    names::{IdName, Name},
    plan::{self, Planned},
    style::{self, Level, say},
    tenants::{Target, send},
};

/// Longer is no destination.
const DESTINATION_BYTES_MAX: u64 = 64 * 1024;
/// The state of an order whose server works for its customer.
const LIVE: &str = "FULFILLED";

#[derive(Subcommand)]
pub(crate) enum OwnCommand {
    /// List every tenant's backups: how they are, how old, where, when proven; those that need you first.
    List {
        #[command(flatten)]
        page: Page,
        #[command(flatten)]
        search: Search,
        /// Only those: needs_you, failed, troubled, awaited, fine, ended.
        #[arg(long, default_value = "")]
        state: String,
    },
    /// Show one tenant's backups: each tool, each proof with its evidence, what is there outside.
    Show {
        /// The tenant: its id, the beginning of it, or its domain.
        tenant: Name,
    },
    /// Have a tenant's server make a backup now.
    Run(Ask),
    /// Have a tenant's server restore its newest backups beside everything, to prove them.
    Prove(Ask),
    /// Do or record a drill; without a tenant, list the drills that are due and those that were done.
    Drill(Box<DrillArguments>),
    /// Show where an order's copies go; with --from, give another destination by hand.
    Destination {
        /// The order: its id, the beginning of it, or its domain.
        order: Name,
        /// File with the destination as JSON (`-` is standard input). It holds the key. The next provisioning takes it
        /// to the order's server; a live one takes it by SSH, with the command that is printed.
        #[arg(long)]
        from: Option<std::path::PathBuf>,
        #[command(flatten)]
        planned: Planned,
    },
    /// Say that you have looked at what was found wrong with the copies outside.
    Acknowledge {
        /// The tenant: its id, the beginning of it, or its domain.
        tenant: Name,
        /// The alarm, as `letsbe backups show` prints it: its id, or the beginning of it.
        alarm: IdName,
        #[command(flatten)]
        planned: Planned,
    },
}

/// Something that a tenant's server is to do.
#[derive(Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    target: Target,
    /// One tool, or a part of the platform.
    #[arg(long)]
    tool: Option<String>,
    /// Do not wait for the result.
    #[arg(long)]
    no_wait: bool,
}

#[derive(Args)]
pub(crate) struct DrillArguments {
    /// The tenant: its id, the beginning of it, or its domain.
    tenant: Option<Name>,
    /// Monthly: every tool is restored and proven by the tenant's own server. Quarterly: you bring the whole server back
    /// on a spare one.
    #[arg(long, default_value = "monthly", requires = "tenant")]
    kind: Kind,
    /// Record how your drill ended.
    #[arg(long, requires_all = ["tenant", "rto_minutes", "rpo_minutes"])]
    record: Option<Ended>,
    /// Minutes from the loss to a server that serves again.
    #[arg(long, requires = "record")]
    rto_minutes: Option<u32>,
    /// Minutes between the loss and the newest data that came back.
    #[arg(long, requires = "record")]
    rpo_minutes: Option<u32>,
    /// What you saw, in a few words.
    #[arg(long, requires = "record", default_value = "")]
    notes: String,
    #[command(flatten)]
    planned: Planned,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Monthly,
    Quarterly,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ended {
    Passed,
    Failed,
}

impl From<Kind> for DrillKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Monthly => Self::Monthly,
            Kind::Quarterly => Self::Quarterly,
        }
    }
}

pub(crate) async fn carry_out(named: Option<&str>, command: OwnCommand, json: bool) -> anyhow::Result<()> {
    let hub = Hub::open(named)?;
    match command {
        OwnCommand::List { page, search, state } => {
            let own = hub.get("/api/v1/admin/backups/hub").await?;
            let reply = hub.list(&list_path("backups", page, &search, ("state", &state))).await?;
            if json {
                return style::say_json(&BackupList { hub: own, tenants: reply.data, meta: reply.meta });
            }
            show::hub(&own);
            show::list(&reply, page)
        }
        OwnCommand::Show { tenant } => {
            let id = tenant.tenant(&hub).await?;
            let backups: TenantBackups = hub.get(&format!("/api/v1/admin/tenants/{id}/backups")).await?;
            if json { style::say_json(&backups) } else { show::one(&backups) }
        }
        OwnCommand::Run(Ask { target, tool, no_wait }) => {
            send(&hub, &target, CommandWork::Backup { tool }, !no_wait, json).await
        }
        OwnCommand::Prove(Ask { target, tool, no_wait }) => {
            send(&hub, &target, CommandWork::Prove { tool }, !no_wait, json).await
        }
        OwnCommand::Drill(arguments) => drill(&hub, *arguments, json).await,
        OwnCommand::Destination { order, from, planned } => {
            let id = order.order(&hub).await?;
            match from {
                Some(file) if planned.plan => destination_planned(&hub, id, &file, json).await,
                from => destination(&hub, id, from.as_deref(), json).await,
            }
        }
        OwnCommand::Acknowledge { tenant, alarm, planned } => {
            let id = tenant.tenant(&hub).await?;
            let there: TenantBackups = hub.get(&format!("/api/v1/admin/tenants/{id}/backups")).await?;
            let named = there.summary.alarms.iter().map(|alarm| (alarm.id.0, alarm.message.clone()));
            let alarm = alarm.among("alarms", &format!("letsbe backups show {id}"), named)?;
            if planned.plan {
                let known = there.summary.alarms.iter().find(|one| one.id.0 == alarm);
                let what = known.map_or_else(|| alarm.to_string(), |one| one.message.clone());
                return plan::show_only(
                    vec![format!("It is written down that you looked at this: {what}")],
                    json,
                );
            }
            let path = format!("/api/v1/admin/tenants/{id}/alarms/{alarm}");
            let now: BackupSummary = hub.post(&path, &json!({})).await?;
            if json {
                return style::say_json(&now);
            }
            show::rows(&[now]);
            Ok(())
        }
    }
}

async fn destination(hub: &Hub, order: OrderId, from: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let path = format!("/api/v1/admin/orders/{order}/destination");
    let known: Option<DestinationEntry> = match from {
        None => hub.get(&path).await?,
        Some(file) => {
            let destination = read(file)?;
            hub.put(&path, &serde_json::to_value(&destination)?).await?
        }
    };
    if json {
        return style::say_json(&known);
    }
    match &known {
        Some(known) => show::destination(known),
        None => say("the copies stay on the server: the Hub knows no destination"),
    }
    if let Some(file) = from {
        let summary = hub.order(order).await?.summary;
        say(&format!("{} taken; {}", Level::Fine.mark(), who_takes_it(&summary, file)));
    }
    Ok(())
}

/// What giving another destination would do; the key in the file is not shown.
async fn destination_planned(hub: &Hub, order: OrderId, file: &Path, json: bool) -> anyhow::Result<()> {
    read(file)?;
    let known: Option<DestinationEntry> =
        hub.get(&format!("/api/v1/admin/orders/{order}/destination")).await?;
    let summary = hub.order(order).await?.summary;
    let now = match known {
        Some(known) => format!("Copies go to {}/{} now; that is forgotten.", known.bucket, known.prefix),
        None => "The Hub knows no destination now.".to_owned(),
    };
    plan::show_only(vec![now, format!("With the new one: {}", who_takes_it(&summary, file))], json)
}

/// How a destination that was given by hand comes to the server. What is live is told by its operator over SSH, so that
/// the Hub needs no way to send a secret there.
fn who_takes_it(order: &OrderSummary, file: &Path) -> String {
    let OrderSummary { id, domain, state, .. } = order;
    if state == LIVE {
        let set = NodeCommand::from(BackupCommand::SetDestination).as_line();
        return format!(
            "a recovery would use it. The server itself goes on with the former one until you tell it:\n  ssh -p 22022 \
             letsbe-admin@{domain} sudo {set} < '{}'",
            file.display()
        );
    }
    format!(
        "the next provisioning of the order takes it to the server (a waiting order: letsbe orders retry {id})"
    )
}

/// The parser's own words could quote the key.
fn read(file: &Path) -> anyhow::Result<Destination> {
    let mut text = String::new();
    let bounded: Box<dyn std::io::Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?)
    };
    bounded.take(DESTINATION_BYTES_MAX).read_to_string(&mut text)?;
    let text = Secret::new(text);
    match serde_json::from_str(text.expose()) {
        Ok(destination) => Ok(destination),
        Err(error) => bail!(
            "{} is no destination (line {}, column {}); docs/operating.md shows one",
            file.display(),
            error.line(),
            error.column()
        ),
    }
}

fn drill_planned(kind: Kind, record: Option<Ended>) -> Vec<String> {
    let begun = match kind {
        Kind::Monthly => {
            "The tenant's server restores every tool beside everything and compares it; tools go on."
        }
        Kind::Quarterly => "A drill is opened that you do on a spare server; what to do is printed then.",
    };
    let ended = record.map(|ended| match ended {
        Ended::Passed => "It is written down as passed.".to_owned(),
        Ended::Failed => "It is written down as failed.".to_owned(),
    });
    std::iter::once(begun.to_owned()).chain(ended).collect()
}

async fn drill(hub: &Hub, arguments: DrillArguments, json: bool) -> anyhow::Result<()> {
    let DrillArguments { tenant, kind, record, rto_minutes, rpo_minutes, notes, planned } = arguments;
    let Some(tenant) = tenant else {
        let drills: Vec<Drill> = hub.get("/api/v1/admin/drills").await?;
        return if json { style::say_json(&drills) } else { show::drills(&drills) };
    };
    let id = tenant.tenant(hub).await?;
    if planned.plan {
        return plan::show_only(drill_planned(kind, record), json);
    }
    let path = format!("/api/v1/admin/tenants/{id}/drills");
    let drill: Drill = hub.post(&path, &serde_json::to_value(DrillRequest { kind: kind.into() })?).await?;
    let drill = match record {
        None => drill,
        Some(ended) => {
            let outcome = DrillOutcome {
                passed: ended == Ended::Passed,
                rto_seconds: u64::from(rto_minutes.unwrap_or(0)) * 60,
                rpo_seconds: u64::from(rpo_minutes.unwrap_or(0)) * 60,
                notes,
            };
            hub.post(&format!("{path}/{}", drill.id), &serde_json::to_value(outcome)?).await?
        }
    };
    if json {
        return style::say_json(&drill);
    }
    show::drills(std::slice::from_ref(&drill))?;
    if drill.kind == DrillKind::Quarterly && drill.finished_at.is_none() {
        show::what_to_do(&drill);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use letsbe_types::api::OrderSummary;

    use super::who_takes_it;

    #[test]
    fn a_live_server_is_told_by_its_operator_and_a_waiting_one_by_its_run() {
        let told = |state: &str| {
            let order = serde_json::json!({
                "id": "018f7b1e-0000-7000-8000-000000000001", "state": state, "domain": "bakery.example",
                "email": "owner@bakery.example", "tier": "build", "region": "eu", "tools": [], "server": null,
                "created_at": "2026-11-22T00:00:00Z", "updated_at": "2026-11-22T00:00:00Z", "problem": null,
            });
            let order: OrderSummary = serde_json::from_value(order).unwrap();
            who_takes_it(&order, Path::new("new key.json"))
        };
        let live = told("FULFILLED");
        assert!(
            live.contains("letsbe-admin@bakery.example") && live.ends_with("set < 'new key.json'"),
            "{live}"
        );
        assert!(told("DNS_PENDING").contains("letsbe orders retry 018f7b1e"));
    }
}
