//! Tenants' servers: how they are, what they are told.

mod ask;
mod converge;
mod show;
mod stops;
pub(crate) mod units;

pub(crate) use ask::command as send;

use clap::{Args, Subcommand};
use letsbe_types::tenant::{Autonomy, CommandWork};

use crate::{
    confirm::Yes,
    hub::{Hub, Page, Search, list_path},
    names::{IdName, Name},
    plan::Planned,
    style,
};

fn autonomy(text: &str) -> Result<Autonomy, String> {
    let number: u8 = text.parse().map_err(|_| "choose 1, 2 or 3".to_owned())?;
    Autonomy::try_from(number).map_err(str::to_owned)
}

/// Something that changes a tenant.
#[derive(Args)]
pub(crate) struct Target {
    /// The tenant: its id, the beginning of it, or its domain.
    tenant: Name,
    #[command(flatten)]
    planned: Planned,
}

#[derive(Subcommand)]
pub(crate) enum TenantsCommand {
    /// List tenants and how their servers are: those that need you first.
    List {
        #[command(flatten)]
        page: Page,
        #[command(flatten)]
        search: Search,
        /// Only those: needs_you, lost, silent, revoked, troubled, asking (fine, and an approval waits), never, fine, ended.
        #[arg(long, default_value = "")]
        health: String,
    },
    /// Show one tenant with all that is known.
    Show {
        /// The tenant: its id, the beginning of it, or its domain.
        tenant: Name,
    },
    /// Change what holds for a tenant; what is not named stays as it is.
    Configure {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        change: Change,
    },
    /// Have the tenant's agent do something, and wait until it has.
    Command {
        #[command(flatten)]
        target: Target,
        /// Do not wait for the result.
        #[arg(long)]
        no_wait: bool,
        #[command(subcommand)]
        work: Work,
    },
    /// Run the ten steps again on the tenant's live server, so that it becomes what the Hub and its catalog say now.
    Converge {
        #[command(flatten)]
        target: Target,
        /// Do not wait for the end of the run.
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        yes: Yes,
    },
    /// Make the key of the tenant's agent useless.
    Revoke {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        yes: Yes,
    },
    /// Make the server's key for models useless; the server fetches a new one with its next heartbeat.
    RenewRelayKey {
        #[command(flatten)]
        target: Target,
    },
    /// List what waits for a person's word, and what was decided.
    Approvals {
        /// The tenant: its id, the beginning of it, or its domain.
        tenant: Name,
    },
    /// Allow something, once; what cannot be taken back is asked for by name.
    Approve {
        #[command(flatten)]
        target: Target,
        /// The approval: its id, or the beginning of it.
        approval: IdName,
        #[command(flatten)]
        yes: Yes,
    },
    /// Refuse something.
    Refuse {
        #[command(flatten)]
        target: Target,
        /// The approval: its id, or the beginning of it.
        approval: IdName,
    },
    /// List where the log of the tenant's command gate ended, each time the Hub was told; with --json, as
    /// `letsbe-node gate verify --heads -` reads it.
    GateHeads {
        /// The tenant: its id, the beginning of it, or its domain.
        tenant: Name,
    },
    /// Take the log of the tenant's command gate as it is now: somebody has looked at what is wrong with it.
    AcceptGateLog {
        #[command(flatten)]
        target: Target,
    },
    /// Print the keys that the server sealed away last, as an age file; with --json, earlier ones too.
    Escrow {
        /// The tenant: its id, the beginning of it, or its domain.
        tenant: Name,
        /// List what is kept, newest first, instead of printing one.
        #[arg(long, conflicts_with = "number")]
        list: bool,
        /// Print the one with this number, as --list shows it.
        #[arg(long)]
        number: Option<u64>,
    },
}

