//! Finds many forms of values in bytes at once.
//!
//! Not an automaton: a thousand secrets have tens of thousands of forms of millions of bytes, and an automaton over
//! them takes more memory than the whole proxy may. Here every position costs one look into a small table of
//! the forms' first bytes; only where that hits, the sorted forms are searched.

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
    len: u32,
    what: u32,
    /// Of an end: a common beginning of so many bytes is a hit.
    least: u32,
}

/// All forms of one kind.
pub(crate) struct Index {
    bytes: Zeroizing<Vec<u8>>,
    /// Forms, sorted by their bytes; none twice.
    whole: Vec<Entry>,
    /// For each of `whole` the longest other one that it begins with.
    shorter: Vec<Option<u32>>,
    /// Ends of forms from certain places on, sorted: a common beginning is a hit.
    ends: Vec<Entry>,
    /// The first eight bytes of all forms.
    heads: Filter,
    /// The five bytes at each of the first four positions of all forms.
    inner: Filter,
}

impl Index {
    /// The first position of `text` from `from` on where a form may begin. The last seven bytes are too short to be
    /// one.
    pub(crate) fn candidate(&self, text: &[u8], from: usize) -> Option<usize> {
        let last = text.len().checked_sub(FORM_BYTES_MIN)?;
        let head =
            |at: usize| text.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |head| word(*head));
        let mut position = from;
        while position <= last {
            // Every form that begins at one of four positions has these five bytes.
            if self.inner.may_contain(inner(head(position), STRIDE - 1)) {
                let mut starts = position..=last.min(position + STRIDE - 1);
                if let Some(start) = starts.find(|start| self.heads.may_contain(head(*start))) {
                    return Some(start);
                }
            }
            position += STRIDE;
        }
        None
    }

    /// What the whole of `rest` begins with.
    pub(crate) fn here(&self, rest: &[u8]) -> Here {
        let mut here = self.whole_here(rest);
        let after = self.ends.partition_point(|entry| self.form(*entry) <= rest);
        here.unfinished |= self.goes_on(&self.ends, after, rest);
        for entry in self.ends[after.saturating_sub(1)..].iter().take(2) {
            let common = common_beginning(self.form(*entry), rest);
            if common >= entry.least as usize && here.longest.is_none_or(|(len, _)| common > len) {
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
        let mut candidate = after.checked_sub(1);
        while let Some(at) = candidate {
            let entry = self.whole[at];
            if rest.starts_with(self.form(entry)) {
                here.longest = Some((entry.len as usize, entry.what));
                break;
            }
            candidate = self.shorter[at].map(|at| at as usize);
        }
        here
    }

    fn form(&self, entry: Entry) -> &[u8] {
        &self.bytes[entry.at as usize..][..entry.len as usize]
    }

    /// Everything in a whole text, by beginning; the findings may overlap.
    pub(crate) fn find<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Found> + 'a {
        self.find_before(text.len(), text)
    }

    /// The same, if it begins before this place.
    pub(crate) fn find_before<'a>(
        &'a self,
        place: usize,
        text: &'a [u8],
    ) -> impl Iterator<Item = Found> + 'a {
        let reach = &text[..text.len().min(place.saturating_add(FORM_BYTES_MIN - 1))];
        let mut position = 0;
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
        let entry = Entry { at: self.bytes.len() as u32, len: form.len() as u32, what, least: 0 };
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
        let (start, least) = (start as u32, least as u32);
        if form.len.saturating_sub(start) >= least {
            let end = Entry { at: form.at + start, len: form.len - start, what: form.what, least };
            self.ends.push(end);
        }
    }

    pub(crate) fn build(self) -> Index {
        let Self { bytes, mut whole, mut ends } = self;
        let form = |entry: &Entry| &bytes[entry.at as usize..][..entry.len as usize];
        for entries in [&mut whole, &mut ends] {
            // Stable: of equal forms the one that was named first stays.
            entries.sort_by(|a, b| form(a).cmp(form(b)));
            entries.dedup_by(|later, earlier| form(later) == form(earlier));
            entries.shrink_to_fit();
        }
        let mut shorter: Vec<Option<u32>> = Vec::with_capacity(whole.len());
        for at in 0..whole.len() {
            let mut candidate = at.checked_sub(1).map(|before| before as u32);
            while let Some(before) = candidate {
                if form(&whole[at]).starts_with(form(&whole[before as usize])) {
                    break;
                }
                candidate = shorter[before as usize];
            }
            shorter.push(candidate);
        }
        let forms = whole.len() + ends.len();
        let (mut heads, mut inner_filter) = (Filter::new(forms), Filter::new(forms));
        for head in whole.iter().chain(&ends).filter_map(|entry| form(entry).first_chunk()) {
            heads.insert(word(*head));
            (0..STRIDE).for_each(|at| inner_filter.insert(inner(word(*head), at)));
        }
        Index { bytes, whole, shorter, ends, heads, inner: inner_filter }
    }
}

/// So many positions are looked at together.
const STRIDE: usize = 4;

fn word(head: [u8; FORM_BYTES_MIN]) -> u64 {
    u64::from_le_bytes(head)
}

/// Five of the eight bytes.
fn inner(head: u64, at: usize) -> u64 {
    head >> (8 * at) << 24
}

/// Which bytes stand in forms: seldom yes where it should be no, never no where it should be yes.
struct Filter {
    words: Vec<u64>,
    shift: u32,
}

impl Filter {
    /// Two bits of 32 for each form.
    fn new(forms: usize) -> Self {
        let words = (forms / 2).next_power_of_two().max(2);
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
