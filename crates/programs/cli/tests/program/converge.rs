//! The ten steps again on a live server, asked for by a person or a script.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::{
    ONE, Operator,
    hub::{FakeHub, order},
};

/// A Hub whose run goes on for two looks and then ends like this.
fn hub(end: Value, plan: Value) -> FakeHub {
    let looks = AtomicUsize::new(0);
    FakeHub::new(move |line, body| {
        let path = line.split(' ').nth(1).unwrap_or_default();
        let timeline = |number: i64, message: &str| json!([{"sequence": number, "at": chrono::Utc::now(), "kind": "step", "level": "ok", "message": message}]);
        if path.ends_with("/converge/plan") {
            return (200, plan.clone());
        }
        if path.ends_with("/actions") {
            assert_eq!(*body, json!({"action": "converge"}));
            looks.store(1, Ordering::SeqCst);
            return (200, order(ONE, "acme.example"));
        }
        let mut one = order(ONE, "acme.example");
        let look = looks.load(Ordering::SeqCst);
        one["timeline"] = match look {
            0 => timeline(7, "long ago"),
            1 => timeline(8, "Step 1: nothing to change"),
            _ => json!([]),
        };
        if look > 0 {
            let running = json!({"state": "running"});
            one["convergence"] = if look < 3 { running } else { end.clone() };
            looks.fetch_add(1, Ordering::SeqCst);
        }
        (200, one)
    })
}

fn planned(code: &str) -> Value {
    let problem =
        json!({"code": code, "message": "the server is another's", "hint": "look", "retryable": false});
    json!({"operations": [
        {"step": 1, "operation": "packages.installed",
         "assessment": {"Ok": {"assessment": "needed", "because": "jq is missing", "changes": ["install jq"]}}},
        {"step": 2, "operation": "identity.planted", "assessment": {"Err": problem}},
    ], "problem": null})
}

#[test]
fn a_run_is_followed_to_its_end_line_by_line() {
    let operator = Operator::at(hub(json!({"state": "done"}), Value::Null));
    let said = operator.types(&["tenants", "converge", ONE, "--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("Step 1: nothing to change") && !said.out.contains("long ago"), "{said:?}");
    assert!(said.out.contains("acme.example is what it should be"), "{said:?}");
    let script = Operator::at(hub(json!({"state": "done"}), Value::Null));
    let said = script.types(&["tenants", "converge", ONE, "--yes", "--json"]);
    assert_eq!(said.json()["convergence"]["state"], "done");
}

#[test]
fn a_run_that_fails_says_why_and_nobody_is_run_over_unasked() {
    let problem =
        json!({"code": "HOST003", "message": "the disk is full", "hint": "make room", "retryable": false});
    let failed = json!({"state": "failed", "problem": problem});
    let operator = Operator::at(hub(failed, Value::Null));
    let unasked = operator.types(&["tenants", "converge", ONE]);
    assert!(unasked.code == Some(1) && unasked.err.contains("--yes"), "{unasked:?}");
    assert!(!operator.hub.asked().iter().any(|line| line.starts_with("POST")), "nothing was asked for");
    let said = operator.types(&["tenants", "converge", ONE, "--yes"]);
    assert!(
        said.code == Some(1) && said.err.contains("the disk is full") && said.err.contains("make room"),
        "{said:?}"
    );
    let said = operator.types(&["tenants", "converge", ONE, "--yes", "--json"]);
    assert_eq!((said.code, said.json()["error"]["code"].as_str()), (Some(1), Some("HOST003")));
}

#[test]
fn a_plan_changes_nothing_and_ends_with_2_if_something_would_stop_the_run() {
    let live = Operator::at(hub(Value::Null, planned("NODE042")));
    let said = live.types(&["tenants", "converge", ONE, "--plan"]);
    assert!(said.code == Some(0) && said.out.contains("install jq"), "{said:?}");
    let stopped = Operator::at(hub(Value::Null, planned("HOST001")));
    let said = stopped.types(&["tenants", "converge", ONE, "--plan"]);
    assert!(said.code == Some(2) && said.out.contains("would stop at step 2"), "{said:?}");
    let under_way = json!({"operations": [], "problem": {"code": "HUB045", "message": "a run is under way",
        "hint": "letsbe orders show X --follow", "retryable": false}});
    let busy = Operator::at(hub(Value::Null, under_way));
    let said = busy.types(&["tenants", "converge", ONE, "--plan"]);
    assert!(said.code == Some(2) && said.out.contains("HUB045") && said.out.contains("--follow"), "{said:?}");
    let said = busy.types(&["tenants", "converge", ONE, "--plan", "--json"]);
    assert_eq!((said.code, said.json()["error"]["code"].as_str()), (Some(2), Some("HUB045")));
    for status in [408, 429, 500, 503] {
        let busy =
            Operator::at(FakeHub::new(move |_, _| (status, json!({"code": "API503", "message": "busy"}))));
        let said = busy.types(&["tenants", "converge", ONE, "--plan"]);
        assert_eq!(said.code, Some(1), "a busy Hub stops no run: {said:?}");
    }
    for operator in [live, stopped, busy] {
        assert!(operator.hub.asked().iter().all(|line| line.ends_with("/converge/plan")));
    }
}

#[test]
fn a_run_is_followed_over_a_hub_that_is_away_and_after_a_timeline_of_several_parts() {
    let looks = AtomicUsize::new(0);
    let operator = Operator::at(FakeHub::new(move |line, _| {
        if line.ends_with("/actions") {
            looks.store(1, Ordering::SeqCst);
            return (200, order(ONE, "acme.example"));
        }
        let after: i64 = line.rsplit_once("after=").unwrap().1.parse().unwrap();
        let look = looks.load(Ordering::SeqCst);
        let newest = if look == 0 { 1_003 } else { 1_004 };
        // The server's clock is an hour behind.
        let at = chrono::Utc::now() - chrono::TimeDelta::hours(1);
        let line = |number: i64| json!({"sequence": number, "at": at, "kind": "step", "level": "ok", "message": format!("line {number}.")});
        let mut one = order(ONE, "acme.example");
        one["timeline"] = (after + 1..=newest).take(1_000).map(line).collect();
        if look > 0 {
            looks.fetch_add(1, Ordering::SeqCst);
            one["convergence"] = json!({"state": if look < 4 { "running" } else { "done" }});
        }
        (
            match look {
                2 => 0,
                3 => 503,
                _ => 200,
            },
            one,
        )
    }));
    let said = operator.types(&["tenants", "converge", ONE, "--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("line 1004.") && !said.out.contains("line 1003."), "{said:?}");
}
