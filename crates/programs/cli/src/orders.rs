//! Orders: lists, timelines, and what an operator does about them.

use std::net::IpAddr;

use chrono::Local;
use clap::{Args, Subcommand};
use letsbe_protocol::ADMIN_PORT;
use letsbe_types::{
    api::{Convergence, DeskAction, OrderDetail, OrderSummary, Reply, TaskEntry, TimelineEntry},
    ids::{OrderId, ServerId},
};

use crate::{
    confirm::{self, Reason, Yes},
    host_key,
    hub::{Hub, LOOK, Page, Search, list_path},
    names::{IdName, Name},
    plan::{self, Planned},
    style::{self, Level, harmless},
};

/// Lines of a timeline that the Hub answers with at once, at most.
const PART: usize = 1_000;
/// Where a server's SSH may be found in a `known_hosts` file.
const SSH_PORTS: [u16; 2] = [22, ADMIN_PORT];
/// What orders wait for.
const KINDS: [(&str, &str); 7] = [
    ("needs_you", "need you"),
    ("failing", "trying again"),
    ("waiting", "wait for DNS"),
    ("working", "at work"),
    ("unpaid", "not paid"),
    ("live", "live"),
    ("ended", "ended"),
];
/// States in which nothing more happens by itself.
const ENDS: [&str; 4] = ["FULFILLED", "FAILED", "STOPPED", "EXPIRED"];

/// The order that something is done about.
#[derive(Args)]
pub(crate) struct Target {
    /// The order: its id, the beginning of it, or its domain.
    order: Name,
    #[command(flatten)]
    planned: Planned,
}

#[derive(Subcommand)]
pub(crate) enum OrdersCommand {
    /// List orders: those that need you first.
    List {
        #[command(flatten)]
        page: Page,
        #[command(flatten)]
        search: Search,
        /// Only those that wait for this (needs_you, failing, waiting, working, unpaid, live, ended) or are in this phase
        /// (as DNS_PENDING).
        #[arg(long, default_value = "")]
        state: String,
    },
    /// Show one order and all that happened to it.
    Show {
        /// The order: its id, the beginning of it, or its domain.
        order: Name,
        /// Keep printing what happens, until the order is fulfilled or has failed.
        #[arg(long)]
        follow: bool,
    },
    /// List what only a person can do, the most urgent first.
    Tasks {
        /// Write down that this one is done: its id, or the beginning of it.
        #[arg(long)]
        done: Option<IdName>,
        #[command(flatten)]
        planned: Planned,
    },
    /// Try again now.
    Retry {
        #[command(flatten)]
        target: Target,
    },
    /// Go on without what fails.
    Skip {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        why: Reason,
    },
    /// Give the order up and release its server.
    Abandon {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        why: Reason,
        #[command(flatten)]
        yes: Yes,
    },
    /// Give the order a server by hand.
    Assign {
        #[command(flatten)]
        target: Target,
        /// The server, as `<provider>:<id>`.
        #[arg(long)]
        server: String,
        /// Where it answers.
        #[arg(long)]
        address: IpAddr,
        /// Its SSH host key: fingerprint, public key, or a file with it (`known_hosts` too). Without it the order stops
        /// before the first login and names the key that is shown.
        #[arg(long)]
        host_key: Option<String>,
    },
    /// Say which SSH host key the order's server has, after you compared it on the provider's console; the order goes on.
    ConfirmHostKey {
        #[command(flatten)]
        target: Target,
        /// The fingerprint (`SHA256:…`), the public key, or a file with it.
        host_key: String,
    },
}

