//! What a call would do, in words for the person who decides.

use letsbe_types::tenant::limits;
use sha2::{Digest as _, Sha256};

use crate::{
    call::{Action, Call, Run},
    class::Judgement,
};

/// Stands in a plan that does not show everything.
const CUT: &str = " … (cut; `letsbe-node approvals show` has all of it)";
/// Bytes of standard input that a plan shows.
const STDIN_SHOWN: usize = 2_500;

/// Whether a plan shows everything that would be done: only then it is enough to decide by.
#[must_use]
pub fn shows_everything(plan: &str) -> bool {
    !plan.contains(CUT)
}

/// What a call would do. Nothing in it can act on the terminal that shows it.
#[must_use]
pub fn plan(call: &Call) -> String {
    let text = match &call.action {
        Action::ListContainers => "Read which containers there are and how they are.".to_owned(),
        Action::ListTools => "Read which tools and verbs there are.".to_owned(),
        Action::Status => "Read how the command gate stands.".to_owned(),
        Action::Logs { tool, lines, .. } => format!("Read the last {lines} lines of the log of {tool}."),
        Action::Disk => "Read how full the disk is, and with what.".to_owned(),
        Action::Audit => "Read logins, bans, and containers with too many rights.".to_owned(),
        Action::ApprovalStatus { approval } => format!("Read how the approval {approval} stands."),
        Action::Restart { tool } => format!("Restart the containers of {tool}; it is away for a moment."),
        Action::Rotate { tool } => {
            format!("Give {tool} new secrets; it is away for a moment, and the old ones stop working.")
        }
        Action::OpenclawUpdate { to } => format!("Move the AI runtime to {to}, after a backup of its state."),
        Action::Backup { tool: Some(tool) } => {
            format!("Back up {tool} now; it stands still for seconds while its files are read.")
        }
        Action::Backup { tool: None } => {
            "Back up every tool now; each stands still for seconds while its files are read.".to_owned()
        }
        Action::Restore { tool, date } => plan_of_restore(tool, date),
        Action::Update { tool } => format!("Move {tool} to the newer version that was seen."),
        Action::Run(run) => plan_of_run(run),
    };
    cut(text, limits::TEXT)
}

/// What a call would do, and why a person is asked: what somebody decides by. The reason is left out where it would
/// not fit: what would be done comes first.
pub(crate) fn plan_with_reason(call: &Call, judgement: &Judgement) -> String {
    let mut text = plan(call);
    let Judgement { class, because, .. } = judgement;
    let sends = if judgement.external { "; it may send something to outsiders" } else { "" };
    let reason = format!("\nAsked for because: {class}, {}{sends}; {because}.", class.meaning());
    if text.len() + reason.len() <= limits::TEXT {
        text.push_str(&reason);
    }
    text
}

fn plan_of_restore(tool: &str, date: &str) -> String {
    format!(
        "Put {tool} back to its newest backup of {date}: databases and files. Everything that was changed in {tool} \
         after that backup is gone from it, everybody's work included.\nBefore: {tool} is backed up as it is now, and \
         the old data is built up beside it and compared with what was backed up; if anything is missing, nothing is \
         changed.\nThen: {tool} is stopped, its data is exchanged, and it is started and asked; if it does not \
         answer, the present data comes back.\nUndone with `letsbe-node restore undo --tool {tool}`, for 7 days."
    )
}

fn plan_of_run(run: &Run) -> String {
    let place = match (&run.tool, &run.service) {
        (Some(tool), Some(service)) => format!("in the container {service} of {tool}"),
        (Some(tool), None) => format!("in the container of {tool}"),
        (None, _) => "on the server itself".to_owned(),
    };
    let command: Vec<String> = run.command.iter().map(|word| shown(word)).collect();
    let mut text = format!("Run {place}, for at most {} s: {}", run.timeout, command.join(" "));
    for (name, value) in &run.env {
        text.push_str(&format!("\nwith the variable {name}={}", shown(value)));
    }
    if let Some(stdin) = &run.stdin {
        let hash = hex::encode(Sha256::digest(stdin));
        let head = cut(stdin.clone(), STDIN_SHOWN);
        text.push_str(&format!("\nreading {} bytes (SHA-256 {hash}): {head:?}", stdin.len()));
    }
    text
}

/// A word as people can read it: whatever is not plain is quoted and escaped.
fn shown(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+()".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("{word:?}") }
}

fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes - CUT.len()));
        text.push_str(CUT);
    }
    text
}

#[cfg(test)]
mod tests {
    use letsbe_types::tenant::limits;
    use serde_json::json;

    use super::{plan, plan_with_reason, shows_everything};
    use crate::{Call, Class, Judgement};

    #[test]
    fn a_plan_shows_words_apart_and_cannot_act_on_a_terminal() {
        let command = json!(["echo", "a b", "\u{1b}[2Jx", "\u{202e}", "", "ok"]);
        let call = Call::parse("a", "run", Some("ghost"), json!({ "command": command })).expect("reads");
        let text = plan(&call);
        assert!(text.ends_with(r#"echo "a b" "\u{1b}[2Jx" "\u{202e}" "" ok"#), "{text}");
        assert!(text.chars().all(|c| !c.is_control()), "{text}");
    }

    #[test]
    fn a_restore_is_shown_whole_with_what_is_lost() {
        let arguments = json!({ "date": "2026-11-22" });
        let text = plan(&Call::parse("a", "restore", Some("ghost"), arguments).expect("reads"));
        assert!(shows_everything(&text) && text.contains("is gone from it"), "{text}");
        for date in ["yesterday", "2026-11-31", "2026-11-22T10:00:00Z", "--all", "+2026-11-22", ""] {
            let refused = Call::parse("a", "restore", Some("ghost"), json!({ "date": date }));
            assert!(refused.is_err(), "{date}");
        }
    }

    #[test]
    fn who_is_asked_reads_why() {
        let because = "rm: it destroys".to_owned();
        let judgement = Judgement { class: Class::CriticalRed, external: true, because };
        for (bytes, with_reason) in [(10, true), (limits::TEXT - 100, false), (limits::TEXT, false)] {
            let command = json!({ "command": ["x", "y".repeat(bytes)] });
            let call = Call::parse("a", "run", Some("ghost"), command).expect("reads");
            let text = plan_with_reason(&call, &judgement);
            assert!(text.len() <= limits::TEXT && text.starts_with(plan(&call).as_str()), "{text}");
            let reason = "CRITICAL_RED, it destroys, or can, or nobody has said what it does; it may send";
            assert_eq!(text.contains(reason) && text.contains("rm: it destroys"), with_reason, "{bytes}");
        }
    }

    #[test]
    fn a_plan_is_never_longer_than_a_message_allows() {
        let arguments =
            json!({ "command": ["echo", "é".repeat(4_000)], "stdin": "\u{0}\u{1}".repeat(9_000) });
        let text = plan(&Call::parse("a", "run", None, arguments).expect("reads"));
        assert!(text.len() <= limits::TEXT && text.contains("(cut;"), "{} bytes", text.len());
        assert!(!shows_everything(&text));
        let long = |stdin: usize| json!({ "command": ["sendmail", "-t"], "stdin": "x".repeat(stdin) });
        for (stdin, whole) in [(2_000, true), (3_000, false)] {
            let call = Call::parse("a", "run", Some("ghost"), long(stdin)).expect("reads");
            assert_eq!(shows_everything(&plan(&call)), whole, "{stdin}");
        }
    }
}
