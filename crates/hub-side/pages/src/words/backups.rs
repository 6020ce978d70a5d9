//! The page of one tenant's backups.

words! {
    /// The words on the page of a tenant's backups.
    BackupWords {
        title = "Backups of", "Sicherungen von";
        alarm_began = "Began", "Seit";
        alarm_hint = "If nobody of yours did this, somebody has the server's key.",
            "Wenn das niemand von Ihnen war, hat jemand den Schlüssel des Servers.";
        looked = "I have looked at it", "Ich habe es mir angesehen";
        /// What an alarm is about: keys, messages, copies.
        about: [&'static str; 3] = ["Keys in escrow", "Messages of the server", "Copies outside"],
            ["Hinterlegte Schlüssel", "Meldungen des Servers", "Externe Kopien"];
        troubles = "What is to be known", "Was Sie wissen sollten";
        tools = "Tools and parts of the platform", "Tools und Teile der Plattform";
        /// Columns of the tools.
        columns: [&'static str; 4] = ["Tool", "State", "Taken", "Proven"], ["Tool", "Stand", "Gesichert", "Geprüft"];
        no_tools = "Nothing was heard of them yet.", "Dazu liegt noch keine Meldung vor.";
        /// Not in the last backup, not restored, not proven yet, proven.
        states: [&'static str; 4] =
            ["not in the last backup", "could not be restored", "not proven yet", "proven"],
            [
                "fehlt in der letzten Sicherung",
                "nicht wiederherstellbar",
                "noch nicht geprüft",
                "geprüft",
            ];
        outside = "Outside", "Externe Kopien";
        last_success = "Last success", "Zuletzt gesichert";
        last_run_failed = "last run failed", "letzter Lauf fehlgeschlagen";
        size = "Size", "Größe";
        last_copy = "Last copy", "Letzte Kopie";
        protection = "Protection", "Schutz";
        place = "Where", "Ort";
        folder = "Folder", "Ordner";
        key = "Key", "Schlüssel";
        tenant = "Tenant", "Mandant";
        proofs = "Proofs", "Prüfungen";
        no_proofs = "No backup was restored to prove it yet.",
            "Es wurde noch keine Sicherung zur Prüfung wiederhergestellt.";
        drills = "Drills", "Übungen";
        no_drills = "None was due yet.", "Es war noch keine fällig.";
        under_way = "under way", "läuft";
        due = "due", "fällig";
        days = "What is there, as counted without the tenant's key",
            "Was vorhanden ist, gezählt ohne den Schlüssel des Mandanten";
        /// Columns of the days.
        day_columns: [&'static str; 3] = ["Day", "Objects", "Deleted or written over, still kept"],
            ["Tag", "Objekte", "Gelöscht oder überschrieben, noch vorhanden"];
        /// The last of them in one word.
        kept = "Kept", "Aufbewahrt";
        /// So much in so many.
        within = "in", "in";
    }
}
