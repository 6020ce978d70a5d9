//! The page of one order, with its desk.

words! {
    /// The words on an order's page.
    OrderWords {
        beside = "What is wrong stands beside each of them.", "Was nicht stimmt, steht jeweils daneben.";
        next_try = "Next try", "Nächster Versuch";
        next_look = "Next look", "Nächste Prüfung";
        /// What a code means: before it, and behind it.
        meaning: [&'static str; 2] = ["What", "means"], ["Was", "bedeutet"];
        order = "Order", "Bestellung";
        customer = "Customer", "Kunde";
        tier = "Tier", "Tarif";
        tools = "Tools", "Tools";
        server = "Server", "Server";
        no_server = "none yet", "noch keiner";
        at = "at", "unter";
        ordered = "Ordered", "Bestellt";
        last_change = "Last change", "Letzte Änderung";
        pages = "Pages", "Seiten";
        its_server = "its server", "der Server";
        what_the_customer_sees = "what the customer sees", "was der Kunde sieht";
        id = "Id", "Kennung";
        desk = "Desk", "Eingreifen";
        nothing_to_decide = "Nothing to decide.", "Es gibt nichts zu entscheiden.";
        assign = "Assign a server", "Server zuweisen";
        assign_address = "Its address", "IP-Adresse des Servers";
        assign_name = "Its name (manual:ADDRESS unless given)", "Name des Servers (ohne Angabe: manual:ADRESSE)";
        assign_host_key =
            "The fingerprint of its SSH host key, from its provider's console (asked for later unless given)",
            "Fingerabdruck seines SSH-Host-Schlüssels, aus der Konsole des Anbieters (kann später angegeben werden)";
        assign_note = "It must run a fresh Debian 12 and let the Hub's key in. All that is on it is replaced.",
            "Auf dem Server muss ein frisches Debian 12 laufen, das den Schlüssel des Hubs annimmt. Alles, was sich \
             darauf befindet, wird ersetzt.";
        assign_this = "Assign this server", "Diesen Server zuweisen";
        retry = "Try again now", "Jetzt erneut versuchen";
        host_key = "Go on with the server's host key", "Mit dem Host-Schlüssel des Servers fortfahren";
        host_key_label = "The fingerprint as the server's console at its provider shows it, not as it stands above",
            "Fingerabdruck, wie ihn die Konsole beim Anbieter zeigt (nicht der von oben)";
        host_key_go_on = "Go on with this key", "Mit diesem Schlüssel fortfahren";
        go_on_with_payment = "Go on with this payment", "Mit dieser Zahlung fortfahren";
        go_on_without_dns = "Go on without complete DNS", "Ohne vollständige DNS-Einträge fortfahren";
        why = "Why (kept in the timeline)", "Begründung (steht danach im Verlauf)";
        give_up = "Give the order up", "Bestellung abbrechen";
        give_up_confirm = "The order ends and its server is released. This cannot be undone.",
            "Die Bestellung wird beendet und ihr Server freigegeben. Das lässt sich nicht rückgängig machen.";
        timeline = "Timeline", "Verlauf";
        reload = "Reload the page for news.", "Laden Sie die Seite neu, um den aktuellen Stand zu sehen.";
        change = "change", "Änderung";
        changes = "changes", "Änderungen";
    }
}
