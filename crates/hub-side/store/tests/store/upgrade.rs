//! A database that an older Hub left: `fixtures/hub-c526378.sql` was recorded with the program of that commit. It has an
//! order in every phase and a row in every table.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_lifecycle::order::{EffectKind, Pace, Phase};
use letsbe_store::{
    Beat, CutKind, EventsTaken, Finished, MessageKind, PaymentOutcome, Relocation, Store, TableRows,
    token_hash,
};
use letsbe_types::{
    Code,
    backups::{AlarmKind, DrillKind},
    ids::{CommandId, JobId, OrderId},
    recovery::RecoveryState,
    tenant::{ApprovalState, TenantEvent, TenantEventKind},
};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database as Connector, Statement};
use uuid::Uuid;

use crate::{checkout, claimed, server};

const RECORDED: &str = include_str!("../fixtures/hub-c526378.sql");
/// The order with a live server.
const LIVE: u32 = 8;

/// A few minutes after the recording.
fn later() -> DateTime<Utc> {
    "2026-11-22T14:20:00Z".parse().unwrap()
}

/// The ids of the recording have a number each.
fn uuid(number: u32) -> Uuid {
    Uuid::from_u128(0x1000_0000_0000_4000_8000_0000_0000_0000 + u128::from(number))
}

fn order(number: u32) -> OrderId {
    OrderId(uuid(number))
}

/// Makes the file as the older Hub left it, and counts its rows.
async fn recorded(file: &Path) -> Vec<TableRows> {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", file.display()));
    let db = Connector::connect(options.max_connections(1).clone()).await.unwrap();
    db.execute_unprepared(RECORDED).await.unwrap();
    let ask = |sql: String| Statement::from_string(sea_orm::DbBackend::Sqlite, sql);
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%sql%'";
    let mut tables = Vec::new();
    for row in db.query_all_raw(ask(names.to_owned())).await.unwrap() {
        let table: String = row.try_get_by_index(0).unwrap();
        let count = db.query_one_raw(ask(format!("SELECT COUNT(*) FROM {table}"))).await.unwrap().unwrap();
        let rows: i64 = count.try_get_by_index(0).unwrap();
        tables.push(TableRows { table, rows: rows.try_into().unwrap() });
    }
    db.close().await.unwrap();
    tables.retain(|one| one.table != "seaql_migrations");
    tables
}

/// The present Hub's database with all of it: upgraded and, when the suite runs once more, moved to PostgreSQL.
async fn upgraded(folder: &Path) -> Store {
    let file = folder.join("hub.db");
    let before = recorded(&file).await;
    assert!(before.len() == 35 && before.iter().all(|table| table.rows > 0), "{before:?}");
    let store = Store::open(&file).await.unwrap();
    if !letsbe_test_postgres::is_wanted() {
        return store;
    }
    let there = readings(&store).await;
    store.close().await.unwrap();
    let to = crate::database(folder).await;
    let moved = Relocation::prepare(&file, to.clone()).await.unwrap().carry_out().await.unwrap();
    for table in before {
        // What was done regularly has a table of its own now.
        let became = i64::from(table.table == "upkeep");
        let found = moved.iter().find(|one| one.table == table.table).unwrap();
        assert_eq!(found.rows.cast_signed(), table.rows.cast_signed() - became, "{}", table.table);
    }
    let store = Store::open(&to).await.unwrap();
    assert_eq!(readings(&store).await, there, "PostgreSQL answers with what SQLite did");
    store
}

