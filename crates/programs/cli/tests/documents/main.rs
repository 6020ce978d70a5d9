//! The operator's commands in the documents are commands of this program.

mod commands;

#[test]
fn every_command_and_option_of_letsbe_in_the_documents_is_there() {
    let calls = commands::checked(env!("CARGO_BIN_EXE_letsbe"), "letsbe");
    assert!(calls > 60, "{calls}");
}
