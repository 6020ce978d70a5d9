//! What the codes mean that staff meets most often. The rest of a problem is in English, as the program says it.

use letsbe_types::Language;

/// Code and meaning.
const GERMAN: [(&str, &str); 64] = [
    ("BAK014", "Der Dienst einer Sicherung lief nicht"),
    ("CAT001", "Die Bestellung passt nicht mehr zum Katalog"),
    ("DEST001", "Der Speicherdienst der externen Kopien tat nicht, was er sollte"),
    ("DEST002", "Ein Speicherplatz wartet auf einen eigenen Schlüssel seines Mandanten"),
    ("DEST004", "Die eigene Sicherung des Hubs ist fehlgeschlagen"),
    ("DNS001", "DNS-Einträge fehlen oder sind falsch"),
    ("HOST001", "Der Server gehört zu einer anderen Bestellung"),
    ("HOST002", "Das System wird nicht unterstützt"),
    ("HOST003", "Die Platte ist voll"),
    ("HOST004", "Die Uhr des Servers geht falsch"),
    ("HOST005", "Der Server bleibt beschäftigt"),
    ("HOST007", "Ein Port ist schon belegt"),
    ("HUB003", "Der Hub antwortet nicht"),
    ("HUB028", "Auf dem Server eines Mandanten stimmt etwas nicht"),
    ("HUB029", "Die Sicherungen eines Mandanten sind nicht, wie sie sein sollen"),
    ("HUB045", "Auf diesem Server läuft bereits etwas"),
    ("HUB047", "Der Server des Mandanten wollte das jetzt nicht tun"),
    ("MAIL001", "Eine Nachricht konnte nicht gesendet werden"),
    ("MAIL011", "Kein Mitarbeiter ist per E-Mail erreichbar"),
    ("MAIL012", "Eine Nachricht wurde nicht gesendet"),
    ("NETCUP_BUSY", "Netcup meldet zu viele Anfragen"),
    ("NETCUP_FORBIDDEN", "Netcup lehnt das Konto ab"),
    ("NETCUP_LOCKED", "Eine andere Aufgabe hält den Server"),
    ("NETCUP_LOGIN_REQUIRED", "Niemand ist bei Netcup angemeldet"),
    ("NETCUP_MAINTENANCE", "Bei Netcup wird gewartet"),
    ("NETCUP_NOT_FOUND", "Netcup kennt den Server nicht"),
    ("NETCUP_REFUSED", "Netcup lehnt die Anfrage ab"),
    ("NETCUP_SERVER_ERROR", "Bei Netcup ist ein Fehler aufgetreten"),
    ("NETCUP_UNREACHABLE", "Netcup ist nicht erreichbar"),
    ("NODE003", "Das Node-Programm endete unerwartet"),
    ("NODE004", "Der Lauf auf dem Server bleibt nicht am Laufen"),
    ("NODE009", "Der Lauf brach immer wieder ab"),
    ("NODE010", "Eine Änderung hält nicht"),
    ("NODE011", "Eine Änderung war nicht möglich"),
    ("NODE012", "Ein Befehl eines Schritts ist fehlgeschlagen"),
    ("NODE042", "Docker antwortet nicht"),
    ("NODE045", "Container werden nicht gesund"),
    ("NODE049", "Es gibt noch kein Zertifikat für alle Namen"),
    ("NODE055", "Container sind nicht, wie sie sein müssen"),
    ("NODE056", "Der Port eines Tools ist von außen erreichbar"),
    ("NODE057", "Eine Adresse antwortet nicht wie erwartet"),
    ("NODE059", "Dem Hub fehlt eine aktuelle Meldung des Servers"),
    ("NODE080", "Die hinterlegten Schlüssel sind nicht eingetroffen"),
    ("NODE085", "Ein Tool wurde nicht wiederhergestellt"),
    ("OUT001", "Ein Name antwortet nicht über HTTPS"),
    ("OUT004", "Die offenen Ports sind nicht die richtigen"),
    ("PAY002", "Die Zahlung ist fehlgeschlagen"),
    ("PAY010", "Bezahlt wurde nicht, was bestellt wurde"),
    ("POOL001", "Kein Server im Vorrat passt"),
    ("PRF001", "Eine Sicherung hält der Prüfung nicht stand"),
    ("PROV001", "Die Einrichtung endete ohne Ergebnis"),
    ("PROV002", "Die Einrichtung konnte nicht gestartet werden"),
    ("RCV001", "Woher die Daten kommen sollen, ist nicht lesbar"),
    ("RCV002", "Niemand weiß, wo die Kopien eines Mandanten liegen"),
    ("SRV001", "Die Installation des Systems ist fehlgeschlagen"),
    ("SRV002", "Die Installation des Systems dauert zu lange"),
    ("SRV003", "Der Server hat keine IPv4-Adresse"),
    ("SSH001", "Der Server ist über SSH nicht erreichbar"),
    ("SSH002", "Der Server zeigt einen anderen Host-Schlüssel als den bekannten"),
    ("SSH003", "Der Server lehnt unseren Schlüssel ab"),
    ("SSH011", "Ein Lauf kommt zu keinem Ende"),
    ("SSH012", "Der Host-Schlüssel des Servers ist nicht bekannt"),
    ("WORK001", "Die Datenbank des Hubs war nicht benutzbar"),
    ("WORK002", "Der Bestellung fehlt die Adresse ihres Servers"),
];

/// What a code means, for a reader to whom a problem's own words are foreign.
pub(crate) fn title(code: &str, language: Language) -> Option<&'static str> {
    let known = GERMAN.iter().find(|(known, _)| *known == code)?;
    (language == Language::De).then_some(known.1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_code_that_is_told_in_german_has_its_page() {
        for (code, german) in super::GERMAN {
            assert!(letsbe_explain::page(code).is_some() && !german.ends_with('.'), "{code}");
        }
        assert!(super::GERMAN.is_sorted_by_key(|(code, _)| *code));
    }
}
