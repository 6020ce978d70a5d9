//! Commands of the Hub: each is begun once at most, and its result is told until the Hub has it.

mod handlers;
mod ledger;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::Utc;
use letsbe_types::{
    Problem,
    ids::CommandId,
    tenant::{CommandOutcome, CommandResult, CommandWork, TenantCommand, TenantEventKind},
};
use tokio::{sync::Semaphore, time::sleep};

pub(crate) use self::handlers::Handlers;
use self::ledger::{Ledger, LedgerRecord, Verdict};
use super::hub_connection::HubConnection;
use crate::context::Outbox;
use letsbe_base::jsonl::JsonLines;

letsbe_types::crash_points! {
    /// Where the agent can be killed around a command of the Hub.
    pub(crate) mod points {
        BEGUN = "agent.command.begun",
        DONE = "agent.command.done",
        ENDED = "agent.command.ended",
        TOLD = "agent.command.told",
    }
}

/// Commands at work at the same time.
const AT_WORK_MAX: usize = 16;
/// The Hub answers at once while a command is at work: it is asked again after this time.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The journal is written anew when it is longer.
const JOURNAL_BYTES: u64 = 1 << 20;

/// Carries commands of the Hub out.
#[async_trait]
pub(crate) trait CommandHandler: Send + Sync + 'static {
    /// Carries one out; answers in one line, without secrets.
    async fn carry_out(&self, id: CommandId, work: CommandWork) -> Result<String, Problem>;
}

/// The commands of this server.
pub(crate) struct Commands {
    inner: Mutex<JournaledLedger>,
    outbox: Arc<dyn Outbox>,
    handler: Arc<dyn CommandHandler>,
    room: Arc<Semaphore>,
}

struct JournaledLedger {
    ledger: Ledger,
    journal: JsonLines,
}

impl JournaledLedger {
    /// On the disk when this returns.
    fn write(&mut self, line: LedgerRecord) -> Result<(), Problem> {
        self.journal.append_durably(&line)?;
        self.ledger.apply(line);
        Ok(())
    }

    fn end(
        &mut self,
        command: &TenantCommand,
        outcome: CommandOutcome,
        outbox: &dyn Outbox,
    ) -> Result<(), Problem> {
        let result = CommandResult { command: command.id, finished_at: Utc::now(), outcome };
        self.write(LedgerRecord::Ended { result, expires_at: command.expires_at })?;
        letsbe_types::crash::point(&points::ENDED);
        self.publish(outbox)
    }

    /// A kill between the two lines tells a result twice; the Hub takes the first.
    fn publish(&mut self, outbox: &dyn Outbox) -> Result<(), Problem> {
        for result in self.ledger.untold() {
            let command = result.command;
            outbox.publish(TenantEventKind::CommandFinished { result })?;
            letsbe_types::crash::point(&points::TOLD);
            self.write(LedgerRecord::Told { command })?;
        }
        Ok(())
    }
}

impl Commands {
    /// Reads the journal; tells what was interrupted, and what was not told yet.
    pub(crate) fn open(
        path: &Path,
        outbox: Arc<dyn Outbox>,
        handler: Arc<dyn CommandHandler>,
    ) -> Result<Arc<Self>, Problem> {
        let (journal, lines) = JsonLines::open::<LedgerRecord>(path)?;
        let mut ledger = Ledger::default();
        lines.into_iter().for_each(|line| ledger.apply(line));
        let interrupted = ledger.interrupted(Utc::now());
        let mut inner = JournaledLedger { ledger, journal };
        interrupted.into_iter().try_for_each(|line| inner.write(line))?;
        inner.publish(outbox.as_ref())?;
        let room = Arc::new(Semaphore::new(AT_WORK_MAX));
        Ok(Arc::new(Self { inner: Mutex::new(inner), outbox, handler, room }))
    }

    fn inner(&self) -> MutexGuard<'_, JournaledLedger> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are at work.
    pub(crate) fn at_work(&self) -> usize {
        self.inner().ledger.at_work()
    }

    /// Begins what is new. Answers whether anything was.
    pub(crate) fn accept(self: &Arc<Self>, given: Vec<TenantCommand>) -> Result<bool, Problem> {
        let mut news = false;
        for command in given {
            // Heartbeats and the long poll give the same command: judged and written down in one go.
            let mut inner = self.inner();
            match inner.ledger.judge(&command, Utc::now()) {
                Verdict::Known => {}
                Verdict::Full => tracing::error!(command = %command.id, "too many commands are remembered"),
                Verdict::Expired => {
                    news = true;
                    inner.end(&command, CommandOutcome::Expired, self.outbox.as_ref())?;
                }
                Verdict::Begin => {
                    // Without room it stays with the Hub, which gives it again.
                    let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else { break };
                    news = true;
                    let (id, expires_at) = (command.id, command.expires_at);
                    inner.write(LedgerRecord::Begun { command: id, at: Utc::now(), expires_at })?;
                    letsbe_types::crash::point(&points::BEGUN);
                    let commands = Arc::clone(self);
                    tokio::spawn(async move {
                        commands.work(command).await;
                        drop(permit);
                    });
                }
            }
        }
        Ok(news)
    }

    async fn work(&self, command: TenantCommand) {
        tracing::info!(command = %command.id, work = ?command.work, "a command of the Hub is begun");
        let outcome = match self.handler.carry_out(command.id, command.work.clone()).await {
            Ok(summary) => CommandOutcome::Done { summary },
            Err(problem) => CommandOutcome::Failed { problem },
        };
        letsbe_types::crash::point(&points::DONE);
        let ended = self.inner().end(&command, outcome, self.outbox.as_ref());
        if let Err(problem) = ended {
            tracing::error!(%problem, command = %command.id, "a result could not be kept");
        }
    }

    /// Tells what could not be told before, and keeps the journal short.
    pub(crate) fn tidy(&self) -> Result<(), Problem> {
        let mut inner = self.inner();
        inner.publish(self.outbox.as_ref())?;
        if inner.journal.bytes() > JOURNAL_BYTES {
            let lines = inner.ledger.tidy(Utc::now());
            inner.journal.replace(lines)?;
        }
        Ok(())
    }
}

/// Asks the Hub for commands for ever.
pub(crate) async fn ask(connection: &HubConnection, commands: &Arc<Commands>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let hub = connection.client().await;
        match connection.note(hub.commands().await) {
            Ok(reply) => {
                pause = FIRST_PAUSE;
                let nothing = reply.commands.is_empty();
                match commands.accept(reply.commands) {
                    Ok(news) if news || nothing => {}
                    Ok(_) => sleep(BUSY_PAUSE).await,
                    Err(problem) => {
                        tracing::error!(%problem, "a command is not begun because it cannot be written down");
                        sleep(LONGEST_PAUSE).await;
                    }
                }
                // A Hub that answers at once with nothing must not be asked without end.
                sleep(Duration::from_millis(20)).await;
            }
            Err(problem) => {
                tracing::debug!(%problem, "the Hub was not asked for commands");
                connection.pause(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        connection.until_heard().await;
    }
}

#[cfg(test)]
mod tests;
