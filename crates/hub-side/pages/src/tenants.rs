//! The operator's pages about tenants' servers: the list, and one with what waits for a person.

use askama::Template;
use chrono::{DateTime, Utc};
use letsbe_types::{
    Code, Language,
    tenant::{Approval, ApprovalState, CommandOutcome, ContainerSign, ContainerState},
    tenants::{CommandEntry, Connection, Health, TenantDetail, TenantSummary},
};

use crate::{
    Found, Html, around,
    lists::{Head, Kind, in_language},
    page,
    recovery::Recoveries,
    view::{Label, Moment, grouped, level_word, mark},
    words::{RecoveryWords, Said, TenantWords, Words, work},
};

pub use crate::words::command_in_english;

/// Something that is wrong, with what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Something does not work, or is about to be lost.
    pub grave: bool,
    /// Its code.
    pub code: Code,
    /// What it is, in English.
    pub text: String,
    /// What to do; `DOMAIN` stands for the tenant.
    pub hint: &'static str,
}

/// A tenant in short, and which of its numbers are high.
#[derive(Debug)]
pub struct Listed {
    /// The tenant.
    pub of: TenantSummary,
    /// Its disk is nearly full.
    pub disk_full: bool,
    /// Few tokens are left of the month's.
    pub tokens_low: bool,
}

/// How servers are.
const KINDS: [Kind; 9] = [
    ("needs_you", ["need you", "mit Handlungsbedarf"], "failed"),
    ("lost", ["being replaced", "werden ersetzt"], "failed"),
    ("silent", ["silent", "ohne Meldung"], "failed"),
    ("revoked", ["with a revoked key", "mit gesperrtem Schlüssel"], "failed"),
    ("troubled", ["troubled", "gestört"], "warning"),
    ("asking", ["fine, with a question", "in Ordnung, mit einer Frage"], "waiting"),
    ("never", ["never heard", "nie gemeldet"], "waiting"),
    ("fine", ["fine", "in Ordnung"], "ok"),
    ("ended", ["ended", "beendet"], ""),
];

/// Commands on a page.
const COMMANDS: usize = 20;

const fn label(health: Health, language: Language) -> Label {
    let (level, words) = match health {
        Health::Fine => ("ok", ["Fine", "In Ordnung"]),
        Health::Troubled => ("warning", ["Troubled", "Gestört"]),
        Health::Silent => ("failed", ["Silent", "Ohne Meldung"]),
        Health::Never => ("waiting", ["Never heard", "Nie gemeldet"]),
        Health::Revoked => ("failed", ["Key revoked", "Schlüssel gesperrt"]),
        Health::Lost => ("failed", ["Lost, being replaced", "Verloren, wird ersetzt"]),
        Health::Ended => ("", ["Ended", "Beendet"]),
    };
    Label { level, words: in_language(words, language) }
}

struct Row {
    label: Label,
    heard: Option<Moment>,
    /// The last one that succeeded.
    backup: Option<Moment>,
    /// The last run, if it failed.
    backup_failed: Option<Moment>,
    disk: String,
    disk_full: bool,
    tokens_low: bool,
    /// There is nothing to tell of its server: none was heard yet, or what was heard is of one that is no more.
    unknown: bool,
    tokens_percent: String,
    tokens: String,
    of: TenantSummary,
}

impl Row {
    fn of(listed: Listed, language: Language) -> Self {
        let Listed { of, disk_full, tokens_low } = listed;
        let moment = |at| Moment::of(at, language);
        Self {
            label: label(of.health, language),
            heard: of.heard_at.map(moment),
            backup: of.backup_succeeded_at.map(moment),
            backup_failed: of.backup_failed_at.map(moment),
            disk_full,
            tokens_low,
            unknown: of.heard_at.is_none() || matches!(of.health, Health::Lost | Health::Ended),
            disk: of
                .disk_used_percent
                .map_or_else(|| Words::of(language).not_known.to_owned(), |share| format!("{share}\u{a0}%")),
            tokens_percent: format!(
                "{}\u{a0}%",
                of.tokens_used.saturating_mul(100).checked_div(of.token_pool).unwrap_or(0)
            ),
            tokens: format!(
                "{} {} {}",
                grouped(of.tokens_used),
                Words::of(language).of,
                grouped(of.token_pool)
            ),
            of,
        }
    }
}

