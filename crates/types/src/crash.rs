//! Crash points: named places at which a debug build kills itself (SIGKILL) once, when a test asks for it.
//!
//! The test sets `LETSBE_CRASH_LOG` to a file and lists in it nothing; every point reached for the first time
//! appends its name and dies. Run under a supervisor, one workflow is thereby killed at every point exactly once,
//! and the file is the evidence of which points were hit. Release builds compile this to nothing.

/// The boundaries of a restore of one tool, in the order in which it comes to them; the last one when a later call
/// clears away what a killed one has left.
pub const RESTORE_POINTS: [&str; 22] = [
    "restore.begun",
    "restore.make_safety.done",
    "restore.make_safety.recorded",
    "restore.stage.recorded",
    "restore.stage.made",
    "restore.stage.databases_started",
    "restore.stage.database_loaded",
    "restore.stage.files_written",
    "restore.stage.compared",
    "restore.build.done",
    "restore.build.recorded",
    "restore.stop_tool.done",
    "restore.stop_tool.recorded",
    "restore.exchange.inside",
    "restore.exchange.done",
    "restore.exchange.recorded",
    "restore.start.inside",
    "restore.start.done",
    "restore.start.recorded",
    "restore.finish.inside",
    "restore.finish.done",
    "restore.stage.removing",
];

/// The boundaries of a copy that is made to be looked into, after those of its stage.
pub const COPY_POINTS: [&str; 4] =
    ["restore.temp.built", "restore.temp.kept", "restore.stage.started", "restore.temp.started"];

/// The variable that names the log file.
pub const LOG_VARIABLE: &str = "LETSBE_CRASH_LOG";

/// Dies here if a test asked for it and this point has not been hit yet.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    if strikes(name) {
        let _ = std::process::Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
        // SIGKILL is delivered at once, but the call above may return first.
        loop {
            std::thread::park();
        }
    }
}

/// Whether a fault of another kind than death (a cut connection) shall strike here: true once, when a test asked for
/// crashes. Logged like a crash point.
#[cfg(debug_assertions)]
#[must_use]
pub fn strikes(name: &str) -> bool {
    use std::io::Write as _;

    let Some(path) = std::env::var_os(LOG_VARIABLE) else { return false };
    let hit = std::fs::read_to_string(&path).unwrap_or_default();
    if hit.lines().any(|line| line == name) {
        return false;
    }
    let log = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    log.and_then(|mut log| writeln!(log, "{name}").and_then(|()| log.sync_all())).is_ok()
}

/// Nothing: crash points exist in debug builds only.
#[cfg(not(debug_assertions))]
pub const fn point(_name: &str) {}

/// Never: faults exist in debug builds only.
#[cfg(not(debug_assertions))]
#[must_use]
pub const fn strikes(_name: &str) -> bool {
    false
}
