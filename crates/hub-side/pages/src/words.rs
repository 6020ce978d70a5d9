//! What staff reads on the pages, in the reader's language: one line for each text, first in English, then in German. A
//! text that lacks one of them does not compile. What servers and programs say of themselves is English and marked so.
//! Pure.

/// Declares the words of a page: a name, its English and its German.
macro_rules! words {
    (@type) => { &'static str };
    (@type $type:ty) => { $type };
    ($(#[$about:meta])* $name:ident {
        $($(#[$doc:meta])* $field:ident $(: $type:ty)? = $english:expr, $german:expr;)+
    }) => {
        $(#[$about])*
        pub(crate) struct $name { $($(#[$doc])* pub(crate) $field: words!(@type $($type)?),)+ }

        impl $name {
            /// In this language.
            pub(crate) const fn of(language: letsbe_types::Language) -> &'static Self {
                const ENGLISH: $name = $name { $($field: $english,)+ };
                const GERMAN: $name = $name { $($field: $german,)+ };
                match language {
                    letsbe_types::Language::En => &ENGLISH,
                    letsbe_types::Language::De => &GERMAN,
                }
            }
        }
    };
}

mod backups;
mod drills;
mod hub_tasks;
mod orders;
mod problems;
mod recovery;
mod tenants;
mod waiting;

pub(crate) use backups::BackupWords;
pub(crate) use drills::DrillWords;
pub(crate) use hub_tasks::HubTaskWords;
pub use hub_tasks::about as hub_task_about;
pub(crate) use orders::OrderWords;
pub(crate) use problems::title as problem_title;
pub(crate) use recovery::RecoveryWords;
pub use tenants::in_english as command_in_english;
pub(crate) use tenants::{TenantWords, work};
pub(crate) use waiting::{WaitingWords, task as task_title};

/// The words around every page, in the language of the page that is being made.
pub(crate) fn here() -> &'static Words {
    super::around::here().words()
}

/// A sentence on a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) text: String,
    /// A program of ours said it, in English whoever reads it.
    pub(crate) is_english: bool,
    /// Somebody else's machine or a model wrote it: nothing of it is offered to be run.
    pub(crate) is_quoted: bool,
}

impl Said {
    /// In the reader's language.
    pub(crate) fn ours(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Somebody else's own words, in whichever language.
    pub(crate) fn quoted(text: impl Into<String>) -> Self {
        Self { is_quoted: true, ..Self::ours(text) }
    }

    /// What a program on somebody else's machine says, in English whoever reads it.
    pub(crate) fn quoted_english(text: impl Into<String>) -> Self {
        Self { is_quoted: true, ..Self::english(text) }
    }

    pub(crate) fn english(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_english: true, is_quoted: false }
    }
}

words! {
    /// The words on every page and on the lists.
    Words {
        navigation = "Main", "Hauptmenü";
        /// What waits, orders, tenants, backups, background work.
        parts: [&'static str; 5] = ["Waiting", "Orders", "Tenants", "Backups", "Background"],
            ["Zu tun", "Bestellungen", "Mandanten", "Sicherungen", "Hintergrund"];
        for_you = "for you", "für Sie";
        log_out = "Log out", "Abmelden";
        skip = "Skip to content", "Zum Inhalt";
        breadcrumb = "Breadcrumb", "Sie sind hier";
        back = "Go back", "Zurück";
        english_only = "This explanation is in English.", "Diese Erklärung gibt es nur auf Englisch.";
        search = "Search", "Suchen";
        search_for = "Domain, e-mail or id", "Domain oder E-Mail";
        show = "Show", "Anzeigen";
        all = "All", "Alle";
        this_page_is_empty = "This page is empty", "Diese Seite ist leer";
        nothing_found = "Nothing found", "Nichts gefunden";
        whole_list = "Back to the whole list", "Zur ganzen Liste";
        pages = "Pages", "Seiten";
        page = "Page", "Seite";
        of = "of", "von";
        previous = "Previous", "Zurück";
        next = "Next", "Weiter";
        never = "never", "nie";
        none = "none", "keine";
        none_yet = "none yet", "noch keine";
        no_server = "none yet", "noch keiner";
        not_known = "not known", "unbekannt";
        failed = "failed", "Fehler";
        last_run_failed = "The last run failed", "Der letzte Lauf ist fehlgeschlagen";
        as_of = "as of", "Stand:";
        progress = "Progress", "Fortschritt";
        /// Columns of the lists.
        orders: [&'static str; 6] = ["State", "Domain", "Tier", "Tools", "Server", "Ordered"],
            ["Stand", "Domain", "Tarif", "Tools", "Server", "Bestellt"];
        tenants: [&'static str; 8] =
            ["Health", "Domain", "Heard", "Containers", "Disk", "Tokens", "Last good backup", "Waiting"],
            ["Zustand", "Domain", "Gemeldet", "Container", "Platte", "Tokens", "Zuletzt gesichert", "Fragen"];
        backups: [&'static str; 7] =
            ["State", "Domain", "Last good backup", "Size", "Outside", "Protection", "Oldest proof"],
            ["Stand", "Domain", "Zuletzt gesichert", "Größe", "Extern", "Schutz", "Älteste Prüfung"];
        /// Where a list is empty: its title, and what makes it fill.
        no_orders: [&'static str; 2] =
            ["No orders yet", "An order appears here as soon as a customer has checked out."],
            ["Noch keine Bestellungen", "Eine Bestellung erscheint hier, sobald ein Kunde bestellt hat."];
        no_tenants: [&'static str; 2] =
            ["No tenants yet", "A tenant appears here as soon as the agent on its server has registered."],
            [
                "Noch keine Mandanten",
                "Ein Mandant erscheint hier, sobald sich der Agent auf seinem Server angemeldet hat.",
            ];
        no_backups: [&'static str; 2] =
            ["No tenants here", "A tenant's backups appear as soon as the agent on its server has registered."],
            [
                "Noch keine Mandanten",
                "Die Sicherungen eines Mandanten erscheinen, sobald sich der Agent auf seinem Server angemeldet hat.",
            ];
        not_all_proven = "not all proven", "nicht alle geprüft";
        copy = "Copy", "Kopieren";
        /// What is copied, for those who do not see it.
        of_command = "the command", "(Befehl)";
        /// What a level means, for those who do not see its colour: ok, running, waiting, warning, failed, others.
        levels: [&'static str; 6] = ["done", "under way", "waits", "warning", "failed", "note"],
            ["erledigt", "läuft", "wartet", "Warnung", "fehlgeschlagen", "Hinweis"];
        own: &'static OwnWords = OwnWords::of(letsbe_types::Language::En), OwnWords::of(letsbe_types::Language::De);
    }
}

words! {
    /// About the Hub's own backup.
    OwnWords {
        title = "The Hub's own backup", "Die eigene Sicherung des Hubs";
        add_this = "Add this to the Hub's settings, then start the Hub again:",
            "Das gehört in die Einstellungen des Hubs; danach starten Sie ihn neu:";
        last_success = "Last success", "Zuletzt erfolgreich";
        without_it = "Without it a lost Hub does not come back.",
            "Ohne sie lässt sich ein verlorener Hub nicht wiederherstellen.";
        on_the_machine = "On the Hub's machine:", "Auf dem Rechner des Hubs:";
    }
}
