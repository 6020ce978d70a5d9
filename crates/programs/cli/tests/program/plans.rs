//! What `--plan` says of what would stop something, and that it does nothing.

use serde_json::{Value, json};

use crate::{
    ONE, Operator, TWO,
    hub::{FakeHub, order, tenant},
};

/// A tenant whose server is like this, with an approval that was settled; the desk answers this.
fn hub(health: &'static str, desk: Value) -> FakeHub {
    FakeHub::new(move |line, _| {
        let path = line.split(' ').nth(1).unwrap_or_default();
        if path.ends_with("/actions/plan") {
            return (200, desk.clone());
        }
        if path.ends_with("/recovery/plan") {
            return (200, json!({"steps": ["another server is claimed"], "warnings": []}));
        }
        if path.contains("/orders/") {
            let mut one = order(ONE, "acme.example");
            one["timeline"] = json!([]);
            return (200, one);
        }
        (200, whole(health))
    })
}

/// A tenant with all that is known of it.
fn whole(health: &str) -> Value {
    let mut one = tenant(ONE, "acme.example");
    one["health"] = json!(health);
    one["heard_at"] = json!(chrono::Utc::now());
    let rest = json!({
        "connection": {"server": null, "address": null}, "heartbeat": null,
        "configuration": {"version": 1, "autonomy": 1, "token_pool": 1, "external_unlocked": [],
            "openclaw_version": null, "escrow_recipients": []},
        "commands": [], "approvals": [], "tokens_by_hour": [], "tokens_by_day": [], "hours": [], "days": [],
        "events": [], "escrow": null,
    });
    one.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    one
}

fn planned(health: &'static str, words: &[&str]) -> (Option<i32>, String) {
    let operator = Operator::at(hub(health, Value::Null));
    let said = operator.types(&[words, &["--plan"]].concat());
    let asked = operator.hub.asked();
    assert!(asked.iter().all(|line| line.starts_with("GET") || line.ends_with("/plan")), "{asked:?}");
    let json = operator.types(&[words, &["--plan", "--json"]].concat());
    assert_eq!((json.code, json.json()["problem"].is_null()), (said.code, said.code == Some(0)), "{json:?}");
    (said.code, said.out + &said.err)
}

