//! How an order's state is shown: words, a mark and a level, never colour alone. Pure.

use std::net::Ipv4Addr;

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::{Event, Pace, Phase, State, transition};
use letsbe_types::{Code, Language, ids::ServerId};

use crate::{lists::in_language, words::Words};

/// A state in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    /// `ok`, `running`, `waiting`, `warning` or `failed`.
    pub(super) level: &'static str,
    pub(super) words: &'static str,
}

impl Label {
    pub(super) const fn mark(self) -> &'static str {
        mark(self.level)
    }
}

/// The mark beside a level's colour.
pub(super) const fn mark(level: &str) -> &'static str {
    match level.as_bytes() {
        b"ok" => "✓",
        b"running" => "▸",
        b"waiting" => "◷",
        b"warning" => "!",
        b"failed" => "✕",
        _ => "•",
    }
}

/// The same for those who do not see it.
pub(super) const fn level_word(level: &str, language: Language) -> &'static str {
    let [ok, running, waiting, warning, failed, other] = Words::of(language).levels;
    match level.as_bytes() {
        b"ok" => ok,
        b"running" => running,
        b"waiting" => waiting,
        b"warning" => warning,
        b"failed" => failed,
        _ => other,
    }
}

/// The state as staff read it.
pub(super) const fn label(state: &State, language: Language) -> Label {
    let (level, words) = match state.phase {
        Phase::AwaitingPayment if state.needs_operator => {
            ("failed", ["Payment needs you", "Zahlung zu klären"])
        }
        Phase::AwaitingPayment => ("waiting", ["Awaiting payment", "Wartet auf Zahlung"]),
        Phase::Expired => ("warning", ["Not paid in time", "Nicht rechtzeitig bezahlt"]),
        Phase::PaymentConfirmed if state.purchase_asked => {
            ("waiting", ["Waiting for a server", "Wartet auf einen Server"])
        }
        Phase::PaymentConfirmed => ("running", ["Claiming a server", "Server wird zugewiesen"]),
        Phase::ServerLost if state.purchase_asked => {
            ("waiting", ["Lost; waiting for a server", "Verloren, wartet auf Server"])
        }
        Phase::ServerLost => ("failed", ["Lost; claiming a server", "Verloren, Ersatz folgt"]),
        Phase::AwaitingServer => ("running", ["Installing the system", "System wird installiert"]),
        Phase::ReplacementReady => ("running", ["System ready", "System bereit"]),
        Phase::Provisioning if state.recovery.is_some() => {
            ("running", ["Bringing it back", "Wird wiederhergestellt"])
        }
        Phase::DnsPending if state.recovery.is_some() => {
            ("waiting", ["Back; waiting for DNS", "Wieder da, wartet auf DNS"])
        }
        Phase::RecoveryCancelled => ("running", ["Taking the recovery back", "Ersatz wird abgebrochen"]),
        Phase::ServerReady => ("running", ["Checking DNS", "DNS wird geprüft"]),
        Phase::DnsPending => ("waiting", ["Waiting for DNS", "Wartet auf DNS"]),
        Phase::DnsReady => ("running", ["DNS ready", "DNS bereit"]),
        Phase::Provisioning => ("running", ["Provisioning", "Wird eingerichtet"]),
        Phase::Fulfilled if state.needs_operator => {
            ("warning", ["Live, customer not told", "Kunde nicht informiert"])
        }
        Phase::Fulfilled => ("ok", ["Live", "In Betrieb"]),
        Phase::Failed if state.needs_operator => ("failed", ["Needs you", "Handlungsbedarf"]),
        Phase::Failed => ("warning", ["Trying again", "Neuer Versuch folgt"]),
        Phase::Stopped if state.needs_operator => {
            ("failed", ["Stopped, server not released", "Beendet, Server noch belegt"])
        }
        Phase::Stopped => ("warning", ["Stopped", "Beendet"]),
    };
    Label { level, words: in_language(words, language) }
}

/// One part of the progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) title: &'static str,
    /// `done`, `current`, `stuck` or `todo`.
    pub(super) status: &'static str,
    /// The status for people.
    pub(super) words: &'static str,
    pub(super) mark: &'static str,
}

/// The way to a live server in one reader's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) titles: [&'static str; 6],
    pub(super) done: &'static str,
    pub(super) stuck: &'static str,
    pub(super) current: &'static str,
    /// It goes on as soon as the customer has done something.
    pub(super) customer: &'static str,
    pub(super) to_come: &'static str,
}

