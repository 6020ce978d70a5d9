//! What the codes mean that staff meets most often. The rest of a problem is in English, as the program says it.

use letsbe_types::{Code, Language};

/// Code and meaning.
const GERMAN: [(Code, &str); 64] = [
    (Code::BAK014, "Der Dienst einer Sicherung lief nicht"),
    (Code::CAT001, "Die Bestellung passt nicht mehr zum Katalog"),
    (Code::DEST001, "Der Speicherdienst der externen Kopien tat nicht, was er sollte"),
    (Code::DEST002, "Ein Speicherplatz wartet auf einen eigenen Schlüssel seines Mandanten"),
    (Code::DEST004, "Die eigene Sicherung des Hubs ist fehlgeschlagen"),
    (Code::DNS001, "DNS-Einträge fehlen oder sind falsch"),
    (Code::HOST001, "Der Server gehört zu einer anderen Bestellung"),
    (Code::HOST002, "Das System wird nicht unterstützt"),
    (Code::HOST003, "Die Platte ist voll"),
    (Code::HOST004, "Die Uhr des Servers geht falsch"),
    (Code::HOST005, "Der Server bleibt beschäftigt"),
    (Code::HOST007, "Ein Port ist schon belegt"),
    (Code::HUB003, "Der Hub antwortet nicht"),
    (Code::HUB028, "Auf dem Server eines Mandanten stimmt etwas nicht"),
    (Code::HUB029, "Die Sicherungen eines Mandanten sind nicht, wie sie sein sollen"),
    (Code::HUB045, "Auf diesem Server läuft bereits etwas"),
    (Code::HUB047, "Der Server des Mandanten wollte das jetzt nicht tun"),
    (Code::MAIL001, "Eine Nachricht konnte nicht gesendet werden"),
    (Code::MAIL011, "Kein Mitarbeiter ist per E-Mail erreichbar"),
    (Code::MAIL012, "Eine Nachricht wurde nicht gesendet"),
    (Code::NETCUP_BUSY, "Netcup meldet zu viele Anfragen"),
    (Code::NETCUP_FORBIDDEN, "Netcup lehnt das Konto ab"),
    (Code::NETCUP_LOCKED, "Eine andere Aufgabe hält den Server"),
    (Code::NETCUP_LOGIN_REQUIRED, "Niemand ist bei Netcup angemeldet"),
    (Code::NETCUP_MAINTENANCE, "Bei Netcup wird gewartet"),
    (Code::NETCUP_NOT_FOUND, "Netcup kennt den Server nicht"),
    (Code::NETCUP_REFUSED, "Netcup lehnt die Anfrage ab"),
    (Code::NETCUP_SERVER_ERROR, "Bei Netcup ist ein Fehler aufgetreten"),
    (Code::NETCUP_UNREACHABLE, "Netcup ist nicht erreichbar"),
    (Code::NODE003, "Das Node-Programm endete unerwartet"),
    (Code::NODE004, "Der Lauf auf dem Server bleibt nicht am Laufen"),
    (Code::NODE009, "Der Lauf brach immer wieder ab"),
    (Code::NODE010, "Eine Änderung hält nicht"),
    (Code::NODE011, "Eine Änderung war nicht möglich"),
    (Code::NODE012, "Ein Befehl eines Schritts ist fehlgeschlagen"),
    (Code::NODE042, "Docker antwortet nicht"),
    (Code::NODE045, "Container werden nicht gesund"),
    (Code::NODE049, "Es gibt noch kein Zertifikat für alle Namen"),
    (Code::NODE055, "Container sind nicht, wie sie sein müssen"),
    (Code::NODE056, "Der Port eines Tools ist von außen erreichbar"),
    (Code::NODE057, "Eine Adresse antwortet nicht wie erwartet"),
    (Code::NODE059, "Dem Hub fehlt eine aktuelle Meldung des Servers"),
    (Code::NODE080, "Die hinterlegten Schlüssel sind nicht eingetroffen"),
    (Code::NODE085, "Ein Tool wurde nicht wiederhergestellt"),
    (Code::OUT001, "Ein Name antwortet nicht über HTTPS"),
    (Code::OUT004, "Die offenen Ports sind nicht die richtigen"),
    (Code::PAY002, "Die Zahlung ist fehlgeschlagen"),
    (Code::PAY010, "Bezahlt wurde nicht, was bestellt wurde"),
    (Code::POOL001, "Kein Server im Vorrat passt"),
    (Code::PRF001, "Eine Sicherung hält der Prüfung nicht stand"),
    (Code::PROV001, "Die Einrichtung endete ohne Ergebnis"),
    (Code::PROV002, "Die Einrichtung konnte nicht gestartet werden"),
    (Code::RCV001, "Woher die Daten kommen sollen, ist nicht lesbar"),
    (Code::RCV002, "Niemand weiß, wo die Kopien eines Mandanten liegen"),
    (Code::SRV001, "Die Installation des Systems ist fehlgeschlagen"),
    (Code::SRV002, "Die Installation des Systems dauert zu lange"),
    (Code::SRV003, "Der Server hat keine IPv4-Adresse"),
    (Code::SSH001, "Der Server ist über SSH nicht erreichbar"),
    (Code::SSH002, "Der Server zeigt einen anderen Host-Schlüssel als den bekannten"),
    (Code::SSH003, "Der Server lehnt unseren Schlüssel ab"),
    (Code::SSH011, "Ein Lauf kommt zu keinem Ende"),
    (Code::SSH012, "Der Host-Schlüssel des Servers ist nicht bekannt"),
    (Code::WORK001, "Die Datenbank des Hubs war nicht benutzbar"),
    (Code::WORK002, "Der Bestellung fehlt die Adresse ihres Servers"),
];

/// What a code means, for a reader to whom a problem's own words are foreign.
pub(crate) fn title(code: &str, language: Language) -> Option<&'static str> {
    let known = GERMAN.iter().find(|(known, _)| known.as_str() == code)?;
    (language == Language::De).then_some(known.1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_code_that_is_told_in_german_has_its_page() {
        for (code, german) in super::GERMAN {
            assert!(letsbe_explain::page(code.as_str()).is_some() && !german.ends_with('.'), "{code}");
        }
        assert!(super::GERMAN.is_sorted_by_key(|(code, _)| *code));
    }
}
