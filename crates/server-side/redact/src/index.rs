//! Finds many forms of values in bytes at once.
//!
//! Not an automaton: a thousand secrets have tens of thousands of forms of millions of bytes, and an automaton over
//! them takes more memory than the whole proxy may. Here every position costs one look into a small table of
//! the forms' first bytes; only where that hits, the sorted forms are searched.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::forms::FORM_BYTES_MIN;

/// A stretch of bytes that is the form of a known value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Index of what stands in its place, see `Known::replacement`.
    pub(crate) what: u32,
}

/// What the bytes from one position on are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Here {
    /// The longest form that begins here: its length and its replacement.
    pub(crate) longest: Option<(usize, u32)>,
    /// All bytes to the end are the beginning of a longer form.
    pub(crate) unfinished: bool,
}

#[derive(Clone, Copy)]
pub(crate) struct Entry {
    at: u32,
    what: u32,
    /// How long it is, and, of an end: a common beginning of so many bytes is a hit.
    len_and_least: u32,
}

impl Entry {
    fn new(at: usize, len: usize, what: u32, least: usize) -> Self {
        debug_assert!(len < 1 << 24 && least < 1 << 8);
        Self { at: at as u32, what, len_and_least: (len << 8 | least) as u32 }
    }

    const fn len(self) -> usize {
        (self.len_and_least >> 8) as usize
    }

    const fn least(self) -> usize {
        (self.len_and_least & 0xFF) as usize
    }

    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.at as usize..][..self.len()]
    }
}

/// More than there are.
const NO_FORM: u32 = u32::MAX;

/// All forms of one kind.
pub(crate) struct Index {
    bytes: Zeroizing<Vec<u8>>,
    /// Forms, sorted by their bytes; none twice.
    whole: Vec<Entry>,
    /// For each of `whole` the longest other one that it begins with, or [`NO_FORM`].
    shorter: Vec<u32>,
    /// Ends of forms from certain places on, sorted: a common beginning is a hit.
    ends: Vec<Entry>,
    all: Beginnings,
    /// Of the whole forms that have one of JSON's own signs.
    with_signs: Beginnings,
}

/// How some of the forms begin.
struct Beginnings {
    /// Their first eight bytes.
    heads: Filter,
    /// The five bytes at each of their first positions.
    inner: Filter,
    /// So many positions.
    stride: usize,
}

impl Index {
    /// The first position of `text` from `from` on where a form may begin. The last seven bytes are too short to be
    /// one.
    pub(crate) fn candidate(&self, text: &[u8], from: usize) -> Option<usize> {
        self.all.candidate(text, from)
    }

    /// The same for a whole form that has one of JSON's own signs.
    pub(crate) fn candidate_with_signs(&self, text: &[u8], from: usize) -> Option<usize> {
        self.with_signs.candidate(text, from)
    }

    /// What the whole of `rest` begins with.
    pub(crate) fn here(&self, rest: &[u8]) -> Here {
        let mut here = self.whole_here(rest);
        let after = self.ends.partition_point(|entry| self.form(*entry) <= rest);
        here.unfinished |= self.goes_on(&self.ends, after, rest);
        for entry in self.ends[after.saturating_sub(1)..].iter().take(2) {
            let common = common_beginning(self.form(*entry), rest);
            if common >= entry.least() && here.longest.is_none_or(|(len, _)| common > len) {
                here.longest = Some((common, entry.what));
            }
        }
        here
    }

    fn goes_on(&self, entries: &[Entry], at: usize, rest: &[u8]) -> bool {
        entries.get(at).is_some_and(|entry| self.form(*entry).starts_with(rest))
    }

    pub(crate) fn whole_here(&self, rest: &[u8]) -> Here {
        let after = self.whole.partition_point(|entry| self.form(*entry) <= rest);
        let mut here = Here { longest: None, unfinished: self.goes_on(&self.whole, after, rest) };
        let mut at = after.wrapping_sub(1);
        while let Some(entry) = self.whole.get(at) {
            if rest.starts_with(self.form(*entry)) {
                here.longest = Some((entry.len(), entry.what));
                break;
            }
            at = self.shorter[at] as usize;
        }
        here
    }

    fn form(&self, entry: Entry) -> &[u8] {
        entry.of(&self.bytes)
    }

