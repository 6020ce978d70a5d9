//! Backups on a terminal.

use chrono::{DateTime, Utc};
use comfy_table::Table;
use letsbe_types::{
    api::Reply,
    backup::{Proof, Protection},
    backups::{
        BackupState, BackupSummary, DestinationEntry, Drill, DrillKind, HubBackup, Look, TenantBackups,
    },
};

use crate::{
    hub::Page,
    style::{self, Level, bold, faint, harmless, say},
    tenants::units::{ago, bytes, time},
};

/// How backups are.
const KINDS: [(&str, &str); 6] = [
    ("needs_you", "need you"),
    ("failed", "failed"),
    ("troubled", "troubled"),
    ("awaited", "awaited"),
    ("fine", "fine"),
    ("ended", "ended"),
];

/// Proofs shown of each tenant.
const NEWEST: usize = 20;

const fn level(state: BackupState) -> Level {
    match state {
        BackupState::Fine => Level::Fine,
        BackupState::Awaited | BackupState::Ended => Level::Running,
        BackupState::Troubled => Level::Warning,
        BackupState::Failed => Level::Failed,
    }
}

fn protection(protection: Option<Protection>) -> String {
    match protection {
        Some(Protection::Locked { days }) => format!("locked {days} days"),
        Some(Protection::Versioned) => "versions".to_owned(),
        Some(Protection::Unprotected) => "UNPROTECTED".to_owned(),
        None => "none".to_owned(),
    }
}

fn protection_of(backups: &BackupSummary) -> Option<Protection> {
    let known = backups.destination.as_ref().map(|destination| destination.protection);
    known.or_else(|| backups.sign.as_ref().and_then(|sign| sign.protection))
}

fn print(table: &Table) {
    for line in table.lines() {
        say(line.trim_end());
    }
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = style::table();
    table.set_header(header);
    table
}

fn when(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| ago(at, now))
}

/// The Hub's own backup: whoever looks at a list looks at this first.
pub(super) fn hub(own: &HubBackup) {
    let level = level(own.state);
    say(&format!(
        "{} the Hub itself: {} · last success {}",
        level.mark(),
        bold(own.state.as_str()),
        when(own.succeeded_at, Utc::now())
    ));
    for trouble in &own.troubles {
        say(&format!("  {} {}", level.mark(), harmless(trouble)));
    }
}

/// A page of tenants' backups.
pub(super) fn list(reply: &Reply<Vec<BackupSummary>>, page: Page) -> anyhow::Result<()> {
    if let Some(counted) = Page::counted(&KINDS, &reply.meta) {
        say(&bold(&counted));
    }
    if reply.data.is_empty() {
        say("no tenants");
        return Ok(());
    }
    rows(&reply.data);
    if let Some(footer) = page.footer(reply.data.len(), &reply.meta) {
        say(&faint(&footer));
    }
    Ok(())
}

/// Tenants' backups, a line each.
pub(super) fn rows(tenants: &[BackupSummary]) {
    let now = Utc::now();
    let mut table = table([
        "",
        "DOMAIN",
        "STATE",
        "LAST SUCCESS",
        "SIZE",
        "OUTSIDE",
        "PROTECTION",
        "OLDEST PROOF",
        "TROUBLE",
    ]);
    for tenant in tenants {
        let sign = tenant.sign.as_ref();
        table.add_row([
            level(tenant.state).mark(),
            tenant.domain.to_string(),
            tenant.state.as_str().to_owned(),
            when(tenant.succeeded_at, now),
            sign.map_or_else(String::new, |sign| bytes(sign.bytes)),
            when(sign.and_then(|sign| sign.remote_at), now),
            protection(protection_of(tenant)),
            tenant.oldest_proof_at.map_or_else(|| "not all".to_owned(), |at| ago(at, now)),
            tenant.troubles.first().map_or_else(String::new, |trouble| harmless(trouble)),
        ]);
    }
    print(&table);
}

