//! What staff reads on every page and on the lists, in the reader's language. What servers and programs say of
//! themselves is English and marked so. Pure.

use letsbe_types::Language;

/// The words of one language.
pub(crate) struct Words {
    pub(crate) navigation: &'static str,
    /// What waits, orders, tenants, backups.
    pub(crate) parts: [&'static str; 4],
    pub(crate) for_you: &'static str,
    pub(crate) log_out: &'static str,
    pub(super) skip: &'static str,
    pub(super) search: &'static str,
    pub(super) search_for: &'static str,
    pub(super) show: &'static str,
    pub(super) all: &'static str,
    pub(super) this_page_is_empty: &'static str,
    pub(super) nothing_found: &'static str,
    pub(super) whole_list: &'static str,
    pub(super) pages: &'static str,
    pub(super) page: &'static str,
    pub(super) of: &'static str,
    pub(super) previous: &'static str,
    pub(super) next: &'static str,
    pub(super) never: &'static str,
    pub(super) none: &'static str,
    pub(super) none_yet: &'static str,
    pub(super) not_known: &'static str,
    pub(super) failed: &'static str,
    pub(super) last_run_failed: &'static str,
    /// Columns of the lists.
    pub(super) orders: [&'static str; 6],
    pub(super) tenants: [&'static str; 8],
    pub(super) backups: [&'static str; 7],
    /// Where a list is empty: its title, and what makes it fill.
    pub(super) no_orders: [&'static str; 2],
    pub(super) no_tenants: [&'static str; 2],
    pub(super) no_backups: [&'static str; 2],
    pub(super) not_all_proven: &'static str,
    pub(super) copy: &'static str,
    pub(super) own: OwnWords,
}

/// About the Hub's own backup.
pub(super) struct OwnWords {
    pub(super) title: &'static str,
    pub(super) add_this: &'static str,
    pub(super) last_success: &'static str,
    pub(super) without_it: &'static str,
    pub(super) on_the_machine: &'static str,
}

impl Words {
    pub(crate) const fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &ENGLISH,
            Language::De => &GERMAN,
        }
    }
}

const ENGLISH: Words = Words {
    navigation: "Main",
    parts: ["Waiting", "Orders", "Tenants", "Backups"],
    for_you: "for you",
    log_out: "Log out",
    skip: "Skip to content",
    search: "Search",
    search_for: "Domain, e-mail or id",
    show: "Show",
    all: "All",
    this_page_is_empty: "This page is empty",
    nothing_found: "Nothing found",
    whole_list: "Back to the whole list",
    pages: "Pages",
    page: "Page",
    of: "of",
    previous: "Previous",
    next: "Next",
    never: "never",
    none: "none",
    none_yet: "none yet",
    not_known: "not known",
    failed: "failed",
    last_run_failed: "The last run failed",
    orders: ["State", "Domain", "Tier", "Tools", "Server", "Ordered"],
    tenants: ["Health", "Domain", "Heard", "Containers", "Disk", "Tokens", "Last good backup", "Waiting"],
    backups: ["State", "Domain", "Last good backup", "Size", "Outside", "Protection", "Oldest proof"],
    no_orders: ["No orders yet", "An order appears here as soon as a customer has checked out."],
    no_tenants: [
        "No tenants yet",
        "A tenant appears here as soon as the agent on its server has registered.",
    ],
    no_backups: [
        "No tenants here",
        "A tenant's backups appear as soon as the agent on its server has registered.",
    ],
    not_all_proven: "not all proven",
    copy: "Copy",
    own: OwnWords {
        title: "The Hub's own backup",
        add_this: "Add this to the Hub's settings, then start the Hub again:",
        last_success: "Last success",
        without_it: "Without it a lost Hub does not come back.",
        on_the_machine: "On the Hub's machine:",
    },
};

const GERMAN: Words = Words {
    navigation: "Hauptmenü",
    parts: ["Zu tun", "Bestellungen", "Mandanten", "Sicherungen"],
    for_you: "für Sie",
    log_out: "Abmelden",
    skip: "Zum Inhalt",
    search: "Suchen",
    search_for: "Domain oder E-Mail",
    show: "Anzeigen",
    all: "Alle",
    this_page_is_empty: "Diese Seite ist leer",
    nothing_found: "Nichts gefunden",
    whole_list: "Zur ganzen Liste",
    pages: "Seiten",
    page: "Seite",
    of: "von",
    previous: "Zurück",
    next: "Weiter",
    never: "nie",
    none: "keine",
    none_yet: "noch keine",
    not_known: "unbekannt",
    failed: "gescheitert",
    last_run_failed: "Der letzte Lauf ist gescheitert",
    orders: ["Stand", "Domain", "Tarif", "Tools", "Server", "Bestellt"],
    tenants: ["Zustand", "Domain", "Gehört", "Container", "Platte", "Tokens", "Zuletzt gesichert", "Fragen"],
    backups: ["Stand", "Domain", "Zuletzt gesichert", "Größe", "Außerhalb", "Schutz", "Ältester Beweis"],
    no_orders: ["Noch keine Bestellungen", "Eine Bestellung erscheint hier, sobald ein Kunde bestellt hat."],
    no_tenants: [
        "Noch keine Mandanten",
        "Ein Mandant erscheint hier, sobald sich der Agent auf seinem Server angemeldet hat.",
    ],
    no_backups: [
        "Noch keine Mandanten",
        "Die Sicherungen eines Mandanten erscheinen, sobald sich der Agent auf seinem Server angemeldet hat.",
    ],
    not_all_proven: "nicht alle bewiesen",
    copy: "Kopieren",
    own: OwnWords {
        title: "Die eigene Sicherung des Hubs",
        add_this: "Das gehört in die Einstellungen des Hubs; danach starten Sie ihn neu:",
        last_success: "Zuletzt gelungen",
        without_it: "Ohne sie kommt ein verlorener Hub nicht wieder.",
        on_the_machine: "Auf dem Rechner des Hubs:",
    },
};
