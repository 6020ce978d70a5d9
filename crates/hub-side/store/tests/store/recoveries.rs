//! Lost servers: what is stored together with each event, and what becomes of servers, agents and keys.

use chrono::TimeDelta;
use letsbe_lifecycle::order::{EffectKind, Event, Phase};
use letsbe_store::{Defaults, Introduction, KeysGiven, NewJob, NewRecovery, StoreError, token_hash};
use letsbe_types::{
    Code, Problem,
    api::{JobReport, JobStatus},
    ids::{JobId, OrderId, RecoveryId, SetId},
    job::{RestoredTool, RunEvent, RunEventKind},
    recovery::{GiveKeys, LostServerFate, RecoveryState, SettleLost},
};

use crate::{World, claimed, server};

const RECIPIENT: &str = "age1first";

/// A live order on server 1, with an agent.
async fn live(world: &World) -> OrderId {
    let id = world.paid_order().await;
    for event in [
        claimed(1),
        Event::ServerInstalled { address: [192, 0, 2, 1].into() },
        Event::DnsComplete,
        Event::ProvisioningPrepared,
    ] {
        world.apply(id, &event).await.unwrap();
    }
    let job = job(world, id).await;
    world.store.plant_host_key(id, "ssh-ed25519 first").await.unwrap();
    let introduction = Introduction {
        token_hash: &format!("token of {}", job.id),
        identity: &format!("identity-{id}"),
        node_version: "0.1.0",
        key_hash: &token_hash("agent"),
    };
    world.store.register_agent(introduction, &Defaults::default(), world.now()).await.unwrap();
    world.store.report_job(&job, &report(JobStatus::Completed, vec![]), world.now()).await.unwrap();
    world.apply(id, &Event::ProvisioningSucceeded).await.unwrap();
    id
}

async fn job(world: &World, order: OrderId) -> letsbe_store::Job {
    world.clock.advance(TimeDelta::seconds(1));
    let id = JobId::generate();
    let new = NewJob {
        id,
        order,
        runner_token_hash: token_hash("runner"),
        registration_token_hash: format!("token of {id}"),
    };
    world.store.create_job(&new, world.now()).await.unwrap()
}

fn report(status: JobStatus, events: Vec<RunEvent>) -> JobReport {
    JobReport { status, events, host_key: None, problem: None }
}

async fn tell(world: &World, job: &letsbe_store::Job, sequence: u64, event: RunEventKind) {
    let events = vec![RunEvent { sequence, at: world.now(), event }];
    world.store.report_job(job, &report(JobStatus::Running, events), world.now()).await.unwrap();
}

fn asks(world: &World, recipient: &str) -> RunEventKind {
    RunEventKind::KeysNeeded { recipient: recipient.into(), deadline: world.now() + TimeDelta::hours(1) }
}

async fn lose(world: &World, order: OrderId) -> Result<RecoveryId, StoreError> {
    let id = RecoveryId::generate();
    let new = NewRecovery {
        id,
        order,
        requested_by: "ann@letsbe.example".into(),
        reason: "it burnt".into(),
        region: None,
        at: None,
        as_of: None,
    };
    world.store.request_recovery(&new, &world.pace, world.now()).await.map(|_| id)
}

fn keys(recipient: &str) -> GiveKeys {
    GiveKeys { recipient: recipient.into(), sealed: format!("sealed for {recipient}") }
}

async fn give(world: &World, order: OrderId, recovery: RecoveryId, recipient: &str) -> KeysGiven {
    world.store.give_keys(order, recovery, &keys(recipient), "ann", world.now()).await.unwrap()
}

/// To the point where the run asks for keys, on server 2.
async fn asking(world: &World) -> (OrderId, RecoveryId, letsbe_store::Job) {
    let order = live(world).await;
    let recovery = lose(world, order).await.unwrap();
    let elsewhere = Event::ServerInstalled { address: [192, 0, 2, 2].into() };
    for event in [claimed(2), elsewhere, Event::ProvisioningPrepared] {
        world.apply(order, &event).await.unwrap();
    }
    let job = job(world, order).await;
    tell(world, &job, 5, asks(world, RECIPIENT)).await;
    (order, recovery, job)
}

