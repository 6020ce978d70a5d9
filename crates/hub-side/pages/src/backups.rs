//! The operator's pages about tenants' backups: the list, and those of one tenant.

use askama::Template;
use chrono::{DateTime, Utc};
use letsbe_types::{
    Language,
    backup::{Proof, Protection},
    backups::{
        Alarm, AlarmKind, BackupState, BackupSummary, Drill, DrillKind, HubBackup, Look, TenantBackups,
    },
    tenant::ToolBackupSign,
};

use crate::{
    Found, Html, around,
    lists::{Head, Kind, in_language},
    page,
    view::{Label, Moment, level_word, mark, size_in},
    words::{BackupWords, DrillWords, Said, Words},
};

/// How backups are.
const KINDS: [Kind; 6] = [
    ("needs_you", ["need you", "mit Handlungsbedarf"], "failed"),
    ("failed", ["failed", "fehlgeschlagen"], "failed"),
    ("troubled", ["troubled", "gestört"], "warning"),
    ("awaited", ["awaited", "ausstehend"], "waiting"),
    ("fine", ["fine", "in Ordnung"], "ok"),
    ("ended", ["ended", "beendet"], ""),
];

/// Proofs and drills on a page.
const SHOWN: usize = 50;

const fn label(state: BackupState, language: Language) -> Label {
    let (level, words) = match state {
        BackupState::Fine => ("ok", ["Fine", "In Ordnung"]),
        BackupState::Awaited => ("waiting", ["Awaited", "Ausstehend"]),
        BackupState::Troubled => ("warning", ["Troubled", "Gestört"]),
        BackupState::Failed => ("failed", ["Failed", "Fehlgeschlagen"]),
        BackupState::Ended => ("", ["Ended", "Beendet"]),
    };
    Label { level, words: in_language(words, language) }
}

/// What a destination does against whoever holds the tenant's key.
pub(super) fn protection(protection: Option<Protection>, language: Language) -> String {
    let words = match protection {
        Some(Protection::Locked { days }) => {
            return match language {
                Language::En => format!("locked for {days} days"),
                Language::De => format!("{days} Tage gesperrt"),
            };
        }
        Some(Protection::Versioned) => ["versions kept", "mit Versionen"],
        Some(Protection::Unprotected) => ["unprotected", "ungeschützt"],
        None => ["none", "keiner"],
    };
    in_language(words, language).to_owned()
}

struct Row {
    label: Label,
    place: String,
    succeeded: Option<Moment>,
    /// When the last run ended, if it failed.
    failed: Option<Moment>,
    proven: Option<Moment>,
    outside: Option<Moment>,
    size: String,
    protection: String,
    unprotected: bool,
    of: BackupSummary,
}

impl Row {
    fn of(of: BackupSummary, language: Language) -> Self {
        let moment = |at| Moment::of(at, language);
        let sign = of.sign.as_ref();
        let known = of.destination.as_ref().map(|destination| destination.protection);
        let protected = known.or_else(|| sign.and_then(|sign| sign.protection));
        Self {
            label: label(of.state, language),
            place: of.destination.as_ref().map_or_else(String::new, |destination| {
                let host = destination.endpoint.split_once("://").map(|(_, host)| host);
                host.unwrap_or(&destination.endpoint).to_owned()
            }),
            succeeded: of.succeeded_at.map(moment),
            failed: sign.filter(|sign| !sign.succeeded).map(|sign| moment(sign.at)),
            proven: of.oldest_proof_at.map(moment),
            outside: sign.and_then(|sign| sign.remote_at).map(moment),
            size: sign.map_or_else(
                || Words::of(language).none_yet.to_owned(),
                |sign| size_in(sign.bytes, language),
            ),
            protection: protection(protected, language),
            unprotected: protected == Some(Protection::Unprotected),
            of,
        }
    }
}

/// The Hub's own backup.
struct Own {
    label: Label,
    /// How loud it is said; `None` while it is fine.
    notice: Option<&'static str>,
    succeeded: Option<Moment>,
    troubles: Vec<String>,
}

impl Own {
    /// Nobody has asked for one.
    fn is_unwanted(&self) -> bool {
        self.troubles.iter().any(|trouble| trouble.contains("[backups.hub]"))
    }
}

impl Own {
    fn of(of: HubBackup, language: Language) -> Self {
        let label = label(of.state, language);
        let notice = (!of.troubles.is_empty()).then_some(label.level);
        Self {
            notice,
            succeeded: of.succeeded_at.map(|at| Moment::of(at, language)),
            troubles: of.troubles,
            label,
        }
    }
}

#[derive(Template)]
#[template(path = "backups.html")]
struct ListPage {
    operator: Option<String>,
    own: Own,
    rows: Vec<Row>,
    head: Head,
}

/// The list.
///
/// # Errors
/// When the template cannot be rendered.
pub fn list(operator: String, own: HubBackup, tenants: Vec<BackupSummary>, found: &Found) -> Html {
    let language = around::here().language();
    let head = Head::of(("/backups", "state"), found, &KINDS, language);
    let rows = tenants.into_iter().map(|tenant| Row::of(tenant, language)).collect();
    page(&ListPage { operator: Some(operator), own: Own::of(own, language), rows, head })
}

struct Tool {
    label: Label,
    name: String,
    taken: Option<Moment>,
    proven: Option<Moment>,
}

