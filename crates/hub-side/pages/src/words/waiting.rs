//! The page of all that waits for a person.

use letsbe_types::Language;

words! {
    /// The words on the page of what waits.
    WaitingWords {
        title = "What waits for you", "Was auf Sie wartet";
        search_for = "Domain or a word", "Domain oder ein Wort";
        nothing = "Nothing", "Nichts";
        thing = "thing, the worst first", "Vorgang";
        things = "things, the worst first", "Vorgänge, das Dringendste zuerst";
        nothing_waits = "Nothing waits for you", "Nichts wartet auf Sie";
        what_appears = "Orders that do not go on by themselves, tasks, questions of AI teams, servers in trouble and e-mails \
                        that were not sent appear here.",
            "Hier erscheinen Bestellungen, die nicht von selbst weitergehen, Aufgaben, Fragen der KI-Teams, gestörte Server \
             und E-Mails, die nicht gesendet wurden.";
        began = "Began", "Seit";
        deadline = "Deadline", "Frist";
        mark_as_done = "Mark as done", "Als erledigt markieren";
        /// What a link leads to, before whom it is about.
        of = "of", "von";
        this_hub = "This Hub", "Dieser Hub";
        order_stuck = "The order does not go on without you", "Die Bestellung kommt ohne Sie nicht weiter";
        order_and_desk = "The order and its desk", "Zur Bestellung";
        the_order = "The order", "Zur Bestellung";
        the_tenant = "The tenant", "Zum Mandanten";
        the_recovery = "The recovery", "Zur Wiederherstellung";
        all_of_them = "All of them", "Alle anzeigen";
        all_orders = "All orders", "Alle Bestellungen";
        decide = "Decide", "Entscheiden";
        what_to_do = "What to do", "Was zu tun ist";
        task_hint = "Mark it as done when you have done it.", "Markieren Sie sie als erledigt, wenn sie erledigt ist.";
        mail_to_customer = "An e-mail to the customer could not be sent yet",
            "Eine E-Mail an den Kunden konnte noch nicht gesendet werden";
        mail_to_staff = "An e-mail to staff could not be sent yet",
            "Eine E-Mail an die Mitarbeiter konnte noch nicht gesendet werden";
        mail_hint = "Check the mail server's address and login, or say it by hand.",
            "Prüfen Sie Adresse und Anmeldung des Mailservers, oder teilen Sie es selbst mit.";
        mails_hint = "Check the mail server's address and login: `letsbe-hub check`",
            "Prüfen Sie Adresse und Anmeldung des Mailservers: `letsbe-hub check`";
        /// Behind their number.
        more_mails = "more e-mails could not be sent yet", "weitere E-Mails konnten noch nicht gesendet werden";
        more_wait = "more wait", "weitere warten";
        more_questions = "more questions of its AI team wait", "weitere Fragen seines KI-Teams warten";
        /// What there are more of: orders, tasks, lost servers, drills.
        kinds: [&'static str; 4] = ["Orders", "Tasks", "Lost servers", "Drills"],
            ["Bestellungen", "Aufgaben", "Verlorene Server", "Übungen"];
        keys_hint = "Open them on your own machine:", "Öffnen Sie sie auf Ihrem eigenen Rechner:";
        /// What became of a lost server: before its name, and behind it.
        became: [&'static str; 2] = ["What became of", ", which was lost?"], ["Was wurde aus dem verlorenen Server", "?"];
        settle_hint = "Wipe it or cancel it, then write it down (`--became cancelled` of one that was cancelled):",
            "Löschen oder kündigen Sie ihn und halten Sie das fest (`--became cancelled`, wenn er gekündigt wurde):";
        silent = "The server is silent", "Der Server meldet sich nicht";
        silent_text = "Nothing was heard of it for more than 15 minutes.",
            "Seit mehr als 15 Minuten kam keine Meldung von ihm.";
        silent_hint = "Look whether its tools answer. If it is lost:",
            "Sehen Sie nach, ob seine Tools antworten. Wenn er verloren ist:";
        never_heard = "The server was never heard", "Der Server hat sich nie gemeldet";
        never_text = "It registered, and said nothing since.", "Er hat sich angemeldet und seitdem nichts gemeldet.";
        never_hint = "On the server:", "Auf dem Server:";
        troubled = "The server is not as it should be", "Der Server ist nicht, wie er sein soll";
        troubled_hint = "The tenant's page says what to do.", "Was zu tun ist, steht auf der Seite des Mandanten.";
        question_hint = "Allow it once, or refuse it. It counts as refused when the time is over.",
            "Erlauben Sie es einmal, oder lehnen Sie es ab. Nach Ablauf der Frist gilt es als abgelehnt.";
        drill_due = "The quarterly drill is due", "Die vierteljährliche Übung ist fällig";
        drill_hint = "Bring the whole server back on a spare one, and write down what you saw.",
            "Stellen Sie den ganzen Server auf einem Reserveserver wieder her und halten Sie fest, was Sie gesehen haben.";
        own_link = "What to add, and when it last succeeded", "Was fehlt und wann sie zuletzt gelang";
    }
}

/// The kinds of tasks.
const TASKS: [(&str, [&str; 2]); 12] = [
    ("purchase_server", ["A server is wanted", "Ein Server wird gebraucht"]),
    ("payment_twice", ["Payment twice", "Doppelt bezahlt"]),
    ("payment_late", ["Payment late", "Verspätete Zahlung"]),
    ("payment_failed", ["Payment failed", "Zahlung fehlgeschlagen"]),
    ("payment_refund", ["Payment refund", "Erstattung"]),
    ("payment_refund_failed", ["Payment refund failed", "Erstattung fehlgeschlagen"]),
    ("payment_inquiry", ["Payment inquiry", "Rückfrage zur Zahlung"]),
    ("payment_dispute", ["Payment dispute", "Zahlung angefochten"]),
    ("payment_dispute_lost", ["Payment dispute lost", "Anfechtung verloren"]),
    ("payment_dispute_over", ["Payment dispute over", "Anfechtung beendet"]),
    ("payment_fraud_warning", ["Payment fraud warning", "Betrugswarnung zur Zahlung"]),
    ("subscription_ended", ["Subscription ended", "Abonnement beendet"]),
];

/// What a kind of task is called.
pub(crate) fn task(kind: &str, language: Language) -> Option<&'static str> {
    let (_, words) = TASKS.iter().find(|(known, _)| *known == kind)?;
    Some(super::super::lists::in_language(*words, language))
}

impl WaitingWords {
    /// How many things beside the worst are wrong, as a sentence after it.
    pub(crate) fn more_wrong(language: Language, more: usize) -> String {
        match (language, more) {
            (_, 0) => String::new(),
            (Language::En, 1) => "One more thing is wrong.".to_owned(),
            (Language::En, _) => format!("{more} more things are wrong."),
            (Language::De, 1) => "Noch etwas stimmt nicht.".to_owned(),
            (Language::De, _) => format!("{more} weitere Dinge stimmen nicht."),
        }
    }
}

#[cfg(test)]
mod tests {
    use letsbe_store::TASK_KINDS;
    use letsbe_types::Language;

    use super::task;

    #[test]
    fn every_kind_of_task_has_a_name_in_both_languages() {
        for kind in TASK_KINDS {
            let [english, german] = [Language::En, Language::De].map(|language| task(kind, language));
            assert!(english.is_some() && german.is_some() && english != german, "{kind}");
        }
    }
}
