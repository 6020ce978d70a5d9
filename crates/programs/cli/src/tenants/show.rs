//! Tenants on a terminal: the times local, the sizes in people's units.

use chrono::{DateTime, Utc};
use comfy_table::Table;
use letsbe_types::{
    api::Reply,
    tenant::{ApprovalState, CommandOutcome, CommandWork, ContainerState, Heartbeat, TenantConfiguration},
    tenants::{
        ApprovalEntry, CommandEntry, GateHead, Health, SealedKeys, TenantDetail, TenantSummary, TokenUse,
    },
};

use super::units::{ago, bytes, number, time};
use crate::hub::Page;
use crate::style::{self, Level, bold, faint, harmless, say};

/// How servers are.
const KINDS: [(&str, &str); 9] = [
    ("needs_you", "need you"),
    ("lost", "being replaced"),
    ("silent", "silent"),
    ("revoked", "with a revoked key"),
    ("troubled", "troubled"),
    ("asking", "fine, with a question"),
    ("never", "never heard"),
    ("fine", "fine"),
    ("ended", "ended"),
];

/// Commands and events shown of each tenant.
const NEWEST: usize = 10;

fn level(health: Health) -> Level {
    match health {
        Health::Fine => Level::Fine,
        Health::Troubled => Level::Warning,
        Health::Silent | Health::Revoked | Health::Lost => Level::Failed,
        Health::Never | Health::Ended => Level::Running,
    }
}

fn tokens(summary: &TenantSummary) -> String {
    match summary.token_pool {
        0 => number(summary.tokens_used),
        pool => format!(
            "{} of {} ({} %)",
            number(summary.tokens_used),
            number(pool),
            summary.tokens_used * 100 / pool
        ),
    }
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = style::table();
    table.set_header(header);
    table
}

pub(super) fn list(reply: &Reply<Vec<TenantSummary>>, page: Page) -> anyhow::Result<()> {
    let tenants = &reply.data;
    if tenants.is_empty() {
        say("no tenants");
        return Ok(());
    }
    let now = Utc::now();
    let heading = [
        "",
        "DOMAIN",
        "HEALTH",
        "HEARD",
        "CONTAINERS",
        "DISK",
        "TOKENS",
        "BACKUP",
        "UPDATES",
        "WAITING",
        "TENANT",
    ];
    let mut table = table(heading);
    if let Some(counted) = Page::counted(&KINDS, &reply.meta) {
        say(&bold(&counted));
    }
    for tenant in tenants {
        let never = || "never".to_owned();
        // What was heard last is of a server that is no more.
        let gone = matches!(tenant.health, Health::Lost | Health::Ended);
        let now_there = |text: String| if gone { "–".to_owned() } else { text };
        let backup = tenant.backup_succeeded_at.map_or_else(never, |at| ago(at, now));
        let failed = tenant.backup_failed_at.map(|at| format!(", failed {}", ago(at, now)));
        table.add_row([
            level(tenant.health).mark(),
            tenant.domain.to_string(),
            tenant.health.as_str().to_owned(),
            tenant.heard_at.map_or_else(never, |at| ago(at, now)),
            now_there(format!("{}/{}", tenant.containers - tenant.containers_not_ok, tenant.containers)),
            now_there(tenant.disk_used_percent.map_or_else(|| "?".to_owned(), |share| format!("{share} %"))),
            now_there(tokens(tenant)),
            format!("{backup}{}", failed.unwrap_or_default()),
            tenant.updates.to_string(),
            tenant.approvals_pending.to_string(),
            tenant.id.to_string(),
        ]);
    }
    for line in table.lines() {
        say(line.trim_end());
    }
    if let Some(footer) = page.footer(tenants.len(), &reply.meta) {
        say(&faint(&footer));
    }
    Ok(())
}