#[derive(Template)]
#[template(path = "tenants.html")]
struct ListPage {
    operator: Option<String>,
    rows: Vec<Row>,
    head: Head,
}

struct Container {
    label: Label,
    of: ContainerSign,
}

struct Waiting {
    of: Approval,
    until: Moment,
    /// The class as a badge.
    class: Label,
    /// It cannot be taken back: a second step is asked for.
    grave: bool,
}

/// Whether an answer still counts: after its time a question counts as refused.
#[must_use]
pub fn can_be_decided(approval: &Approval, now: DateTime<Utc>) -> bool {
    approval.state == ApprovalState::Pending && approval.expires_at > now
}

/// A class as a badge.
pub(super) fn class_label(class: &str, language: Language) -> Label {
    let [green, yellow, external, critical, red] = TenantWords::of(language).classes;
    let (level, words) = match class {
        "GREEN" => ("ok", green),
        "YELLOW" => ("waiting", yellow),
        "YELLOW_EXTERNAL" => ("waiting", external),
        "CRITICAL_RED" => ("failed", critical),
        _ => ("failed", red),
    };
    Label { level, words }
}

impl Waiting {
    fn of(of: Approval, language: Language) -> Self {
        let until = Moment::of(of.expires_at, language);
        Self { until, class: class_label(&of.class, language), grave: of.is_grave(), of }
    }
}

/// Something that is wrong.
struct Wrong {
    label: Label,
    text: String,
    hint: String,
    code: &'static str,
}

impl Wrong {
    fn of(complaint: Complaint, domain: &str, language: Language) -> Self {
        let words = TenantWords::of(language);
        let (level, words) =
            if complaint.grave { ("failed", words.grave) } else { ("warning", words.to_be_seen_to) };
        Self {
            label: Label { level, words },
            text: complaint.text,
            hint: complaint.hint.replace("DOMAIN", domain),
            code: complaint.code.as_str(),
        }
    }
}

struct Asked {
    what: String,
    by: String,
    at: Moment,
    mark: &'static str,
    word: &'static str,
    outcome: Said,
}

#[derive(Template)]
#[template(path = "tenant.html")]
struct TenantPage {
    operator: Option<String>,
    words: &'static TenantWords,
    lost: &'static RecoveryWords,
    row: Row,
    autonomy: u8,
    unlocked: String,
    version: u64,
    containers: Vec<Container>,
    waiting: Vec<Waiting>,
    asked: Vec<Asked>,
    connection: Connection,
    recoveries: Recoveries,
    wrong: Vec<Wrong>,
    /// The last backup that succeeded.
    succeeded: Option<Moment>,
    /// When a backup failed after that.
    failed: Option<Moment>,
    as_of: Moment,
}

/// The list.
///
/// # Errors
/// When the template cannot be rendered.
pub fn list(operator: String, tenants: Vec<Listed>, found: &Found) -> Html {
    let language = around::here().language();
    let head = Head::of(("/tenants", "health"), found, &KINDS, language);
    let rows = tenants.into_iter().map(|tenant| Row::of(tenant, language)).collect();
    page(&ListPage { operator: Some(operator), rows, head })
}

/// A tenant with all that its page shows.
pub struct Known {
    /// The tenant.
    pub detail: TenantDetail,
    /// Its disk is nearly full.
    pub disk_full: bool,
    /// Few tokens are left of the month's.
    pub tokens_low: bool,
    /// When a backup last succeeded.
    pub backed_up_at: Option<DateTime<Utc>>,
    /// What is wrong, worst first.
    pub complaints: Vec<Complaint>,
    /// Servers that it lost.
    pub recoveries: Recoveries,
}

