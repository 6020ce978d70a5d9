//! The ten steps again on a live server: one run at a time, the customer notices nothing, and the plan beforehand.

use std::os::unix::fs::PermissionsExt as _;

use axum::http::StatusCode;
use chrono::TimeDelta;
use letsbe_lifecycle::order::{Event, Pace, Phase};
use letsbe_types::{api::Convergence, clock::Clock as _, ids::OrderId};
use serde_json::{Value, json};

use crate::{
    Answer, Hub, ask,
    recovery::bench::{Bench, Run},
};

async fn act(bench: &Bench, id: OrderId) -> Answer {
    // What was done before was done before.
    bench.hub.clock.advance(TimeDelta::seconds(1));
    let path = format!("/api/v1/admin/orders/{id}/actions");
    bench.hub.json("POST", &path, Some(&bench.staff), &json!({"action": "converge"})).await
}

async fn detail(bench: &Bench, id: OrderId, after: i64) -> Value {
    let path = format!("/api/v1/admin/orders/{id}?after={after}");
    bench.hub.get(&path, Some(&bench.staff)).await.json()["data"].clone()
}

async fn ended(bench: &Bench, id: OrderId) -> Convergence {
    let mut changes = bench.hub.store.changes();
    let end = async {
        loop {
            let order = bench.hub.store.order(id).await.unwrap().unwrap();
            match order.state.convergence {
                Some(Convergence::Running) | None => changes.changed().await.unwrap(),
                Some(how) => {
                    assert_eq!(order.state.phase, Phase::Fulfilled);
                    return how;
                }
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), end).await.expect("the run ends")
}

#[tokio::test]
async fn a_live_server_gets_the_ten_steps_again_by_one_run_at_a_time() {
    let (bench, id) = Bench::live().await;
    let host_key = bench.hub.store.order(id).await.unwrap().unwrap().host_key;
    assert!(host_key.is_some(), "it was recorded when the server was installed");
    let before = detail(&bench, id, 0).await;
    let last = before["timeline"].as_array().unwrap().last().unwrap()["sequence"].as_i64().unwrap();
    assert_eq!(act(&bench, id).await.status, StatusCode::OK);
    let second = act(&bench, id).await;
    assert_eq!(second.status, StatusCode::CONFLICT);
    let error = &second.json()["error"];
    assert_eq!(error["code"], "HUB045", "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--follow"), "{error}");

    let mut run = bench.run().await;
    // Nothing is said about what the server has and the Hub does not keep.
    let desired = &run.job.desired;
    assert!(desired.models.is_none() && desired.backups.is_none() && desired.restore.is_none());
    assert_eq!(desired.domain.as_str(), before["domain"].as_str().unwrap());
    assert_eq!(run.job.host_key, host_key, "no other server is logged in to");
    bench.report(&mut run, "RUNNING", &[json!({"event": "started", "attempt": 1})]).await;
    let meanwhile = detail(&bench, id, last).await;
    assert_eq!(
        (&meanwhile["state"], &meanwhile["convergence"]["state"]),
        (&json!("FULFILLED"), &json!("running"))
    );
    let lines = meanwhile["timeline"].to_string();
    assert!(lines.contains("The run began on the server") && !lines.contains("checked out"), "{lines}");
    bench.report(&mut run, "COMPLETED", &[]).await;
    bench.end(run);
    assert_eq!(ended(&bench, id).await, Convergence::Done);
    let lines = detail(&bench, id, last).await["timeline"].to_string();
    assert!(lines.contains("all ten steps and the verification passed"), "{lines}");
    assert!(!lines.contains("told by e-mail"), "the customer hears of nothing: {lines}");
    let files = std::fs::read_dir(bench.hub.jobs_folder()).unwrap().count();
    assert_eq!(files, 0, "the tokens of the job are gone");
}