/// Everything that can be read of every order, as text.
async fn readings(store: &Store) -> Vec<String> {
    let (mut all, long_ago, now) = (Vec::new(), later() - TimeDelta::days(9), later());
    macro_rules! read {
        ($($reading:expr),* $(,)?) => { $(all.push(format!("{:?}", $reading.await.unwrap()));)* };
    }
    for number in 1..=15 {
        let id = order(number);
        read!(
            store.order(id),
            store.next_try(id),
            store.timeline(id, 0, 1_000),
            store.latest_job(id),
            store.latest_recovery(id),
            store.agent(id),
            store.configuration(id),
            store.alarms(id),
            store.destination(id),
            store.drills(Some(id)),
            store.looks_by_hour(id, long_ago),
            store.looks_by_day(id, long_ago),
            store.commands(id),
            store.approvals(id),
            store.hours(id, long_ago),
            store.days(id, long_ago),
            store.tokens(id, long_ago),
            store.escrows(id),
            store.tenant_events(id, 100),
            store.gate_heads(id),
            store.proofs(id, 100),
            store.relayed(id, long_ago),
        );
    }
    read!(
        store.recoveries(None, 0, 100),
        store.tasks(),
        store.staff(now),
        store.taken_servers(),
        store.lost_servers(),
        store.outbox_counts(),
        store.unsent_messages(now + TimeDelta::days(9)),
        store.background_tasks(),
        store.unrated(i16::MAX),
    );
    all
}