#[test]
fn a_plan_for_a_tenant_says_what_would_stop_it_and_what_to_type_and_ends_with_2() {
    let command = ["tenants", "command", ONE, "restart", "ghost"];
    let (code, said) = planned("fine", &command);
    assert!(code == Some(0) && said.contains("restart ghost") && !said.contains("would stop"), "{said}");
    for (health, words, parts) in [
        ("revoked", &command[..], vec!["revoked", "HUB047", "letsbe tenants converge acme.example"]),
        ("silent", &command[..], vec!["silent", "letsbe tenants show acme.example"]),
        ("lost", &["backups", "run", ONE], vec!["replaced", "letsbe backups recoveries acme.example"]),
        ("fine", &["tenants", "command", ONE, "restart", "gost"], vec!["no tool gost", "Its tools: ghost"]),
        ("revoked", &["tenants", "revoke", ONE], vec!["revoked before"]),
    ] {
        let (code, said) = planned(health, words);
        assert_eq!(code, Some(2), "{health} {words:?}: {said}");
        for part in parts.into_iter().chain(["would stop"]) {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

#[test]
fn a_server_that_was_heard_a_moment_ago_stops_the_plan_of_a_recovery() {
    let recover = ["backups", "recover", ONE, "--reason", "it burnt"];
    let (code, said) = planned("fine", &recover);
    assert!(
        code == Some(2) && said.contains("--still-alive-is-ok") && said.contains("another server"),
        "{said}"
    );
    let (code, said) = planned("fine", &[&recover[..], &["--still-alive-is-ok"]].concat());
    assert!(code == Some(0) && !said.contains("would stop"), "{said}");
}

#[test]
fn a_plan_for_an_order_is_the_hubs_word() {
    let assign = ["orders", "assign", TWO, "--server", "manual:1", "--address", "192.0.2.1", "--plan"];
    let fine =
        json!({"consequences": ["The order goes from PAYMENT_CONFIRMED to SERVER_READY."], "problem": null});
    let said = Operator::at(hub("fine", fine)).types(&assign);
    assert!(said.code == Some(0) && said.out.contains("to SERVER_READY"), "{said:?}");
    let taken = json!({"code": "HUB058", "message": "Server manual:1 belongs to another order",
        "hint": "letsbe-hub return-server", "retryable": false});
    let operator = Operator::at(hub("fine", json!({"consequences": [], "problem": taken})));
    let said = operator.types(&assign);
    assert!(said.code == Some(2) && said.out.contains("belongs to another order (HUB058)"), "{said:?}");
    assert!(said.out.contains("return-server") && said.out.contains("nothing was done"), "{said:?}");
    assert_eq!(operator.hub.asked(), [format!("POST /api/v1/admin/orders/{TWO}/actions/plan")]);
}

/// A recovery of `netcup:1`, as the Hub tells of it.
fn recovery(waits_for: &str, state: &str) -> Value {
    json!({"id": ONE, "tenant": ONE, "domain": "acme.example", "state": state, "requested_at": "2026-11-21T11:00:00Z",
        "requested_by": "ann", "reason": "a fire", "clock_started_at": "2026-11-21T11:00:00Z",
        "lost": {"server": "netcup:1", "address": null, "settled": null}, "phase": "FAILED", "waits_for": waits_for,
        "can_be_cancelled": false, "restored": [], "rto_seconds": 60})
}

/// A Hub with a task, a destination and two questions of an AI team: one that can be taken back, one that cannot.
fn desk(class: &'static str) -> FakeHub {
    let asked = |id: &str, class: &str| {
        json!({"approval": {"id": id, "requested_at": "2026-11-21T11:00:00Z", "expires_at": "2126-11-21T14:00:00Z",
            "action": "restore", "tool": "ghost", "class": class, "plan": "Restore ghost", "agent": "ops",
            "state": "pending"}, "settled_by": null, "settled_at": null})
    };
    FakeHub::new(move |line, body| {
        let path = line.split(' ').nth(1).unwrap_or_default();
        match path.rsplit('/').next().unwrap_or_default() {
            "tasks" => (
                200,
                json!([{"id": TWO, "order": ONE, "domain": "acme.example", "kind": "payment_disputed",
                    "detail": "Answer the dispute.", "opened_at": "2026-11-21T11:00:00Z",
                    "deadline": "2026-11-28T11:00:00Z"}]),
            ),
            "destination" => (200, Value::Null),
            "recovery" => (200, recovery("operator", "running")),
            "recoveries?pageSize=50" => (200, json!([recovery("nothing", "finished")])),
            "approvals" => (200, json!([asked(ONE, class), asked(TWO, "YELLOW")])),
            _ if line.starts_with("POST") => (
                200,
                json!({"id": ONE, "issued_at": "2026-11-21T11:00:00Z", "expires_at": "2126-11-21T11:00:00Z",
                    "issued_by": "ann", "given_at": null, "finished_at": null, "outcome": {"outcome": "done", "summary": "ok"},
                    "work": {"do": "decide", "approval": ONE, "approve": body["approve"], "by": "ann"}}),
            ),
            _ if path.contains("/orders/") => {
                let mut one = order(ONE, "acme.example");
                one["timeline"] = json!([]);
                (200, one)
            }
            _ => (200, whole("fine")),
        }
    })
}

#[test]
fn what_is_written_down_at_the_hub_has_a_plan_that_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("destination.json");
    let key = "canary-of-the-key";
    let destination = json!({"kind": "s3", "endpoint": "https://s3.example.com", "region": "eu", "bucket": "copies",
        "prefix": "acme", "access_key_id": "AK", "secret_access_key": key, "protection": {"is": "versioned"}});
    std::fs::write(&file, destination.to_string()).unwrap();
    let file = file.display().to_string();
    for (words, part) in [
        (
            vec!["orders", "tasks", "--done", &TWO[..10]],
            "payment_disputed of acme.example is written down as done",
        ),
        (
            vec![
                "backups",
                "settle-lost",
                ONE,
                "--server",
                "netcup:1",
                "--became",
                "wiped",
                "--evidence",
                "T-1",
            ],
            "netcup:1 was wiped (T-1)",
        ),
        (vec!["backups", "drill", ONE], "restores every tool beside everything"),
        (vec!["backups", "destination", ONE, "--from", &file], "The Hub knows no destination now."),
    ] {
        let operator = Operator::at(desk("RED"));
        let said = operator.types(&[&words[..], &["--plan"]].concat());
        assert_eq!(said.code, Some(0), "{words:?}: {said:?}");
        assert!(said.out.contains(part) && said.out.contains("nothing was done"), "{words:?}: {said:?}");
        assert!(!said.out.contains(key) && !said.err.contains(key), "{said:?}");
        let asked = operator.hub.asked();
        assert!(asked.iter().all(|line| line.starts_with("GET")), "{asked:?}");
    }
}

#[test]
fn what_cannot_be_taken_back_is_allowed_only_after_a_question() {
    let approve = |class: &'static str, approval: &str, more: &[&str]| {
        let operator = Operator::at(desk(class));
        let said = operator.types(&[&["tenants", "approve", ONE, approval], more].concat());
        (said.code, operator.hub.asked().iter().any(|line| line.starts_with("POST")))
    };
    for class in ["CRITICAL_RED", "YELLOW_EXTERNAL", "SOMETHING_NEW"] {
        assert_eq!(approve(class, ONE, &[]), (Some(1), false), "{class}: nobody can be asked");
        assert_eq!(approve(class, ONE, &["--yes"]), (Some(0), true), "{class}");
    }
    assert_eq!(approve("RED", TWO, &[]), (Some(0), true), "it can be taken back");
}

#[test]
fn what_the_hub_would_refuse_of_a_recovery_its_plan_refuses() {
    let settle =
        ["backups", "settle-lost", ONE, "--became", "wiped", "--evidence", "T-1", "--server", "netcup:2"];
    let cancel = ["backups", "cancel-recovery", ONE, "--reason", "x"];
    for (words, part) in [(&settle[..], "netcup:2 is not a lost server"), (&cancel[..], "has begun with")] {
        let operator = Operator::at(desk("RED"));
        let said = operator.types(&[words, &["--plan"]].concat());
        assert!(said.code == Some(2) && said.out.contains(part), "{said:?}");
        assert!(operator.hub.asked().iter().all(|line| line.starts_with("GET")));
    }
}
