//! `POST /api/v1/tenant/events`

use axum::http::StatusCode;
use letsbe_test_postgres::cases;
use letsbe_types::{
    ids::{ApprovalId, CommandId},
    tenant::{ApprovalState, CommandWork, TenantCommand},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Answer, Hub, escrows::sealed_keys, start, tenant::registered};

const EVENTS: &str = "/api/v1/tenant/events";

pub(crate) fn event(sequence: u64, event: Value) -> Value {
    json!({"sequence": sequence, "at": "2026-11-21T11:00:00Z", "event": event})
}

fn tokens(input: u64) -> Value {
    json!({"kind": "tokens_used", "hour": "2026-11-21T11:00:00Z", "model": "openrouter/some-model",
           "input": input, "output": 5, "requests": 1})
}

pub(crate) fn approval(number: u128) -> Value {
    json!({"kind": "approval_requested", "approval": {
        "id": ApprovalId(uuid::Uuid::from_u128(number)), "requested_at": "2026-11-21T11:00:00Z",
        "expires_at": "2026-11-21T14:00:00Z", "action": "restart", "tool": "ghost", "class": "YELLOW",
        "plan": "Restart ghost", "agent": "ops", "state": "pending",
    }})
}

pub(crate) async fn send(hub: &Hub, key: &str, events: &[Value]) -> Answer {
    hub.json("POST", EVENTS, Some(key), &json!({ "events": events })).await
}

/// A proof of one set, changed as the test wants.
fn proven(number: u128, changes: Value) -> Value {
    let mut proof = json!({
        "tool": "ghost", "set": uuid::Uuid::from_u128(number), "taken_at": "2026-11-21T02:00:00Z",
        "began_at": "2026-11-21T02:30:00Z", "steps": [{"name": "restore", "milliseconds": 1500}],
        "equal": ["41 tables, 12000 rows"], "differences": [], "problem": null,
    });
    for (field, value) in changes.as_object().unwrap() {
        proof[field] = value.clone();
    }
    json!({"kind": "proven", "proof": proof})
}

fn through(answer: &Answer) -> u64 {
    answer.json()["data"]["taken_through"].as_u64().unwrap_or_else(|| panic!("{answer:?}"))
}

#[tokio::test]
async fn events_are_taken_once_with_what_follows_from_them() {
    let hub = Hub::new().await;
    let (tenant, key) = registered(&hub, 1).await;
    let first = [event(1, tokens(10)), event(2, tokens(20)), event(3, approval(7))];
    for _ in 0..3 {
        assert_eq!(through(&send(&hub, &key, &first).await), 3);
    }
    // Some again, some new, and some that the server had to drop.
    let more = [event(2, tokens(20)), event(3, approval(7)), event(6, tokens(100))];
    assert_eq!(through(&send(&hub, &key, &more).await), 6);
    // A number that was left out is still free, once.
    for _ in 0..2 {
        assert_eq!(through(&send(&hub, &key, &[event(5, tokens(1000))]).await), 5);
    }
    assert_eq!(through(&send(&hub, &key, &[]).await), 6);
    let used = hub.store.tokens(tenant, start() - chrono::TimeDelta::days(1)).await.unwrap();
    assert_eq!(used.len(), 1);
    assert_eq!((used[0].input, used[0].output, used[0].requests), (1130, 20, 4));
    assert_eq!(hub.store.approvals(tenant).await.unwrap().len(), 1);
    let settled = json!({"kind": "approval_settled", "approval": ApprovalId(uuid::Uuid::from_u128(7)),
                         "state": "approved", "by": "owner@acme.example"});
    let done = json!({"kind": "approval_settled", "approval": ApprovalId(uuid::Uuid::from_u128(7)),
                      "state": "done", "by": "agent"});
    assert_eq!(through(&send(&hub, &key, &[event(7, settled), event(8, done)]).await), 8);
    let approvals = hub.store.approvals(tenant).await.unwrap();
    assert_eq!(approvals[0].approval.state, ApprovalState::Done);
    assert_eq!(approvals[0].settled_by.as_deref(), Some("owner@acme.example"));
}

