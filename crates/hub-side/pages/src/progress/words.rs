//! What a customer reads on the progress page, in the customer's language. Pure.

use letsbe_lifecycle::order::{Phase, State};
use letsbe_types::Language;

use crate::view::Way;

/// What stands on the page whatever the state of the order.
pub(super) struct Words {
    pub(super) skip: &'static str,
    pub(super) progress: &'static str,
    pub(super) done: &'static str,
    pub(super) entries: &'static str,
    /// Name, type, value, what is there now.
    pub(super) columns: [&'static str; 4],
    pub(super) right: &'static str,
    pub(super) nothing: &'static str,
    pub(super) unknown: &'static str,
    pub(super) copy: &'static str,
    /// What is copied, for those who do not see it.
    pub(super) of_name: &'static str,
    pub(super) of_value: &'static str,
    pub(super) others: &'static str,
    pub(super) last_change: &'static str,
    pub(super) up_to_date: &'static str,
    pub(super) question: &'static str,
    way: Way,
    way_back: Way,
}

impl Words {
    pub(super) const fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &ENGLISH,
            Language::De => &GERMAN,
        }
    }

    /// The way of an order, or of a lost server.
    pub(super) const fn way(&self, lost: bool) -> &Way {
        if lost { &self.way_back } else { &self.way }
    }
}

const ENGLISH_WAY: Way = Way {
    titles: ["Payment", "Your server", "Operating system", "Your domain", "Your tools", "Ready"],
    done: "done",
    stuck: "stopped here",
    current: "in progress",
    customer: "waits for you",
    to_come: "to come",
};

const GERMAN_WAY: Way = Way {
    titles: ["Zahlung", "Ihr Server", "Betriebssystem", "Ihre Domain", "Ihre Werkzeuge", "Bereit"],
    done: "erledigt",
    stuck: "hier steht es",
    current: "läuft",
    customer: "wartet auf Sie",
    to_come: "kommt noch",
};

const ENGLISH: Words = Words {
    skip: "Skip to content",
    progress: "Progress",
    done: "done",
    entries: "The entries that your domain needs",
    columns: ["Name", "Type", "Value", "There now"],
    right: "as it should be",
    nothing: "nothing yet",
    unknown: "not known",
    copy: "Copy",
    of_name: "the name",
    of_value: "the value for",
    others: "Remove other A, AAAA and CNAME entries of the same names. Some providers want only the part before your \
             domain as the name, and `@` for the domain itself.",
    last_change: "Last change",
    up_to_date: "This page keeps itself up to date.",
    question: "If you have a question, just answer one of our e-mails, and name your order",
    way: ENGLISH_WAY,
    way_back: Way {
        titles: ["Fault", "New server", "Operating system", "Your data", "Your domain", "Ready"],
        ..ENGLISH_WAY
    },
};

const GERMAN: Words = Words {
    skip: "Zum Inhalt",
    progress: "Fortschritt",
    done: "erledigt",
    entries: "Die Einträge, die Ihre Domain braucht",
    columns: ["Name", "Typ", "Wert", "Jetzt dort"],
    right: "wie gewünscht",
    nothing: "noch nichts",
    unknown: "nicht bekannt",
    copy: "Kopieren",
    of_name: "des Namens",
    of_value: "des Werts für",
    others: "Entfernen Sie andere A-, AAAA- und CNAME-Einträge derselben Namen. Manche Anbieter wollen als Namen nur den \
             Teil vor Ihrer Domain, und `@` für die Domain selbst.",
    last_change: "Letzte Änderung",
    up_to_date: "Diese Seite hält sich selbst auf dem neuesten Stand.",
    question: "Wenn Sie eine Frage haben, antworten Sie einfach auf eine unserer E-Mails, und nennen Sie Ihre Bestellung",
    way: GERMAN_WAY,
    way_back: Way {
        titles: ["Störung", "Neuer Server", "Betriebssystem", "Ihre Daten", "Ihre Domain", "Bereit"],
        ..GERMAN_WAY
    },
};