/// The page of one tenant.
///
/// # Errors
/// When the template cannot be rendered.
pub fn tenant(known: Known, operator: String, now: DateTime<Utc>) -> Html {
    page(&tenant_page(known, operator, now))
}

fn tenant_page(known: Known, operator: String, now: DateTime<Utc>) -> TenantPage {
    let Known { detail, disk_full, tokens_low, backed_up_at, complaints, recoveries } = known;
    let language = around::here().language();
    let moment = |at| Moment::of(at, language);
    let sign = detail.heartbeat.as_ref().and_then(|heartbeat| heartbeat.backup.as_ref());
    let failed = sign.filter(|sign| !sign.succeeded).map(|sign| moment(sign.at));
    let domain = detail.summary.domain.to_string();
    let mut row = Row::of(Listed { of: detail.summary, disk_full, tokens_low }, language);
    // A revoked key says nothing while another server takes the lost one's place.
    if let Some(under) = &recoveries.under_way {
        row.label = under.label;
    }
    let unlocked = match detail.configuration.external_unlocked.as_slice() {
        [] => Words::of(language).none.to_owned(),
        tools => tools.join(", "),
    };
    let containers = detail.heartbeat.map(|heartbeat| heartbeat.containers).unwrap_or_default();
    let pending = detail.approvals.into_iter().map(|entry| entry.approval);
    let waiting = pending.filter(|approval| can_be_decided(approval, now));
    TenantPage {
        operator: Some(operator),
        words: TenantWords::of(language),
        lost: RecoveryWords::of(language),
        autonomy: detail.configuration.autonomy.into(),
        unlocked,
        version: detail.configuration.version,
        containers: containers
            .into_iter()
            .map(|of| Container { label: container_label(of.state, language), of })
            .collect(),
        waiting: waiting.map(|approval| Waiting::of(approval, language)).collect(),
        asked: detail.commands.into_iter().take(COMMANDS).map(|entry| asked(entry, language)).collect(),
        row,
        succeeded: backed_up_at.map(moment),
        failed,
        wrong: complaints.into_iter().map(|one| Wrong::of(one, &domain, language)).collect(),
        as_of: moment(now),
        connection: detail.connection,
        recoveries,
    }
}

const fn container_label(state: ContainerState, language: Language) -> Label {
    let [fine, starting, unhealthy, restarting, stopped] = TenantWords::of(language).container_states;
    let (level, words) = match state {
        ContainerState::Fine => ("ok", fine),
        ContainerState::Starting => ("running", starting),
        ContainerState::Unhealthy => ("failed", unhealthy),
        ContainerState::Restarting => ("failed", restarting),
        ContainerState::Stopped => ("failed", stopped),
    };
    Label { level, words }
}

fn asked(entry: CommandEntry, language: Language) -> Asked {
    let [late, interrupted, taken, waits] = TenantWords::of(language).outcomes;
    let (level, outcome) = match entry.outcome {
        Some(CommandOutcome::Done { summary }) => ("ok", Said::quoted_english(summary)),
        Some(CommandOutcome::Failed { problem }) => ("failed", Said::quoted_english(problem.to_string())),
        Some(CommandOutcome::Expired) => ("warning", Said::ours(late)),
        Some(CommandOutcome::Interrupted) => ("failed", Said::ours(interrupted)),
        None if entry.given_at.is_some() => ("running", Said::ours(taken)),
        None => ("waiting", Said::ours(waits)),
    };
    Asked {
        what: work(&entry.work, language),
        by: entry.issued_by,
        at: Moment::of(entry.issued_at, language),
        mark: mark(level),
        word: level_word(level, language),
        outcome,
    }
}