const ENGLISH_WAY: Way = Way {
    titles: ["Payment", "Server", "System", "DNS", "Set-up", "Live"],
    done: "done",
    stuck: "stopped here",
    current: "in progress",
    customer: "waits for the customer",
    to_come: "to come",
};
const GERMAN_WAY: Way = Way {
    titles: ["Zahlung", "Server", "System", "DNS", "Einrichtung", "In Betrieb"],
    done: "erledigt",
    stuck: "hier angehalten",
    current: "läuft",
    customer: "wartet auf den Kunden",
    to_come: "kommt noch",
};
/// The same way for a lost server: the data come before DNS.
const ENGLISH_WAY_BACK: Way =
    Way { titles: ["Lost", "Server", "System", "Data", "DNS", "Live"], ..ENGLISH_WAY };
const GERMAN_WAY_BACK: Way =
    Way { titles: ["Verloren", "Server", "System", "Daten", "DNS", "In Betrieb"], ..GERMAN_WAY };

/// The way as staff reads it.
pub(super) const fn way(lost: bool, language: Language) -> &'static Way {
    match (language, lost) {
        (Language::En, false) => &ENGLISH_WAY,
        (Language::En, true) => &ENGLISH_WAY_BACK,
        (Language::De, false) => &GERMAN_WAY,
        (Language::De, true) => &GERMAN_WAY_BACK,
    }
}

/// The way an order goes, and where it is on it; nothing for an order that left it.
pub(super) fn stages(state: &State, way: &Way) -> Vec<Stage> {
    let phase = state.resume.filter(|_| state.phase == Phase::Failed).unwrap_or(state.phase);
    let recovery = state.recovery.is_some();
    let reached = match phase {
        Phase::AwaitingPayment => 0,
        Phase::PaymentConfirmed | Phase::ServerLost => 1,
        Phase::AwaitingServer => 2,
        Phase::ReplacementReady | Phase::Provisioning if recovery => 3,
        Phase::ServerReady | Phase::DnsPending if recovery => 4,
        Phase::ServerReady | Phase::DnsPending | Phase::ReplacementReady => 3,
        Phase::DnsReady | Phase::Provisioning => 4,
        Phase::Fulfilled => 6,
        Phase::Stopped | Phase::Expired | Phase::Failed | Phase::RecoveryCancelled => return Vec::new(),
    };
    let stuck = state.phase == Phase::Failed;
    let of_customer =
        matches!(phase, Phase::AwaitingPayment | Phase::DnsPending) && !state.needs_operator && !stuck;
    way.titles
        .into_iter()
        .enumerate()
        .map(|(index, title)| {
            let (status, words, mark) = match index.cmp(&reached) {
                std::cmp::Ordering::Less => ("done", way.done, "✓"),
                std::cmp::Ordering::Equal if stuck => ("stuck", way.stuck, "!"),
                std::cmp::Ordering::Equal if of_customer => ("current", way.customer, mark("waiting")),
                std::cmp::Ordering::Equal => ("current", way.current, "▸"),
                std::cmp::Ordering::Greater => ("todo", way.to_come, ""),
            };
            Stage { title, status, words, mark }
        })
        .collect()
}

/// What ends once a person has compared the server's host key.
const HOST_KEY_PROBLEMS: [Code; 3] = [Code::SSH002, Code::SSH012, Code::SSH013];

/// Which buttons make sense: the machine itself is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Desk {
    pub(super) retry: bool,
    pub(super) skip: bool,
    pub(super) abandon: bool,
    pub(super) assign: bool,
    /// The server's host key is to be compared.
    pub(super) host_key: bool,
}

impl Desk {
    pub(super) fn of(state: &State, pace: &Pace, now: DateTime<Utc>) -> Self {
        let legal = |event: &Event| transition(state, event, now, pace).is_ok();
        Self {
            retry: legal(&Event::OperatorRetry),
            skip: legal(&Event::OperatorSkip { reason: String::new() }),
            abandon: legal(&Event::OperatorAbandon { reason: String::new() }),
            assign: legal(&Event::OperatorAssign {
                server: ServerId(String::new()),
                address: Ipv4Addr::UNSPECIFIED.into(),
                host_key: None,
            }),
            host_key: state.problem.as_ref().is_some_and(|problem| problem.is_one_of(&HOST_KEY_PROBLEMS))
                && legal(&Event::OperatorConfirmHostKey { host_key: String::new() }),
        }
    }

    pub(super) const fn any(self) -> bool {
        self.retry || self.skip || self.abandon || self.assign || self.host_key
    }
}

/// A problem's message, its list taken apart: `3 are wrong: a; b; c`.
pub(super) fn points(message: &str) -> (&str, Vec<&str>) {
    match message.split_once(": ") {
        Some((headline, list)) if list.contains("; ") => (headline, list.split("; ").collect()),
        _ => (message, Vec::new()),
    }
}

