//! The commands of this program in the documents are there.

#[path = "../../../programs/cli/tests/documents/commands.rs"]
mod commands;

#[test]
fn every_command_and_option_of_letsbe_hub_in_the_documents_is_there() {
    let calls = commands::checked(env!("CARGO_BIN_EXE_letsbe-hub"), "letsbe-hub");
    assert!(calls > 6, "{calls}");
}