#[tokio::test]
async fn orders_recoveries_payments_and_people_of_an_older_hub_are_what_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let store = upgraded(folder.path()).await;
    let mut phases = Phase::ALL.to_vec();
    // The last one is being brought back.
    phases.push(Phase::Provisioning);
    for (number, phase) in (1..).zip(phases) {
        let order = store.order(order(number)).await.unwrap().unwrap();
        let domain = format!("customer-{number}.example");
        assert_eq!((order.state.phase, order.new.domain.to_string()), (phase, domain));
        assert_eq!(order.new.tools, ["ghost", "nextcloud"]);
    }
    let failed = store.order(order(9)).await.unwrap().unwrap();
    assert!(failed.state.problem.unwrap().is_one_of(&[Code::SSH001]));
    assert!(store.next_try(order(9)).await.unwrap().is_some());
    let (open, count) = store.open_recoveries(10).await.unwrap();
    assert_eq!((open.len(), count), (4, 4));
    let taken_back = store.latest_recovery(order(13)).await.unwrap().unwrap();
    assert_eq!(taken_back.state, RecoveryState::Running, "its server is not released yet");
    let recovery = store.latest_recovery(order(15)).await.unwrap().unwrap();
    assert_eq!((recovery.lost.server, recovery.restored.len()), (Some(server(15)), 1));
    let keys = store.hand_keys(JobId(uuid(116)), later()).await.unwrap();
    assert_eq!(keys.unwrap().sealed, "sealed for the run");
    let mut tasks: Vec<_> = store.tasks().await.unwrap().into_iter().map(|task| task.kind).collect();
    tasks.sort();
    assert_eq!(tasks, ["payment_dispute", "payment_twice", "purchase_server"]);
    let again = checkout("evt_1", order(LIVE), &letsbe_lifecycle::order::Event::PaymentReceived);
    let outcome = store.take_payment_event(&again, &Pace::default(), later()).await.unwrap();
    assert_eq!(outcome, PaymentOutcome::Duplicate);
    let staff = store.session(&token_hash("session"), later()).await.unwrap().unwrap();
    assert_eq!((&*staff.email, &*staff.password_hash), ("ann@letsbe.example", "$argon2id$test"));
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_tenant_of_an_older_hub_has_all_it_had_and_its_agents_key_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let store = upgraded(folder.path()).await;
    let (live, key, long_ago) = (order(LIVE), token_hash("agent-8"), later() - TimeDelta::days(9));
    let agent = store.agent(live).await.unwrap().unwrap();
    let heartbeat = agent.last_heartbeat.unwrap();
    assert_eq!((heartbeat.disk_used_percent, heartbeat.tokens.used), (41, 123));
    assert_eq!(agent.log_cut.map(|cut| (cut.kind, cut.from, cut.to)), Some((CutKind::Unlinked, 13, 13)));
    let beat = Beat::new(key.clone(), &heartbeat).unwrap();
    assert!(store.take_heartbeats(vec![beat], later()).await.unwrap()[0].is_ok());
    assert_eq!(store.hours(live, long_ago).await.unwrap().len(), 2);
    assert_eq!(store.days(live, long_ago).await.unwrap().len(), 1);
    assert_eq!(store.gate_heads(live).await.unwrap().len(), 3);
    assert_eq!(store.configuration(live).await.unwrap().unwrap().escrow_recipients, ["age1recipient"]);
    let (_, waiting) = store.waiting_commands(&key, later()).await.unwrap().unwrap();
    assert_eq!(waiting.iter().map(|one| one.id).collect::<Vec<_>>(), [CommandId(uuid(402))]);
    let mut approvals: Vec<_> =
        store.approvals(live).await.unwrap().into_iter().map(|one| one.approval.state).collect();
    approvals.sort_by_key(|state| *state != ApprovalState::Pending);
    assert_eq!(approvals, [ApprovalState::Pending, ApprovalState::Refused]);
    assert_eq!(store.tokens(live, long_ago).await.unwrap()[0].input, 10);
    assert!(store.escrows(live).await.unwrap()[0].sealed.starts_with("-----BEGIN AGE"));
    assert_eq!(store.proofs(live, 9).await.unwrap()[0].equal, ["3 rows"]);
    assert_eq!(store.alarms(live).await.unwrap()[0].kind, AlarmKind::Shrunk);
    assert_eq!(store.destination(live).await.unwrap().unwrap().bucket, "letsbe-8");
    assert_eq!(store.looks_by_day(live, long_ago).await.unwrap()[0].objects, 100);
    let drills = store.drills(Some(live)).await.unwrap();
    let done: Vec<_> = drills.iter().filter(|drill| drill.report.is_some()).map(|drill| drill.kind).collect();
    assert_eq!((drills.len(), done), (2, vec![DrillKind::Monthly]));
    assert_eq!(store.relayed(live, long_ago).await.unwrap()[0].input, 50);
    assert_eq!(store.relay_tenant(&token_hash("relay-8"), later()).await.unwrap(), Ok(live));
    let event = TenantEventKind::ApprovalSettled {
        approval: letsbe_types::ids::ApprovalId(uuid(501)),
        state: ApprovalState::Approved,
        by: "ann".into(),
    };
    let next = TenantEvent { sequence: 9, at: later(), event };
    let taken = store.take_events(&key, &[next], later()).await.unwrap();
    assert_eq!(taken, Ok(EventsTaken::Through(9)));
    store.close().await.unwrap();
}

#[tokio::test]
async fn work_that_waited_in_an_older_hub_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = upgraded(folder.path()).await;
    let lease = TimeDelta::seconds(30);
    // The older Hub had leased it and ended.
    let leased = store.lease_effect("this Hub", lease, later()).await.unwrap().unwrap();
    assert_eq!((leased.order, leased.kind, leased.fence), (order(2), EffectKind::ClaimServer, 2));
    let finished = store.finish_effect(&leased, &claimed(2), &Pace::default(), later()).await.unwrap();
    assert!(matches!(finished, Finished::Applied(state) if state.phase == Phase::AwaitingServer));
    let message = store.lease_message(lease, later()).await.unwrap().unwrap();
    assert_eq!((message.order, message.kind), (order(3), MessageKind::Paid));
    assert_eq!(store.settle_abandoned_relays(later(), later()).await.unwrap(), 1);
    let due: Vec<_> = store.background_tasks().await.unwrap();
    let due: Vec<_> = due.iter().map(|task| (&*task.name, task.record.due_at)).collect();
    assert_eq!(due, [("hub-backup", Some(later() + TimeDelta::days(1) - TimeDelta::minutes(4)))]);
    store.close().await.unwrap();
}
