//! Texts that are read one after the other: whether something goes on from one to the next.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::fold::Folded;
use crate::forms::FORM_BYTES_MIN;
use crate::known::Known;

/// So much of a text's beginning and of its end is put together with others.
const EDGE_BYTES: usize = 96;

/// Rows of so many bytes grow in few steps.
const GROWS_FAST: Range<usize> = 256..64 * 1024;

/// Texts one after the other, in rows.
#[derive(Default)]
pub(super) struct Rows {
    text: Vec<u8>,
    letters: Vec<u8>,
    pieces: Vec<Piece>,
    /// The first pieces of all rows but the first.
    begins: Vec<usize>,
}

/// Rows of different places of a document.
#[derive(Default)]
pub(super) struct RowsByPlace {
    places: BTreeMap<u64, usize>,
    /// The first ones, as many as there are places; the others are empty.
    rows: Vec<Rows>,
}

/// A part of a row, and which part of which leaf of the document it is.
pub(super) struct Piece {
    start: usize,
    /// Where its letters begin.
    letters: usize,
    leaf: usize,
    /// None for a number, which goes as a whole.
    from: Option<usize>,
    /// Nothing both begins and ends in it.
    is_quiet: bool,
}

/// Texts that are read as one.
pub(super) struct Row<'a> {
    pub(super) text: &'a [u8],
    letters: &'a [u8],
    pieces: &'a [Piece],
}

/// A text that is put together with others, or one end of it.
#[derive(Clone, Copy)]
pub(super) struct Edge<'a> {
    pub(super) text: &'a str,
    pub(super) letters: &'a [u8],
    /// Where in the text it begins.
    pub(super) from: usize,
    /// Nothing both begins and ends in it.
    pub(super) is_quiet: bool,
}

/// Leaves, and which parts of them.
pub(super) type Parts = Vec<(usize, Range<usize>)>;

/// A text, or the beginning and the end of a long one.
pub(super) struct Edges<'a> {
    pub(super) first: Edge<'a>,
    pub(super) last: Option<Edge<'a>>,
    /// Nothing is found in the whole text.
    pub(super) is_clean: bool,
}

/// Where a text may be put together with others. The whole of it is looked at on the way.
pub(super) fn edges<'a>(text: &'a str, known: &Known, folded: &'a mut Folded) -> Edges<'a> {
    folded.clear();
    let first = text.floor_char_boundary(EDGE_BYTES);
    let last = text.ceil_char_boundary(text.len().saturating_sub(EDGE_BYTES));
    let looked = |letters: &[u8]| {
        let is_quiet = known.is_quiet(text.as_bytes(), letters);
        (is_quiet, is_quiet || known.has_none(text.as_bytes(), letters))
    };
    if first >= last {
        folded.push(text, 0);
        let letters = folded.bytes();
        let (is_quiet, is_clean) = looked(letters);
        return Edges { first: Edge { text, letters, from: 0, is_quiet }, last: None, is_clean };
    }
    let first = &text[..first];
    folded.push(first, 0);
    let of_first = folded.bytes().len();
    folded.push(&text[first.len()..last], 0);
    let before_last = folded.bytes().len();
    folded.push(&text[last..], 0);
    let letters = folded.bytes();
    let (is_quiet, is_clean) = looked(letters);
    // The row of the beginning ends with it.
    let first = Edge { text: first, letters: &letters[..of_first], from: 0, is_quiet: false };
    let (text, letters) = (&text[last..], &letters[before_last..]);
    let is_quiet = is_quiet || known.is_quiet(text.as_bytes(), letters);
    Edges { first, last: Some(Edge { text, letters, from: last, is_quiet }), is_clean }
}

