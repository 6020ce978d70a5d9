//! What goes wrong before anything is done: words that make no sense, no login, no Hub, one that is none.

use std::{io::Write as _, process::Stdio};

use serde_json::json;

use crate::{
    ONE, Operator, Said,
    hub::{FakeHub, order},
    letsbe,
};

fn newcomer(words: &[&str]) -> Said {
    let home = tempfile::tempdir().unwrap();
    Said::of(letsbe(words).env("HOME", home.path()).stdin(Stdio::null()).output().unwrap())
}

#[test]
fn with_json_a_wrong_command_line_is_told_in_json_too() {
    for words in [
        vec!["--json", "orders", "lst"],
        vec!["orders", "show", "--json"],
        vec!["tenants", "configure", ONE, "--autonomy", "9", "--json"],
        vec!["--json"],
    ] {
        let said = newcomer(&words);
        assert_eq!(said.code, Some(2), "{said:?}");
        let message = said.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(!message.is_empty() && !message.contains('\u{1b}'), "{message}");
    }
    let said = newcomer(&["orders", "lst"]);
    assert!(said.code == Some(2) && said.out.is_empty() && said.err.contains("'list'"), "{said:?}");
    let help = newcomer(&["--json", "orders", "--help"]);
    assert!(help.code == Some(0) && help.out.contains("Usage:"), "help is for people: {help:?}");
}

#[test]
fn who_is_not_logged_in_is_told_how_and_a_script_by_exit_code_4() {
    let said = newcomer(&["orders", "list"]);
    assert!(said.code == Some(4) && said.err.contains("letsbe --hub"), "{said:?}");
    let said = newcomer(&["orders", "list", "--json"]);
    assert_eq!((said.code, said.json()["error"]["code"].as_str()), (Some(4), Some("HUB040")));
    let hub = FakeHub::new(|_, _| (401, json!({"code": "API401", "message": "Log in first."})));
    let said = Operator::at(hub).types(&["orders", "list"]);
    assert!(said.code == Some(4) && said.err.contains("login --email ann@letsbe.example"), "{said:?}");
}

#[test]
fn a_hub_that_is_away_or_is_none_is_told_with_its_address_and_what_to_look_at() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let operator = Operator::at(FakeHub::new(|_, _| (200, json!("what nobody asked for"))));
    let said = operator.types(&["orders", "list"]);
    assert!(said.code == Some(1) && said.err.contains("not understood"), "{said:?}");
    assert!(said.err.contains(&operator.hub.url()), "{said:?}");
    let home = tempfile::tempdir().unwrap();
    let mut login =
        letsbe(&["--hub", &format!("http://{gone}"), "login", "--email", "a@b.example", "--json"]);
    let mut login =
        login.env("HOME", home.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    login.stdin.take().unwrap().write_all(b"correct horse\n").unwrap();
    let said = Said::of(login.wait_with_output().unwrap());
    let error = said.json()["error"].clone();
    assert_eq!((said.code, error["code"].as_str()), (Some(1), Some("HUB003")), "{error}");
    assert!(error["message"].as_str().unwrap().contains(&gone.to_string()), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--hub"), "{error}");
}

#[test]
fn nothing_that_is_piped_or_unwanted_has_colours() {
    let operator = Operator::at(FakeHub::new(|_, _| (200, json!([order(ONE, "acme.example")]))));
    let mut command = operator.command(&["orders", "list"]);
    let said = Said::of(command.env("TERM", "xterm-256color").stdin(Stdio::null()).output().unwrap());
    assert!(said.out.contains("acme.example") && !said.out.contains('\u{1b}'), "{said:?}");
    let mut command = operator.command(&["orders", "list"]);
    command.env("NO_COLOR", "1").env("COLORTERM", "truecolor").stdin(Stdio::null());
    let said = Said::of(command.output().unwrap());
    assert!(!said.out.contains('\u{1b}'), "{said:?}");
}

#[test]
fn what_cannot_be_read_or_written_is_named_once() {
    let said = newcomer(&["man", "/proc/nowhere"]);
    assert!(said.code == Some(1) && said.err.contains("/proc/nowhere cannot be written"), "{said:?}");
    assert_eq!(said.err.matches("No such file").count(), 1, "{said:?}");
    let said = newcomer(&["login", "--email", "ann@letsbe.example"]);
    assert!(said.code == Some(1) && said.err.contains("no password was given"), "{said:?}");
}