    /// Everything in a whole text, by beginning; the findings may overlap.
    pub(crate) fn find<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Found> + 'a {
        self.find_from(0..text.len(), text)
    }

    /// The same, if it begins in this range.
    pub(crate) fn find_from<'a>(
        &'a self,
        range: Range<usize>,
        text: &'a [u8],
    ) -> impl Iterator<Item = Found> + 'a {
        let reach = &text[..text.len().min(range.end.saturating_add(FORM_BYTES_MIN - 1))];
        let mut position = range.start;
        std::iter::from_fn(move || {
            while let Some(start) = self.candidate(reach, position) {
                position = start + 1;
                if let Some((len, what)) = self.here(&text[start..]).longest {
                    return Some(Found { start, end: start + len, what });
                }
            }
            None
        })
    }
}

/// How many bytes both begin with, cut back to whole characters.
fn common_beginning(form: &[u8], rest: &[u8]) -> usize {
    let mut common = form.iter().zip(rest).take_while(|(a, b)| a == b).count();
    while common > 0 && form.get(common).is_some_and(|byte| byte & 0xC0 == 0x80) {
        common -= 1;
    }
    common
}

/// Forms before they are sorted.
#[derive(Default)]
pub(crate) struct Builder {
    bytes: Zeroizing<Vec<u8>>,
    whole: Vec<Entry>,
    ends: Vec<Entry>,
}

impl Builder {
    pub(crate) fn push(&mut self, form: &[u8], what: u32) -> Entry {
        let entry = Entry::new(self.bytes.len(), form.len(), what, 0);
        // Growing would leave a copy behind: the old buffer is wiped by hand.
        if self.bytes.capacity() - self.bytes.len() < form.len() {
            let mut wider = Zeroizing::new(Vec::with_capacity((self.bytes.len() + form.len()) * 3 / 2));
            wider.extend_from_slice(&self.bytes);
            self.bytes = wider;
        }
        self.bytes.extend_from_slice(form);
        self.whole.push(entry);
        entry
    }

    /// What remains of a form from `start` on, if `least` bytes of it, which are found, are there.
    pub(crate) fn end_of(&mut self, form: Entry, start: usize, least: usize) {
        if form.len().saturating_sub(start) >= least {
            self.ends.push(Entry::new(form.at as usize + start, form.len() - start, form.what, least));
        }
    }

    pub(crate) fn build(self) -> Index {
        let Self { bytes, mut whole, mut ends } = self;
        let form = |entry: &Entry| entry.of(&bytes);
        for entries in [&mut whole, &mut ends] {
            // Stable: of equal forms the one that was named first stays.
            entries.sort_by(|a, b| form(a).cmp(form(b)));
            entries.dedup_by(|later, earlier| form(later) == form(earlier));
            entries.shrink_to_fit();
        }
        let mut shorter: Vec<u32> = Vec::with_capacity(whole.len());
        for at in 0..whole.len() {
            let mut candidate = at.checked_sub(1).map_or(NO_FORM, |before| before as u32);
            while let Some(before) = whole.get(candidate as usize) {
                if form(&whole[at]).starts_with(form(before)) {
                    break;
                }
                candidate = shorter[candidate as usize];
            }
            shorter.push(candidate);
        }
        let wholes = whole.iter().map(|entry| (form(entry), entry.len()));
        let pieces = ends.iter().map(|entry| (form(entry), entry.least()));
        let signed = wholes.clone().filter(|(form, _)| form.iter().any(is_sign));
        let with_signs = Beginnings::of(signed, std::iter::empty());
        let all = Beginnings::of(wholes, pieces);
        Index { bytes, whole, shorter, ends, all, with_signs }
    }
}

/// What JSON writes around strings, and within them in front of what it escapes.
fn is_sign(byte: &u8) -> bool {
    b"\"\\{}[]:,".contains(byte)
}

/// So many bytes of a form are looked for first.
const INNER_BYTES: usize = 5;
/// So many positions are looked at together: fewer where there are short forms.
const STRIDE_MIN: usize = FORM_BYTES_MIN + 1 - INNER_BYTES;
const STRIDE_MAX: usize = 8;
/// Where all forms are long.
const STRIDE_OF_LONG: usize = 16;
/// So many strides are looked at in one round.
const LOOKS: usize = 8;

