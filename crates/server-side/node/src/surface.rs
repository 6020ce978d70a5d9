//! The table of this program's commands. A command without a row fails here, and so does one without what its row asks for.

use clap::CommandFactory as _;
use letsbe_manual::surface::{
    Kind::{self, Apart, Changes, Reads, Shows},
    differences, untold,
};

use crate::Arguments;

const TABLE: [(&str, Kind); 45] = [
    ("status", Reads),
    ("ps", Reads),
    ("restart", Changes),
    ("logs", Apart("lines of the tools' own, as they write them")),
    ("cert", Reads),
    ("cert renew", Apart("`--dry-run` tries it, and asks the authority for that; `cert` says what is due")),
    ("firewall", Reads),
    ("fail2ban", Reads),
    ("disk", Reads),
    ("memory", Reads),
    ("audit", Reads),
    ("backup run", Changes),
    ("backup nightly", Apart("what the timer starts; `backup run --plan` says what it would do")),
    ("backup status", Reads),
    ("backup list", Reads),
    ("backup browse", Reads),
    ("backup export", Apart("writes one file, where there is none")),
    ("backup check", Apart("reads, once it has removed the locks of processes that are gone")),
    ("backup prove", Reads),
    ("backup destination", Reads),
    ("backup destination set", Changes),
    ("backup limit", Changes),
    ("backup rewind", Apart("writes into a folder where nothing is, and nothing outside")),
    ("restore", Changes),
    ("restore undo", Changes),
    ("restore temp list", Reads),
    ("restore temp remove", Changes),
    ("rotate", Changes),
    ("reveal", Shows),
    ("vault list", Reads),
    ("vault get", Apart("one value and nothing else, for whoever asked by name")),
    ("vault seed", Apart("takes in only what it is given; the former values stay in the vault's history")),
    ("vault take-in", Apart("what the agent does by itself within seconds")),
    ("vault escrow", Apart("prints a sealed file")),
    ("approvals list", Reads),
    ("approvals show", Reads),
    ("approvals approve", Apart("its plan is `approvals show`: all that would be done")),
    ("approvals refuse", Apart("nothing is done then")),
    ("gate log", Reads),
    ("gate verify", Reads),
    ("openclaw update", Changes),
    ("openclaw status", Reads),
    ("drift", Reads),
    ("accept-owner", Changes),
    ("revert-ssh", Changes),
];

#[test]
fn every_command_is_in_the_table_and_takes_what_its_row_asks_for() {
    assert_eq!(differences(&Arguments::command(), &TABLE), [""; 0]);
}

#[test]
fn every_command_and_option_has_a_help_text_and_is_in_manual_and_completions() {
    assert_eq!(untold(&Arguments::command()), [""; 0]);
}
