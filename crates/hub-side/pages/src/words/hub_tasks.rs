//! The page of the Hub's background work, and what each task does.

use letsbe_types::{Language, hub_tasks::HubTaskState};

words! {
    /// The words on the page of background work.
    HubTaskWords {
        title = "Background work of the Hub", "Hintergrundarbeit des Hubs";
        /// Above the table.
        intro = "What the Hub does by itself, the worst first.", "Was der Hub von selbst tut, das Dringendste zuerst.";
        /// Columns.
        columns: [&'static str; 6] = ["State", "Task", "Last run", "Took", "Did last", "Next run"],
            ["Stand", "Aufgabe", "Letzter Lauf", "Dauer", "Zuletzt getan", "Nächster Lauf"];
        /// Stalled, failing, running, idle, off.
        states: [&'static str; 5] = ["Stalled", "Failing", "Running", "Idle", "Off"],
            ["Steht still", "Fehler", "Läuft", "Bereit", "Aus"];
        never = "never", "noch nie";
        nothing_yet = "nothing yet", "noch nichts";
        /// Before the Hub that runs it.
        on = "on", "auf";
        failed_times = "failures in a row:", "Fehler in Folge:";
        /// Before the part of the settings that a task needs.
        needs = "Not in the settings:", "Nicht in den Einstellungen:";
        run_now = "Run now", "Jetzt ausführen";
        stalled_text = "It should have run, or ended, and did not. No Hub sees to it.",
            "Sie hätte laufen oder enden müssen. Kein Hub kümmert sich darum.";
        /// Behind their number, on the page of what waits.
        stalled_one = "background task of the Hub stalls", "Hintergrundaufgabe des Hubs steht still";
        stalled_many = "background tasks of the Hub stall", "Hintergrundaufgaben des Hubs stehen still";
        stalled_hint = "Look at the Hub's log: `journalctl -u letsbe-hub`", "Sehen Sie in das Protokoll des Hubs: `journalctl -u letsbe-hub`";
        show = "Show them", "Anzeigen";
    }
}

impl HubTaskWords {
    /// The word of a state.
    pub(crate) const fn state(&self, state: HubTaskState) -> &'static str {
        let [stalled, failing, running, idle, off] = self.states;
        match state {
            HubTaskState::Stalled => stalled,
            HubTaskState::Failing => failing,
            HubTaskState::Running => running,
            HubTaskState::Idle => idle,
            HubTaskState::Off => off,
        }
    }
}

/// What the task of this name does; nothing for a name that is not known.
#[must_use]
pub fn about(name: &str, language: Language) -> &'static str {
    let [english, german] = match name {
        "order-effects" => {
            ["Carries out what orders need next.", "Führt aus, was Bestellungen als Nächstes brauchen."]
        }
        "messages" => [
            "Sends the e-mails to customers and to staff.",
            "Sendet die E-Mails an Kunden und an Mitarbeiter.",
        ],
        "command-notices" => [
            "Tells waiting servers of commands that another Hub queued.",
            "Weckt wartende Server, wenn ein anderer Hub einen Befehl für sie hat.",
        ],
        "provider-login" => [
            "Keeps the login at the provider of servers alive.",
            "Hält die Anmeldung beim Server-Anbieter gültig.",
        ],
        "model-requests" => [
            "Charges requests to models that broke off without a bill.",
            "Rechnet Anfragen an Modelle ab, die ohne Abrechnung abgebrochen sind.",
        ],
        "unpaid-orders" => [
            "Ends and removes orders that nobody pays.",
            "Beendet und entfernt Bestellungen, die niemand bezahlt.",
        ],
        "drills" => [
            "Schedules the monthly and quarterly drills and begins those that are due.",
            "Plant die monatlichen und vierteljährlichen Übungen und beginnt die fälligen.",
        ],
        "hub-backup" => ["Backs up the Hub itself.", "Sichert den Hub selbst."],
        "bucket-counts" => [
            "Counts what is in the tenants' buckets and raises alarms.",
            "Zählt, was in den Buckets der Mandanten liegt, und schlägt Alarm.",
        ],
        "server-history" => [
            "Sums up the history of the tenants' servers and deletes what is too old.",
            "Fasst den Verlauf der Server zusammen und löscht, was zu alt ist.",
        ],
        "health-ratings" => [
            "Rates the tenants' servers and compares their token counts.",
            "Bewertet die Server der Mandanten und vergleicht ihre Token-Zahlen.",
        ],
        _ => [""; 2],
    };
    match language {
        Language::En => english,
        Language::De => german,
    }
}
