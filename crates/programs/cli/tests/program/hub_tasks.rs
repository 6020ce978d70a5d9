//! `letsbe hub tasks`.

use serde_json::{Value, json};

use crate::{Operator, hub::FakeHub};

fn task(name: &str, state: &str) -> Value {
    json!({
        "name": name, "about": "Does something.", "state": state, "hub": null, "each_hub": false,
        "needs": (state == "off").then_some("[backups.hub]"), "running_since": null, "started_at": null, "took_ms": null,
        "did": null, "problem": null, "failures": 0, "next_at": null, "requested_at": null, "requested_by": null,
    })
}

fn hub() -> FakeHub {
    FakeHub::new(|line, _| match line {
        "GET /api/v1/admin/hub/tasks" => (200, json!([task("drills", "stalled"), task("hub-backup", "off")])),
        "POST /api/v1/admin/hub/tasks/drills/run" => (200, task("drills", "running")),
        _ => (409, json!({"code": "HUB051", "message": "No Hub runs it", "hint": "Add it."})),
    })
}

#[test]
fn tasks_are_listed_as_the_hub_sorts_them() {
    let operator = Operator::at(hub());
    let listed = operator.types(&["hub", "tasks"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let (first, second) = (listed.out.find("drills").unwrap(), listed.out.find("hub-backup").unwrap());
    assert!(first < second && listed.out.contains("stalled"), "{listed:?}");
    let json = operator.types(&["hub", "tasks", "--json"]).json();
    assert_eq!(json, json!([task("drills", "stalled"), task("hub-backup", "off")]));
}

#[test]
fn a_task_is_asked_for_by_its_name_and_a_plan_asks_for_nothing() {
    let operator = Operator::at(hub());
    for (words, code) in [
        (&["hub", "tasks", "run", "drills", "--plan"][..], 0),
        (&["hub", "tasks", "run", "hub-backup", "--plan"], 2),
        (&["hub", "tasks", "run", "../orders", "--plan"], 2),
        (&["hub", "tasks", "run", "../orders"], 1),
    ] {
        let said = operator.types(words);
        assert_eq!(said.code, Some(code), "{words:?}: {said:?}");
    }
    assert!(operator.hub.asked().iter().all(|line| line.starts_with("GET ")), "{:?}", operator.hub.asked());
    let run = operator.types(&["hub", "tasks", "run", "drills"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(operator.hub.asked().last().unwrap(), "POST /api/v1/admin/hub/tasks/drills/run");
    let refused = operator.types(&["hub", "tasks", "run", "hub-backup"]);
    assert!(refused.code == Some(1) && refused.err.contains("HUB051"), "{refused:?}");
}