#[tokio::test]
async fn a_lost_servers_key_and_facts_end_with_the_request_and_a_refused_one_changes_nothing() {
    let world = World::new().await;
    let order = live(&world).await;
    let paid = world.paid_order().await;
    assert!(matches!(lose(&world, paid).await, Err(StoreError::Illegal(_))));
    assert_eq!(world.store.latest_recovery(paid).await.unwrap(), None);
    assert!(!world.lines(paid).await.iter().any(|line| line.contains("lost")));
    let recovery = lose(&world, order).await.unwrap();
    let stored = world.store.order(order).await.unwrap().unwrap();
    assert_eq!((stored.state.phase, stored.host_key), (Phase::ServerLost, None));
    let agent = world.store.agent(order).await.unwrap().unwrap();
    assert_eq!(agent.revoked_at, Some(world.now()));
    let row = world.store.latest_recovery(order).await.unwrap().unwrap();
    assert_eq!((row.id, row.state, row.lost.server), (recovery, RecoveryState::Running, Some(server(1))));
    assert!(lose(&world, order).await.is_err(), "one at a time");
}

#[tokio::test]
async fn keys_are_kept_for_the_recipient_that_asks_now_and_until_its_job_ends() {
    let world = World::new().await;
    let (order, recovery, job) = asking(&world).await;
    let handed = async || world.store.hand_keys(job.id, world.now()).await.unwrap();
    assert_eq!(handed().await, None);
    assert_eq!(give(&world, order, recovery, "age1other").await, KeysGiven::OtherRecipient);
    assert_eq!(give(&world, order, recovery, RECIPIENT).await, KeysGiven::Kept);
    assert_eq!(handed().await.unwrap().sealed, "sealed for age1first");
    assert!(handed().await.is_some(), "the provisioner may die before it has used them");
    // The run is started again: what it asked for before, told once more, does not count any more.
    tell(&world, &job, 9, asks(&world, "age1second")).await;
    tell(&world, &job, 5, asks(&world, RECIPIENT)).await;
    assert_eq!(handed().await, None, "what was sealed for the former start opens nothing");
    assert_eq!(give(&world, order, recovery, RECIPIENT).await, KeysGiven::OtherRecipient);
    assert_eq!(give(&world, order, recovery, "age1second").await, KeysGiven::Kept);
    let failed = JobReport {
        problem: Some(Problem::transient(Code::WORK001, "t", "t")),
        ..report(JobStatus::Failed, vec![])
    };
    world.store.report_job(&job, &failed, world.now()).await.unwrap();
    assert_eq!(handed().await, None);
    assert_eq!(give(&world, order, recovery, "age1second").await, KeysGiven::NotAsked);
}