impl Beginnings {
    /// Of these forms, and of how many bytes of each one is found.
    fn of<'a>(
        whole: impl Iterator<Item = (&'a [u8], usize)> + Clone,
        ends: impl Iterator<Item = (&'a [u8], usize)> + Clone,
    ) -> Self {
        let (whole_count, end_count) = (whole.clone().count(), ends.clone().count());
        let forms = whole.chain(ends);
        let shortest = forms.clone().map(|(_, least)| least).min().unwrap_or_default();
        let longest = (shortest + 1).saturating_sub(INNER_BYTES);
        let stride =
            if longest < STRIDE_OF_LONG { longest.clamp(STRIDE_MIN, STRIDE_MAX) } else { STRIDE_OF_LONG };
        // What passes here is searched for in all forms, which costs as much as hundreds of looks.
        let mut heads = Filter::new((whole_count + end_count) / 2);
        // Ends overlap: each has one position that another one has not.
        let mut inner = Filter::new((whole_count * stride + end_count) / 4);
        for (form, _) in forms {
            form.first_chunk().iter().for_each(|head| heads.insert(word(**head)));
            form.windows(INNER_BYTES).take(stride).for_each(|five| inner.insert(inner_word(five)));
        }
        Self { heads, inner, stride }
    }

    fn candidate(&self, text: &[u8], from: usize) -> Option<usize> {
        let last = text.len().checked_sub(FORM_BYTES_MIN)?;
        let may_begin =
            |at: &usize| text[*at..].first_chunk().is_some_and(|head| self.heads.may_contain(word(*head)));
        let inside = |position: usize| {
            let eight =
                text.get(position + self.stride + INNER_BYTES - 1 - FORM_BYTES_MIN..)?.first_chunk()?;
            Some(self.inner.may_contain(word(*eight) >> (64 - 8 * INNER_BYTES)))
        };
        let mut position = from;
        loop {
            position = self.without_looks(text, position);
            // Here one of so many looks hits, or the text ends.
            for _ in 0..LOOKS {
                // Every form that begins at one of so many positions has these five bytes.
                let Some(may_begin_here) = inside(position) else {
                    return (position..last + 1).find(may_begin);
                };
                let positions = position..last.min(position + self.stride - 1) + 1;
                if may_begin_here && let Some(start) = positions.clone().find(may_begin) {
                    return Some(start);
                }
                position += self.stride;
            }
        }
    }

    /// From which position on one of the next looks hits: the looks of one round do not wait for each other.
    fn without_looks(&self, text: &[u8], from: usize) -> usize {
        match self.stride {
            4 => self.rounds::<4>(text, from),
            5 => self.rounds::<5>(text, from),
            6 => self.rounds::<6>(text, from),
            7 => self.rounds::<7>(text, from),
            8 => self.rounds::<8>(text, from),
            16 => self.rounds::<16>(text, from),
            _ => from,
        }
    }

    fn rounds<const STRIDE: usize>(&self, text: &[u8], from: usize) -> usize {
        let mut position = from;
        while let Some(ahead) = text.get(position + STRIDE + INNER_BYTES - 1 - FORM_BYTES_MIN..)
            && let Some(ahead) = ahead.get(..(LOOKS - 1) * STRIDE + FORM_BYTES_MIN)
        {
            let mut hits = false;
            for look in 0..LOOKS {
                let eight = ahead[look * STRIDE..].first_chunk().map_or(0, |eight| word(*eight));
                hits |= self.inner.may_contain(eight >> (64 - 8 * INNER_BYTES));
            }
            if hits {
                break;
            }
            position += LOOKS * STRIDE;
        }
        position
    }
}

fn word(head: [u8; FORM_BYTES_MIN]) -> u64 {
    u64::from_le_bytes(head)
}

fn inner_word(five: &[u8]) -> u64 {
    five.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Which bytes stand in forms: seldom yes where it should be no, never no where it should be yes.
struct Filter {
    words: Vec<u64>,
    shift: u32,
}

impl Filter {
    /// Of so many words or more. An entry sets two bits of one.
    fn new(words: usize) -> Self {
        let words = words.next_power_of_two().max(2);
        Self { words: vec![0; words], shift: 64 - words.trailing_zeros() }
    }

    fn place(&self, word: u64) -> (usize, u64) {
        let hash = (word ^ word >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((hash >> self.shift) as usize, 1 << (hash >> 20 & 63) | 1 << (hash >> 26 & 63))
    }

    fn insert(&mut self, word: u64) {
        let (at, bits) = self.place(word);
        self.words[at] |= bits;
    }

    #[inline]
    fn may_contain(&self, word: u64) -> bool {
        let (at, bits) = self.place(word);
        self.words.get(at).is_some_and(|word| word & bits == bits)
    }
}