#[tokio::test]
async fn every_kind_of_event_is_kept_and_listed() {
    let hub = Hub::new().await;
    let (tenant, key) = registered(&hub, 1).await;
    let problem =
        json!({"code": "VAULT003", "message": "It did not work.", "hint": "Look.", "retryable": false});
    let sealed = sealed_keys(1);
    let kinds = [
        tokens(1),
        approval(1),
        json!({"kind": "update_seen", "update": {"image": "ghost:7", "digest": null, "seen_at": "2026-11-21T11:00:00Z"}}),
        json!({"kind": "rotated", "tool": "ghost", "secrets": 3, "problem": null}),
        json!({"kind": "rotated", "tool": "ghost", "secrets": 0, "problem": problem}),
        json!({"kind": "escrowed", "sealed": sealed, "recipients": ["age1first"]}),
        json!({"kind": "open_claw_updated", "from": "v2026.9", "to": "v2026.10", "problem": null}),
        json!({"kind": "trouble", "problem": problem}),
        proven(1, json!({})),
        proven(2, json!({"problem": problem, "equal": []})),
    ];
    let events: Vec<Value> = (1..).zip(kinds).map(|(sequence, kind)| event(sequence, kind)).collect();
    let count = events.len();
    let answer = send(&hub, &key, &events).await;
    assert_eq!(through(&answer), count as u64);
    assert_eq!(hub.store.tenant_events(tenant, 100).await.unwrap().len(), count);
    let kept = hub.store.escrows(tenant).await.unwrap();
    assert_eq!(kept[0].entry.recipients, ["age1first"]);
    assert_eq!(kept[0].sealed, sealed);
}

#[tokio::test]
async fn a_proof_is_kept_once_for_its_own_tenant_and_holds_only_without_a_difference() {
    let hub = Hub::new().await;
    let (tenant, key) = registered(&hub, 1).await;
    let (other, other_key) = registered(&hub, 2).await;
    let differs = json!({"began_at": "2026-11-22T02:30:00Z", "differences": ["posts: 39 rows, not 40"]});
    let later = json!({"began_at": "2026-11-23T02:30:00Z"});
    // The third is the first, told again after a restart of the agent.
    let events = [proven(1, json!({})), proven(1, differs), proven(1, json!({})), proven(2, later)];
    let events: Vec<Value> = (1..).zip(events).map(|(number, kind)| event(number, kind)).collect();
    assert_eq!(through(&send(&hub, &key, &events).await), 4);
    send(&hub, &other_key, &[event(1, proven(1, json!({"tool": "odoo"})))]).await;
    let proofs = hub.store.proofs(tenant, 10).await.unwrap();
    let held: Vec<(u128, bool)> = proofs.iter().map(|proof| (proof.set.0.as_u128(), proof.holds())).collect();
    assert_eq!(held, [(2, true), (1, false), (1, true)], "newest first");
    assert_eq!(proofs[1].differences, ["posts: 39 rows, not 40"]);
    assert_eq!(hub.store.proofs(tenant, 1).await.unwrap().len(), 1);
    assert_eq!(hub.store.proofs(other, 10).await.unwrap()[0].tool, "odoo");
}

#[tokio::test]
async fn a_server_whose_memory_was_put_back_is_told_so() {
    let hub = Hub::new().await;
    let (tenant, key) = registered(&hub, 1).await;
    send(&hub, &key, &[event(1, tokens(10)), event(2, tokens(20))]).await;
    let other = send(&hub, &key, &[event(2, tokens(21)), event(3, tokens(1))]).await;
    assert_eq!(other.conflict(), "HUB053");
    assert!(other.body.contains("Event 2"), "{other:?}");
    let used = hub.store.tokens(tenant, start() - chrono::TimeDelta::days(1)).await.unwrap();
    assert_eq!(used[0].input, 30, "nothing of it was taken");
}

