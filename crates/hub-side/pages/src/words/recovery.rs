//! The part of a tenant's page about a lost server.

words! {
    /// The words about lost servers.
    RecoveryWords {
        title = "The server was lost; another one takes its place", "Der Server ist verloren; ein anderer ersetzt ihn";
        recovery = "Recovery", "Wiederherstellung";
        deadline = "Deadline of the run", "Frist des Laufs";
        last_lines = "What happened last", "Was zuletzt geschah";
        all_lines = "All of it, live, and the desk", "Vollständiger Verlauf und Eingreifen";
        earlier = "A lost server", "Ein verlorener Server";
        lost = "Lost", "Verloren";
        last_heard = "Last heard", "Letzte Meldung";
        now_on = "Now on", "Jetzt auf";
        no_server = "none yet", "noch keiner";
        at = "at", "unter";
        asked_for = "Asked for", "Angefordert";
        by = "by", "von";
        without = "Without a server for", "Zeit ohne Server";
        data_lost = "Data lost", "Datenverlust";
        oldest_data = "Oldest data", "Älteste Daten";
        gap_not_known = "not known until something has come back",
            "unbekannt, bis etwas wiederhergestellt ist";
        the_lost_server = "The lost server", "Der verlorene Server";
        tools = "Tools that came back", "Wiederhergestellte Tools";
        /// Columns of the tools.
        columns: [&'static str; 5] = ["Came back", "Data of", "Rows", "Files", "Took"],
            ["Wiederhergestellt", "Daten vom", "Zeilen", "Dateien", "Dauer"];
        /// What a recovery waits for: a server, its system, the run, keys, DNS, another try, a person, its end, nothing.
        waits: [&'static str; 9] = [
            "Claiming a server",
            "Installing the system",
            "Bringing the data back",
            "Waiting for the keys",
            "Waiting for DNS",
            "Trying again",
            "Needs you",
            "Taking it back",
            "Ended",
        ], [
            "Server wird zugewiesen",
            "System wird installiert",
            "Daten werden wiederhergestellt",
            "Wartet auf die Schlüssel",
            "Wartet auf DNS",
            "Neuer Versuch folgt",
            "Handlungsbedarf",
            "Wird abgebrochen",
            "Beendet",
        ];
        /// Under way, finished, taken back, begun again.
        ends: [&'static str; 4] = ["Under way", "Finished", "Taken back", "Begun again"],
            ["Läuft", "Abgeschlossen", "Abgebrochen", "Neu begonnen"];
        keys_needed = "The new server needs the keys from the escrow",
            "Der neue Server braucht die hinterlegten Schlüssel";
        keys_text = "Open them on your own machine; they leave it sealed for this server alone. Compare its fingerprint \
                     with what the server itself shows:",
            "Öffnen Sie sie auf Ihrem eigenen Rechner; sie verlassen ihn nur für diesen Server versiegelt. Vergleichen Sie \
             den Fingerabdruck mit dem, den der Server selbst anzeigt:";
        dns_needed = "The customer's records must point to the new server",
            "Die DNS-Einträge des Kunden müssen auf den neuen Server zeigen";
        server_needed = "No server fits", "Es passt kein Server";
        decision_needed = "Something failed, and you have to decide", "Etwas ist fehlgeschlagen, und Sie müssen entscheiden";
        tried_again = "Something failed; it is tried again by itself",
            "Etwas ist fehlgeschlagen; es wird von selbst erneut versucht";
        /// Of a lost server that nobody has accounted for, behind its name.
        account = "was lost: find out what became of it, wipe or cancel it, and write it down (`--became cancelled` of one \
                   that was cancelled).",
            "ist verloren: Klären Sie, was aus ihm wurde, löschen oder kündigen Sie ihn und halten Sie das fest \
             (`--became cancelled`, wenn er gekündigt wurde).";
        wiped = "wiped", "gelöscht";
        cancelled = "cancelled at the provider", "beim Anbieter gekündigt";
        /// Before the name of who accounted for it.
        says = "says", "sagt";
    }
}
