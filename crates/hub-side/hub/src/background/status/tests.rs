use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::{BackgroundTask, TaskRecord};
use letsbe_types::{Code, Language, Problem, hub_tasks::HubTaskState};
use serde_json::json;

use super::{SLACK, Turn, after, list, pause, state, turn};
use crate::background::{
    Done, Entry,
    registry::{DRILLS, HUB_BACKUP, MESSAGES, ORDER_EFFECTS, TABLE, entry},
};

fn now() -> DateTime<Utc> {
    "2026-11-28T12:00:00Z".parse().expect("a moment")
}

fn at(minutes: i64) -> Option<DateTime<Utc>> {
    Some(now() + TimeDelta::minutes(minutes))
}

fn drills() -> &'static Entry {
    entry(DRILLS).expect("is in the table")
}

/// A task that ran from `started` to `finished` and is due again.
fn ran(started: i64, finished: Option<i64>, due: i64) -> BackgroundTask {
    let record = TaskRecord {
        started_at: at(started),
        finished_at: finished.and_then(at),
        due_at: at(due),
        ..TaskRecord::default()
    };
    BackgroundTask { name: DRILLS.to_owned(), fence: 1, record, ..BackgroundTask::default() }
}

fn leased(until: i64, task: BackgroundTask) -> BackgroundTask {
    BackgroundTask { lease: at(until).map(|until| ("one".to_owned(), until)), ..task }
}

fn requested(minutes: i64, task: BackgroundTask) -> BackgroundTask {
    BackgroundTask { requested_at: at(minutes), ..task }
}

#[test]
fn a_task_is_activated_when_it_is_due_asked_for_or_was_left_open() {
    let idle = || ran(-30, Some(-29), 30);
    for (what, task, expected) in [
        ("never was due", None, Turn::Now),
        ("is not due yet", Some(idle()), Turn::At(at(30).expect("a moment"))),
        ("is due", Some(ran(-90, Some(-89), 0)), Turn::Now),
        ("another Hub is at it", Some(leased(1, ran(-1, None, -1))), Turn::Taken),
        ("its Hub died", Some(leased(-1, ran(-1, None, 30))), Turn::Now),
        ("its Hub ended and left it open", Some(ran(-1, None, 30)), Turn::Now),
        ("a person asked for it", Some(requested(-1, idle())), Turn::Now),
        ("a person asked, and it ran", Some(requested(-31, idle())), Turn::At(at(30).expect("a moment"))),
        ("a person asked while it ran", Some(requested(-1, leased(1, ran(-2, None, -2)))), Turn::Taken),
        (
            "it took longer than the clock says",
            Some(ran(0, Some(1), 61)),
            Turn::At(at(61).expect("a moment")),
        ),
        ("the clock went back by a day", Some(ran(1_000, Some(1_001), 1_440)), Turn::Now),
    ] {
        assert_eq!(turn(drills(), task.as_ref(), now()), expected, "{what}");
    }
}

#[test]
fn after_each_failure_the_pause_doubles_up_to_the_period() {
    let pauses = |name: &str| {
        let entry = entry(name).expect("is in the table");
        [1, 2, 3, 4, 20].map(|failures| pause(entry, failures, true).as_secs())
    };
    assert_eq!(pauses(DRILLS), [60, 120, 240, 480, 3600]);
    assert_eq!(pauses(HUB_BACKUP), [3600, 7200, 14_400, 28_800, 86_400]);
    assert_eq!(pauses(ORDER_EFFECTS), [1, 2, 4, 8, 30]);
    for entry in &TABLE {
        assert_eq!(pause(entry, 0, false), entry.every, "{}", entry.name);
        assert_eq!(pause(entry, 0, true), Duration::ZERO, "more to do: {}", entry.name);
    }
}