#[tokio::test]
async fn a_server_whose_key_was_revoked_registers_again_by_a_run() {
    let (bench, id) = Bench::live().await;
    let path = format!("/api/v1/admin/tenants/{id}/revoke");
    assert_eq!(bench.hub.json("POST", &path, Some(&bench.staff), &json!({})).await.status, StatusCode::OK);
    bench.hub.clock.advance(TimeDelta::seconds(1));
    assert_eq!(act(&bench, id).await.status, StatusCode::OK);
    let mut run = bench.run().await;
    assert!(run.job.desired.hub.as_ref().unwrap().again);
    bench.register(&run).await;
    bench.report(&mut run, "COMPLETED", &[]).await;
    bench.end(run);
    assert_eq!(ended(&bench, id).await, Convergence::Done);
    bench.hub.clock.advance(TimeDelta::seconds(1));
    assert_eq!(act(&bench, id).await.status, StatusCode::OK);
    let run = bench.run().await;
    assert!(!run.job.desired.hub.as_ref().unwrap().again, "its new key is taken");
    bench.end(run);
}

async fn registers(bench: &Bench, run: &Run) -> StatusCode {
    let link = run.job.desired.hub.as_ref().unwrap();
    let who = json!({"identity": run.job.desired.identity.0, "node_version": "0.1.0"});
    let path = "/api/v1/tenant/register";
    bench.hub.json("POST", path, Some(&link.registration_token), &who).await.status
}

#[tokio::test]
async fn a_token_from_before_a_revocation_or_of_a_run_that_ended_registers_nobody() {
    let (bench, id) = Bench::live().await;
    // A healthy server is registered: nobody uses this run's token, and root there may have copied it.
    assert_eq!(act(&bench, id).await.status, StatusCode::OK);
    let mut run = bench.run().await;
    bench.hub.clock.advance(TimeDelta::seconds(1));
    let path = format!("/api/v1/admin/tenants/{id}/revoke");
    assert_eq!(bench.hub.json("POST", &path, Some(&bench.staff), &json!({})).await.status, StatusCode::OK);
    assert_eq!(registers(&bench, &run).await, StatusCode::UNAUTHORIZED, "it is as old as the key");
    bench.report(&mut run, "COMPLETED", &[]).await;
    bench.end(run);
    let Convergence::Failed { problem } = ended(&bench, id).await else { panic!("the key stays revoked") };
    assert_eq!(problem.code, "PROV005");

    bench.hub.clock.advance(TimeDelta::seconds(1));
    assert_eq!(act(&bench, id).await.status, StatusCode::OK);
    let mut run = bench.run().await;
    bench.register(&run).await;
    bench.report(&mut run, "COMPLETED", &[]).await;
    bench.end(run);
    assert_eq!(ended(&bench, id).await, Convergence::Done);

    bench.hub.clock.advance(TimeDelta::seconds(1));
    assert_eq!(act(&bench, id).await.status, StatusCode::OK);
    let mut run = bench.run().await;
    bench.report(&mut run, "COMPLETED", &[]).await;
    assert_eq!(registers(&bench, &run).await, StatusCode::UNAUTHORIZED, "its run has ended");
    bench.end(run);
}

fn job_files(bench: &Bench, run: &Run) -> std::path::PathBuf {
    bench.hub.jobs_folder().join(run.job.id.to_string())
}

#[tokio::test]
async fn a_run_whose_end_nobody_took_note_of_is_not_run_again_and_leaves_no_tokens() {
    let (bench, id) = Bench::live().await;
    bench.hub.clock.advance(TimeDelta::seconds(1));
    assert_eq!(act(&bench, id).await.status, StatusCode::OK);
    let mut run = bench.run().await;
    bench.report(&mut run, "COMPLETED", &[]).await;
    let files = job_files(&bench, &run);
    assert!(files.exists());
    // Whoever waits for the provisioner is taken for dead, and another goes on.
    bench.hub.clock.advance(TimeDelta::minutes(1));
    assert_eq!(ended(&bench, id).await, Convergence::Done);
    assert!(!files.exists() && !bench.folder().join("work.json").exists(), "nobody was started again");
}