impl Tool {
    fn of(tool: ToolBackupSign, language: Language) -> Self {
        let [missing, broken, awaited, proven] = BackupWords::of(language).states;
        let (level, words) = match (tool.ok, tool.proof_ok, tool.proven_at) {
            (false, ..) => ("failed", missing),
            (_, false, _) => ("failed", broken),
            (true, true, None) => ("waiting", awaited),
            (true, true, Some(_)) => ("ok", proven),
        };
        Self {
            label: Label { level, words },
            name: tool.tool,
            taken: tool.taken_at.map(|at| Moment::of(at, language)),
            proven: tool.proven_at.map(|at| Moment::of(at, language)),
        }
    }
}

/// A proof in one line.
pub(super) struct Evidence {
    pub(super) mark: &'static str,
    /// The same for those who do not see it.
    pub(super) word: &'static str,
    pub(super) tool: String,
    pub(super) at: Moment,
    pub(super) words: Said,
}

impl Evidence {
    pub(super) fn of(proof: Proof, language: Language) -> Self {
        let took: u64 = proof.steps.iter().map(|step| step.milliseconds).sum();
        let words = match &proof.problem {
            Some(problem) => problem.to_string(),
            None if proof.differences.is_empty() => {
                format!("{} in {:.1} s", proof.equal.join(", "), took as f64 / 1_000.0)
            }
            None => proof.differences.join(", "),
        };
        let level = if proof.holds() { "ok" } else { "failed" };
        Self {
            mark: mark(level),
            word: level_word(level, language),
            tool: proof.tool,
            at: Moment::of(proof.began_at, language),
            words: Said::quoted_english(words),
        }
    }
}

struct Counted {
    at: Moment,
    objects: String,
    kept: String,
}

impl Counted {
    fn of(look: &Look, language: Language) -> Self {
        let counted = |bytes, objects| {
            format!("{} {} {objects}", size_in(bytes, language), BackupWords::of(language).within)
        };
        Self {
            at: Moment::of(look.at, language),
            objects: counted(look.bytes, look.objects),
            kept: counted(look.noncurrent_bytes, look.noncurrent_objects),
        }
    }
}

struct Warned {
    about: &'static str,
    since: Moment,
    of: Alarm,
}

impl Warned {
    fn of(of: Alarm, language: Language) -> Self {
        let [keys, messages, copies] = BackupWords::of(language).about;
        let about = match of.kind {
            AlarmKind::KeysRefused | AlarmKind::KeysChanged => keys,
            AlarmKind::Flooded => messages,
            _ => copies,
        };
        Self { about, since: Moment::of(of.began_at, language), of }
    }
}

struct Drilled {
    mark: &'static str,
    word: &'static str,
    kind: &'static str,
    at: Moment,
    words: Said,
    of: Drill,
}

impl Drilled {
    fn of(of: Drill, language: Language) -> Self {
        let words = BackupWords::of(language);
        let (level, said) = match (&of.report, of.began_at) {
            (Some(report), _) => {
                (if report.passed { "ok" } else { "failed" }, Said::quoted_english(report.summary.clone()))
            }
            (None, Some(_)) => ("running", Said::ours(words.under_way)),
            (None, None) => ("waiting", Said::ours(words.due)),
        };
        let [monthly, quarterly] = DrillWords::of(language).kinds;
        let kind = if of.kind == DrillKind::Monthly { monthly } else { quarterly };
        let at = Moment::of(of.finished_at.or(of.began_at).unwrap_or(of.due_at), language);
        Self { mark: mark(level), word: level_word(level, language), kind, at, words: said, of }
    }
}

#[derive(Template)]
#[template(path = "backup.html")]
struct TenantPage {
    operator: Option<String>,
    words: &'static BackupWords,
    row: Row,
    /// What is wrong beside the alarms.
    troubles: Vec<String>,
    tools: Vec<Tool>,
    proofs: Vec<Evidence>,
    days: Vec<Counted>,
    alarms: Vec<Warned>,
    drills: Vec<Drilled>,
    /// When a backup failed after the last one that succeeded.
    failed: Option<Moment>,
    as_of: Moment,
}

/// The page of one tenant's backups.
///
/// # Errors
/// When the template cannot be rendered.
pub fn tenant(detail: TenantBackups, operator: String, now: DateTime<Utc>) -> Html {
    page(&tenant_page(detail, operator, now))
}

fn tenant_page(detail: TenantBackups, operator: String, now: DateTime<Utc>) -> TenantPage {
    let language = around::here().language();
    let moment = |at| Moment::of(at, language);
    let TenantBackups { summary, proofs, days, drills, .. } = detail;
    let tools = summary.sign.as_ref().map(|sign| sign.tools.clone()).unwrap_or_default();
    let alarms = summary.alarms.iter().cloned();
    let of_alarm = |trouble: &String| summary.alarms.iter().any(|alarm| trouble.contains(&alarm.message));
    let troubles = summary.troubles.iter().filter(|trouble| !of_alarm(trouble)).cloned().collect();
    let failed = summary.sign.as_ref().filter(|sign| !sign.succeeded).map(|sign| moment(sign.at));
    TenantPage {
        operator: Some(operator),
        words: BackupWords::of(language),
        failed,
        as_of: moment(now),
        troubles,
        tools: tools.into_iter().map(|tool| Tool::of(tool, language)).collect(),
        alarms: alarms.map(|alarm| Warned::of(alarm, language)).collect(),
        proofs: proofs.into_iter().take(SHOWN).map(|proof| Evidence::of(proof, language)).collect(),
        days: days.iter().map(|look| Counted::of(look, language)).collect(),
        drills: drills.into_iter().take(SHOWN).map(|drill| Drilled::of(drill, language)).collect(),
        row: Row::of(summary, language),
    }
}
