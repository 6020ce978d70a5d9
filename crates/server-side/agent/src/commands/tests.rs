use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{
    Problem,
    ids::CommandId,
    tenant::{CommandOutcome, CommandWork, TenantCommand, TenantEventKind},
};
use proptest::prelude::*;
use tokio::{runtime::Runtime, sync::watch};

use super::{Carry, Commands, Ledger, Line, Verdict};
use crate::guardian::Outbox;

fn command(number: u8, expires_at: DateTime<Utc>) -> TenantCommand {
    let id = CommandId(uuid::Uuid::from_u128(u128::from(number) + 1));
    TenantCommand { id, issued_at: Utc::now(), expires_at, work: CommandWork::CheckDrift }
}

/// Begins, and ends when it is told to.
struct Worker {
    begun: Arc<Mutex<BTreeMap<CommandId, u32>>>,
    ended: watch::Receiver<Vec<CommandId>>,
}

#[async_trait]
impl Carry for Worker {
    async fn carry_out(&self, id: CommandId, _: CommandWork) -> Result<String, Problem> {
        *self.begun.lock().unwrap().entry(id).or_default() += 1;
        let _ = self.ended.clone().wait_for(|ended| ended.contains(&id)).await;
        Ok("done".to_owned())
    }
}

#[derive(Default)]
struct Told(watch::Sender<Vec<(CommandId, CommandOutcome)>>);

impl Outbox for Told {
    fn tell(&self, event: TenantEventKind) -> Result<(), Problem> {
        let TenantEventKind::CommandFinished { result } = event else { panic!("{event:?}") };
        self.0.send_modify(|told| told.push((result.command, result.outcome)));
        Ok(())
    }
}

/// One agent from its start to its end by a kill.
struct Life {
    runtime: Runtime,
    commands: Arc<Commands>,
    end: watch::Sender<Vec<CommandId>>,
}

struct World {
    path: PathBuf,
    begun: Arc<Mutex<BTreeMap<CommandId, u32>>>,
    told: Arc<Told>,
}

impl World {
    fn live(&self) -> Life {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let end = watch::Sender::new(Vec::new());
        let worker = Worker { begun: Arc::clone(&self.begun), ended: end.subscribe() };
        let outbox = Arc::clone(&self.told) as Arc<dyn Outbox>;
        let commands = Commands::open(&self.path, outbox, Arc::new(worker)).unwrap();
        Life { runtime, commands, end }
    }

    fn told(&self, id: CommandId) -> Vec<CommandOutcome> {
        self.told.0.borrow().iter().filter(|(of, _)| *of == id).map(|(_, outcome)| outcome.clone()).collect()
    }
}

/// One thing that can happen.
#[derive(Debug, Clone)]
enum Step {
    Give(u8),
    GiveExpired(u8),
    End(u8),
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6_u8).prop_map(Step::Give),
        1 => (6..8_u8).prop_map(Step::GiveExpired),
        3 => (0..6_u8).prop_map(Step::End),
        2 => Just(Step::Kill),
    ];
    proptest::collection::vec(step, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_command_is_begun_once_and_its_end_is_told_whatever_is_killed(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let world = World {
            path: folder.path().join("commands.jsonl"),
            begun: Arc::default(),
            told: Arc::new(Told::default()),
        };
        let mut life = world.live();
        let mut expected: BTreeMap<CommandId, Option<CommandOutcome>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Give(number) => {
                    let command = command(number, Utc::now() + TimeDelta::hours(1));
                    let id = command.id;
                    life.runtime.block_on(async {
                        life.commands.take(vec![command]).unwrap();
                        while !world.begun.lock().unwrap().contains_key(&id) {
                            tokio::task::yield_now().await;
                        }
                    });
                    expected.entry(id).or_insert(None);
                }
                Step::GiveExpired(number) => {
                    let command = command(number, Utc::now() - TimeDelta::seconds(1));
                    expected.insert(command.id, Some(CommandOutcome::Expired));
                    life.commands.take(vec![command]).unwrap();
                }
                Step::End(number) => {
                    let id = command(number, Utc::now()).id;
                    let Some(open @ None) = expected.get_mut(&id) else { continue };
                    *open = Some(CommandOutcome::Done { summary: "done".to_owned() });
                    life.end.send_modify(|ended| ended.push(id));
                    let mut told = world.told.0.subscribe();
                    life.runtime.block_on(told.wait_for(|told| told.iter().any(|(of, _)| *of == id))).unwrap();
                }
                Step::Kill => {
                    drop(life);
                    life = world.live();
                    for outcome in expected.values_mut() {
                        outcome.get_or_insert(CommandOutcome::Interrupted);
                    }
                }
            }
            for (id, outcome) in &expected {
                let told: Vec<CommandOutcome> = outcome.iter().cloned().collect();
                prop_assert_eq!(world.told(*id), told, "{}", id);
            }
            prop_assert!(world.begun.lock().unwrap().values().all(|times| *times == 1));
        }
    }
}

#[test]
fn ids_are_remembered_for_thirty_days_and_as_long_as_the_hub_may_give_them() {
    let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    let mut ledger = Ledger::default();
    for (number, age, expires_in) in [(1, 29, -1), (2, 31, -1), (3, 31, 1)] {
        let command = command(number, now + TimeDelta::days(expires_in));
        let at = now - TimeDelta::days(age);
        ledger.apply(Line::Begun { command: command.id, at, expires_at: command.expires_at });
        let outcome = CommandOutcome::Interrupted;
        let result = letsbe_types::tenant::CommandResult { command: command.id, finished_at: at, outcome };
        ledger.apply(Line::Ended { result, expires_at: command.expires_at });
        ledger.apply(Line::Told { command: command.id });
    }
    let lines = ledger.tidy(now);
    let mut again = Ledger::default();
    lines.into_iter().for_each(|line| again.apply(line));
    assert_eq!(again, ledger, "the journal that is written anew says the same");
    for (number, verdict) in [(1, Verdict::Known), (2, Verdict::Begin), (3, Verdict::Known)] {
        assert_eq!(again.judge(&command(number, now + TimeDelta::hours(1)), now), verdict, "{number}");
    }
}

#[test]
fn a_command_that_is_given_many_times_at_once_is_begun_once() {
    let folder = tempfile::tempdir().unwrap();
    let world = World {
        path: folder.path().join("commands.jsonl"),
        begun: Arc::default(),
        told: Arc::new(Told::default()),
    };
    let life = world.live();
    let given: Vec<TenantCommand> =
        (0..4).map(|number| command(number, Utc::now() + TimeDelta::hours(1))).collect();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let _runtime = life.runtime.enter();
                life.commands.take(given.clone()).unwrap();
            });
        }
    });
    life.runtime.block_on(async {
        while world.begun.lock().unwrap().len() < given.len() {
            tokio::task::yield_now().await;
        }
    });
    assert!(world.begun.lock().unwrap().values().all(|times| *times == 1));
    assert_eq!(life.commands.at_work(), given.len());
}
