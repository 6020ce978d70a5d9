//! What went wrong, for people: from how a program ended. Pure. What a program wrote decides, but is not quoted where
//! it could hold a secret.

use letsbe_types::{Code, Problem};

use super::process::{Ended, Stopped};
use crate::Location;

const DISK_FULL: [&str; 3] = ["no space left on device", "disk quota exceeded", "XMinioStorageFull"];
const UNREACHABLE: [&str; 19] = [
    "connection refused",
    "connection reset",
    "no such host",
    "i/o timeout",
    "deadline exceeded",
    "network is unreachable",
    "no route to host",
    "dial tcp",
    "tls: ",
    "x509: ",
    "AccessDenied",
    "Access Denied",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "NoSuchBucket",
    "bucket does not exist",
    "didn't find section in config file",
    "error talking HTTP to rclone",
    "rclone stdio connection already closed",
];
const DAMAGED: [&str; 7] = [
    "ciphertext verification failed",
    "invalid data returned",
    "not found in repository",
    "not found in index",
    "wrong data returned",
    "header is larger than file",
    "Load(<data/",
];

/// restic's exit code where another process holds its repository.
pub(super) const LOCKED: i32 = 11;

/// The problem of a restic that did not end well.
pub(super) fn of(location: &Location, doing: &str, ended: &Ended) -> Problem {
    let place = &location.name;
    let says = |words: &[&str]| words.iter().any(|word| ended.errors.contains(word));
    match ended.code {
        _ if says(&DISK_FULL) => full(place, doing),
        Some(12) => Problem::permanent(
            Code::REPO002,
            format!("{doing}: the key does not open {place}"),
            "This repository was made with another key, or is somebody else's. Nothing was changed.",
        ),
        Some(10) => Problem::permanent(
            Code::REPO003,
            format!("{doing}: there is no {}", place.trim_start_matches("the ")),
            "Look whether the place is the right one and what is in it. Nothing was changed.",
        ),
        Some(LOCKED) => locked(place, doing, "another process", "The next run tries again."),
        Some(3) => unreadable(place, doing, &ended.errors),
        _ if says(&["command failed: "]) => Problem::transient(
            Code::REPO007,
            format!(
                "{doing}: the command whose output was to be stored failed; nothing was stored in {place}"
            ),
            "Look at what the command itself reported.",
        ),
        _ if says(&UNREACHABLE) => unreachable(place, doing),
        _ if says(&DAMAGED) => Problem::permanent(
            Code::REPO008,
            format!("{doing}: {place} is damaged"),
            "Check the repository: it names what is damaged and which backups that touches.",
        ),
        _ if location.folder.is_none() && says(&["returned error, retrying after"]) => {
            unreachable(place, doing)
        }
        code => other(location, doing, code, &ended.errors),
    }
}

/// Another process works on it, which is told in words.
pub(super) fn locked(place: &str, doing: &str, holder: &str, advice: &str) -> Problem {
    Problem::transient(Code::REPO004, format!("{doing}: {place} is locked by {holder}"), advice)
}

/// The problem of a program that was stopped or never began.
pub(super) fn of_stopped(place: &str, doing: &str, stopped: Stopped) -> Problem {
    match stopped {
        Stopped::NotStarted(error) => Problem::permanent(
            Code::REPO009,
            format!("{doing}: the program for it could not be started: {error}"),
            "restic and rclone come with the bundle; install the bundle again.",
        ),
        Stopped::TooLong(limit) => Problem::transient(
            Code::REPO013,
            format!("{doing}: no end after {} minutes with {place}", limit.as_secs().div_ceil(60)),
            "The next run tries again. If it stays so, look at the disk and the connection.",
        ),
        Stopped::Unreachable => unreachable(place, doing),
        Stopped::Refused(problem) => problem,
    }
}

/// The far side does not answer, or does not let us in.
pub(super) fn unreachable(place: &str, doing: &str) -> Problem {
    Problem::transient(
        Code::REPO001,
        format!("{doing}: {place} cannot be reached, or does not let this server in"),
        "Look at the address, the bucket or path, and the credentials of the destination; then try again.",
    )
}

/// No space is left.
pub(super) fn full(place: &str, doing: &str) -> Problem {
    Problem::permanent(
        Code::REPO005,
        format!("{doing}: the disk is full ({place})"),
        "Make room. What was stored before is still there, and nothing of this attempt counts.",
    )
}

