//! The part of a tenant's page about a lost server: how far its replacement is, what a person has to do next, and
//! what became of earlier ones.

use std::net::IpAddr;

use letsbe_lifecycle::order::State as OrderState;
use letsbe_types::{
    Language,
    api::TimelineEntry,
    ids::ServerId,
    job::RestoredTool,
    recovery::{LostServerFate, RecoveryEntry, RecoveryState, WaitsFor, recipient_fingerprint},
    shell::quoted,
};

use crate::{
    timeline::Line,
    view::{Label, Moment, Stage, mark, points, stages, way},
    words::{RecoveryWords, Said},
};

/// A recovery that is under way.
pub(super) struct UnderWay {
    pub(super) label: Label,
    pub(super) stages: Vec<Stage>,
    /// What a person has to do, if anybody has.
    pub(super) needed: Option<Needed>,
    pub(super) of: Facts,
    pub(super) lines: Vec<Line>,
}

/// What a person has to do next.
pub(super) struct Needed {
    pub(super) level: &'static str,
    pub(super) title: &'static str,
    pub(super) text: Said,
    /// What to do about it, in English.
    pub(super) hint: String,
    /// What to compare, or to change.
    pub(super) points: Vec<String>,
    /// What to type.
    pub(super) command: Option<String>,
    pub(super) until: Option<Moment>,
}

impl Needed {
    pub(super) const fn mark(&self) -> &'static str {
        mark(self.level)
    }
}

/// What is known of a recovery, under way or not.
pub(super) struct Facts {
    pub(super) label: Label,
    pub(super) reason: String,
    pub(super) by: String,
    pub(super) requested: Moment,
    pub(super) lost: String,
    pub(super) heard: Option<Moment>,
    pub(super) server: String,
    pub(super) without: String,
    pub(super) gap: Option<String>,
    pub(super) data: Option<Moment>,
    pub(super) tools: Vec<Tool>,
    /// What became of the lost server, or what is to be done to find out.
    pub(super) account: Option<Account>,
}

/// A tool that came back.
pub(super) struct Tool {
    pub(super) of: RestoredTool,
    pub(super) taken: Moment,
    pub(super) took: String,
}

/// What became of a lost server.
pub(super) struct Account {
    pub(super) open: bool,
    pub(super) words: String,
    /// What to type.
    pub(super) command: Option<String>,
}

/// All of it, for a tenant's page.
pub struct Recoveries {
    pub(super) under_way: Option<UnderWay>,
    pub(super) earlier: Vec<Facts>,
}

/// A recovery with what is known of it.
#[derive(Debug)]
pub struct KnownRecovery {
    /// The recovery.
    pub entry: RecoveryEntry,
    /// The state of the order and its newest lines, while the recovery is under way.
    pub running: Option<(OrderState, Vec<TimelineEntry>)>,
}

impl Recoveries {
    /// Of one tenant, the newest first.
    #[must_use]
    pub fn of(known: Vec<KnownRecovery>, language: Language) -> Self {
        let (mut under_way, mut earlier) = (None, Vec::new());
        for KnownRecovery { entry, running } in known {
            match running {
                Some((order, newest)) => under_way = Some(under(&entry, &order, newest, language)),
                None => earlier.push(facts(&entry, language)),
            }
        }
        Self { under_way, earlier }
    }
}

fn under(
    entry: &RecoveryEntry,
    order: &OrderState,
    lines: Vec<TimelineEntry>,
    language: Language,
) -> UnderWay {
    UnderWay {
        label: waiting(entry.waits_for, language),
        stages: stages(order, way(true, language)),
        needed: needed(entry, language),
        of: facts(entry, language),
        lines: lines.into_iter().map(|line| Line::of(line, language)).collect(),
    }
}

const fn waiting(waits_for: WaitsFor, language: Language) -> Label {
    let [server, system, run, keys, dns, retry, operator, release, nothing] =
        RecoveryWords::of(language).waits;
    let (level, words) = match waits_for {
        WaitsFor::Server => ("running", server),
        WaitsFor::System => ("running", system),
        WaitsFor::Run => ("running", run),
        WaitsFor::Keys => ("waiting", keys),
        WaitsFor::Dns => ("waiting", dns),
        WaitsFor::Retry => ("warning", retry),
        WaitsFor::Operator => ("failed", operator),
        WaitsFor::Release => ("running", release),
        WaitsFor::Nothing => ("ok", nothing),
    };
    Label { level, words }
}