/// What `configure` changes.
#[derive(Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Change {
    /// How much the AI team may do unasked: 1 reads, 2 also what can be undone, 3 also what is hard to undo.
    #[arg(long, value_parser = autonomy)]
    autonomy: Option<Autonomy>,
    /// Tokens in a calendar month.
    #[arg(long)]
    token_pool: Option<u64>,
    /// A tool whose messages to outsiders may be sent unasked; may be given more than once.
    #[arg(long)]
    unlock: Vec<String>,
    /// A tool whose messages to outsiders are held again; may be given more than once.
    #[arg(long)]
    lock: Vec<String>,
    /// The version of the AI runtime that is expected, as v2026.10.
    #[arg(long)]
    openclaw_version: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum Work {
    /// Send a heartbeat now.
    Report,
    /// Restart a tool's containers.
    Restart {
        /// The tool.
        tool: String,
    },
    /// Make new secrets.
    Rotate {
        /// The tool; every tool if not given.
        #[arg(long)]
        tool: Option<String>,
    },
    /// Move the AI runtime to another version.
    UpdateOpenclaw {
        /// The version, as v2026.10.
        #[arg(long)]
        to: String,
        /// Also on a Friday.
        #[arg(long)]
        force: bool,
    },
    /// Look for what differs from what was provisioned.
    CheckDrift,
}

impl From<Work> for CommandWork {
    fn from(work: Work) -> Self {
        match work {
            Work::Report => Self::Report,
            Work::Restart { tool } => Self::RestartTool { tool },
            Work::Rotate { tool } => Self::Rotate { tool },
            Work::UpdateOpenclaw { to, force } => Self::UpdateOpenClaw { to, force },
            Work::CheckDrift => Self::CheckDrift,
        }
    }
}

pub(crate) async fn carry_out(
    named: Option<&str>,
    command: TenantsCommand,
    json: bool,
) -> anyhow::Result<()> {
    let hub = Hub::open(named)?;
    match command {
        TenantsCommand::List { page, search, health } => {
            let tenants = hub.list(&list_path("tenants", page, &search, ("health", &health))).await?;
            if json { page.say_json(&tenants) } else { show::list(&tenants, page) }
        }
        TenantsCommand::Show { tenant } => {
            let tenant = hub.tenant(tenant.tenant(&hub).await?).await?;
            if json { style::say_json(&tenant) } else { show::one(&tenant) }
        }
        TenantsCommand::Approvals { tenant } => {
            let approvals = hub.approvals(tenant.tenant(&hub).await?).await?;
            if json { style::say_json(&approvals) } else { show::approvals(&approvals) }
        }
        TenantsCommand::GateHeads { tenant } => {
            let heads = hub.gate_heads(tenant.tenant(&hub).await?).await?;
            if json { style::say_json(&heads) } else { show::gate_heads(&heads) }
        }
        TenantsCommand::AcceptGateLog { target } => {
            ask::simply(&hub, &target, &ask::ACCEPT_GATE_LOG, json).await
        }
        TenantsCommand::Escrow { tenant, list, number } => {
            let mut keys = hub.sealed_keys(tenant.tenant(&hub).await?).await?;
            keys.retain(|keys| number.is_none_or(|number| keys.entry.number == number));
            match (keys.first(), number) {
                _ if json => return style::say_json(&keys),
                _ if list => show::escrows(&keys),
                (Some(keys), _) => style::say(&style::harmless_lines(keys.sealed.trim_end())),
                (None, Some(_)) => anyhow::bail!("no such number: --list shows those that are kept"),
                (None, None) => anyhow::bail!("this server has not sealed its keys away yet"),
            }
            Ok(())
        }
        TenantsCommand::Configure { target, change } => ask::configure(&hub, &target, change, json).await,
        TenantsCommand::Command { target, no_wait, work } => {
            ask::command(&hub, &target, work.into(), !no_wait, json).await
        }
        TenantsCommand::Converge { target, no_wait, yes } => {
            converge::converge(&hub, &target, !no_wait, yes, json).await
        }
        TenantsCommand::Revoke { target, yes } => ask::revoke(&hub, &target, yes, json).await,
        TenantsCommand::RenewRelayKey { target } => {
            ask::simply(&hub, &target, &ask::RENEW_RELAY_KEY, json).await
        }
        TenantsCommand::Approve { target, approval, yes } => {
            ask::decide(&hub, &target, &approval, Some(yes), json).await
        }
        TenantsCommand::Refuse { target, approval } => {
            ask::decide(&hub, &target, &approval, None, json).await
        }
    }
}
