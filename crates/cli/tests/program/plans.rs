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
        (200, one)
    })
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
    let taken = json!({"code": "API409", "message": "Server manual:1 belongs to another order",
        "hint": "letsbe-hub return-server", "retryable": false});
    let operator = Operator::at(hub("fine", json!({"consequences": [], "problem": taken})));
    let said = operator.types(&assign);
    assert!(said.code == Some(2) && said.out.contains("belongs to another order (API409)"), "{said:?}");
    assert!(said.out.contains("return-server") && said.out.contains("nothing was done"), "{said:?}");
    assert_eq!(operator.hub.asked(), [format!("POST /api/v1/admin/orders/{TWO}/actions/plan")]);
}
