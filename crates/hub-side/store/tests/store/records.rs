//! Timelines, job reports, sessions.

use chrono::TimeDelta;
use letsbe_lifecycle::order::Event;
use letsbe_store::{NewEntry, NewJob, token_hash};
use letsbe_types::{
    Code, Problem,
    api::{JobReport, JobStatus},
    ids::JobId,
    job::{Outcome, RunEvent, RunEventKind},
};

use crate::{World, claimed, start};

#[tokio::test]
async fn a_line_with_a_key_is_added_once() {
    let world = World::new().await;
    let (id, other) = (world.order().await, world.order().await);
    let once = |key: &str, text: &str| NewEntry {
        once_key: Some(key.to_owned()),
        ..NewEntry::new("step", "ok", text)
    };
    for entry in [once("a", "first"), once("a", "again"), once("b", "second")] {
        world.store.note(id, &entry, world.now()).await.unwrap();
    }
    world.store.note(other, &once("a", "elsewhere"), world.now()).await.unwrap();
    for _ in 0..2 {
        world.store.note(id, &NewEntry::new("step", "ok", "may repeat"), world.now()).await.unwrap();
    }
    assert_eq!(world.lines(id).await[1..], ["first", "second", "may repeat", "may repeat"]);
    assert_eq!(world.lines(other).await.len(), 1);
    let all = world.store.timeline(id, 0, 1_000).await.unwrap();
    let after = world.store.timeline(id, all[1].sequence, 2).await.unwrap();
    assert_eq!(after, all[2..4], "from a cursor, oldest first, no more than asked for");
}

#[tokio::test]
async fn a_job_report_is_taken_once_and_a_finished_job_stays_as_it_is() {
    let world = World::new().await;
    let order = world.order().await;
    let id = JobId::generate();
    let new = NewJob {
        id,
        order,
        runner_token_hash: token_hash("runner"),
        registration_token_hash: token_hash("register"),
    };
    world.store.create_job(&new, world.now()).await.unwrap();
    let job = world.store.latest_job(order).await.unwrap().unwrap();
    let event = |sequence, event| RunEvent { sequence, at: start(), event };
    let quiet = Outcome::Converged { why: "already there".into() };
    let operation =
        |outcome| RunEventKind::Operation { step: 1, operation: "packages".into(), outcome, milliseconds: 1 };
    let mut report = JobReport {
        status: JobStatus::Running,
        events: vec![
            event(1, RunEventKind::Started { attempt: 1 }),
            event(2, operation(quiet)),
            event(3, operation(Outcome::Changed { what: "curl is missing".into() })),
        ],
        host_key: None,
        problem: None,
    };
    for _ in 0..2 {
        world.store.report_job(&job, &report, world.now()).await.unwrap();
    }
    assert_eq!(
        world.lines(order).await[1..],
        ["The run began on the server", "packages: created curl (was missing)"]
    );
    report.status = JobStatus::Failed;
    report.problem = Some(Problem::transient(Code::SSH001, "gone", "wait"));
    world.store.report_job(&job, &report, world.now()).await.unwrap();
    report.status = JobStatus::Completed;
    world.store.report_job(&job, &report, world.now()).await.unwrap();
    let job = world.store.job(id).await.unwrap().unwrap();
    assert_eq!(
        (job.status, job.problem.map(|problem| problem.code)),
        (JobStatus::Failed, Some("SSH001".into()))
    );
}

#[tokio::test]
async fn sessions_end_by_themselves_or_when_asked() {
    let world = World::new().await;
    world.store.save_staff("ann@letsbe.example", "first", world.now()).await.unwrap();
    world.store.save_staff("ann@letsbe.example", "second", world.now()).await.unwrap();
    let staff = world.store.staff_by_email("ann@letsbe.example").await.unwrap().unwrap();
    assert_eq!(staff.password_hash, "second");
    let until = world.now() + TimeDelta::hours(1);
    for hash in ["one", "two"] {
        world.store.create_session(hash, staff.id, until, world.now()).await.unwrap();
    }
    world.store.end_session("two").await.unwrap();
    assert!(world.store.session("one", world.now()).await.unwrap().is_some());
    assert!(world.store.session("two", world.now()).await.unwrap().is_none());
    assert!(world.store.session("one", until).await.unwrap().is_none());
}

#[tokio::test]
async fn who_is_removed_or_gets_a_new_password_has_no_session_any_more() {
    let world = World::new().await;
    let until = world.now() + TimeDelta::hours(1);
    for email in ["ann@letsbe.example", "bob@letsbe.example"] {
        world.store.save_staff(email, "first", world.now()).await.unwrap();
        let staff = world.store.staff_by_email(email).await.unwrap().unwrap();
        world.store.create_session(email, staff.id, until, world.now()).await.unwrap();
    }
    let listed = async || {
        let staff = world.store.staff(world.now()).await.unwrap();
        staff.into_iter().map(|member| (member.email, member.sessions)).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [("ann@letsbe.example".to_owned(), 1), ("bob@letsbe.example".to_owned(), 1)]);
    world.store.save_staff("ann@letsbe.example", "second", world.now()).await.unwrap();
    assert!(world.store.session("ann@letsbe.example", world.now()).await.unwrap().is_none());
    world.store.remove_staff("bob@letsbe.example").await.unwrap();
    assert!(world.store.session("bob@letsbe.example", world.now()).await.unwrap().is_none());
    assert_eq!(listed().await, [("ann@letsbe.example".to_owned(), 0)]);
}

#[tokio::test]
async fn a_run_tells_the_rest_of_a_compared_host_key_and_changes_no_other() {
    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";
    const FINGERPRINT: &str = "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ";
    let world = World::new().await;
    let order = world.paid_order().await;
    world.apply(order, &claimed(1)).await.unwrap();
    let new = NewJob {
        id: JobId::generate(),
        order,
        runner_token_hash: token_hash("runner"),
        registration_token_hash: token_hash("registration"),
    };
    let job = world.store.create_job(&new, world.now()).await.unwrap();
    let known = async || world.store.order(order).await.unwrap().unwrap().host_key;
    let tell = async |key: &str| {
        let host_key = Some(key.to_owned());
        let report = JobReport { status: JobStatus::Running, events: vec![], host_key, problem: None };
        world.store.report_job(&job, &report, world.now()).await.unwrap();
    };
    tell(KEY).await;
    assert_eq!(known().await, None, "nobody has compared it");
    let confirm = |key: &str| Event::OperatorConfirmHostKey { host_key: key.to_owned() };
    world.apply(order, &confirm(FINGERPRINT)).await.unwrap();
    tell(OTHER).await;
    assert_eq!(known().await.as_deref(), Some(FINGERPRINT));
    tell(KEY).await;
    assert_eq!(known().await.as_deref(), Some(KEY));
    tell(OTHER).await;
    assert_eq!(known().await.as_deref(), Some(KEY));
    world.store.plant_host_key(order, OTHER).await.unwrap();
    assert_eq!(known().await.as_deref(), Some(OTHER), "a new system has a new key");
}