#[tokio::test]
async fn wrong_events_are_refused_by_field_and_nothing_is_taken() {
    let hub = Hub::new().await;
    let (tenant, key) = registered(&hub, 1).await;
    let good = event(1, tokens(10));
    let long = json!({"kind": "trouble", "problem":
        {"code": "X1", "message": "m".repeat(5_000), "hint": "", "retryable": false}});
    let many: Vec<Value> = (1..=101).map(|sequence| event(sequence, tokens(1))).collect();
    for (events, named) in [
        (vec![good.clone(), event(1, tokens(1))], "events"),
        (vec![event(0, tokens(1))], "events"),
        (vec![event(u64::MAX, tokens(1))], "events"),
        (many, "events"),
        (vec![good.clone(), event(2, json!({"kind": "formatted_disk"}))], "events[1]"),
        (vec![event(1, tokens(u64::MAX))], "events[0].input"),
        (vec![event(1, long)], "events[0].problem.message"),
        (
            vec![event(1, json!({"kind": "rotated", "tool": "a b", "secrets": 1, "problem": null}))],
            "events[0].tool",
        ),
        (vec![event(1, proven(1, json!({"tool": "a b"})))], "events[0].proof.tool"),
        (vec![event(1, proven(1, json!({"began_at": "0001-01-01T00:00:00Z"})))], "events[0].proof.began_at"),
        (vec![event(1, proven(1, json!({"equal": vec!["x"; 41]})))], "events[0].proof.equal"),
        (vec![event(1, proven(1, json!({"equal": ["\u{1b}[2J"]})))], "events[0].proof.equal[0]"),
        (
            vec![event(1, proven(1, json!({"differences": ["x".repeat(201)]})))],
            "events[0].proof.differences[0]",
        ),
        (
            vec![event(1, proven(1, json!({"steps": [{"name": "a b", "milliseconds": 1}]})))],
            "events[0].proof.steps[0].name",
        ),
        (vec![event(1, proven(1, json!({"holds": true})))], "events[0].event.holds"),
    ] {
        let answer = send(&hub, &key, &events).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{named}: {answer:?}");
        assert!(answer.fields()[0].starts_with(named), "{named}: {answer:?}");
    }
    let large = vec![json!({"kind": "x".repeat(600_000)})];
    assert_eq!(send(&hub, &key, &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(hub.store.tenant_events(tenant, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn nobody_ends_a_command_of_another_tenant() {
    let hub = Hub::new().await;
    let (tenant, key) = registered(&hub, 1).await;
    let (_, thief) = registered(&hub, 2).await;
    let command = TenantCommand {
        id: CommandId::generate(),
        issued_at: start(),
        expires_at: start() + chrono::TimeDelta::hours(1),
        work: CommandWork::Report,
    };
    let line = letsbe_store::NewEntry::new("operator", "ok", "test");
    hub.store.create_command(tenant, &command, "ann", &line).await.unwrap();
    let result = json!({"kind": "command_finished", "result": {"command": command.id,
        "finished_at": "2026-11-21T12:00:00Z", "outcome": {"outcome": "done", "summary": "reported"}}});
    assert_eq!(send(&hub, &thief, &[event(1, result.clone())]).await.status, StatusCode::OK);
    assert_eq!(hub.store.command(tenant, command.id).await.unwrap().unwrap().outcome, None);
    send(&hub, &key, &[event(1, result)]).await;
    let ended = hub.store.command(tenant, command.id).await.unwrap().unwrap();
    assert!(ended.outcome.is_some() && ended.finished_at.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(24)) })]

    /// Lost answers, messages sent again, numbers left out: in whatever order.
    #[test]
    fn however_events_are_sent_each_counts_at_most_once(
        messages in proptest::collection::vec(proptest::collection::btree_set(1_u64..60, 1..20), 1..12),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let hub = Hub::new().await;
            let (tenant, key) = registered(&hub, 1).await;
            let mut all = std::collections::BTreeSet::<u64>::new();
            for numbers in &messages {
                let events: Vec<Value> = numbers.iter().map(|number| event(*number, tokens(*number))).collect();
                all.extend(numbers);
                assert_eq!(through(&send(&hub, &key, &events).await), *numbers.last().unwrap());
            }
            let used = hub.store.tokens(tenant, start() - chrono::TimeDelta::days(1)).await.unwrap();
            assert_eq!(used[0].input, all.into_iter().sum::<u64>());
        });
    }
}

#[tokio::test]
async fn a_nul_in_what_a_server_says_holds_up_neither_it_nor_the_lists() {
    let (hub, staff) = Hub::with_staff().await;
    let (tenant, key) = registered(&hub, 1).await;
    let mut asked = approval(7);
    asked["approval"]["plan"] = json!("Restart\u{0}ghost");
    assert_eq!(through(&send(&hub, &key, &[event(1, asked)]).await), 1);
    let list = hub.get("/api/v1/admin/tenants?q=a%00b", Some(&staff)).await;
    let listed = hub.get("/api/v1/admin/tenants", Some(&staff)).await;
    assert_eq!(
        (list.status.is_server_error(), listed.status),
        (false, StatusCode::OK),
        "{list:?} {listed:?}"
    );
    let kept = hub.store.approvals(tenant).await.unwrap();
    assert_eq!(kept[0].approval.plan, "Restart\u{fffd}ghost");
}
