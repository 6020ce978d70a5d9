use std::sync::Arc;

use letsbe_gate::Action;
use letsbe_types::{
    ids::ApprovalId,
    tenant::{ApprovalState, Autonomy, TenantEventKind},
};
use serde_json::json;
use tokio::sync::Notify;

use super::{CANARY, KEY, Recorder, Server, id_of};

#[tokio::test]
async fn a_call_that_waits_is_done_once_after_a_persons_word_on_the_server() {
    let mut server = Server::new(Autonomy::Level1);
    let answer = server.ask("restart", Some("ghost"), json!({})).await;
    assert_eq!(answer["status"], "waiting");
    let id = id_of(&answer);
    assert!(answer["expires_at"].is_string() && server.recorder.seen().is_empty());
    // The Hub may be away, and the agent may have been restarted: all of it is on this server.
    server.restart();
    let listed = server.control("GET", "/approvals", None).await.expect("listed");
    assert_eq!(listed[0]["id"], json!(id));
    let word = json!({ "approve": true, "by": "anna" });
    for _ in 0..3 {
        server.control("POST", &format!("/approvals/{id}"), Some(word.clone())).await.expect("decided");
    }
    server.until(|server| server.state(id) == ApprovalState::Done).await;
    assert_eq!(server.recorder.seen().len(), 1);
    let answer = server.ask("approval_status", None, json!({ "approval": id })).await;
    assert_eq!((answer["status"].as_str(), answer["by"].as_str()), (Some("done"), Some("anna")));
    assert!(
        answer["answer"]["result"]["stdout"].as_str().is_some_and(|text| text.contains("SECRET_REF(ghost"))
    );
    let (path, other) = (format!("/approvals/{id}"), json!({ "approve": false, "by": "x" }));
    assert_eq!(server.control("POST", &path, Some(other)).await.expect_err("settled").code, "GATE003");
    server.restart();
    assert_eq!(server.recorder.seen().len(), 1, "not again after a restart");
    assert_eq!(server.phases(), ["held", "decided", "begun", "ended", "answered"]);
    assert!(!server.log().contains(CANARY));
}

#[tokio::test]
async fn what_the_hub_does_not_show_whole_is_approved_on_the_server_only() {
    let server = Server::new(Autonomy::Level2);
    for (bytes, shown) in [(100, true), (9_000, false)] {
        let mail = json!({ "command": ["sendmail", "-t"], "stdin": "x y ".repeat(bytes / 4) });
        let id = id_of(&server.ask("run", Some("ghost"), mail).await);
        let said = server.gate.decide_from_afar(id, true, "anna").await;
        assert_eq!(said.err().map(|problem| problem.code), (!shown).then(|| "GATE013".to_owned()));
        if !shown {
            assert_eq!(server.state(id), ApprovalState::Pending);
            server.gate.decide(id, true, "root").await.expect("on the server");
        }
        server.until(|server| server.state(id) == ApprovalState::Done).await;
    }
}

#[tokio::test]
async fn the_operators_commands_work_on_the_server() {
    use crate::gate::{ApprovalsCommand as Command, GateCommand, approvals, gate};

    let server = Server::new(Autonomy::Level1);
    let (first, second) = (
        id_of(&server.ask("restart", Some("ghost"), json!({})).await),
        id_of(&server.ask("restart", Some("wordpress"), json!({})).await),
    );
    let run = |command| approvals(&server.layout, command);
    run(Command::List { all: false, json: false }).await.expect("lists");
    run(Command::Show { id: first, json: false }).await.expect("shows");
    run(Command::Approve { id: first, json: true }).await.expect("approves");
    run(Command::Refuse { id: second, json: false }).await.expect("refuses");
    server.until(|server| server.state(first) == ApprovalState::Done).await;
    assert_eq!(server.state(second), ApprovalState::Refused);
    run(Command::Show { id: first, json: false }).await.expect("shows the result");
    let unknown = run(Command::Approve { id: ApprovalId::generate(), json: false }).await;
    assert_eq!(unknown.expect_err("unknown").code, "GATE003");
    gate(&server.layout, GateCommand::Log { lines: 5, json: false }).expect("shows");
    gate(&server.layout, GateCommand::Verify { json: false, heads: None }).expect("good");
    let path = super::super::log_path(&server.layout);
    let changed = server.log().replacen("\"restart\"", "\"disk\"", 1);
    std::fs::write(&path, changed).expect("writes");
    assert_eq!(
        gate(&server.layout, GateCommand::Verify { json: true, heads: None }).expect_err("found").code,
        "GATE012"
    );
}

#[tokio::test]
async fn the_hub_is_told_of_every_approval_and_how_it_was_settled() {
    let server = Server::new(Autonomy::Level1);
    let approved = id_of(&server.ask("restart", Some("ghost"), json!({})).await);
    let refused = id_of(&server.ask("restart", Some("wordpress"), json!({})).await);
    let asked = |event: &TenantEventKind| match event {
        TenantEventKind::ApprovalRequested { approval } => {
            Some((approval.id, approval.class.clone(), approval.plan.clone()))
        }
        _ => None,
    };
    let told: Vec<_> = server.events.all().iter().filter_map(asked).collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].0 == approved && told[0].1 == "YELLOW" && told[0].2.contains("ghost"), "{told:?}");
    server.gate.decide(refused, false, "hub:bert").await.expect("decided");
    server.gate.decide(approved, true, "hub:bert").await.expect("decided");
    server
        .until(|server| server.events.settled().iter().any(|(state, _)| *state == ApprovalState::Done))
        .await;
    let states: Vec<ApprovalState> = server.events.settled().into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, [ApprovalState::Refused, ApprovalState::Approved, ApprovalState::Done]);
    assert_eq!(server.recorder.seen().len(), 1);
}

