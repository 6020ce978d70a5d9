//! The program as a shell starts it, against a Hub that the test plays.
#![expect(clippy::unwrap_used, reason = "tests")]

mod converge;
mod hub;
mod hub_tasks;
mod names;
mod plans;
mod refusals;
mod terminal;
mod work;

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use self::hub::FakeHub;

pub(crate) const ONE: &str = "018f7b1e-0000-7000-8000-000000000001";
pub(crate) const TWO: &str = "018f7b1e-1111-7000-8000-000000000002";

/// Somebody who is logged in to a Hub.
pub(crate) struct Operator {
    pub(crate) hub: FakeHub,
    home: tempfile::TempDir,
}

impl Operator {
    pub(crate) fn at(hub: FakeHub) -> Self {
        let operator = Self { hub, home: tempfile::tempdir().unwrap() };
        let mut login =
            operator.command(&["--hub", &operator.hub.url(), "login", "--email", "ann@letsbe.example"]);
        let mut login = login.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        login.stdin.take().unwrap().write_all(b"correct horse\n").unwrap();
        assert!(login.wait().unwrap().success());
        operator
    }

    /// `letsbe` with these words, for this person.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = letsbe(words);
        command.env("HOME", self.home.path());
        command
    }

    pub(crate) fn types(&self, words: &[&str]) -> Said {
        Said::of(self.command(words).stdin(Stdio::null()).output().unwrap())
    }
}

/// `letsbe` for somebody who has never used it; the caller sets the home.
pub(crate) fn letsbe(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_letsbe"));
    command.args(words).env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("TZ", "UTC");
    command
}

/// What was said, and the exit code.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The one document on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
