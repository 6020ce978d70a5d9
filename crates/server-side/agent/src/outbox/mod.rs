//! Events on their way to the Hub: on the disk before anything else happens, kept until the Hub has them and some days
//! longer, bounded.
//!
//! Numbers grow by one, over restarts too; a gap means that the full queue dropped something, and it is counted.

mod index;
mod readable;
mod taken;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::Utc;
use letsbe_types::{
    Problem,
    tenant::{TenantEvent, TenantEventKind, limits},
};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use self::index::{Entry, Index, Segment};
use crate::context::Outbox;
use letsbe_base::{
    files,
    jsonl::{self, JsonLines},
};

letsbe_types::crash_points! {
    /// Where the agent can be killed around an event on its way to the Hub.
    pub(crate) mod points {
        KEPT = "agent.outbox.kept",
        SENT = "agent.outbox.sent",
        TAKEN = "agent.outbox.taken",
    }
}

/// Room for the words around the events of one message.
const BATCH_BYTES: u64 = (limits::EVENT_BYTES - 4096) as u64;

/// How the names of segments end whose events wait.
const WAITING: &str = "jsonl";

/// The queue.
pub(crate) struct Queue {
    folder: PathBuf,
    inner: Mutex<Inner>,
    /// Wakes whoever sends.
    pub(crate) news: Notify,
}

struct Inner {
    index: Index,
    head: Head,
    /// The newest segment.
    open: Option<JsonLines>,
}

/// What must survive the events themselves.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Head {
    taken_through: u64,
    last_sequence: u64,
    last_number: u64,
    dropped: u64,
}

/// One line of a segment.
#[derive(Serialize, Deserialize)]
struct QueuedEvent {
    event: TenantEvent,
    /// The sender's own number, where it has one: such an event is kept once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
}

/// How the queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) events: u32,
    pub(crate) dropped: u64,
}