/// The domain cannot be looked up at all.
pub(super) fn unread(language: Language, domain: &str) -> String {
    match language {
        Language::En => format!(
            "We cannot look the domain {domain} up yet: it is not registered, or its name servers do not answer. If you \
             have registered it or moved it just now, it can take some hours until it is found. The entries below are \
             right all the same."
        ),
        Language::De => format!(
            "Wir können die Domain {domain} noch nicht nachschlagen: Sie ist nicht registriert, oder ihre Nameserver \
             antworten nicht. Wenn Sie sie gerade erst registriert oder umgezogen haben, kann es einige Stunden dauern, \
             bis sie gefunden wird. Die Einträge unten stimmen trotzdem."
        ),
    }
}

/// What stands in the zone instead, in the words of `letsbe_dns`, for this reader.
pub(super) fn instead(language: Language, found: &str) -> String {
    match language {
        Language::En => found.to_owned(),
        Language::De => in_german(found).unwrap_or_else(|| "etwas anderes".to_owned()),
    }
}

fn in_german(found: &str) -> Option<String> {
    let leads = |text: &str| match text.strip_prefix("leads to ") {
        Some(addresses) => format!("führt zu {addresses}"),
        None => "führt nirgendwohin".to_owned(),
    };
    if let Some(rest) = found.strip_prefix("the name is given to the name server ") {
        let (host, to) = rest.strip_suffix(": remove its NS records")?.split_once(" and ")?;
        return Some(format!(
            "der Name ist dem Nameserver {host} übergeben und {}: entfernen Sie seine NS-Einträge",
            leads(to)
        ));
    }
    if let Some((server, rest)) = found.split_once(" gives the alias CNAME ") {
        let (target, to) = rest.strip_suffix(": remove it")?.split_once(", which ")?;
        return Some(format!("{server} gibt den Alias CNAME {target}, er {}: entfernen Sie ihn", leads(to)));
    }
    if let Some((server, rest)) = found.split_once(" also gives ") {
        let list = rest.strip_suffix(": remove it")?;
        return Some(format!("{server} gibt auch {list}: entfernen Sie das"));
    }
    let (server, rest) = found.split_once(" gives ")?;
    Some(format!("{server} gibt stattdessen {}", rest.strip_suffix(" instead")?))
}

/// The heading, and what it means for the customer.
pub(super) fn state(language: Language, state: &State) -> (&'static str, &'static str) {
    match (language, state.recovery.is_some()) {
        (Language::En, false) => english(state),
        (Language::En, true) => english_recovery(state),
        (Language::De, false) => german(state),
        (Language::De, true) => german_recovery(state),
    }
}

/// Where a recovery is; one that failed is where it failed.
fn reached(state: &State) -> Phase {
    state.resume.filter(|_| state.phase == Phase::Failed).unwrap_or(state.phase)
}

fn english_recovery(state: &State) -> (&'static str, &'static str) {
    match reached(state) {
        Phase::ServerReady | Phase::DnsPending => (
            "Your tools are back, on a new server",
            "Please change the entries below where your domain is managed: they must point to the new server. We look \
             every minute, and you are back online as soon as they do.",
        ),
        Phase::RecoveryCancelled => ("Everything is ready", "There was no need to replace your server."),
        _ => (
            "Your server had a fault; a new one is being set up",
            "Your data are brought back from the backup. You need not do anything now.",
        ),
    }
}

fn german_recovery(state: &State) -> (&'static str, &'static str) {
    match reached(state) {
        Phase::ServerReady | Phase::DnsPending => (
            "Ihre Werkzeuge sind wieder da, auf einem neuen Server",
            "Bitte ändern Sie die Einträge unten dort, wo Ihre Domain verwaltet wird: Sie müssen auf den neuen Server \
             zeigen. Wir sehen jede Minute nach, und Sie sind wieder erreichbar, sobald sie es tun.",
        ),
        Phase::RecoveryCancelled => ("Alles ist bereit", "Ihr Server musste nicht ersetzt werden."),
        _ => (
            "Ihr Server hatte eine Störung; ein neuer wird eingerichtet",
            "Ihre Daten werden aus der Sicherung zurückgeholt. Sie müssen jetzt nichts tun.",
        ),
    }
}