pub(super) fn one(tenant: &TenantDetail) -> anyhow::Result<()> {
    let now = Utc::now();
    let summary = &tenant.summary;
    let heard =
        summary.heard_at.map_or_else(|| "never heard".to_owned(), |at| format!("heard {}", ago(at, now)));
    say(&format!(
        "{} {} · {heard}",
        level(summary.health).mark(),
        bold(&format!("{} {}", summary.domain, summary.health.as_str()))
    ));
    say(&format!("{} · {} · node {}", summary.id, summary.tier, harmless(&summary.node_version)));
    if let Some(server) = &tenant.connection.server {
        let address = tenant.connection.address.map_or_else(String::new, |address| format!(" at {address}"));
        say(&format!("on {}{address}", harmless(&server.0)));
    }
    say(&configuration(&tenant.configuration));
    for trouble in &summary.troubles {
        say(&format!("{} {}", Level::Warning.mark(), harmless(trouble)));
    }
    if let Some(heartbeat) = &tenant.heartbeat {
        server(heartbeat, summary, now);
    }
    if let Some(escrow) = &tenant.escrow {
        let whom = match escrow.recipients.as_slice() {
            [] => "nobody".to_owned(),
            recipients => harmless(&recipients.join(", ")),
        };
        say(&format!("keys sealed {} for {whom}", ago(escrow.at, now)));
    }
    used(&tenant.tokens_by_day);
    let waiting: Vec<ApprovalEntry> = tenant
        .approvals
        .iter()
        .filter(|entry| entry.approval.state == ApprovalState::Pending)
        .cloned()
        .collect();
    if !waiting.is_empty() {
        say(&bold("\nwaiting for a person"));
        approvals(&waiting)?;
    }
    if !tenant.commands.is_empty() {
        say(&bold("\ncommands"));
        tenant.commands.iter().take(NEWEST).for_each(|entry| say(&outcome(entry)));
    }
    if !tenant.events.is_empty() {
        say(&bold("\nevents"));
    }
    for event in tenant.events.iter().take(NEWEST) {
        let text = serde_json::to_value(&event.event)?;
        let kind = text.get("kind").and_then(serde_json::Value::as_str).unwrap_or("event").replace('_', " ");
        say(&format!("{} {} {}", faint(&time(event.at)), kind, harmless(&detail(&text))));
    }
    Ok(())
}

/// What lies in escrow, newest first.
pub(super) fn escrows(keys: &[SealedKeys]) {
    if keys.is_empty() {
        say("this server has not sealed its keys away yet");
    }
    for SealedKeys { entry, .. } in keys {
        let which = entry.fingerprint.as_deref().map_or("not said", |hash| hash.get(..16).unwrap_or(hash));
        say(&format!(
            "{} {} keys {} for {}",
            bold(&entry.number.to_string()),
            faint(&time(entry.at)),
            harmless(which),
            harmless(&entry.recipients.join(", "))
        ));
    }
}

/// What an event is about, in a few words.
fn detail(event: &serde_json::Value) -> String {
    let words = [
        "/tool",
        "/problem/message",
        "/update/image",
        "/model",
        "/approval/plan",
        "/to",
        "/state",
        "/result/outcome/summary",
        "/result/outcome/problem/message",
    ];
    let found = words.iter().filter_map(|place| event.pointer(place)?.as_str());
    found.collect::<Vec<_>>().join(": ")
}

fn server(heartbeat: &Heartbeat, summary: &TenantSummary, now: DateTime<Utc>) {
    say(&format!(
        "disk {} % · memory {} · up {} h · agent {} · tokens {}",
        heartbeat.disk_used_percent,
        bytes(heartbeat.memory_used_mib << 20),
        heartbeat.uptime_seconds / 3_600,
        bytes(heartbeat.agent_memory_mib << 20),
        tokens(summary),
    ));
    if let Some(backup) = &heartbeat.backup {
        let how = if backup.succeeded { "" } else { ", failed" };
        say(&format!("backup {} ({}{how})", ago(backup.at, now), bytes(backup.bytes)));
    }
    if let Some(at) = heartbeat.certificate_expires_at {
        say(&format!("certificates until {}", time(at)));
    }
    say(&bold("\ncontainers"));
    for container in &heartbeat.containers {
        let (mark, word) = match container.state {
            ContainerState::Fine => (Level::Fine, ""),
            ContainerState::Starting => (Level::Running, "starting"),
            ContainerState::Unhealthy => (Level::Failed, "unhealthy"),
            ContainerState::Restarting => (Level::Failed, "restarting again and again"),
            ContainerState::Stopped => (Level::Failed, "stopped"),
        };
        let restarts = match container.restarts {
            0 => String::new(),
            count => format!("{count} restarts"),
        };
        let memory = if container.out_of_memory { "was out of memory" } else { "" };
        let words: Vec<&str> =
            [word, &restarts, memory].into_iter().filter(|word| !word.is_empty()).collect();
        say(&format!("{} {} {}", mark.mark(), harmless(&container.name), faint(&words.join(", "))));
    }
    for update in &heartbeat.updates {
        let seen = faint(&format!("seen {}", ago(update.seen_at, now)));
        say(&format!("{} newer image: {} {seen}", Level::Running.mark(), harmless(&update.image)));
    }
}

fn used(days: &[TokenUse]) {
    if days.is_empty() {
        return;
    }
    say(&bold("\ntokens"));
    let mut table = table(["DAY", "MODEL", "READ", "WRITTEN", "REQUESTS"]);
    for day in days.iter().take(NEWEST) {
        let date = day.start.format("%Y-%m-%d").to_string();
        let row =
            [date, harmless(&day.model), number(day.input), number(day.output), day.requests.to_string()];
        table.add_row(row);
    }
    for line in table.lines() {
        say(line.trim_end());
    }
}