#[tokio::test]
async fn time_settles_what_nobody_decides() {
    let server = Server::new(Autonomy::Level1);
    let id = id_of(&server.ask("restart", Some("ghost"), json!({})).await);
    server.gate.expire(chrono::Utc::now() + chrono::TimeDelta::hours(23)).await.expect("swept");
    assert_eq!(server.gate.pending(), 1);
    server.gate.expire(chrono::Utc::now() + chrono::TimeDelta::hours(25)).await.expect("swept");
    assert_eq!((server.gate.pending(), server.state(id)), (0, ApprovalState::Expired));
    assert_eq!(server.events.settled(), [(ApprovalState::Expired, "time".to_owned())]);
    assert_eq!(server.gate.decide(id, true, "anna").await.expect_err("too late").code, "GATE003");
    assert!(server.recorder.seen().is_empty());
}

#[tokio::test]
async fn an_approval_is_good_for_its_own_call_only() {
    let server = Server::new(Autonomy::Level1);
    let id = id_of(&server.ask("restart", Some("ghost"), json!({})).await);
    server.gate.decide(id, true, "anna").await.expect("decided");
    server.until(|server| server.state(id) == ApprovalState::Done).await;
    let repeat = |verb: &str, tool: &str, approval: ApprovalId| {
        let body = json!({ "agent": "it-admin", "verb": verb, "tool": tool, "approval": approval });
        server.post("/api/v1/tools/execute", KEY, body.to_string())
    };
    let (status, answer) = repeat("restart", "ghost", id).await;
    assert_eq!((status, answer["data"]["status"].as_str()), (200, Some("done")));
    for (verb, tool, id) in
        [("rotate", "ghost", id), ("restart", "wordpress", id), ("restart", "ghost", ApprovalId::generate())]
    {
        let (status, answer) = repeat(verb, tool, id).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (409, Some("GATE003")), "{verb} {tool}");
    }
    assert_eq!(server.recorder.seen().len(), 1);
}

#[tokio::test]
async fn what_a_crash_cut_off_is_told_and_never_begun_again() {
    let gate = Arc::new(Notify::new());
    let mut server = Server::with(Autonomy::Level1, Recorder { gate: Some(gate), ..Recorder::default() });
    let id = id_of(&server.ask("restart", Some("ghost"), json!({})).await);
    server.gate.decide(id, true, "anna").await.expect("decided");
    server.until(|server| server.recorder.seen().len() == 1).await;
    server.restart();
    assert_eq!(server.state(id), ApprovalState::Done);
    let answer = server.ask("approval_status", None, json!({ "approval": id })).await;
    assert_eq!(answer["answer"]["problem"]["code"], "GATE011");
    assert_eq!(server.recorder.seen().len(), 1);
}

#[tokio::test]
async fn what_was_approved_before_a_crash_is_done_once_after_it() {
    let mut server = Server::new(Autonomy::Level1);
    let id = id_of(&server.ask("restart", Some("ghost"), json!({})).await);
    // The word is on disk, and the agent dies before it does anything about it.
    let word = server.gate.store.change(|approvals| approvals.decide(id, true, "anna", chrono::Utc::now()));
    word.expect("decided");
    server.restart();
    server.gate.expire(chrono::Utc::now()).await.expect("swept");
    server.until(|server| server.state(id) == ApprovalState::Done).await;
    server.restart();
    server.gate.expire(chrono::Utc::now()).await.expect("swept");
    // Whatever the sweep has begun comes before this in the executor's list.
    server.ask("disk", None, json!({})).await;
    let seen = server.recorder.seen();
    assert_eq!(
        seen.iter().filter(|seen| matches!(seen.action, Action::Restart { .. })).count(),
        1,
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_decision_that_a_crash_kept_out_of_the_log_is_in_it_after_the_start() {
    for approve in [true, false] {
        let mut server = Server::new(Autonomy::Level1);
        let id = id_of(&server.ask("restart", Some("ghost"), json!({})).await);
        let word =
            server.gate.store.change(|approvals| approvals.decide(id, approve, "anna", chrono::Utc::now()));
        word.expect("decided");
        assert!(!server.phases().iter().any(|phase| phase == "decided"));
        server.restart();
        server.restart();
        let decided = server.phases().iter().filter(|phase| *phase == "decided").count();
        assert_eq!(decided, 1, "once: the Hub was told, too");
    }
}

#[tokio::test]
async fn an_approved_call_waits_for_the_vault() {
    let server = Server::new(Autonomy::Level1);
    let id = id_of(&server.ask("restart", Some("ghost"), json!({})).await);
    server.secrets.send_replace(None);
    server.gate.decide(id, true, "anna").await.expect("decided");
    server.gate.expire(chrono::Utc::now()).await.expect("swept");
    assert_eq!(server.state(id), ApprovalState::Approved);
    server.secrets.send_replace(Some(super::secrets()));
    server.gate.expire(chrono::Utc::now()).await.expect("swept");
    server.until(|server| server.state(id) == ApprovalState::Done).await;
    assert_eq!(server.recorder.seen().len(), 1);
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_break_off_what_was_begun() {
    let gate = Arc::new(Notify::new());
    let server =
        Server::with(Autonomy::Level3, Recorder { gate: Some(Arc::clone(&gate)), ..Recorder::default() });
    let asked = server.ask("rotate", Some("ghost"), json!({}));
    tokio::select! {
        answer = asked => panic!("{answer}"),
        () = server.until(|server| server.recorder.seen().len() == 1) => {}
    }
    gate.notify_one();
    server.until(|server| server.phases() == ["begun", "ended"]).await;
}