#[tokio::test]
async fn a_run_that_a_recovery_gave_up_leaves_no_tokens_and_is_none_of_a_later_run() {
    let (bench, id) = Bench::live().await;
    // Another order takes the only other server: the recovery waits for one, and can be taken back.
    let other = bench.hub.order(2).await;
    bench.hub.apply(other, &Event::PaymentReceived).await;
    bench.until(other, Phase::DnsPending).await;
    bench.hub.clock.advance(TimeDelta::seconds(1));
    assert_eq!(act(&bench, id).await.status, StatusCode::OK);
    let mut given_up = bench.run().await;
    let files = job_files(&bench, &given_up);
    bench.report(&mut given_up, "COMPLETED", &[]).await;
    bench.ask(id, "", &json!({"reason": "it burnt", "source": crate::recovery::source()})).await;
    bench.ask(id, "/cancel", &json!({"reason": "it did not"})).await;
    bench.until(id, Phase::Fulfilled).await;
    bench.hub.clock.advance(TimeDelta::seconds(1));
    assert_eq!(act(&bench, id).await.status, StatusCode::OK);
    let run = bench.run().await;
    assert_ne!(run.job.id, given_up.job.id);
    assert!(!files.exists() && job_files(&bench, &run).exists());
    bench.end(run);
}

#[tokio::test]
async fn runs_on_live_servers_leave_room_for_orders_that_were_paid() {
    let (hub, staff) = Hub::with_staff().await;
    for number in 1..=9 {
        let id = hub.order(number).await;
        crate::recovery::live_on(&hub, id, &format!("netcup:{number}")).await;
    }
    // What would have brought them there is done.
    let (now, pace) = (hub.clock.now(), Pace::default());
    while let Some(leased) = hub.store.lease_effect("test", TimeDelta::hours(1), now).await.unwrap() {
        hub.store.finish_effect(&leased, &Event::CustomerNotified, &pace, now).await.unwrap();
    }
    let mut last = None;
    for number in 1..=9 {
        let id = crate::order_id(number);
        let path = format!("/api/v1/admin/orders/{id}/actions");
        let answer = hub.json("POST", &path, Some(&staff), &json!({"action": "converge"})).await;
        let expected = if number == 9 { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK };
        assert_eq!(answer.status, expected, "{number}: {answer:?}");
        last = Some((id, answer));
    }
    let (id, refused) = last.unwrap();
    let error = &refused.json()["error"];
    assert_eq!(error["code"], "HUB050");
    assert!(
        error["hint"].as_str().unwrap().contains("--no-wait") && refused.headers.contains_key("retry-after")
    );
    let order = hub.store.order(id).await.unwrap().unwrap();
    assert_eq!(order.state.convergence, None, "nothing was begun");
}

#[tokio::test]
async fn a_run_that_fails_leaves_the_order_live_and_says_why() {
    let (bench, id) = Bench::live().await;
    assert_eq!(act(&bench, id).await.status, StatusCode::OK);
    let run = bench.run().await;
    let problem =
        json!({"code": "HOST003", "message": "the disk is full", "hint": "make room", "retryable": true});
    let report = json!({"status": "FAILED", "events": [], "host_key": null, "problem": problem});
    let path = format!("/api/v1/jobs/{}", run.job.id);
    assert_eq!(bench.hub.json("PATCH", &path, Some(&run.token), &report).await.status, StatusCode::OK);
    bench.end(run);
    let Convergence::Failed { problem } = ended(&bench, id).await else { panic!("it failed") };
    assert_eq!(problem.code, "HOST003");
    let detail = detail(&bench, id, 0).await;
    // What may stand in the way of a mail is another matter.
    assert_ne!(detail["problem"]["code"], "HOST003");
    assert_eq!(detail["attention"], "live");
    let line = "[HOST003] The run on the live server did not succeed: the disk is full. make room";
    assert!(detail["timeline"].to_string().contains(line), "{detail}");
    assert_eq!(act(&bench, id).await.status, StatusCode::OK, "it can be asked for again");
}

/// A number that the database says to somebody beside the Hub.
async fn beside(bench: &Bench, statement: &str) -> Option<i64> {
    let rows = ask(&bench.folder(), statement).await;
    rows.first().and_then(|row| row.try_get_by_index(0).unwrap())
}

