//! The table of this program's commands. A command without a row fails here, and so does one without what its row asks for.

use clap::CommandFactory as _;
use letsbe_manual::surface::{
    Kind::{self, Apart, Changes, Destroys, Reads},
    differences, untold,
};

use crate::Arguments;

const TABLE: [(&str, Kind); 13] = [
    ("init", Changes),
    ("check", Reads),
    ("serve", Apart("the service itself; `check` looks first")),
    ("add-staff", Changes),
    ("list-staff", Reads),
    ("remove-staff", Destroys),
    ("return-server", Changes),
    ("netcup-login", Apart("a person confirms it in the browser, or not")),
    ("admin backup", Apart("adds a snapshot; what it removes is what the number of kept ones says")),
    ("admin move", Destroys),
    ("admin rebuild", Apart("compares all of it beside first, and writes nothing over")),
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
