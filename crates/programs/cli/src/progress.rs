//! What a run shows while it goes on: one line per event on a terminal or in a pipe, a moving line below.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::Local;
use indicatif::{ProgressBar, ProgressStyle};
use letsbe_provisioner::flow::Progress;
use letsbe_types::job::{Outcome, RunEvent, RunEventKind, StepResult};

use crate::style::{self, Level, faint, harmless};

/// Where progress is shown.
pub(crate) struct Screen {
    json: bool,
    bar: ProgressBar,
    host_key: Mutex<Option<String>>,
}

impl Screen {
    /// JSON lines, or text with a moving line (on terminals only).
    pub(crate) fn new(json: bool) -> Self {
        let bar = if json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        bar.enable_steady_tick(Duration::from_millis(100));
        bar.set_message("connecting");
        Self { json, bar, host_key: Mutex::new(None) }
    }

    /// The host key that was seen.
    pub(crate) fn host_key(&self) -> Option<String> {
        self.host_key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the moving line away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Shows what is going on.
    pub(crate) fn show(&self, progress: Progress) {
        match progress {
            Progress::Connected { user, host_key } => {
                *self.host_key.lock().unwrap_or_else(PoisonError::into_inner) = Some(host_key);
                self.bar.set_message(format!("connected as {user}"));
            }
            Progress::Uploading { file, sent, total } => self.uploading(file, sent, total),
            Progress::Event(event) if self.json => {
                let _ = style::say_json(&event);
            }
            Progress::Event(event) => {
                let (line, below) = (line(&event), below(&event.event));
                if let Some(line) = line {
                    self.bar.suspend(|| style::say(&line));
                }
                if let Some(below) = below {
                    self.bar.set_message(below);
                }
            }
            Progress::Note(note) if self.json => {
                let _ = style::say_json(&serde_json::json!({ "note": note }));
            }
            Progress::Note(note) => {
                self.bar.suspend(|| style::say(&format!("{} {}", Level::Warning.mark(), harmless(&note))));
            }
        }
    }

    fn uploading(&self, file: &str, sent: u64, total: u64) {
        if sent >= total {
            self.bar.set_style(ProgressStyle::default_spinner());
            self.bar.set_message("installing");
            return;
        }
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes}") {
            self.bar.set_style(style);
        }
        self.bar.set_length(total);
        self.bar.set_position(sent);
        self.bar.set_message(format!("uploading {file}"));
    }
}

/// An event that is worth a line of its own.
fn line(event: &RunEvent) -> Option<String> {
    let time = faint(&event.at.with_timezone(&Local).format("%H:%M:%S").to_string());
    let (level, text) = match &event.event {
        RunEventKind::Started { attempt: 1 } | RunEventKind::StepStarted { .. } => return None,
        RunEventKind::Started { attempt } => {
            (Level::Warning, format!("the run begins again (attempt {attempt})"))
        }
        RunEventKind::Operation { operation, outcome, .. } => match outcome {
            Outcome::Converged { .. } | Outcome::Skipped { .. } => return None,
            Outcome::Changed { what } => (Level::Fine, format!("  {operation}: {what}")),
            Outcome::Warned { warning } => (Level::Warning, format!("  {operation}: {warning}")),
            Outcome::Failed { problem } => (Level::Failed, format!("  {operation}: {problem}")),
        },
        RunEventKind::SshConfirmationNeeded { port, user, .. } => {
            (Level::Running, format!("  proving that {user} can log in on port {port}"))
        }
        RunEventKind::KeysNeeded { deadline, .. } => {
            (Level::Running, format!("  waiting for the keys from the escrow until {deadline}"))
        }
        RunEventKind::Restored { tools } => {
            let newest = tools.last()?;
            (Level::Fine, format!("  {} is back, as of {}", newest.tool, newest.taken_at))
        }
        RunEventKind::StepFinished { step, result, milliseconds } => {
            let (level, word) = match result {
                StepResult::Converged => (Level::Fine, "nothing to change"),
                StepResult::Changed => (Level::Fine, "changed"),
                StepResult::Warned => (Level::Warning, "done, with a warning"),
                StepResult::Failed => (Level::Failed, "failed"),
            };
            let seconds = Duration::from_millis(*milliseconds).as_secs_f32();
            (level, format!("step {step}: {word} ({seconds:.1} s)"))
        }
        RunEventKind::Finished { problem: None } => (Level::Fine, "the run is done".to_owned()),
        RunEventKind::Finished { problem: Some(problem) } => {
            (Level::Failed, format!("the run failed: {problem}"))
        }
    };
    Some(format!("{} {time} {}", level.mark(), harmless(&text)))
}

/// What the moving line says after an event.
fn below(event: &RunEventKind) -> Option<String> {
    match event {
        RunEventKind::StepStarted { step, title } => Some(format!("step {step}: {}", harmless(title))),
        RunEventKind::Operation { step, operation, .. } => {
            Some(format!("step {step}: after {}", harmless(operation)))
        }
        RunEventKind::Finished { .. } => Some("checking from outside".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::{
        Code, Problem,
        job::{Outcome, RunEvent, RunEventKind},
        steers_terminal,
    };

    use super::{below, line};

    #[test]
    fn no_event_of_a_hostile_server_steers_the_terminal() {
        let evil = || "x\u{1b}]0;owned\u{7}\u{1b}[2J\r\n\u{9b}2J\u{202e}y".to_owned();
        let problem = || Problem::permanent(Code::WORK001, evil(), "h");
        let operation =
            |outcome| RunEventKind::Operation { step: 1, operation: evil(), outcome, milliseconds: 1 };
        for event in [
            RunEventKind::StepStarted { step: 1, title: evil() },
            operation(Outcome::Changed { what: evil() }),
            operation(Outcome::Warned { warning: evil() }),
            operation(Outcome::Failed { problem: problem() }),
            operation(Outcome::Converged { why: evil() }),
            RunEventKind::SshConfirmationNeeded {
                port: 1,
                user: evil(),
                nonce: evil(),
                deadline: chrono::DateTime::UNIX_EPOCH,
            },
            RunEventKind::Finished { problem: Some(problem()) },
        ] {
            let event = RunEvent { sequence: 1, at: chrono::DateTime::UNIX_EPOCH, event };
            let shown = [line(&event), below(&event.event)].into_iter().flatten();
            for shown in shown {
                let own: String =
                    shown.replace("\u{1b}[3", "").replace("\u{1b}[2m", "").replace("\u{1b}[0m", "");
                assert!(!own.chars().any(steers_terminal), "{own:?}");
            }
        }
    }
}