impl Queue {
    /// Reads what waits; `found` sees each event that is still there, also those that the Hub has just taken, which are
    /// then removed.
    pub(crate) fn open(folder: &Path, mut found: impl FnMut(TenantEventKind)) -> Result<Self, Problem> {
        files::make_folder(folder)?;
        let mut head: Head = files::read_json(&folder.join("head.json"))?.unwrap_or_default();
        let index = indexed(folder, &mut head, &mut found)?;
        head.last_sequence = head.last_sequence.max(head.taken_through);
        let inner = Mutex::new(Inner { index, head, open: None });
        Ok(Self { folder: folder.to_owned(), inner, news: Notify::new() })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an event that its sender may hand over again: numbers that were kept before are left alone.
    pub(crate) fn publish_numbered(&self, number: u64, event: TenantEventKind) -> Result<(), Problem> {
        self.keep(event, Some(number))
    }

    fn keep(&self, event: TenantEventKind, number: Option<u64>) -> Result<(), Problem> {
        let mut inner = self.inner();
        if number.is_some_and(|number| number <= inner.head.last_number) {
            return Ok(());
        }
        let vital = is_vital(&event);
        let sequence = inner.head.last_sequence + 1;
        let event = readable::readable(event);
        let line = QueuedEvent { event: TenantEvent { sequence, at: Utc::now(), event }, number };
        if inner.open.is_none() || inner.index.newest_is_full() {
            let name = format!("{sequence:020}.jsonl");
            inner.open = Some(JsonLines::open::<QueuedEvent>(&self.folder.join(&name))?.0);
            inner.index.segments.push_back(Segment::new(name));
        }
        let Some(open) = inner.open.as_mut() else { return Ok(()) };
        let former = open.bytes();
        open.append_durably(&line)?;
        let bytes = open.bytes() - former;
        letsbe_types::crash::point(&points::KEPT);
        inner.head.last_sequence = sequence;
        inner.head.last_number = inner.head.last_number.max(number.unwrap_or(0));
        inner.index.push(Entry { sequence, bytes, vital });
        let victims = inner.index.victims();
        if !victims.is_empty() {
            self.drop_events(&mut inner, &victims)?;
        }
        drop(inner);
        self.news.notify_one();
        Ok(())
    }

    /// Counted first: after a kill in between they are dropped, and counted, again.
    fn drop_events(&self, inner: &mut Inner, victims: &BTreeSet<u64>) -> Result<(), Problem> {
        inner.head.dropped += victims.len() as u64;
        files::write_json(&self.folder.join("head.json"), &inner.head)?;
        inner.open = None;
        for name in inner.index.holding(victims) {
            let path = self.folder.join(&name);
            let (mut file, lines) = JsonLines::open::<QueuedEvent>(&path)?;
            file.replace(lines.iter().filter(|line| !victims.contains(&line.event.sequence)))?;
        }
        inner
            .index
            .remove(|sequence| victims.contains(&sequence))
            .into_iter()
            .try_for_each(|name| files::remove(&self.folder.join(name)))
    }

    /// The oldest events, as many as fit one message.
    pub(crate) fn batch(&self) -> Result<Vec<TenantEvent>, Problem> {
        let inner = self.inner();
        let (wanted, names) = inner.index.first(limits::EVENTS, BATCH_BYTES);
        let mut events = Vec::new();
        for name in names {
            let lines: Vec<QueuedEvent> = jsonl::read(&self.folder.join(name))?;
            events.extend(lines.into_iter().map(|line| line.event).filter(|e| wanted.contains(&e.sequence)));
        }
        Ok(events)
    }

    /// The Hub has everything up to this number.
    pub(crate) fn acknowledge(&self, through: u64) -> Result<(), Problem> {
        let mut inner = self.inner();
        let through = through.min(inner.head.last_sequence);
        if through <= inner.head.taken_through {
            return Ok(());
        }
        inner.head.taken_through = through;
        files::write_json(&self.folder.join("head.json"), &inner.head)?;
        letsbe_types::crash::point(&points::TAKEN);
        let emptied = inner.index.remove(|sequence| sequence <= through);
        if inner.index.segments.is_empty() {
            inner.open = None;
        }
        emptied.into_iter().try_for_each(|name| taken::put_aside(&self.folder, &name))
    }

    /// The Hub has less than it had: it was brought back from its backup. What is still here of the rest waits again.
    pub(crate) fn lost(&self, through: u64) -> Result<(), Problem> {
        let mut inner = self.inner();
        if through >= inner.head.taken_through {
            return Ok(());
        }
        tracing::warn!(
            through,
            before = inner.head.taken_through,
            "the Hub lost events; they are sent again"
        );
        inner.open = None;
        // After a kill in between they lie there as taken, and the Hub says so again.
        taken::bring_back(&self.folder, through)?;
        inner.head.taken_through = through;
        files::write_json(&self.folder.join("head.json"), &inner.head)?;
        inner.index = indexed(&self.folder, &mut inner.head.clone(), &mut drop)?;
        drop(inner);
        self.news.notify_one();
        Ok(())
    }

    /// Drops one event that the Hub will never take.
    pub(crate) fn give_up(&self, sequence: u64) -> Result<(), Problem> {
        self.drop_events(&mut self.inner(), &BTreeSet::from([sequence]))
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> Waiting {
        let inner = self.inner();
        let events = u32::try_from(inner.index.len()).unwrap_or(u32::MAX);
        Waiting { events, dropped: inner.head.dropped }
    }
}

impl Outbox for Queue {
    fn publish(&self, event: TenantEventKind) -> Result<(), Problem> {
        self.keep(event, None)
    }
}

/// Dropped last: without it the Hub would count or decide wrongly.
const fn is_vital(event: &TenantEventKind) -> bool {
    matches!(
        event,
        TenantEventKind::CommandFinished { .. }
            | TenantEventKind::ApprovalRequested { .. }
            | TenantEventKind::ApprovalSettled { .. }
            | TenantEventKind::TokensUsed { .. }
            | TenantEventKind::Escrowed { .. }
    )
}

/// Reads all segments that wait. One whose events the Hub has is put aside.
fn indexed(
    folder: &Path,
    head: &mut Head,
    found: &mut impl FnMut(TenantEventKind),
) -> Result<Index, Problem> {
    let mut index = Index::default();
    for name in segment_names(folder)? {
        let (_, lines) = JsonLines::open::<QueuedEvent>(&folder.join(&name))?;
        let mut segment = Segment::new(name);
        for line in lines {
            head.last_sequence = head.last_sequence.max(line.event.sequence);
            head.last_number = head.last_number.max(line.number.unwrap_or(0));
            if line.event.sequence > head.taken_through {
                let bytes = jsonl::length(&line);
                let vital = is_vital(&line.event.event);
                segment.push(Entry { sequence: line.event.sequence, bytes, vital });
            }
            found(line.event.event);
        }
        if segment.is_empty() {
            taken::put_aside(folder, &segment.name)?;
        } else {
            index.segments.push_back(segment);
        }
    }
    Ok(index)
}

fn segment_names(folder: &Path) -> Result<Vec<String>, Problem> {
    names(folder, WAITING)
}

/// Names that end so, oldest first.
fn names(folder: &Path, extension: &str) -> Result<Vec<String>, Problem> {
    let entries = std::fs::read_dir(folder).map_err(|error| files::unusable(folder, error))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == extension))
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests;