const fn english(state: &State) -> (&'static str, &'static str) {
    match state.phase {
        Phase::AwaitingPayment if state.needs_operator => (
            "We are looking at your payment",
            "What arrived is not what was ordered. A person of ours sees to it; you need not do anything.",
        ),
        Phase::AwaitingPayment => (
            "We are waiting for your payment",
            "Cards are confirmed at once; a bank transfer can take a few days. Work begins as soon as it arrives.",
        ),
        Phase::Expired => (
            "This order was not paid in time",
            "Nothing is being set up for it. Order again; if you have paid meanwhile, it goes on by itself.",
        ),
        Phase::PaymentConfirmed | Phase::ServerLost => (
            "Thank you, your payment has arrived",
            "We are setting a server aside for you. You need not do anything.",
        ),
        Phase::AwaitingServer => (
            "Your server is being prepared",
            "Its operating system is being installed. You need not do anything.",
        ),
        Phase::ServerReady => ("Your server is running", "We are checking that your domain points to it."),
        Phase::DnsPending => (
            "Your domain needs a few entries",
            "Please set the entries below where your domain is managed. We look every minute and go on by ourselves.",
        ),
        Phase::DnsReady | Phase::ReplacementReady | Phase::Provisioning => (
            "Your tools are being set up",
            "Everything is installed, secured and then tested from outside. This takes a few minutes.",
        ),
        Phase::Fulfilled | Phase::RecoveryCancelled => {
            ("Everything is ready", "You find the next steps in an e-mail from us.")
        }
        Phase::Failed if state.needs_operator => (
            "This takes longer than usual",
            "Something did not work, and a person of ours has to see to it. You need not do anything.",
        ),
        Phase::Failed => (
            "This takes longer than usual",
            "Something did not work at the first try. It is tried again by itself; you need not do anything.",
        ),
        Phase::Stopped => (
            "This order has ended",
            "No server is being set up for it. If you did not expect this, please answer our last e-mail.",
        ),
    }
}

const fn german(state: &State) -> (&'static str, &'static str) {
    match state.phase {
        Phase::AwaitingPayment if state.needs_operator => (
            "Wir sehen uns Ihre Zahlung an",
            "Was eingegangen ist, ist nicht das, was bestellt wurde. Jemand von uns kümmert sich darum; Sie müssen nichts \
             tun.",
        ),
        Phase::AwaitingPayment => (
            "Wir warten auf Ihre Zahlung",
            "Karten werden sofort bestätigt; eine Überweisung kann einige Tage dauern. Die Arbeit beginnt, sobald sie \
             eingegangen ist.",
        ),
        Phase::Expired => (
            "Diese Bestellung wurde nicht rechtzeitig bezahlt",
            "Für sie wird nichts eingerichtet. Bestellen Sie neu; wenn Sie inzwischen bezahlt haben, geht es von selbst \
             weiter.",
        ),
        Phase::PaymentConfirmed | Phase::ServerLost => (
            "Vielen Dank, Ihre Zahlung ist eingegangen",
            "Wir stellen einen Server für Sie bereit. Sie müssen nichts tun.",
        ),
        Phase::AwaitingServer => {
            ("Ihr Server wird vorbereitet", "Sein Betriebssystem wird installiert. Sie müssen nichts tun.")
        }
        Phase::ServerReady => ("Ihr Server läuft", "Wir prüfen, ob Ihre Domain zu ihm führt."),
        Phase::DnsPending => (
            "Ihre Domain braucht einige Einträge",
            "Bitte setzen Sie die Einträge unten dort, wo Ihre Domain verwaltet wird. Wir sehen jede Minute nach und \
             machen von selbst weiter.",
        ),
        Phase::DnsReady | Phase::ReplacementReady | Phase::Provisioning => (
            "Ihre Werkzeuge werden eingerichtet",
            "Alles wird installiert, gesichert und dann von außen geprüft. Das dauert einige Minuten.",
        ),
        Phase::Fulfilled | Phase::RecoveryCancelled => {
            ("Alles ist bereit", "Die nächsten Schritte finden Sie in einer E-Mail von uns.")
        }
        Phase::Failed if state.needs_operator => (
            "Das dauert länger als üblich",
            "Etwas hat nicht geklappt, und jemand von uns muss sich darum kümmern. Sie müssen nichts tun.",
        ),
        Phase::Failed => (
            "Das dauert länger als üblich",
            "Etwas hat beim ersten Mal nicht geklappt. Es wird von selbst noch einmal versucht; Sie müssen nichts tun.",
        ),
        Phase::Stopped => (
            "Diese Bestellung ist beendet",
            "Für sie wird kein Server eingerichtet. Wenn Sie das nicht erwartet haben, antworten Sie bitte auf unsere \
             letzte E-Mail.",
        ),
    }
}

#[cfg(test)]
mod tests;
