//! The table of this program's commands. A command without a row fails here, and so does one without what its row asks for.

use clap::CommandFactory as _;
use letsbe_manual::surface::{
    Kind::{self, Apart, Changes, Destroys, Reads},
    commands, differences, takes, untold,
};

use crate::Arguments;

const TABLE: [(&str, Kind); 53] = [
    ("orders list", Reads),
    ("orders show", Reads),
    ("orders retry", Changes),
    ("orders skip", Changes),
    ("orders abandon", Destroys),
    ("orders assign", Changes),
    ("orders confirm-host-key", Changes),
    ("orders tasks", Changes),
    ("tenants list", Reads),
    ("tenants show", Reads),
    ("tenants configure", Changes),
    ("tenants command restart", Changes),
    ("tenants command rotate", Changes),
    ("tenants command report", Changes),
    ("tenants command update-openclaw", Changes),
    ("tenants command check-drift", Changes),
    ("tenants converge", Destroys),
    ("tenants revoke", Destroys),
    ("tenants renew-relay-key", Changes),
    ("tenants approvals", Reads),
    ("tenants approve", Destroys),
    ("tenants refuse", Changes),
    ("tenants escrow", Reads),
    ("tenants gate-heads", Reads),
    ("tenants accept-gate-log", Changes),
    ("backups list", Reads),
    ("backups show", Reads),
    ("backups run", Changes),
    ("backups prove", Changes),
    ("backups drill", Changes),
    ("backups destination", Changes),
    ("backups acknowledge", Changes),
    ("backups recover", Destroys),
    ("backups recoveries", Reads),
    (
        "backups unseal",
        Apart("asks for nothing of the Hub but what `recover --plan` has told; no key but for one server"),
    ),
    ("backups cancel-recovery", Destroys),
    ("backups settle-lost", Changes),
    ("work list", Reads),
    ("work show", Reads),
    ("work retry", Changes),
    ("work skip", Changes),
    ("work abandon", Destroys),
    ("hub tasks", Reads),
    ("hub tasks run", Changes),
    ("catalog check", Reads),
    ("login", Apart("a session of one's own")),
    ("logout", Apart("a session of one's own")),
    ("whoami", Reads),
    ("explain", Reads),
    ("provision", Changes),
    ("demo", Apart("a lab of its own")),
    ("completions", Apart("prints a script")),
    ("man", Apart("writes into a folder that is named")),
];

#[test]
fn every_command_is_in_the_table_and_takes_what_its_row_asks_for() {
    assert_eq!(differences(&Arguments::command(), &TABLE), [""; 0]);
}

#[test]
fn every_command_and_option_has_a_help_text_and_is_in_manual_and_completions() {
    assert_eq!(untold(&Arguments::command()), [""; 0]);
}

#[test]
fn every_command_takes_json() {
    for (path, command) in commands(Arguments::command()) {
        assert!(takes(&command, "json"), "{path}");
    }
}

#[test]
fn plan_and_yes_are_declared_once() {
    let texts = |long: &str| {
        let all = commands(Arguments::command());
        let own =
            all.into_iter().flat_map(|(_, command)| command.get_arguments().cloned().collect::<Vec<_>>());
        let texts = own.filter(|argument| argument.get_long() == Some(long));
        texts.filter_map(|argument| argument.get_help().map(ToString::to_string)).collect::<Vec<_>>()
    };
    for long in ["plan", "yes"] {
        let all = texts(long);
        assert!(all.len() > 4 && all.iter().all(|text| *text == all[0]), "--{long}: {all:?}");
    }
}