impl Rows {
    /// Nothing, with the room that there was.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.letters.clear();
        self.pieces.clear();
        self.begins.clear();
    }

    /// What comes is another row.
    pub(super) fn begin(&mut self) {
        self.begins.push(self.pieces.len());
    }

    /// A text at the end of the last row; a long one ends that row and begins the next.
    pub(super) fn add(&mut self, first: Edge<'_>, last: Option<Edge<'_>>, leaf: usize) {
        self.push(first, leaf);
        if let Some(last) = last {
            self.begin();
            self.push(last, leaf);
        }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let ends = self.begins.iter().copied().chain([self.pieces.len()]);
        let begins = [0].into_iter().chain(self.begins.iter().copied());
        let whole = (self.text.len(), self.letters.len());
        let start =
            move |piece: usize| self.pieces.get(piece).map_or(whole, |piece| (piece.start, piece.letters));
        begins.zip(ends).map(move |(begin, end)| {
            let (from, to) = (start(begin), start(end));
            Row {
                text: &self.text[from.0..to.0],
                letters: &self.letters[from.1..to.1],
                pieces: &self.pieces[begin..end],
            }
        })
    }

    pub(super) fn push(&mut self, edge: Edge<'_>, leaf: usize) {
        if !edge.text.is_empty() {
            let (start, letters) = (self.text.len(), self.letters.len());
            let from = Some(edge.from);
            grow(&mut self.pieces, 1);
            grow(&mut self.text, edge.text.len());
            grow(&mut self.letters, edge.letters.len());
            self.pieces.push(Piece { start, letters, leaf, from, is_quiet: edge.is_quiet });
            self.text.extend_from_slice(edge.text.as_bytes());
            self.letters.extend_from_slice(edge.letters);
        }
    }

    pub(super) fn push_byte(&mut self, byte: u8, leaf: usize) {
        let (start, letters) = (self.text.len(), self.letters.len());
        self.pieces.push(Piece { start, letters, leaf, from: None, is_quiet: false });
        self.text.push(byte);
    }
}

/// Room for what comes: the many rows of one text, and very long ones, grow in small steps.
fn grow<T>(items: &mut Vec<T>, more: usize) {
    if items.capacity() - items.len() < more && GROWS_FAST.contains(&size_of_val(&items[..])) {
        items.reserve(more + 3 * items.len());
    }
}

impl RowsByPlace {
    pub(super) fn clear(&mut self) {
        self.rows[..self.places.len()].iter_mut().for_each(Rows::clear);
        self.places.clear();
    }

    /// The rows of this place.
    pub(super) fn of(&mut self, place: u64) -> &mut Rows {
        let next = self.places.len();
        let at = *self.places.entry(place).or_insert(next);
        if at == self.rows.len() {
            self.rows.push(Rows::default());
        }
        &mut self.rows[at]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Rows> {
        self.places.values().map(|at| &self.rows[*at])
    }
}

impl Row<'_> {
    /// Where it begins among all rows.
    fn start(&self) -> usize {
        self.pieces.first().map_or(0, |piece| piece.start)
    }

    /// Whether nothing is found that begins in one piece and ends in another. `false` where that is not certain.
    pub(super) fn nothing_goes_on(&self, known: &Known) -> bool {
        let Some(first) = self.pieces.first().filter(|_| self.pieces.len() > 1) else { return true };
        // A number has no letters of its own.
        if self.pieces.iter().any(|piece| piece.from.is_none()) || known.shortest(self.text).next().is_some()
        {
            return false;
        }
        self.pieces.windows(2).all(|two| {
            // In a quiet piece nothing begins but so near its end that it ends in the next one.
            let reach = if two[0].is_quiet { FORM_BYTES_MIN - 1 } else { usize::MAX };
            let begins = |start: usize, end: usize| start.max(end.saturating_sub(reach));
            let place = |start: usize, end: usize, of: usize| begins(start, end) - of..end - of;
            let text = place(two[0].start, two[1].start, first.start);
            let letters = place(two[0].letters, two[1].letters, first.letters);
            known.exact.find_from(text, self.text).next().is_none()
                && known.folded.find_from(letters, self.letters).next().is_none()
        })
    }

    /// Which parts of which leaves a range of the row is.
    pub(super) fn parts(&self, range: Range<usize>) -> Parts {
        let (start, end) = (self.start(), self.start() + self.text.len());
        let range = range.start + start..range.end + start;
        let ends = self.pieces.iter().skip(1).map(|piece| piece.start).chain([end]);
        let overlapping = self.pieces.iter().zip(ends).filter_map(|(piece, end)| {
            let (start, end) = (range.start.max(piece.start), range.end.min(end));
            let part = |from: usize| from + start - piece.start..from + end - piece.start;
            let part = piece.from.filter(|_| start < end).map_or(0..usize::MAX, part);
            (start < end).then_some((piece.leaf, part))
        });
        overlapping.collect()
    }
}