#[tokio::test]
async fn the_times_are_measured_and_the_lost_server_is_nobodys_until_somebody_accounts_for_it() {
    let world = World::new().await;
    let (order, recovery, job) = asking(&world).await;
    let requested = world.store.recovery(recovery).await.unwrap().unwrap().requested_at;
    let tool = |name: &str, hours| RestoredTool {
        tool: name.into(),
        set: SetId::generate(),
        taken_at: requested - TimeDelta::hours(hours),
        rows: 1,
        files: 2,
        milliseconds: 3,
    };
    let both = vec![tool("ghost", 4), tool("letsbe", 5)];
    tell(&world, &job, 30, RunEventKind::Restored { tools: both.clone() }).await;
    tell(&world, &job, 20, RunEventKind::Restored { tools: both[..1].to_vec() }).await;
    let host_key = Some("ssh-ed25519 second".to_owned());
    world.store.plant_host_key(order, "ssh-ed25519 second").await.unwrap();
    world.store.report_job(&job, &report(JobStatus::Completed, vec![]), world.now()).await.unwrap();
    world.apply(order, &Event::ProvisioningSucceeded).await.unwrap();
    world.clock.advance(TimeDelta::minutes(47));
    world.apply(order, &Event::DnsComplete).await.unwrap();
    let row = world.store.latest_recovery(order).await.unwrap().unwrap();
    assert_eq!((row.state, row.restored.len()), (RecoveryState::Finished, 2));
    let later = world.now() + TimeDelta::days(9);
    assert_eq!(row.rto_seconds(later), 47 * 60 + 1, "it stands, however much later it is asked for");
    assert_eq!(row.rpo_seconds, Some(5 * 3600), "the oldest data count");
    let stored = world.store.order(order).await.unwrap().unwrap();
    assert_eq!((stored.state.server, stored.host_key), (Some(server(2)), host_key));
    assert_eq!(world.store.lost_servers().await.unwrap(), [server(1)]);
    assert!(!world.store.return_server(&server(1)).await.unwrap(), "nobody knows what is on it");
    let settle = |number, became| SettleLost { server: server(number), became, evidence: "ticket".into() };
    let settle = async |number, became| {
        world.store.settle_lost(order, &settle(number, became), "ann", world.now()).await.unwrap()
    };
    assert!(!settle(2, LostServerFate::Wiped).await, "that one is in use");
    assert!(settle(1, LostServerFate::Wiped).await);
    assert!(!settle(1, LostServerFate::Cancelled).await, "once");
    assert!(world.store.return_server(&server(1)).await.unwrap());
    assert!(world.store.taken_servers().await.unwrap().contains(&server(2)));
}

#[tokio::test]
async fn a_recovery_that_is_taken_back_gives_everything_back() {
    let world = World::new().await;
    let order = live(&world).await;
    let before = world.store.order(order).await.unwrap().unwrap();
    lose(&world, order).await.unwrap();
    world.apply(order, &claimed(2)).await.unwrap();
    let cancel = Event::OperatorCancelRecovery { reason: "the cable was out".into() };
    world.apply(order, &cancel).await.unwrap();
    assert_eq!(world.phase(order).await, Phase::RecoveryCancelled);
    world.apply(order, &Event::ServerReleased).await.unwrap();
    let after = world.store.order(order).await.unwrap().unwrap();
    assert_eq!((after.state, after.host_key), (before.state, before.host_key));
    assert_eq!(world.store.agent(order).await.unwrap().unwrap().revoked_at, None);
    assert!(world.store.lost_servers().await.unwrap().is_empty());
    assert!(!world.store.return_server(&server(1)).await.unwrap(), "it is the order's");
    assert!(world.store.return_server(&server(2)).await.unwrap(), "it was claimed for nothing");
    let row = world.store.latest_recovery(order).await.unwrap().unwrap();
    assert_eq!(row.state, RecoveryState::Cancelled);
}

#[tokio::test]
async fn a_recovery_that_begins_again_keeps_the_clock_and_the_lost_server() {
    let world = World::new().await;
    let (order, first, abandoned) = asking(&world).await;
    world.clock.advance(TimeDelta::hours(1));
    let problem = Problem::permanent(Code::WORK001, "p", "p");
    world.apply(order, &Event::EffectFailed { effect: EffectKind::ClaimServer, problem }).await.unwrap();
    let second = lose(&world, order).await.unwrap();
    let rows = world.store.recoveries(Some(order), 0, 10).await.unwrap().0;
    let states: Vec<_> = rows.iter().map(|row| (row.id, row.state)).collect();
    assert_eq!(states, [(second, RecoveryState::Running), (first, RecoveryState::Superseded)]);
    assert_eq!(rows[0].clock_started_at, rows[1].requested_at);
    assert_eq!(rows[0].lost.server, Some(server(1)));
    let late = JobReport { host_key: Some("late".into()), ..report(JobStatus::Running, vec![]) };
    world.store.report_job(&abandoned, &late, world.now()).await.unwrap();
    assert_eq!(world.store.order(order).await.unwrap().unwrap().host_key, None);
    assert!(world.store.return_server(&server(2)).await.unwrap(), "it waits to be wiped");
}
