//! `letsbe-hub` as a shell starts it.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../examples/filled/fill.rs"]
mod fill;
mod moves;
mod plans;
#[path = "../../examples/heartbeats/sign.rs"]
mod sign;
mod two_hubs;

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, tcgetattr},
};

const PATIENCE: Duration = Duration::from_secs(60);

fn letsbe_hub(config: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_letsbe-hub"));
    command.arg("--config").arg(config).args(words).env("RUST_LOG", "warn");
    command
}

/// A configuration whose files are in this folder.
fn configured(folder: &Path) -> std::path::PathBuf {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../deploy/hub.example.toml");
    let example = std::fs::read_to_string(example).unwrap();
    let lines = example.lines().map(|line| match line.split_once(" = ") {
        Some(("data_folder", _)) => format!("data_folder = {:?}", folder.join("data")),
        Some(("private_key", _)) => format!("private_key = {:?}", folder.join("key")),
        _ => line.to_owned(),
    });
    let path = folder.join("hub.toml");
    std::fs::write(&path, lines.collect::<Vec<_>>().join("\n")).unwrap();
    std::fs::create_dir(folder.join("data")).unwrap();
    path
}

/// A terminal: the side where a person sits, and the program's.
fn terminal() -> (OwnedFd, OwnedFd) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let program: OwnedFd =
        File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap().into();
    (person, program)
}

fn add_staff(config: &Path, email: &str) {
    let mut adding = letsbe_hub(config, &["add-staff", "--email", email]);
    let mut adding = adding.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    adding.stdin.take().unwrap().write_all(b"correct horse battery\n").unwrap();
    assert!(adding.wait().unwrap().success());
}

#[test]
fn without_a_configuration_it_is_said_once_which_file_is_missing_and_how_to_name_another() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.toml");
    for words in [vec!["check"], vec!["list-staff"], vec!["serve"], vec!["admin", "backup"]] {
        let ended = letsbe_hub(&missing, &words).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), said.matches("No such file").count()), (Some(1), 1), "{said}");
        for part in ["error: ", missing.to_str().unwrap(), "--config"] {
            assert!(said.contains(part), "{words:?}: {said}");
        }
    }
}

#[test]
fn staff_is_listed_in_words_and_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path());
    let said = |words: &[&str]| {
        let ended = letsbe_hub(&config, words).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        String::from_utf8(ended.stdout).unwrap()
    };
    assert!(said(&["list-staff"]).contains("add-staff"), "who sees an empty list is told what to do");
    assert_eq!(said(&["list-staff", "--json"]).trim(), "[]");
    add_staff(&config, "ann@letsbe.example");
    let list: serde_json::Value = serde_json::from_str(&said(&["list-staff", "--json"])).unwrap();
    assert_eq!((&list[0]["email"], &list[0]["sessions"]), (&"ann@letsbe.example".into(), &0.into()));
}

/// A Hub with two members of staff.
fn with_staff(folder: &Path) -> std::path::PathBuf {
    let config = configured(folder);
    for email in ["ann@letsbe.example", "bob@letsbe.example"] {
        add_staff(&config, email);
    }
    config
}

#[test]
fn whoever_types_the_address_removes_a_member_of_staff_and_whoever_types_another_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let config = with_staff(folder.path());
    let (person, program) = terminal();
    for (typed, code) in [("bob@letsbe.example\n", 1), ("\n", 1), ("ann@letsbe.example\n", 0)] {
        let mut command = letsbe_hub(&config, &["remove-staff", "--email", "ann@letsbe.example"]);
        command.stdin(Stdio::from(program.try_clone().unwrap()));
        File::from(person.try_clone().unwrap()).write_all(typed.as_bytes()).unwrap();
        let ended = command.output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{typed}: {}", String::from_utf8_lossy(&ended.stderr));
    }
    let list = letsbe_hub(&config, &["list-staff", "--json"]).output().unwrap();
    assert!(!String::from_utf8(list.stdout).unwrap().contains("ann@"));
}

#[test]
fn check_says_in_json_what_is_missing_and_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path());
    let ended = letsbe_hub(&config, &["check", "--json"]).output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!((ended.status.code(), &told["ready"]), (Some(1), &false.into()));
    assert_eq!(told["configuration"], config.to_str().unwrap());
    let problems = told["problems"].as_array().unwrap();
    assert!(problems.iter().any(|one| one.as_str().unwrap().contains("provisioning.private_key")), "{told}");
}

#[test]
fn a_configuration_whose_name_is_no_text_is_checked_too() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path());
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"h\xffb.toml"));
    std::fs::rename(config, &odd).unwrap();
    let ended = letsbe_hub(&odd, &["check", "--json"]).output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!((ended.status.code(), &told["ready"]), (Some(1), &false.into()));
}

#[test]
fn man_finds_the_hubs_pages_and_bash_completes_its_commands() {
    let folder = tempfile::tempdir().unwrap();
    let man = folder.path().join("man1");
    let none = folder.path().join("no-configuration");
    let written = letsbe_hub(&none, &["man", man.to_str().unwrap()]).output().unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let shown = Command::new("man")
        .arg("--manpath")
        .args([folder.path().to_str().unwrap(), "letsbe-hub-admin-rebuild"])
        .output()
        .expect("man: `apt-get install man-db`");
    assert!(String::from_utf8_lossy(&shown.stdout).contains("--password-file"), "{shown:?}");
    let script = letsbe_hub(&none, &["completions", "bash"]).output().unwrap();
    let script = String::from_utf8(script.stdout).unwrap();
    assert!(script.contains("default letsbe-hub") && script.contains("return-server"), "{script}");
}

#[test]
fn ctrl_c_at_the_password_gives_the_terminal_back_and_adds_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path());
    let (person, program) = terminal();
    let shown = || Stdio::from(program.try_clone().unwrap());
    let modes = || tcgetattr(program.as_fd()).unwrap().local_modes;
    let before = modes();
    // At the first question, and at the second.
    for typed in [&b"half a passw"[..], b"correct horse battery\n"] {
        let mut command = letsbe_hub(&config, &["add-staff", "--email", "ann@letsbe.example"]);
        command.stdin(shown()).stdout(shown()).stderr(shown()).env("TERM", "xterm");
        let mut child = command.spawn().unwrap();
        let mut reader = File::from(person.try_clone().unwrap());
        let mut until = |words: &str| {
            let (mut shown, mut piece) = (String::new(), [0; 1024]);
            while !shown.contains(words) {
                let count = reader.read(&mut piece).unwrap();
                shown.push_str(&String::from_utf8_lossy(&piece[..count]));
            }
        };
        let hidden = || {
            let began = Instant::now();
            while modes().contains(LocalModes::ECHO) {
                assert!(began.elapsed() < PATIENCE, "what is typed is shown");
                std::thread::yield_now();
            }
        };
        until("Password");
        hidden();
        File::from(person.try_clone().unwrap()).write_all(typed).unwrap();
        if typed.ends_with(b"\n") {
            until("Once more");
            hidden();
        }
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_eq!(modes(), before);
    }
    let list = letsbe_hub(&config, &["list-staff", "--json"]).output().unwrap();
    assert_eq!(String::from_utf8(list.stdout).unwrap().trim(), "[]");
}