pub(crate) async fn carry_out(named: Option<&str>, command: OrdersCommand, json: bool) -> anyhow::Result<()> {
    let hub = Hub::open(named)?;
    let (target, action, yes) = match command {
        OrdersCommand::List { page, search, state } => {
            let path = list_path("orders", page, &search, ("state", &state));
            let orders = hub.list(&path).await?;
            return if json { page.say_json(&orders) } else { print_list(&orders, page) };
        }
        OrdersCommand::Tasks { done, planned } => return tasks(&hub, done, planned, json).await,
        OrdersCommand::Show { order, follow } => {
            return show(&hub, order.order(&hub).await?, follow, json).await;
        }
        OrdersCommand::Retry { target } => (target, DeskAction::Retry, None),
        OrdersCommand::Skip { target, why } => (target, DeskAction::Skip { reason: why.reason }, None),
        OrdersCommand::Abandon { target, why, yes } => {
            (target, DeskAction::Abandon { reason: why.reason }, Some(yes))
        }
        OrdersCommand::Assign { target, server, address, host_key } => {
            let read = |text: String| host_key::given(&text, &[&address.to_string()], &SSH_PORTS);
            let host_key = host_key.map(read).transpose()?.map(|pin| pin.to_string());
            (target, DeskAction::AssignServer { server: ServerId(server), address, host_key }, None)
        }
        OrdersCommand::ConfirmHostKey { target, host_key } => {
            let host_key = host_key::given(&host_key, &[], &SSH_PORTS)?.to_string();
            (target, DeskAction::ConfirmHostKey { host_key }, None)
        }
    };
    let id = target.order.order(&hub).await?;
    if target.planned.plan {
        let path = format!("/api/v1/admin/orders/{id}/actions/plan");
        return plan::show_desk(&hub.post(&path, &serde_json::to_value(&action)?).await?, json);
    }
    if let Some(yes) = yes {
        let summary = hub.order(id).await?.summary;
        confirm::by_name(summary.domain.as_str(), &abandoned(&summary), yes).await?;
    }
    hub.act(id, &action).await?;
    let summary = hub.order(id).await?.summary;
    if json {
        return style::say_json(&summary);
    }
    style::say(&format!(
        "{} order {id} is now {}",
        Level::Fine.mark(),
        style::bold(&harmless(&summary.state))
    ));
    Ok(())
}

/// What giving an order up means.
fn abandoned(order: &OrderSummary) -> Vec<String> {
    let server = order.server.as_ref().map(|server| {
        format!("Its server {} stays taken until somebody has wiped and returned it.", server.0)
    });
    let ended = format!(
        "The order of {} is given up, in state {}: it cannot be taken up again.",
        order.domain, order.state
    );
    [Some(ended), server, Some("What the customer paid is not paid back by this.".to_owned())]
        .into_iter()
        .flatten()
        .collect()
}

fn print_list(reply: &Reply<Vec<OrderSummary>>, page: Page) -> anyhow::Result<()> {
    let orders = &reply.data;
    if orders.is_empty() {
        style::say("no orders");
        return Ok(());
    }
    let mut table = style::table();
    table.set_header(["ORDER", "STATE", "DOMAIN", "TIER", "TOOLS", "SERVER", "UPDATED"]);
    for order in orders {
        let state = match &order.problem {
            Some(problem) => format!("{} [{}]", order.state, problem.code),
            None => order.state.clone(),
        };
        table.add_row([
            order.id.to_string(),
            harmless(&state),
            order.domain.to_string(),
            order.tier.to_string(),
            order.tools.len().to_string(),
            order.server.as_ref().map_or_else(|| "none".to_owned(), |server| harmless(&server.0)),
            order.updated_at.with_timezone(&Local).format("%Y-%m-%d %H:%M").to_string(),
        ]);
    }
    if let Some(counted) = Page::counted(&KINDS, &reply.meta) {
        style::say(&style::bold(&counted));
    }
    for line in table.lines() {
        style::say(line.trim_end());
    }
    if let Some(footer) = page.footer(orders.len(), &reply.meta) {
        style::say(&style::faint(&footer));
    }
    Ok(())
}

