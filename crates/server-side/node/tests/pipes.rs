//! The program as a shell starts it, with a reader that has gone away, as `head` does.

use std::process::Command;

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for arguments in [&["crash-points"][..], &["gate", "log"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let program = env!("CARGO_BIN_EXE_letsbe-node");
        let ended = Command::new(program).args(arguments).stdout(writer).output().expect("runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.is_empty(), "{arguments:?}: {} {said}", ended.status);
    }
}

#[test]
fn with_json_a_wrong_command_line_is_told_in_json_and_without_in_words() {
    let said = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_letsbe-node");
        let ended = Command::new(program).args(arguments).output().expect("runs");
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (text(ended.stdout), text(ended.stderr))
    };
    let (out, err) = said(&["restore", "--tol", "ghost", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["problem"]["code"], "NODE082", "{out}");
    assert!(told["problem"]["message"].as_str().is_some_and(|text| text.contains("--tol")), "{out}");
    assert!(err.is_empty(), "{err}");
    let (out, err) = said(&["restore", "--tol", "ghost"]);
    assert!(out.is_empty() && err.contains("--tol") && err.contains("--help"), "{out} {err}");
}