#[test]
fn a_record_tells_of_the_last_activation_and_of_what_was_last_done() {
    let took = Duration::from_millis(1_500);
    let ended = |before, outcome| after(drills(), before, &outcome, (now(), took));
    let first = ended(TaskRecord::default(), Ok(Done { report: Some(json!({"begun": 2})), more: false }));
    assert_eq!((first.took_ms, first.failures, &first.report), (1_500, 0, &Some(json!({"begun": 2}))));
    assert_eq!(first.due_at, Some(now() + TimeDelta::hours(1) + TimeDelta::milliseconds(1_500)));
    let nothing = ended(first, Ok(Done { report: None, more: false }));
    assert_eq!(nothing.report, Some(json!({"begun": 2})), "there was nothing to do since");
    let problem = || Problem::transient(Code::WORK001, "m", "h");
    let failed = ended(ended(nothing, Err(problem())), Err(problem()));
    assert_eq!((failed.failures, failed.problem.clone()), (2, Some(problem())));
    assert_eq!(failed.due_at, Some(now() + TimeDelta::minutes(2) + TimeDelta::milliseconds(1_500)));
    let well = ended(failed, Ok(Done { report: None, more: true }));
    assert_eq!((well.failures, well.problem), (0, None));
    assert_eq!(well.due_at, well.finished_at);
}

#[test]
fn a_task_stalls_when_it_is_late_too_long_at_work_or_left_by_a_hub_that_died() {
    use HubTaskState::{Failing, Idle, Off, Running, Stalled};
    let long_ago = -(drills().timeout.as_secs() as i64) / 60 - SLACK.num_minutes() - 1;
    let failed = |task: BackgroundTask| {
        let problem = Some(Problem::transient(Code::WORK001, "m", "h"));
        BackgroundTask { record: TaskRecord { problem, failures: 1, ..task.record }, ..task }
    };
    for (what, task, expected) in [
        ("no Hub ever ran it", None, Stalled),
        ("no Hub ever ran it, and a person asked", Some(requested(-1, BackgroundTask::default())), Stalled),
        ("idle", Some(ran(-30, Some(-29), 30)), Idle),
        ("due since a minute", Some(ran(-61, Some(-61), -1)), Idle),
        ("due since three", Some(ran(-63, Some(-63), -3)), Stalled),
        ("failed", Some(failed(ran(-1, Some(0), 1))), Failing),
        ("failed, and late", Some(failed(ran(-63, Some(-63), -3))), Stalled),
        ("at work", Some(leased(1, ran(-1, None, -1))), Running),
        ("at work for too long", Some(leased(1, ran(long_ago, None, -1))), Stalled),
        ("its Hub died a minute ago", Some(leased(-1, ran(-2, None, -2))), Running),
        ("its Hub died, and no other took over", Some(leased(-3, ran(-4, None, -4))), Stalled),
    ] {
        assert_eq!(state(drills(), task.as_ref(), now()), expected, "{what}");
    }
    let backup = entry(HUB_BACKUP).expect("is in the table");
    assert_eq!(state(backup, None, now()), Off, "the settings do not ask for it");
}

#[test]
fn the_list_has_every_task_of_the_table_the_worst_first_and_none_of_hubs_that_ended() {
    let of_hub = |name: &str, hub: &str, until: i64| BackgroundTask {
        name: name.to_owned(),
        hub: Some(hub.to_owned()),
        lease: at(until).map(|until| (hub.to_owned(), until)),
        record: TaskRecord { started_at: at(0), finished_at: at(0), due_at: at(0), ..TaskRecord::default() },
        ..BackgroundTask::default()
    };
    let tasks = [
        ran(-30, Some(-29), 30),
        of_hub(MESSAGES, "one", 1),
        of_hub(MESSAGES, "two", 1),
        of_hub(MESSAGES, "three", -1),
        of_hub(ORDER_EFFECTS, "three", -1),
    ];
    let listed = list(&tasks, now(), Language::De);
    let states: Vec<_> = listed.iter().map(|task| task.state).collect();
    assert!(states.is_sorted(), "{states:?}");
    let of = |name: &str| {
        let found = listed.iter().filter(|task| task.name == name);
        found.map(|task| (task.hub.as_deref(), task.state)).collect::<Vec<_>>()
    };
    use HubTaskState::{Idle, Stalled};
    assert_eq!(of(MESSAGES), [(Some("one"), Idle), (Some("two"), Idle)]);
    assert_eq!(of(ORDER_EFFECTS), [(None, Stalled)]);
    assert_eq!(of(DRILLS), [(None, Idle)]);
    assert!(TABLE.iter().all(|entry| listed.iter().any(|task| task.name == entry.name)));
}