pub(super) fn one(backups: &TenantBackups) -> anyhow::Result<()> {
    let (now, summary) = (Utc::now(), &backups.summary);
    say(&format!(
        "{} {} · last success {}",
        level(summary.state).mark(),
        bold(&format!("{} {}", summary.domain, summary.state.as_str())),
        when(summary.succeeded_at, now)
    ));
    for trouble in &summary.troubles {
        say(&format!("{} {}", Level::Warning.mark(), harmless(trouble)));
    }
    for alarm in &summary.alarms {
        say(&faint(&format!("  letsbe backups acknowledge {} {}", summary.tenant, alarm.id)));
    }
    match &summary.destination {
        Some(known) => destination(known),
        None => say(&format!("copies outside: {}", protection(protection_of(summary)))),
    }
    if let Some(look) = &summary.look {
        say(&format!("there now: {} {}", counted(look), faint(&format!("counted {}", ago(look.at, now)))));
    }
    if let Some(sign) = &summary.sign {
        let mut table = table(["", "TOOL", "TAKEN", "PROVEN", "FROM OUTSIDE"]);
        for tool in &sign.tools {
            let outside = tool.outside.as_ref();
            let fine = tool.ok && tool.proof_ok && outside.is_none_or(|outside| outside.ok);
            let mark = match (fine, tool.proven_at) {
                (false, _) => Level::Failed,
                (true, None) => Level::Running,
                (true, Some(_)) => Level::Fine,
            };
            table.add_row([
                mark.mark(),
                harmless(&tool.tool),
                when(tool.taken_at, now),
                when(tool.proven_at, now),
                outside.map_or_else(String::new, |outside| when(outside.proven_at, now)),
            ]);
        }
        say(&bold("\ntools"));
        print(&table);
    }
    if !backups.proofs.is_empty() {
        say(&bold("\nproofs"));
        backups.proofs.iter().take(NEWEST).for_each(proof);
    }
    if !backups.drills.is_empty() {
        say(&bold("\ndrills"));
        drills(&backups.drills)?;
    }
    Ok(())
}

fn proof(proof: &Proof) {
    let (mark, words) = match &proof.problem {
        Some(problem) => (Level::Failed, problem.to_string()),
        None if proof.holds() => (Level::Fine, proof.equal.join(", ")),
        None => (Level::Failed, proof.differences.join(", ")),
    };
    let steps = proof.steps.iter();
    let steps: Vec<String> =
        steps.map(|step| format!("{} {:.1} s", step.name, step.milliseconds as f64 / 1_000.0)).collect();
    say(&format!(
        "{} {} {} {}",
        mark.mark(),
        bold(&harmless(&proof.tool)),
        harmless(&words),
        faint(&harmless(&format!(
            "{}, of {}, {}",
            time(proof.began_at),
            time(proof.taken_at),
            steps.join(", ")
        )))
    ));
}

fn counted(look: &Look) -> String {
    format!(
        "{} in {} objects; deleted or written over and kept: {} in {}",
        bytes(look.bytes),
        look.objects,
        bytes(look.noncurrent_bytes),
        look.noncurrent_objects
    )
}

pub(super) fn destination(known: &DestinationEntry) {
    let key = known.access_key_id.as_ref().map(|key| format!(", key {}", harmless(key))).unwrap_or_default();
    say(&format!(
        "copies outside: {} {} {} · {}{key} · since {}",
        harmless(&known.endpoint),
        harmless(&known.bucket),
        harmless(&known.prefix),
        protection(Some(known.protection)),
        time(known.made_at)
    ));
}

pub(super) fn drills(drills: &[Drill]) -> anyhow::Result<()> {
    if drills.is_empty() {
        say("no drills yet");
    }
    for drill in drills {
        let (mark, words) = match &drill.report {
            Some(report) if report.passed => (Level::Fine, harmless(&report.summary)),
            Some(report) => (Level::Failed, harmless(&report.summary)),
            None if drill.began_at.is_some() => (Level::Running, "under way".to_owned()),
            None => (Level::Running, format!("due {}", time(drill.due_at))),
        };
        let measured = drill.report.as_ref().map(|report| {
            let minutes = |seconds: Option<u64>| seconds.map(|seconds| seconds / 60);
            match (minutes(report.rto_seconds), minutes(report.rpo_seconds)) {
                (Some(rto), Some(rpo)) => format!("RTO {rto} min, RPO {rpo} min"),
                _ => String::new(),
            }
        });
        say(&format!(
            "{} {}: {words} {}",
            mark.mark(),
            drill.kind.as_str(),
            faint(&format!("{} {} {}", measured.unwrap_or_default(), drill.tenant, drill.id))
        ));
    }
    Ok(())
}

/// How a person does the quarterly drill (runbook 9.3).
pub(super) fn what_to_do(drill: &Drill) {
    debug_assert!(drill.kind == DrillKind::Quarterly);
    let tenant = drill.tenant;
    for line in [
        "On a spare server that is in nobody's use, with the clock running:".to_owned(),
        format!("  letsbe backups show {tenant}                # what must come back"),
        format!("  letsbe backups destination {tenant}         # where it is"),
        "  letsbe provision --host SPARE … --restore …  # the whole server, from the copies outside"
            .to_owned(),
        "Log in to each tool, compare with the list, then give the spare server back and write down:"
            .to_owned(),
        format!(
            "  letsbe backups drill {tenant} --kind quarterly --record passed --rto-minutes … --rpo-minutes … --notes …"
        ),
    ] {
        say(&line);
    }
}
