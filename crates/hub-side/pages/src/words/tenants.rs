//! The page of one tenant's server.

use letsbe_types::{Language, tenant::CommandWork};

words! {
    /// The words on a tenant's page.
    TenantWords {
        wrong = "What is wrong", "Was nicht stimmt";
        grave = "grave", "schwerwiegend";
        to_be_seen_to = "to be seen to", "zu prüfen";
        /// An agent asks.
        asks = "asks", "fragt";
        on = "on", "für";
        counts_as_refused = "Counts as refused", "Gilt als abgelehnt";
        grave_confirm = "I have read what is done, and that it cannot be taken back.",
            "Ich habe gelesen, was getan wird und dass es sich nicht rückgängig machen lässt.";
        allow = "Allow it once", "Einmal erlauben";
        refuse = "Refuse", "Ablehnen";
        server = "Server", "Server";
        reached_at = "Reached at", "Erreichbar";
        no_server = "no server now", "zurzeit kein Server";
        at = "at", "unter";
        heard = "Heard", "Letzte Meldung";
        disk = "Disk", "Platte";
        tokens = "Tokens", "Tokens";
        this_month = "this month", "in diesem Monat";
        last_good_backup = "Last good backup", "Letzte gute Sicherung";
        last_run_failed = "last run failed", "letzter Lauf fehlgeschlagen";
        all_about_backups = "all about backups", "alles zu den Sicherungen";
        node_program = "Node program", "Node-Programm";
        newer_images = "Newer images", "Neuere Images";
        autonomy = "Autonomy", "Autonomie";
        configuration = "configuration", "Konfiguration";
        unasked = "Messages to outsiders unasked", "Nachrichten nach außen ohne Rückfrage";
        order = "Order", "Bestellung";
        containers = "Containers", "Container";
        containers_of_lost = "Containers of the lost server, as they were heard last",
            "Container des verlorenen Servers, wie zuletzt gemeldet";
        no_containers = "Nothing was heard of them yet.", "Dazu liegt noch keine Meldung vor.";
        restart = "restart", "Neustart";
        restarts = "restarts", "Neustarts";
        out_of_memory = "was out of memory", "hatte zu wenig Arbeitsspeicher";
        /// Fine, starting, unhealthy, restarting, stopped.
        container_states: [&'static str; 5] = ["fine", "starting", "unhealthy", "restarting", "stopped"],
            ["in Ordnung", "startet", "nicht gesund", "startet immer neu", "angehalten"];
        commands = "Commands", "Befehle";
        no_commands = "Nothing was asked of this server yet.", "Dieser Server hat noch keinen Befehl bekommen.";
        /// How a command ended that has no summary: too late, interrupted, taken, not taken yet.
        outcomes: [&'static str; 4] = [
            "came too late; nothing was done",
            "the agent ended while it was at work",
            "the server has it",
            "waits for the server",
        ], [
            "kam zu spät; nichts wurde getan",
            "der Agent endete während der Arbeit",
            "der Server hat ihn",
            "wartet auf den Server",
        ];
        /// Classes of what an agent asks for.
        classes: [&'static str; 5] = ["green", "yellow", "yellow: leaves the server", "critical red", "red"],
            ["grün", "gelb", "gelb: verlässt den Server", "kritisch rot", "rot"];
    }
}

/// What a command has a server do.
pub(crate) fn work(work: &CommandWork, language: Language) -> String {
    if language == Language::En {
        return in_english(work);
    }
    match work {
        CommandWork::Report => "Server jetzt melden lassen".to_owned(),
        CommandWork::RestartTool { tool } => format!("{tool} neu starten"),
        CommandWork::Rotate { tool: Some(tool) } => format!("neue Geheimnisse für {tool} erzeugen"),
        CommandWork::Rotate { tool: None } => "neue Geheimnisse für alle Tools erzeugen".to_owned(),
        CommandWork::Decide { approval, approve: true, .. } => format!("{approval} erlauben"),
        CommandWork::Decide { approval, approve: false, .. } => format!("{approval} ablehnen"),
        CommandWork::UpdateOpenClaw { to, .. } => format!("AI-Laufzeit auf {to} bringen"),
        CommandWork::CheckDrift => "auf Abweichungen prüfen".to_owned(),
        CommandWork::Backup { tool: Some(tool) } => format!("{tool} sichern"),
        CommandWork::Backup { tool: None } => "alles sichern".to_owned(),
        CommandWork::Prove { tool: Some(tool) } => format!("Sicherung von {tool} prüfen"),
        CommandWork::Prove { tool: None } => "fällige Sicherungen prüfen".to_owned(),
        CommandWork::Drill { tool: Some(tool) } => format!("Übung: Sicherung von {tool} prüfen"),
        CommandWork::Drill { tool: None } => "Übung: alle Sicherungen prüfen".to_owned(),
    }
}

/// What a command has a server do, in English.
#[must_use]
pub fn in_english(work: &CommandWork) -> String {
    match work {
        CommandWork::Report => "have the server report now".to_owned(),
        CommandWork::RestartTool { tool } => format!("restart {tool}"),
        CommandWork::Rotate { tool: Some(tool) } => format!("make new secrets for {tool}"),
        CommandWork::Rotate { tool: None } => "make new secrets for every tool".to_owned(),
        CommandWork::Decide { approval, approve: true, .. } => format!("approve {approval}"),
        CommandWork::Decide { approval, approve: false, .. } => format!("refuse {approval}"),
        CommandWork::UpdateOpenClaw { to, .. } => format!("move the AI runtime to {to}"),
        CommandWork::CheckDrift => "look for drift".to_owned(),
        CommandWork::Backup { tool: Some(tool) } => format!("back up {tool}"),
        CommandWork::Backup { tool: None } => "back up everything".to_owned(),
        CommandWork::Prove { tool: Some(tool) } => format!("prove the backup of {tool}"),
        CommandWork::Prove { tool: None } => "prove the backups that are due".to_owned(),
        CommandWork::Drill { tool: Some(tool) } => format!("drill: prove the backup of {tool}"),
        CommandWork::Drill { tool: None } => "drill: prove every backup".to_owned(),
    }
}
