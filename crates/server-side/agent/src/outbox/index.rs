//! What lies in which segment, without files: enough to bound the queue and to choose what is sent next.

use std::collections::{BTreeSet, VecDeque};

/// Events that may wait.
const EVENTS_MAX: usize = 10_000;
/// Bytes that may wait.
const BYTES_MAX: u64 = 16 << 20;
/// A segment is closed when it has this many events or bytes.
const SEGMENT_EVENTS: usize = 500;
const SEGMENT_BYTES: u64 = 256 << 10;

/// One event that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) sequence: u64,
    pub(super) bytes: u64,
    pub(super) vital: bool,
}

/// One file of events.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: String,
    entries: VecDeque<Entry>,
    /// Lines of the file, also those that are no longer wanted.
    lines: usize,
    bytes: u64,
}

impl Segment {
    pub(super) const fn new(name: String) -> Self {
        Self { name, entries: VecDeque::new(), lines: 0, bytes: 0 }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push_back(entry);
        self.lines += 1;
        self.bytes += entry.bytes;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// All segments, oldest first.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) segments: VecDeque<Segment>,
}

impl Index {
    pub(super) fn push(&mut self, entry: Entry) {
        if let Some(newest) = self.segments.back_mut() {
            newest.push(entry);
        }
    }

    pub(super) fn newest_is_full(&self) -> bool {
        let full = |newest: &Segment| newest.lines >= SEGMENT_EVENTS || newest.bytes >= SEGMENT_BYTES;
        self.segments.back().is_none_or(full)
    }

    pub(super) fn len(&self) -> usize {
        self.segments.iter().map(|segment| segment.entries.len()).sum()
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.segments.iter().flat_map(|segment| &segment.entries)
    }

    /// What must go: nothing below the bounds; above them enough for a while, the oldest of what is not vital first.
    pub(super) fn victims(&self) -> BTreeSet<u64> {
        let (mut events, mut bytes) = (self.len(), self.entries().map(|entry| entry.bytes).sum::<u64>());
        if events <= EVENTS_MAX && bytes <= BYTES_MAX {
            return BTreeSet::new();
        }
        let (vital, plain): (Vec<&Entry>, Vec<&Entry>) = self.entries().partition(|entry| entry.vital);
        let mut victims = BTreeSet::new();
        for entry in plain.into_iter().chain(vital) {
            if events <= EVENTS_MAX / 20 * 19 && bytes <= BYTES_MAX / 20 * 19 {
                break;
            }
            events -= 1;
            bytes -= entry.bytes;
            victims.insert(entry.sequence);
        }
        victims
    }

    /// Names of the segments that hold any of these.
    pub(super) fn holding(&self, sequences: &BTreeSet<u64>) -> Vec<String> {
        let holds =
            |segment: &&Segment| segment.entries.iter().any(|entry| sequences.contains(&entry.sequence));
        self.segments.iter().filter(holds).map(|segment| segment.name.clone()).collect()
    }

    /// Removes entries; answers the names of segments that are empty now, and gone from the index.
    pub(super) fn remove(&mut self, gone: impl Fn(u64) -> bool) -> Vec<String> {
        for segment in &mut self.segments {
            segment.entries.retain(|entry| !gone(entry.sequence));
        }
        let (empty, kept): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.segments).into_iter().partition(Segment::is_empty);
        self.segments = kept;
        empty.into_iter().map(|segment| segment.name).collect()
    }

    /// The oldest events within the bounds, at least one, and the segments they lie in.
    pub(super) fn first(&self, events: usize, bytes: u64) -> (BTreeSet<u64>, Vec<String>) {
        let (mut wanted, mut room) = (BTreeSet::new(), bytes);
        for entry in self.entries() {
            if wanted.len() >= events || (entry.bytes > room && !wanted.is_empty()) {
                break;
            }
            room = room.saturating_sub(entry.bytes);
            wanted.insert(entry.sequence);
        }
        let names = self.holding(&wanted);
        (wanted, names)
    }
}