/// Lists tasks, or says that one is done.
async fn tasks(hub: &Hub, done: Option<IdName>, planned: Planned, json: bool) -> anyhow::Result<()> {
    let path = "/api/v1/admin/tasks";
    let mut tasks: Vec<TaskEntry> = hub.get(path).await?;
    if let Some(name) = done {
        let open = tasks.iter().map(|task| (task.id, format!("{}, {}", task.domain, task.kind)));
        let id = name.among("tasks", "letsbe orders tasks", open)?;
        if planned.plan {
            let what = tasks.iter().find(|task| task.id == id).map(|task| {
                format!("{} of {} is written down as done: {}", task.kind, task.domain, task.detail)
            });
            return plan::show_only(what.into_iter().collect(), json);
        }
        tasks = hub.post(&format!("{path}/{id}/done"), &serde_json::json!({})).await?;
    }
    if json {
        return style::say_json(&tasks);
    }
    print_tasks(&tasks);
    Ok(())
}

fn print_tasks(tasks: &[TaskEntry]) {
    if tasks.is_empty() {
        style::say("nothing waits for you");
    }
    for task in tasks {
        let until = task.deadline.with_timezone(&Local).format("%Y-%m-%d %H:%M");
        let what = format!("{} {}", task.kind.replace('_', " "), task.detail);
        style::say(&format!(
            "{} {} {}",
            Level::Warning.mark(),
            style::bold(task.domain.as_str()),
            harmless(&what)
        ));
        style::say(&style::faint(&format!(
            "  until {until} · order {} · letsbe orders tasks --done {}",
            task.order, task.id
        )));
    }
}

async fn show(hub: &Hub, id: OrderId, follow: bool, json: bool) -> anyhow::Result<()> {
    let mut order = hub.order(id).await?;
    if json && !follow {
        return style::say_json(&order);
    }
    if !json {
        style::say(&heading(&order));
    }
    let mut last = 0;
    loop {
        for entry in order.timeline.iter().filter(|entry| entry.sequence > last) {
            if json { style::say_json(entry)? } else { style::say(&line(entry)) }
        }
        last = newest(&order, last);
        let ended =
            ENDS.contains(&order.summary.state.as_str()) && order.convergence != Some(Convergence::Running);
        if order.timeline.len() < PART {
            if !follow || ended {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        order = hub.order_after(id, last).await?;
    }
    if let (Some(problem), false) = (&order.summary.problem, json) {
        style::say(&format!("{} {}", Level::Failed.mark(), harmless(&problem.to_string())));
        if !problem.hint.is_empty() {
            style::say(&format!("  {}", harmless(&problem.hint)));
        }
    }
    Ok(())
}

fn heading(order: &OrderDetail) -> String {
    let summary = &order.summary;
    let server =
        summary.server.as_ref().map_or_else(|| "no server yet".to_owned(), |server| harmless(&server.0));
    let title = style::bold(&format!("{} {}", summary.domain, harmless(&summary.state)));
    let tools = harmless(&summary.tools.join(", "));
    format!("{title}\n{} · {} · {server} · {} · {tools}", summary.tier, summary.region, summary.email)
}

/// The last line that was seen. A long timeline comes in parts, the oldest first.
pub(crate) fn newest(order: &OrderDetail, last: i64) -> i64 {
    order.timeline.last().map_or(last, |line| last.max(line.sequence))
}

pub(crate) fn line(entry: &TimelineEntry) -> String {
    let time = entry.at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string();
    format!("{} {} {}", Level::named(&entry.level).mark(), style::faint(&time), harmless(&entry.message))
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use letsbe_types::api::TimelineEntry;

    use super::line;

    #[test]
    fn a_timeline_entry_is_one_line_with_a_mark() {
        let entry = TimelineEntry {
            sequence: 1,
            at: Utc::now(),
            kind: "step".to_owned(),
            level: "failed".to_owned(),
            message: "Step 9\nfailed".to_owned(),
        };
        let line = line(&entry);
        assert!(line.contains('✗') && line.ends_with("Step 9 failed") && !line.contains('\n'), "{line}");
    }
}