/// Waits until somebody has taken the run up so many times.
async fn taken_up(bench: &Bench, times: i64) {
    let fence = "SELECT max(fence) FROM effects WHERE kind = 'provision' AND status = 'running'";
    let taken = async {
        while beside(bench, fence).await.unwrap_or_default() < times {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), taken).await.expect("it is taken up again");
}

#[tokio::test]
async fn a_table_that_cannot_be_read_for_a_while_loses_no_run_and_makes_none_anew() {
    for table in ["jobs", "agents", "orders", "timeline"] {
        let (bench, id) = Bench::live().await;
        bench.hub.clock.advance(TimeDelta::seconds(1));
        let before = beside(&bench, "SELECT count(*) FROM jobs").await;
        assert_eq!(act(&bench, id).await.status, StatusCode::OK);
        let mut run = bench.run().await;
        bench.report(&mut run, "COMPLETED", &[]).await;
        beside(&bench, &format!("ALTER TABLE {table} RENAME TO away")).await;
        bench.end(run);
        // Each one who takes it up fails on this table; the third has seen two do so.
        for times in 2..=3 {
            bench.hub.clock.advance(TimeDelta::minutes(1));
            taken_up(&bench, times).await;
        }
        beside(&bench, &format!("ALTER TABLE away RENAME TO {table}")).await;
        bench.hub.clock.advance(TimeDelta::minutes(1));
        assert_eq!(ended(&bench, id).await, Convergence::Done, "{table}");
        let jobs = beside(&bench, "SELECT count(*) FROM jobs").await;
        assert_eq!(jobs, before.map(|before| before + 1), "{table}: one run, one job");
        assert!(!bench.folder().join("work.json").exists(), "{table}: nobody was started again");
    }
}

/// A provisioner that says this when a plan is asked for, and keeps what it was given.
fn planned(bench: &Bench, lines: &str) {
    let folder = bench.folder();
    std::fs::write(folder.join("plan"), lines).unwrap();
    let (asked, plan) = (folder.join("asked.json"), folder.join("plan"));
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --plan ] || exit 9\ncat > {}\ncat {}\n",
        asked.display(),
        plan.display()
    );
    let fresh = folder.join("planner.new");
    std::fs::write(&fresh, script).unwrap();
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(fresh, folder.join("provisioner")).unwrap();
}

async fn plan(bench: &Bench, id: OrderId) -> Value {
    let path = format!("/api/v1/admin/tenants/{id}/converge/plan");
    let answer = bench.hub.json("POST", &path, Some(&bench.staff), &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["data"].clone()
}

#[tokio::test]
async fn a_plan_says_what_would_change_or_what_would_stop_the_run_and_starts_nothing() {
    let (bench, id) = Bench::live().await;
    let line = json!({"step": 1, "operation": "packages.installed",
        "assessment": {"Ok": {"assessment": "converged", "why": "all there"}}});
    planned(&bench, &format!("{line}\n"));
    assert_eq!(plan(&bench, id).await, json!({"operations": [line], "problem": null}));
    let asked: Value =
        serde_json::from_slice(&std::fs::read(bench.folder().join("asked.json")).unwrap()).unwrap();
    assert_eq!(asked["report"], Value::Null, "nothing is reported");
    assert_eq!(asked["desired"]["hub"]["registration_token"], "a-plan-registers-nobody");
    let refused =
        json!({"problem": {"code": "HOST001", "message": "another's", "hint": "look", "retryable": false}});
    planned(&bench, &format!("{refused}\n"));
    assert_eq!(plan(&bench, id).await["problem"]["code"], "HOST001");
    planned(&bench, "");
    assert_eq!(plan(&bench, id).await["problem"]["code"], "HUB048");
    assert_eq!(bench.hub.store.order(id).await.unwrap().unwrap().state.convergence, None);
    bench.ask(id, "", &json!({"reason": "it burnt", "source": crate::recovery::source()})).await;
    assert_eq!(plan(&bench, id).await["problem"]["code"], "HUB046", "a lost server is not asked");
    let acted = act(&bench, id).await;
    assert_eq!((acted.status, &acted.json()["error"]["code"]), (StatusCode::CONFLICT, &json!("HUB046")));
}