/// `1.2 GB`, in the units of status files and of storage services' bills.
#[must_use]
pub fn size(bytes: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1}\u{a0}{name}", bytes as f64 / unit as f64),
        None => format!("{bytes}\u{a0}B"),
    }
}

/// `15 000 000`, with spaces at which no line ends.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    let text: Vec<std::borrow::Cow<'_, str>> = groups.into_iter().map(String::from_utf8_lossy).collect();
    text.join("\u{202f}")
}

/// A size as it is written in this language.
pub(super) fn size_in(bytes: u64, language: Language) -> String {
    let size = size(bytes);
    match language {
        Language::En => size,
        Language::De => size.replace('.', ","),
    }
}

/// A moment, for `<time>`: the machine's form and the form shown where no script runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) machine: String,
    pub(super) shown: String,
    /// For a line of a list.
    pub(super) short: String,
}

impl Moment {
    /// In this language where no script runs.
    pub(super) fn of(at: DateTime<Utc>, language: Language) -> Self {
        let (long, short) = match language {
            Language::En => ("%-d %b %Y, %H:%M:%S UTC", "%-d %b, %H:%M"),
            Language::De => ("%-d.%-m.%Y, %H:%M:%S UTC", "%-d.%-m., %H:%M"),
        };
        Self {
            machine: at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            shown: at.format(long).to_string(),
            short: at.format(short).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Desk, grouped, label, points, size, stages, way};
    use chrono::DateTime;
    use letsbe_lifecycle::order::{Pace, Phase, State};
    use letsbe_types::Language;

    #[test]
    fn every_phase_has_words_and_one_place_on_the_way() {
        for phase in Phase::ALL {
            let state = State { phase, resume: Some(Phase::DnsPending), ..State::new() };
            let [english, german] =
                [Language::En, Language::De].map(|language| label(&state, language).words);
            assert!(!english.is_empty() && english != german, "{phase}");
            let stages = stages(&state, way(false, Language::En));
            let here = stages.iter().filter(|stage| ["current", "stuck"].contains(&stage.status)).count();
            let on_the_way = !matches!(
                phase,
                Phase::Fulfilled | Phase::Stopped | Phase::Expired | Phase::RecoveryCancelled
            );
            assert_eq!(here, usize::from(on_the_way), "{phase}");
        }
    }

    #[test]
    fn a_stage_says_when_the_customer_has_to_act() {
        let said = |state: State| {
            let stages = stages(&state, way(false, Language::En)).into_iter();
            stages.filter(|stage| stage.status != "done" && stage.status != "todo").map(|s| s.words).next()
        };
        let of = |phase| State { phase, ..State::new() };
        assert_eq!(said(of(Phase::AwaitingPayment)), Some("waits for the customer"));
        assert_eq!(said(of(Phase::DnsPending)), Some("waits for the customer"));
        assert_eq!(said(of(Phase::Provisioning)), Some("in progress"));
        let differs = State { needs_operator: true, ..of(Phase::AwaitingPayment) };
        assert_eq!(said(differs), Some("in progress"));
        let failed = State { resume: Some(Phase::DnsPending), ..of(Phase::Failed) };
        assert_eq!(said(failed), Some("stopped here"));
    }

    #[test]
    fn lists_in_messages_are_taken_apart() {
        assert_eq!(points("2 are wrong: A a → 1; A b → 2"), ("2 are wrong", vec!["A a → 1", "A b → 2"]));
        for whole in ["gone", "1 is wrong: A a → 1", "a; b"] {
            assert_eq!(points(whole), (whole, vec![]));
        }
    }

    #[test]
    fn buttons_follow_the_machine() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).expect("a moment");
        let desk = |phase, resume| Desk::of(&State { phase, resume, ..State::new() }, &Pace::default(), now);
        assert!(!desk(Phase::Stopped, None).any());
        assert!(!desk(Phase::Fulfilled, None).any());
        let dns = desk(Phase::DnsPending, None);
        assert!(dns.retry && dns.skip && dns.abandon);
        let failed = desk(Phase::Failed, Some(Phase::Provisioning));
        assert!(failed.retry && !failed.skip && failed.abandon);
    }

    #[test]
    fn sizes_are_written_in_the_units_of_a_bill() {
        let written = [0, 999, 1_500, 2_000_000, 3_400_000_000, 1_000_000_000_000].map(size);
        let plain = written.map(|text| text.replace('\u{a0}', " "));
        assert_eq!(plain, ["0 B", "999 B", "1.5 kB", "2.0 MB", "3.4 GB", "1.0 TB"]);
    }

    #[test]
    fn large_numbers_are_grouped_from_their_end() {
        let written = [0, 999, 1_000, 15_000_000].map(|number| grouped(number).replace('\u{202f}', " "));
        assert_eq!(written, ["0", "999", "1 000", "15 000 000"]);
    }
}