fn needed(entry: &RecoveryEntry, language: Language) -> Option<Needed> {
    let words = RecoveryWords::of(language);
    if let (WaitsFor::Keys, Some(keys)) = (entry.waits_for, &entry.keys) {
        return Some(Needed {
            level: "waiting",
            title: words.keys_needed,
            text: Said::ours(words.keys_text),
            hint: String::new(),
            points: vec![recipient_fingerprint(&keys.recipient), keys.recipient.clone()],
            command: Some(format!("letsbe backups unseal {} --identity FILE", entry.domain)),
            until: Some(Moment::of(keys.deadline, language)),
        });
    }
    let problem = entry.problem.as_ref()?;
    let (headline, points) = points(&problem.message);
    let (level, title) = match entry.waits_for {
        WaitsFor::Dns => ("waiting", words.dns_needed),
        WaitsFor::Server => ("waiting", words.server_needed),
        WaitsFor::Operator => ("failed", words.decision_needed),
        _ => ("warning", words.tried_again),
    };
    Some(Needed {
        level,
        title,
        text: Said::english(format!("{headline}.")),
        hint: problem.hint.clone(),
        points: points.into_iter().map(str::to_owned).collect(),
        command: None,
        until: None,
    })
}

/// `47 s`, `12 min`, `3 h 05 min`, `2 d 4 h`
fn lasting(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min"),
        3_600..172_800 => format!("{hours} h {:02} min", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

const fn ending(state: RecoveryState, language: Language) -> Label {
    let [running, finished, cancelled, superseded] = RecoveryWords::of(language).ends;
    let (level, words) = match state {
        RecoveryState::Running => ("running", running),
        RecoveryState::Finished => ("ok", finished),
        RecoveryState::Cancelled => ("warning", cancelled),
        RecoveryState::Superseded => ("warning", superseded),
    };
    Label { level, words }
}

fn facts(entry: &RecoveryEntry, language: Language) -> Facts {
    let words = RecoveryWords::of(language);
    let moment = |at| Moment::of(at, language);
    let named = |server: Option<&ServerId>, address: Option<IpAddr>| {
        let server = server.map_or_else(|| words.no_server.to_owned(), ToString::to_string);
        address.map_or_else(|| server.clone(), |address| format!("{server} {} {address}", words.at))
    };
    let tool = |of: &RestoredTool| Tool {
        taken: moment(of.taken_at),
        took: lasting(of.milliseconds.div_ceil(1000)),
        of: of.clone(),
    };
    Facts {
        label: ending(entry.state, language),
        reason: entry.reason.clone(),
        by: entry.requested_by.clone(),
        requested: moment(entry.requested_at),
        lost: named(entry.lost.server.as_ref(), entry.lost.address),
        heard: entry.last_heard_at.map(moment),
        server: named(entry.server.as_ref(), entry.address),
        without: lasting(entry.rto_seconds),
        gap: entry.rpo_seconds.map(lasting),
        data: entry.data_as_of.map(moment),
        tools: entry.restored.iter().map(tool).collect(),
        account: account(entry, words),
    }
}

fn account(entry: &RecoveryEntry, said: &RecoveryWords) -> Option<Account> {
    let server = entry.lost.server.as_ref()?;
    if entry.lost_server_is_open() {
        let words = format!("{server} {}", said.account);
        let command = format!(
            "letsbe backups settle-lost {} --server {} --became wiped --evidence TEXT",
            entry.domain,
            quoted(&server.0)
        );
        return Some(Account { open: true, words, command: Some(command) });
    }
    let settled = entry.lost.settled.as_ref()?;
    let became = match settled.became {
        LostServerFate::Wiped => said.wiped,
        LostServerFate::Cancelled => said.cancelled,
    };
    let words = format!("{became}, {} {}: {}", said.says, settled.by, settled.evidence);
    Some(Account { open: false, words, command: None })
}

#[cfg(test)]
mod tests {
    use letsbe_types::{Language, recovery::WaitsFor};

    use super::{lasting, waiting};

    #[test]
    fn everything_that_is_waited_for_has_words_of_its_own() {
        let all = [
            WaitsFor::Server,
            WaitsFor::System,
            WaitsFor::Run,
            WaitsFor::Keys,
            WaitsFor::Dns,
            WaitsFor::Retry,
            WaitsFor::Operator,
            WaitsFor::Release,
            WaitsFor::Nothing,
        ];
        let words: std::collections::BTreeSet<_> = [Language::En, Language::De]
            .into_iter()
            .flat_map(|language| all.iter().map(move |one| waiting(*one, language).words))
            .collect();
        assert_eq!(words.len(), 2 * all.len());
    }

    #[test]
    fn durations_are_in_peoples_units() {
        for (seconds, text) in [(59, "59 s"), (60, "1 min"), (3_900, "1 h 05 min"), (187_200, "2 d 4 h")] {
            assert_eq!(lasting(seconds), text);
        }
    }
}