/// Ends of the gate's log, newest first.
pub(super) fn gate_heads(heads: &[GateHead]) -> anyhow::Result<()> {
    if heads.is_empty() {
        say("The Hub has not been told of any line yet.");
    }
    for head in heads {
        let level = if head.linked { Level::Fine } else { Level::Failed };
        let note = if head.linked { "" } else { "  does not follow on what was told before" };
        let at = head.received_at.format("%Y-%m-%d %H:%M:%S UTC");
        say(&format!("{} {at}  {:>7}  {}{note}", level.mark(), head.entry, harmless(&head.hash)));
    }
    Ok(())
}

/// What waits for a person's word, and what was decided.
pub(super) fn approvals(entries: &[ApprovalEntry]) -> anyhow::Result<()> {
    if entries.is_empty() {
        say("no approvals");
    }
    for ApprovalEntry { approval, settled_by, .. } in entries {
        let (mark, word) = match approval.state {
            ApprovalState::Pending => (Level::Running, "waits"),
            ApprovalState::Approved => (Level::Fine, "approved"),
            ApprovalState::Done => (Level::Fine, "done"),
            ApprovalState::Refused => (Level::Failed, "refused"),
            ApprovalState::Expired => (Level::Warning, "expired"),
        };
        let by = settled_by.as_ref().map_or_else(String::new, |by| format!(" by {}", harmless(by)));
        let tool = approval.tool.as_deref().unwrap_or("the server");
        say(&format!(
            "{} {word}{by}: {} on {} {} {}",
            mark.mark(),
            bold(&harmless(&approval.action)),
            harmless(tool),
            harmless(&approval.class),
            faint(&approval.id.to_string()),
        ));
        say(&format!("  {}", harmless(&approval.plan)));
        if approval.state == ApprovalState::Pending {
            say(&faint(&format!(
                "  asked by {}, until {}",
                harmless(&approval.agent),
                time(approval.expires_at)
            )));
        }
    }
    Ok(())
}

/// What an approval is for, in one line.
pub(super) fn approval(entry: &ApprovalEntry) -> String {
    let approval = &entry.approval;
    let tool = approval.tool.as_deref().unwrap_or("the server");
    harmless(&format!("{} on {tool} ({}): {}", approval.action, approval.class, approval.plan))
}

pub(super) fn configuration(now: &TenantConfiguration) -> String {
    let unlocked = match now.external_unlocked.as_slice() {
        [] => "none".to_owned(),
        tools => harmless(&tools.join(", ")),
    };
    format!(
        "autonomy {} · {} tokens a month · messages to outsiders unasked: {unlocked} · configuration {}",
        u8::from(now.autonomy),
        number(now.token_pool),
        now.version
    )
}

/// What a command asks for.
pub(super) fn work(work: &CommandWork) -> String {
    match work {
        CommandWork::Report => "report now".to_owned(),
        CommandWork::RestartTool { tool } => format!("restart {}", harmless(tool)),
        CommandWork::Rotate { tool: Some(tool) } => format!("new secrets for {}", harmless(tool)),
        CommandWork::Rotate { tool: None } => "new secrets for every tool".to_owned(),
        CommandWork::Decide { approval, approve: true, .. } => format!("approve {approval}"),
        CommandWork::Decide { approval, approve: false, .. } => format!("refuse {approval}"),
        CommandWork::UpdateOpenClaw { to, .. } => format!("move the AI runtime to {}", harmless(to)),
        CommandWork::CheckDrift => "look for drift".to_owned(),
        CommandWork::Backup { tool: Some(tool) } => format!("back up {}", harmless(tool)),
        CommandWork::Backup { tool: None } => "back up everything".to_owned(),
        CommandWork::Prove { tool: Some(tool) } => format!("prove {}", harmless(tool)),
        CommandWork::Prove { tool: None } => "prove what is due".to_owned(),
        CommandWork::Drill { tool: Some(tool) } => format!("drill of {}", harmless(tool)),
        CommandWork::Drill { tool: None } => "drill of everything".to_owned(),
    }
}

/// How a command stands, in one line.
pub(super) fn outcome(entry: &CommandEntry) -> String {
    let (level, text) = match &entry.outcome {
        Some(CommandOutcome::Done { summary }) => (Level::Fine, harmless(summary)),
        Some(CommandOutcome::Failed { problem }) => (Level::Failed, harmless(&problem.to_string())),
        Some(CommandOutcome::Expired) => (Level::Warning, "it came too late and was not begun".to_owned()),
        Some(CommandOutcome::Interrupted) => {
            (Level::Failed, "the agent ended while it was at work; look at the server".to_owned())
        }
        None if entry.expires_at < Utc::now() => {
            (Level::Warning, "the server did not take it in time".to_owned())
        }
        None if entry.given_at.is_some() => (Level::Running, "the server has it".to_owned()),
        None => (Level::Running, "waits for the server".to_owned()),
    };
    let by = faint(&format!("{} {}", time(entry.issued_at), harmless(&entry.issued_by)));
    format!("{} {}: {text} {by}", style::Level::mark(level), work(&entry.work))
}
