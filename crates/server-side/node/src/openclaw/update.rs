//! Moving OpenClaw to another release, and back when the new one is not proven.

use chrono::{DateTime, FixedOffset, Utc};
use letsbe_host::Machine;
use letsbe_stacks::Pins;
use letsbe_types::{Code, Problem, crash, ids::JobId};

use super::{
    decide::{self, CutOff, Forced},
    docker::{self, Stack},
    record::{Record, UpdatePhase},
    volume,
};
use letsbe_base::layout::Layout;

letsbe_types::crash_points! {
    /// Where a move to another release can be killed, in the order in which it comes to them.
    pub(crate) mod points {
        SAVING = "openclaw.saving",
        STOPPED = "openclaw.stopped",
        SAVED = "openclaw.saved",
        PINNED = "openclaw.pinned",
        PROVEN = "openclaw.proven",
    }
}

letsbe_types::crash_points! {
    /// Where the way back can be killed.
    pub(crate) mod undo_points {
        UNDOING = "openclaw.undoing",
        UNPINNED = "openclaw.unpinned",
        RESTORED = "openclaw.restored",
    }
}

/// The stack's name in the catalog.
const NAME: &str = "openclaw";

/// OpenClaw on one server.
pub(super) struct Site<'a> {
    pub(super) layout: &'a Layout,
    pub(super) machine: &'a dyn Machine,
    pub(super) stack: Stack,
    pub(super) now: fn() -> DateTime<Utc>,
}

/// How an update ended well.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) from: String,
    pub(super) to: String,
}

impl Site<'_> {
    /// The release that this server is at.
    pub(super) async fn release(&self) -> Result<String, Problem> {
        let pins = Pins::read(self.machine).await?;
        Ok(tag_of(&self.image(&pins)?).to_owned())
    }

    fn image(&self, pins: &Pins) -> Result<String, Problem> {
        let tool = self.stack.catalog.platform().find(|tool| tool.name.as_str() == NAME);
        let tool = tool.ok_or_else(|| {
            decide::refused(
                "the catalog on this server has no OpenClaw".to_owned(),
                "Provision the server again.",
            )
        })?;
        Ok(pins.image(tool, &tool.update.image))
    }

    fn image_at(&self, release: &str) -> Result<String, Problem> {
        let image = self.image(&Pins::default())?;
        Ok(format!("{}:{release}", image.rsplit_once(':').map_or(image.as_str(), |(name, _)| name)))
    }

    /// Moves to `to`; what a former call left unfinished comes first. `run` is the id of a new update.
    pub(super) async fn update(
        &self,
        to: &str,
        forced: Forced,
        local: DateTime<FixedOffset>,
        run: JobId,
    ) -> Result<Moved, Problem> {
        if let Some(left) = Record::read(self.layout)? {
            match decide::cut_off(&left, to) {
                None => {}
                Some(CutOff::GoOn) => return self.go_on(left).await,
                Some(CutOff::FinishUndoing) => return Err(self.undo(left).await),
                Some(CutOff::StartAgain) => self.start_again(&left).await?,
                Some(CutOff::UndoFirst) => {
                    tracing::warn!("{}", self.undo(left).await);
                }
            }
        }
        let pins = Pins::read(self.machine).await?;
        let from = tag_of(&self.image(&pins)?).to_owned();
        if !decide::may_begin(&from, to, local, forced)? {
            return Ok(Moved { from: from.clone(), to: from });
        }
        docker::fetched(self.machine, &self.image_at(to)?).await?;
        let former_pin = pins.get(NAME).map(str::to_owned);
        let record = Record {
            run,
            from,
            to: to.to_owned(),
            former_pin,
            phase: UpdatePhase::Saving,
            began_at: (self.now)(),
            ended_at: None,
            problem: None,
        };
        self.begin(record).await
    }

    async fn begin(&self, record: Record) -> Result<Moved, Problem> {
        record.write(self.layout)?;
        crash::point(&points::SAVING);
        let saved = async {
            volume::stop(self.machine, volume::TO_END_WORK).await?;
            crash::point(&points::STOPPED);
            volume::save(self.machine, &self.image_at(&record.from)?).await
        };
        if let Err(problem) = saved.await {
            self.start_again(&record).await?;
            record.over(Some(problem.clone()), (self.now)()).write(self.layout)?;
            return Err(problem);
        }
        let record = record.at(UpdatePhase::Moving);
        record.write(self.layout)?;
        crash::point(&points::SAVED);
        self.go_on(record).await
    }

    /// Nothing but the container was touched.
    async fn start_again(&self, record: &Record) -> Result<(), Problem> {
        self.stack.bring_up(self.machine, None).await?;
        record.over(None, (self.now)()).write(self.layout)
    }

    /// Pins the new release, starts it, proves it; goes back if it is not proven.
    async fn go_on(&self, record: Record) -> Result<Moved, Problem> {
        let moved = async {
            let version = docker::fetched(self.machine, &self.image_at(&record.to)?).await?;
            self.pin(Some(&record.to)).await?;
            crash::point(&points::PINNED);
            self.stack.bring_up(self.machine, Some(&version)).await
        };
        match moved.await {
            Ok(()) => {
                crash::point(&points::PROVEN);
                record.over(None, (self.now)()).write(self.layout)?;
                Ok(Moved { from: record.from, to: record.to })
            }
            Err(problem) => Err(self.undo(Record { problem: Some(problem), ..record }).await),
        }
    }

    async fn pin(&self, release: Option<&str>) -> Result<(), Problem> {
        let pins = Pins::read(self.machine).await?.with(NAME, release);
        self.machine.write(&pins.file()).await.map_err(|error| {
            Problem::transient(Code::NODE005, error.to_string(), "Look at the disk's space.")
        })
    }

    /// Goes back to the release and the state before. Answers what to tell.
    async fn undo(&self, record: Record) -> Problem {
        let undone = async {
            record.at(UpdatePhase::Undoing).write(self.layout)?;
            crash::point(&undo_points::UNDOING);
            self.pin(record.former_pin.as_deref()).await?;
            volume::stop(self.machine, volume::TO_BE_GONE).await?;
            crash::point(&undo_points::UNPINNED);
            volume::restore(self.machine, &self.image_at(&record.from)?).await?;
            crash::point(&undo_points::RESTORED);
            self.stack.bring_up(self.machine, None).await
        };
        let why = record.problem.as_ref().map_or("it was cut off", |problem| problem.message.as_str());
        let moved = format!("OpenClaw v{} did not prove itself: {why}", record.to);
        match undone.await {
            Ok(()) => {
                let problem = Problem::permanent(
                    Code::CLAW005,
                    format!("{moved}. v{} is back with its state of before, and healthy", record.from),
                    "Stay with this release, and report the other one.",
                );
                match record.over(Some(problem.clone()), (self.now)()).write(self.layout) {
                    Ok(()) => problem,
                    Err(unwritten) => unwritten,
                }
            }
            Err(failed) => Problem::permanent(
                Code::CLAW006,
                format!("{moved}. v{} could not be brought back: {}", record.from, failed.message),
                "Call the update again: it goes on with bringing it back.",
            ),
        }
    }
}

/// The tag of an image.
pub(super) fn tag_of(image: &str) -> &str {
    image.rsplit_once(':').map_or("", |(_, tag)| tag)
}
