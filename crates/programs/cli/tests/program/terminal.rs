//! Whoever breaks off at a question gets the terminal back as it was, and nothing was done.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, tcgetattr},
};
use serde_json::json;

use crate::{
    ONE, Operator,
    hub::{FakeHub, order},
    letsbe,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal with a program on it.
struct Terminal {
    /// Where a person types and reads.
    person: File,
    program: OwnedFd,
    child: Child,
}

impl Terminal {
    fn with(mut command: Command) -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let program: OwnedFd =
            File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap().into();
        let clone = || Stdio::from(program.try_clone().unwrap());
        command.stdin(clone()).stdout(clone()).stderr(clone()).env("TERM", "xterm");
        let child = command.spawn().unwrap();
        Self { person: person.into(), program, child }
    }

    fn modes(&self) -> LocalModes {
        tcgetattr(self.program.as_fd()).unwrap().local_modes
    }

    /// Reads until this is shown.
    fn until(&mut self, words: &str) -> String {
        let (mut shown, mut piece) = (String::new(), [0; 1024]);
        while !shown.contains(words) {
            let count = self.person.read(&mut piece).unwrap();
            shown.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
        shown
    }

    /// Waits for a condition of the terminal.
    fn wait_for(&self, reached: impl Fn(LocalModes) -> bool) {
        let began = Instant::now();
        while !reached(self.modes()) {
            assert!(began.elapsed() < PATIENCE, "{:?}", self.modes());
            std::thread::yield_now();
        }
    }

    /// As the kernel does for Ctrl-C where it is the program's own terminal.
    fn interrupt(&mut self) -> ExitStatus {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::INT).unwrap();
        self.child.wait().unwrap()
    }
}

#[test]
fn ctrl_c_at_the_password_gives_the_terminal_back_and_keeps_no_login() {
    let home = tempfile::tempdir().unwrap();
    let hub = FakeHub::new(|_, _| (500, json!({"code": "API500", "message": "not asked"})));
    let mut command = letsbe(&["--hub", &hub.url(), "login", "--email", "ann@letsbe.example"]);
    command.env("HOME", home.path());
    let mut terminal = Terminal::with(command);
    let before = terminal.modes();
    terminal.until("Password");
    terminal.wait_for(|modes| !modes.contains(LocalModes::ECHO));
    terminal.person.write_all(b"half a passw").unwrap();
    assert_eq!(terminal.interrupt().code(), Some(130));
    assert_eq!(terminal.modes(), before);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "no login is kept");
}

#[test]
fn ctrl_c_at_a_question_gives_the_terminal_back_and_asks_nothing_of_the_hub() {
    let operator = Operator::at(FakeHub::new(|_, _| {
        let mut one = order(ONE, "acme.example");
        one["timeline"] = json!([]);
        (200, one)
    }));
    let mut terminal = Terminal::with(operator.command(&["tenants", "converge", ONE]));
    let before = terminal.modes();
    terminal.until("Type");
    terminal.wait_for(|modes| !modes.contains(LocalModes::ICANON));
    // In this mode the key comes to the program itself.
    terminal.person.write_all(b"\x03").unwrap();
    assert_eq!(terminal.child.wait().unwrap().code(), Some(130));
    assert_eq!(terminal.modes(), before);
    assert!(operator.hub.asked().iter().all(|line| line.starts_with("GET")), "{:?}", operator.hub.asked());
}
