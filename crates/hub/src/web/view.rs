//! How an order's state is shown: words, a mark and a level, never colour alone. Pure.

use std::net::Ipv4Addr;

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::{Event, Pace, Phase, State, transition};
use letsbe_types::{Language, ids::ServerId};

use super::lists::in_language;

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
pub(super) const fn level_word(level: &str) -> &'static str {
    match level.as_bytes() {
        b"ok" => "done",
        b"running" => "under way",
        b"waiting" => "waits",
        b"warning" => "warning",
        b"failed" => "failed",
        _ => "note",
    }
}

/// The state as staff read it.
pub(super) const fn label(state: &State) -> Label {
    label_in(state, Language::En)
}

/// The same in the reader's language.
pub(super) const fn label_in(state: &State, language: Language) -> Label {
    let (level, words) = match state.phase {
        Phase::AwaitingPayment if state.needs_operator => {
            ("failed", ["Payment needs you", "Zahlung braucht Sie"])
        }
        Phase::AwaitingPayment => ("waiting", ["Awaiting payment", "Wartet auf Zahlung"]),
        Phase::Expired => ("warning", ["Not paid in time", "Nicht rechtzeitig bezahlt"]),
        Phase::PaymentConfirmed if state.purchase_asked => {
            ("waiting", ["Waiting for a server", "Wartet auf einen Server"])
        }
        Phase::PaymentConfirmed => ("running", ["Claiming a server", "Belegt einen Server"]),
        Phase::ServerLost if state.purchase_asked => {
            ("waiting", ["Lost; waiting for a server", "Verloren; wartet auf Server"])
        }
        Phase::ServerLost => ("failed", ["Lost; claiming a server", "Verloren; belegt einen Server"]),
        Phase::AwaitingServer => ("running", ["Installing the system", "Installiert das System"]),
        Phase::ReplacementReady => ("running", ["System ready", "System bereit"]),
        Phase::Provisioning if state.recovery.is_some() => {
            ("running", ["Bringing it back", "Wird zurückgeholt"])
        }
        Phase::DnsPending if state.recovery.is_some() => {
            ("waiting", ["Back; waiting for DNS", "Zurück; wartet auf DNS"])
        }
        Phase::RecoveryCancelled => ("running", ["Taking the recovery back", "Nimmt die Rettung zurück"]),
        Phase::ServerReady => ("running", ["Checking DNS", "Prüft DNS"]),
        Phase::DnsPending => ("waiting", ["Waiting for DNS", "Wartet auf DNS"]),
        Phase::DnsReady => ("running", ["DNS ready", "DNS bereit"]),
        Phase::Provisioning => ("running", ["Provisioning", "Wird eingerichtet"]),
        Phase::Fulfilled if state.needs_operator => {
            ("warning", ["Live, customer not told", "Läuft, Kunde weiß es nicht"])
        }
        Phase::Fulfilled => ("ok", ["Live", "In Betrieb"]),
        Phase::Failed if state.needs_operator => ("failed", ["Needs you", "Braucht Sie"]),
        Phase::Failed => ("warning", ["Trying again", "Versucht es wieder"]),
        Phase::Stopped if state.needs_operator => {
            ("failed", ["Stopped, server not released", "Beendet, Server nicht frei"])
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

const WAY: Way = Way {
    titles: ["Payment", "Server", "System", "DNS", "Set-up", "Live"],
    done: "done",
    stuck: "stopped here",
    current: "in progress",
    customer: "waits for the customer",
    to_come: "to come",
};
/// The same way for a lost server: the data come before DNS.
const RECOVERY_WAY: Way = Way { titles: ["Lost", "Server", "System", "Data", "DNS", "Live"], ..WAY };

/// The way as staff reads it.
pub(super) const fn way(lost: bool) -> &'static Way {
    if lost { &RECOVERY_WAY } else { &WAY }
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
const HOST_KEY_PROBLEMS: [&str; 2] = ["SSH002", "SSH012"];

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
            host_key: state
                .problem
                .as_ref()
                .is_some_and(|problem| HOST_KEY_PROBLEMS.contains(&&*problem.code))
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
        let shown = match language {
            Language::En => return at.into(),
            Language::De => at.format("%-d.%-m.%Y, %H:%M:%S UTC").to_string(),
        };
        let short = at.format("%-d.%-m., %H:%M").to_string();
        Self { shown, short, ..Self::from(at) }
    }
}

impl From<DateTime<Utc>> for Moment {
    fn from(at: DateTime<Utc>) -> Self {
        Self {
            machine: at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            shown: at.format("%-d %b %Y, %H:%M:%S UTC").to_string(),
            short: at.format("%-d %b, %H:%M").to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Desk, label, points, stages, way};
    use chrono::DateTime;
    use letsbe_lifecycle::order::{Pace, Phase, State};

    #[test]
    fn every_phase_has_words_and_one_place_on_the_way() {
        for phase in Phase::ALL {
            let state = State { phase, resume: Some(Phase::DnsPending), ..State::new() };
            assert!(!label(&state).words.is_empty());
            let stages = stages(&state, way(false));
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
            let stages = stages(&state, way(false)).into_iter();
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
}
