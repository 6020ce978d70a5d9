//! The page of one drill.

words! {
    /// The words on a drill's page.
    DrillWords {
        drill = "drill", "Übung";
        /// Before the domain.
        monthly = "Monthly drill of", "Monatliche Übung:";
        quarterly = "Quarterly drill of", "Vierteljährliche Übung:";
        /// The kind alone.
        kinds: [&'static str; 2] = ["monthly", "quarterly"], ["monatlich", "vierteljährlich"];
        /// Passed, failed, under way, overdue, due.
        states: [&'static str; 5] = ["Passed", "Failed", "Under way", "Overdue", "Due"],
            ["Bestanden", "Nicht bestanden", "Läuft", "Überfällig", "Fällig"];
        report = "Report", "Bericht";
        due = "Due", "Fällig";
        began = "Began", "Begonnen";
        ended = "Ended", "Beendet";
        not_yet = "not yet", "noch nicht";
        result = "Result", "Ergebnis";
        done_by = "Done by", "Durchgeführt von";
        by_itself = "the tenant's own server", "Server des Mandanten";
        rto = "Time until it served again (RTO)", "Zeit bis zum Wiederanlauf (RTO)";
        rpo = "Data lost (RPO)", "Datenverlust (RPO)";
        evidence = "Evidence", "Nachweise";
        what_to_do = "What to do", "Was zu tun ist";
        take = "Take a spare server that is in nobody's use, and start the clock.",
            "Nehmen Sie einen Reserveserver, den niemand benutzt, und starten Sie die Uhr.";
        look = "Look at what must come back:", "Sehen Sie nach, was wiederkommen muss:";
        files = "Put three files into one folder on your machine:",
            "Legen Sie drei Dateien in einen Ordner auf Ihrem Rechner:";
        destination = "where the copies outside are, with a key that may read them",
            "wo die externen Kopien liegen, mit einem Schlüssel, der sie lesen darf";
        escrow = "the sealed keys of this server, as this prints them:",
            "die versiegelten Schlüssel dieses Servers, wie dieser Befehl sie ausgibt:";
        key = "your own age key, which opens them", "Ihr eigener age-Schlüssel, der sie öffnet";
        bring_back = "Bring the whole server back on the spare one. SPARE is its address, KEY is the file of the SSH key \
                      that logs in there:",
            "Stellen Sie den ganzen Server auf dem Reserveserver wieder her. SPARE ist dessen Adresse, KEY die Datei des \
             SSH-Schlüssels, der sich dort anmeldet:";
        compare = "Log in to each tool and compare with the list; stop the clock; give the spare server back.",
            "Melden Sie sich in jedem Tool an und vergleichen Sie mit der Liste. Halten Sie die Uhr an und geben Sie den \
             Reserveserver zurück.";
        minutes_rto = "Minutes from the loss to a server that serves again",
            "Minuten vom Verlust bis zum wieder laufenden Server";
        minutes_rpo = "Minutes between the loss and the newest data that came back",
            "Minuten zwischen dem Verlust und den neuesten wiederhergestellten Daten";
        only_passed = "Both are needed only if it came back.",
            "Beide Angaben sind nur nötig, wenn alles wiederhergestellt wurde.";
        notes = "What you saw", "Was Sie gesehen haben";
        passed = "It came back with everything", "Alles wurde wiederhergestellt";
        failed = "It did not", "Nicht gelungen";
    }
}