/// Some files could not be read. Their names are no secrets.
pub(super) fn unreadable(place: &str, doing: &str, errors: &str) -> Problem {
    let mut items: Vec<String> = complaints(errors);
    let count = items.len();
    items.truncate(3);
    let more = if count > items.len() { format!(" and {} more", count - items.len()) } else { String::new() };
    Problem::transient(
        Code::REPO006,
        format!(
            "{doing}: files could not be read, nothing was stored in {place}: {}{more}",
            items.join(", ")
        ),
        "Look at these files. Files that come and go while the tool runs are stored by the next run.",
    )
}

/// Files that restic complains about while it stores.
pub(super) fn complaints(errors: &str) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Complaint {
        message_type: String,
        #[serde(default)]
        item: String,
    }
    errors
        .lines()
        .filter_map(|line| {
            if let Some(path) = line.strip_suffix(" does not exist, skipping") {
                return Some(path.to_owned());
            }
            let complaint: Complaint = serde_json::from_str(line).ok()?;
            (complaint.message_type == "error").then_some(complaint.item)
        })
        .collect()
}

fn other(location: &Location, doing: &str, code: Option<i32>, errors: &str) -> Problem {
    // What restic says about a folder on this server holds no secret; what a far side says might.
    let said = location.folder.as_ref().and_then(|_| fatal(errors)).map(|text| format!(": {text}"));
    let how = code.map_or_else(|| "was ended by a signal".to_owned(), |code| format!("ended with {code}"));
    Problem::transient(
        Code::REPO010,
        format!("{doing}: restic {how} ({}){}", location.name, said.unwrap_or_default()),
        "Try again; if it stays so, run the same by hand with the restic of the bundle.",
    )
}

/// The reason that restic gives last, one line of it.
fn fatal(errors: &str) -> Option<String> {
    let at = errors.rfind("Fatal: ")?;
    let line: String =
        errors[at + 7..].chars().take_while(|c| !c.is_control() && *c != '\\' && *c != '"').collect();
    Some(line.chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(exit: i32, errors: &str) -> String {
        let location = Location::folder("/opt/letsbe/backups/repository".as_ref());
        of(&location, "storing", &Ended { code: Some(exit), errors: errors.to_owned() }).code
    }

    #[test]
    fn every_way_to_fail_has_its_own_code() {
        for (exit, errors, wanted) in [
            (1, "Save(<lock/..>) returned error: write /x: no space left on device", "REPO005"),
            (3, r#"{"message_type":"error","item":"/a"}"#, "REPO006"),
            (
                12,
                r#"{"message_type":"exit_error","code":12,"message":"Fatal: wrong password or no key found"}"#,
                "REPO002",
            ),
            (10, "", "REPO003"),
            (11, "", "REPO004"),
            (1, "failed to save /x: Fatal: command failed: exit status 3", "REPO007"),
            (1, "Stat(<config/>) returned error, retrying after 1s: dial tcp", "REPO001"),
            (1, "Fatal: LoadRaw(<index/55>): invalid data returned", "REPO008"),
            (1, "Fatal: something new", "REPO010"),
        ] {
            assert_eq!(code(exit, errors), wanted, "{errors}");
        }
    }

    #[test]
    fn what_a_far_side_says_is_never_quoted() {
        let secret = "Fatal: unexpected answer of https://key:hunter2@example.com";
        let mut location = Location::folder("/x".as_ref());
        let ended = Ended { code: Some(1), errors: secret.to_owned() };
        assert!(of(&location, "storing", &ended).message.contains("hunter2"));
        location.folder = None;
        let problem = of(&location, "storing", &ended);
        assert!(!problem.message.contains("hunter2"), "{problem}");
    }

    #[test]
    fn unreadable_files_are_named_up_to_three() {
        let line =
            |path: &str| format!("{{\"message_type\":\"error\",\"error\":{{}},\"item\":\"{path}\"}}\n");
        let errors =
            [line("/a"), "/b does not exist, skipping\n".to_owned(), line("/c"), line("/d")].concat();
        let problem = unreadable("the place", "storing", &errors);
        assert!(problem.message.ends_with("/a, /b, /c and 1 more"), "{problem}");
    }
}
