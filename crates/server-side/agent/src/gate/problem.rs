//! What can be wrong, in words for the agent and the operator.

use letsbe_gate::{ApprovalError, PENDING_MOST, Verb};
use letsbe_types::{Code, Problem, ids::ApprovalId};

pub(super) fn table(why: impl std::fmt::Display) -> Problem {
    Problem::permanent(
        Code::GATE001,
        format!("The command gate's table cannot be used: {why}"),
        "Correct catalog/gate/commands.toml, and upload the bundle again.",
    )
}

pub(super) fn locked() -> Problem {
    Problem::transient(
        Code::GATE002,
        "The vault cannot be read, so nothing is done",
        "See `letsbe-node status` and `journalctl -u letsbe-agent` on the server.",
    )
}

pub(super) fn approval(error: &ApprovalError) -> Problem {
    let full = ApprovalError::Full;
    if *error == full {
        return Problem::transient(
            Code::GATE004,
            format!("{PENDING_MOST} approvals wait already, so nothing more can be asked for"),
            "Decide some: `letsbe-node approvals list`.",
        );
    }
    let hint = "`letsbe-node approvals list --all` shows which there are and how they stand.";
    Problem::permanent(Code::GATE003, error.to_string(), hint)
}

pub(super) fn not_shown_whole(id: ApprovalId) -> Problem {
    Problem::permanent(
        Code::GATE013,
        "The Hub does not have all of this call, so it is not approved from there",
        format!("Read it on the server with `letsbe-node approvals show {id}`, and approve it there."),
    )
}

pub(super) fn busy() -> Problem {
    Problem::transient(Code::GATE005, "Too much is being done at this moment", "Try again in a minute.")
}

pub(super) fn not_here(what: impl std::fmt::Display) -> Problem {
    Problem::permanent(Code::GATE006, what.to_string(), "`list_tools` shows what there is on this server.")
}

pub(super) fn not_yet(verb: Verb) -> Problem {
    Problem::permanent(
        Code::GATE007,
        format!("{verb} is not part of this version yet"),
        "Tell the people who run this server that it is wanted.",
    )
}

pub(super) fn failed(what: impl std::fmt::Display) -> Problem {
    Problem::transient(Code::GATE008, what.to_string(), "Look at the tool's log, then try again.")
}

pub(super) fn reference(why: impl std::fmt::Display) -> Problem {
    Problem::permanent(
        Code::GATE009,
        format!("A secret cannot be used here: {why}"),
        "Name a secret of the tool whose container is addressed, in `env` or `stdin` only.",
    )
}

pub(super) fn not_on_host() -> Problem {
    Problem::permanent(
        Code::GATE010,
        "This command is not run on the server itself, whoever approves it",
        "Name a tool to run it in that tool's container, or ask a person with access to the server.",
    )
}

pub(super) fn interrupted() -> Problem {
    Problem::permanent(
        Code::GATE011,
        "The agent ended while this was being done; it is not begun again",
        "Look at how the tool is, then ask anew.",
    )
}

pub(super) fn damaged(why: impl std::fmt::Display) -> Problem {
    Problem::permanent(
        Code::GATE012,
        format!("The command gate's log is damaged: {why}"),
        "Keep a copy of the file, and find out who changed it: `letsbe-node gate verify`.",
    )
}

pub(super) fn not_as_told(what: impl std::fmt::Display) -> Problem {
    Problem::permanent(
        Code::GATE021,
        format!("The command gate's log is not the one that the Hub was told of: {what}"),
        "Keep a copy of the file, and take this server for one that somebody else has controlled as root.",
    )
}

pub(super) fn not_shown() -> Problem {
    Problem::permanent(
        Code::GATE020,
        "The answer is not shown: a secret would still be readable in it",
        "Look at it on the server; ask for less of it, or for other lines.",
    )
}
