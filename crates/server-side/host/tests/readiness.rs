//! The gate before a run.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_host::{
    facts::system::OsRelease,
    readiness::{CloudInit, Facts, Verdict, decide},
};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_297_422, 0).expect("a valid time")
}

fn fit() -> Facts {
    Facts {
        os: OsRelease { id: "debian".into(), version: "12".into(), codename: "bookworm".into() },
        cloud_init: CloudInit::Absent,
        locks: Vec::new(),
        clock: now().timestamp(),
        disk_free: 60 << 30,
        files_free: 15_000_000,
    }
}

fn code(facts: &Facts) -> String {
    match decide(facts, Some(now())) {
        Ok(Verdict::Ready { .. }) => "ready".to_owned(),
        Ok(Verdict::Busy { .. }) => "busy".to_owned(),
        Err(problem) => problem.code,
    }
}

#[test]
fn a_fit_machine_is_ready() {
    assert_eq!(code(&fit()), "ready");
}

#[test]
fn only_the_four_systems_are_supported() {
    let supported = [("debian", "12"), ("debian", "13"), ("ubuntu", "22.04"), ("ubuntu", "24.04")];
    let others = [
        ("debian", "11"),
        ("debian", ""),
        ("ubuntu", "20.04"),
        ("ubuntu", "24.10"),
        ("", ""),
        ("alpine", "3"),
    ];
    for (pairs, expected) in [(&supported[..], "ready"), (&others[..], "HOST002")] {
        for (id, version) in pairs {
            let os = OsRelease { id: (*id).into(), version: (*version).into(), codename: String::new() };
            assert_eq!(code(&Facts { os, ..fit() }), expected, "{id} {version}");
        }
    }
}

#[test]
fn a_full_disk_is_refused_by_bytes_and_by_entries() {
    assert_eq!(code(&Facts { disk_free: (10 << 30) - 1, ..fit() }), "HOST003");
    assert_eq!(code(&Facts { disk_free: 10 << 30, ..fit() }), "ready");
    assert_eq!(code(&Facts { files_free: 99, ..fit() }), "HOST003");
}

#[test]
fn a_busy_machine_is_waited_for_and_complaints_of_a_finished_one_are_warnings() {
    assert_eq!(code(&Facts { cloud_init: CloudInit::Running("modules".into()), ..fit() }), "busy");
    assert_eq!(code(&Facts { locks: vec!["/var/lib/dpkg/lock".into()], ..fit() }), "busy");
    let facts = Facts { cloud_init: CloudInit::Done(vec!["a script failed".into()]), ..fit() };
    let warnings = vec!["first-boot set-up: a script failed".to_owned()];
    assert_eq!(decide(&facts, Some(now())), Ok(Verdict::Ready { warnings }));
}

#[test]
fn a_wrong_clock_is_refused_once_the_machine_is_at_rest() {
    let off = |seconds: i64| Facts { clock: (now() + TimeDelta::seconds(seconds)).timestamp(), ..fit() };
    assert_eq!(code(&off(300)), "ready");
    assert_eq!(code(&off(301)), "HOST004");
    assert_eq!(code(&off(-301)), "HOST004");
    let absurd = Facts { clock: 0, ..fit() };
    assert_eq!(decide(&absurd, None).map_err(|problem| problem.code), Err("HOST004".to_owned()));
}
