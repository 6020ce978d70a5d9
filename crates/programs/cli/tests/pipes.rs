//! The program as a shell starts it, with a reader that has gone away, as `head` does.

use std::process::Command;

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for arguments in [["completions", "bash"], ["completions", "zsh"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let program = env!("CARGO_BIN_EXE_letsbe");
        let ended = Command::new(program).args(arguments).stdout(writer).output().expect("runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.is_empty(), "{arguments:?}: {} {said}", ended.status);
    }
}
