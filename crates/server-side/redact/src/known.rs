//! The forms of known values, ready to be found.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use aho_corasick::AhoCorasick;
use zeroize::Zeroizing;

use crate::fold::{Folded, folded};
use crate::forms::{FORM_BYTES_MIN, encoded_forms, other_alphabets};
use crate::index::{Builder, Entry, Found, Index};
use crate::{KnownSecret, RedactError, placeholder};

/// A piece of an encoded value as long as this is found too; of a plain one, see [`piece_bytes_min`].
pub(crate) const FRAGMENT_BYTES_MIN: usize = 16;
/// Shorter values are not looked for: they stand in ordinary text by chance.
pub(crate) const VALUE_BYTES_MIN: usize = 6;
/// So many letters are looked for wherever they stand, whatever is between them; fewer only where they are spelled.
const LETTERS_MIN: usize = 12;
/// A piece of a value that shall be found by chance less than once in 2^56 places.
const PIECE_BITS: f64 = 56.0;
const VALUES_BYTES_MAX: usize = 512 * 1024;

/// All forms of all known values.
pub(crate) struct Known {
    /// As bytes.
    pub(crate) exact: Index,
    /// As letters, see [`Folded`].
    pub(crate) folded: Index,
    short: Option<Short>,
    names: Vec<String>,
    sorted_names: BTreeSet<String>,
    replacements: Vec<String>,
}

/// Values that are too short for an index.
struct Short {
    automaton: AhoCorasick,
    values: Vec<(Zeroizing<String>, u32)>,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("secrets", &(self.names.len())).finish_non_exhaustive()
    }
}

impl Known {
    pub(crate) fn new(secrets: &[KnownSecret]) -> Result<Self, RedactError> {
        let total: usize = secrets.iter().map(|secret| secret.value.expose().len()).sum();
        if total > VALUES_BYTES_MAX {
            return Err(RedactError::TooMuch(format!("{total} bytes, at most {VALUES_BYTES_MAX}")));
        }
        let mut forms = Forms::default();
        for secret in secrets {
            forms.add(secret);
        }
        forms.into_known()
    }

    /// What stands in the place of something found: a placeholder.
    pub(crate) fn replacement(&self, what: u32) -> &str {
        &self.replacements[what as usize]
    }

    pub(crate) fn is_name(&self, name: &str) -> bool {
        self.sorted_names.contains(name)
    }

    pub(crate) fn name(&self, what: u32) -> &str {
        &self.names[what as usize]
    }

    /// A form that stands in the bytes as a whole, other than in a placeholder.
    pub(crate) fn remaining(&self, bytes: &[u8]) -> Option<u32> {
        self.remaining_of(bytes, Index::candidate)
    }

    /// The same in JSON in whose strings nothing is found: then it is over JSON's own signs.
    pub(crate) fn remaining_over_signs(&self, json: &[u8]) -> Option<u32> {
        self.remaining_of(json, Index::candidate_with_signs)
    }

    fn remaining_of(
        &self,
        bytes: &[u8],
        candidate: impl Fn(&Index, &[u8], usize) -> Option<usize>,
    ) -> Option<u32> {
        let mut position = 0;
        while let Some(start) = candidate(&self.exact, bytes, position) {
            position = start + 1;
            if let Some((len, what)) = self.exact.whole_here(&bytes[start..]).longest {
                if bytes[start..start + len] != *self.replacement(what).as_bytes() {
                    return Some(what);
                }
                position = start + len;
            }
        }
        self.shortest(bytes).next().map(|found| found.what)
    }

    /// Everything in a whole text: as it stands there, and by its letters. The findings may overlap; placeholders are
    /// among them.
    pub(crate) fn find(&self, text: &[u8]) -> Vec<Found> {
        let mut found: Vec<Found> = self.exact.find(text).collect();
        let placeholders: Vec<Found> =
            found.iter().filter(|found| self.is_placeholder(text, found)).copied().collect();
        found.extend(self.shortest(text).filter(|found| is_outside(&placeholders, found)));
        found.extend(self.by_letters(text).into_iter().filter(|found| is_outside(&placeholders, found)));
        found
    }

    /// Whether no form may begin in a text and end in it. `false` where that is not certain.
    pub(crate) fn is_quiet(&self, text: &[u8], letters: &[u8]) -> bool {
        self.exact.candidate(text, 0).is_none() && self.folded.candidate(letters, 0).is_none()
    }

    /// Whether nothing is found in a text by the index, as it stands there and by its letters.
    pub(crate) fn has_none(&self, text: &[u8], letters: &[u8]) -> bool {
        self.exact.find(text).next().is_none() && self.folded.find(letters).next().is_none()
    }

    pub(crate) fn is_placeholder(&self, text: &[u8], found: &Found) -> bool {
        text[found.start..found.end] == *self.replacement(found.what).as_bytes()
    }

    /// Values of less than eight bytes, as they are.
    pub(crate) fn shortest<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Found> + 'a {
        self.short.iter().flat_map(move |short| {
            let found = short.automaton.find_overlapping_iter(text);
            found.map(|found| Found {
                start: found.start(),
                end: found.end(),
                what: short.values[found.pattern().as_usize()].1,
            })
        })
    }

    /// Where the beginning of such a value begins that the text ends with.
    pub(crate) fn shortest_unfinished(&self, text: &[u8]) -> Option<usize> {
        let values = self.short.iter().flat_map(|short| &short.values);
        let beginnings = values.filter_map(|(value, _)| {
            (1..value.len()).rev().find(|len| text.ends_with(&value.as_bytes()[..*len]))
        });
        beginnings.max().map(|len| text.len() - len)
    }

    /// Everything that is found by its letters.
    fn by_letters(&self, text: &[u8]) -> Vec<Found> {
        let letters = Folded::of(text);
        let mut found = Vec::new();
        let mut covered = 0;
        for hit in self.folded.find(letters.bytes()) {
            if hit.end > covered
                && let Some(place) = self.place_of(text, &letters, hit)
            {
                covered = hit.end;
                found.push(place);
            }
        }
        found
    }

    /// Where letters stand that were found, if that is no chance.
    fn place_of(&self, text: &[u8], letters: &Folded, hit: Found) -> Option<Found> {
        let places = letters.places(text, hit.start..hit.end);
        if !is_spelled(&places) {
            return None;
        }
        let whole = self.folded.whole_here(&letters.bytes()[hit.start..]).longest;
        let is_whole = whole.is_some_and(|(len, _)| len == places.len());
        let places = if is_whole { &places[..] } else { without_neighbours(&places) };
        let (first, last) = places.first().zip(places.last())?;
        Some(Found { start: first.start, end: last.end, what: hit.what })
    }

    /// The same in the beginning of a text that goes on, and from where on it must be seen what comes.
    pub(crate) fn by_letters_so_far(&self, text: &[u8], ended: bool) -> (Vec<Found>, usize) {
        let letters = Folded::of(text);
        let bytes = letters.bytes();
        let mut found = Vec::new();
        let mut position = 0;
        while position < bytes.len() {
            let short = bytes.len().saturating_sub(FORM_BYTES_MIN - 1);
            let start = if position < short {
                self.folded.candidate(bytes, position).unwrap_or(short)
            } else {
                position
            };
            let here = self.folded.here(&bytes[start..]);
            if here.unfinished && !ended {
                let places = letters.places(text, start..bytes.len());
                if is_close(&places, text.len()) {
                    return (found, places.first().map_or(text.len(), |place| place.start));
                }
            }
            if let Some((len, what)) = here.longest {
                let places = letters.places(text, start..start + len);
                let hit = Found { start, end: start + len, what };
                let place = is_close(&places, 0).then(|| self.place_of(text, &letters, hit));
                found.extend(place.flatten());
            }
            position = start + 1;
        }
        (found, text.len())
    }
}

/// Not in one of these places, which are sorted.
pub(crate) fn is_outside(places: &[Found], found: &Found) -> bool {
    let before = places.partition_point(|place| place.start <= found.start);
    before.checked_sub(1).is_none_or(|at| places[at].end < found.end)
}

/// Bytes that may stand between two letters of a value in a stream: for longer, nothing waits.
const GAP_MAX: usize = 64;

fn is_close(places: &[Range<usize>], end: usize) -> bool {
    let far = |from: usize, to: usize| to.saturating_sub(from) > GAP_MAX;
    !places.windows(2).any(|pair| far(pair[0].end, pair[1].start))
        && places.last().is_none_or(|last| !far(last.end, end))
}

/// A few letters that stand apart at the ends of a piece are its neighbours', which go on alike by chance.
fn without_neighbours(places: &[Range<usize>]) -> &[Range<usize>] {
    const FEW: usize = 4;
    let is_gap = |at: usize| places[at - 1].end < places[at].start;
    let gaps = (1..places.len()).filter(|at| is_gap(*at)).count();
    if gaps * FEW > places.len() {
        return places;
    }
    let last = (places.len().saturating_sub(FEW - 1).max(1)..places.len()).find(|at| is_gap(*at));
    let first = (1..places.len().min(FEW)).rfind(|at| is_gap(*at));
    let (first, last) = (first.unwrap_or(0), last.unwrap_or(places.len()));
    if last.saturating_sub(first) < LETTERS_MIN - FEW { places } else { &places[first..last] }
}

/// Few letters are a value only where something stands between most of them: else words would be found.
pub(crate) fn is_spelled(places: &[Range<usize>]) -> bool {
    let gaps = places.windows(2).filter(|pair| pair[0].end < pair[1].start).count();
    places.len() >= LETTERS_MIN || gaps * 2 >= places.len()
}

#[derive(Default)]
struct Forms {
    exact: Builder,
    folded: Builder,
    short: Vec<(Zeroizing<String>, u32)>,
    names: Vec<String>,
}

impl Forms {
    fn add(&mut self, secret: &KnownSecret) {
        // What surrounds a value in a file is not part of it.
        let value = secret.value.expose().trim();
        if value.len() < VALUE_BYTES_MIN || value.len() < FORM_BYTES_MIN && !is_mixed(value) {
            return;
        }
        let what = self.names.len() as u32;
        self.names.push(secret.name.clone());
        // A placeholder stands for itself: whatever is found inside it stays as it is.
        self.exact.push(placeholder(&secret.name).as_bytes(), what);
        if value.len() < FORM_BYTES_MIN {
            self.short.push((Zeroizing::new(value.to_owned()), what));
        } else {
            self.plain(value, what);
        }
        for form in encoded_forms(value) {
            if *form.text == value.as_bytes() {
                continue;
            }
            let entry = self.exact.push(&form.text, what);
            let in_pieces = value.len() >= FRAGMENT_BYTES_MIN + FORM_BYTES_MIN;
            if let Some((first, step)) = form.pieces.filter(|_| in_pieces) {
                let starts = (first..form.text.len()).step_by(step);
                starts.for_each(|start| self.exact.end_of(entry, start, FRAGMENT_BYTES_MIN));
            }
            if form.folds {
                self.letters(&String::from_utf8_lossy(&form.text), what);
            }
        }
        for form in other_alphabets(value) {
            self.letters(&form, what);
        }
    }

    fn plain(&mut self, value: &str, what: u32) {
        let plain = self.exact.push(value.as_bytes(), what);
        let letters = self.letters(value, what);
        // The first and the last line of a key are the same in all keys.
        let (mut line_start, mut before) = (0, 0);
        for (start, character) in value.char_indices() {
            if !value[line_start..].starts_with("-----") {
                let least = piece_bytes_min(&value[start..]);
                self.exact.end_of(plain, start, least);
                if let Some(letters) = letters {
                    self.folded.end_of(letters, before, least.max(LETTERS_MIN));
                }
            }
            before += folded(character.encode_utf8(&mut [0; 4])).len();
            line_start = if character == '\n' { start + 1 } else { line_start };
        }
    }

    /// The form by its letters, if it has enough of them.
    fn letters(&mut self, form: &str, what: u32) -> Option<Entry> {
        let letters = Zeroizing::new(folded(form));
        (letters.len() >= FORM_BYTES_MIN).then(|| self.folded.push(&letters, what))
    }

    fn into_known(self) -> Result<Known, RedactError> {
        let Self { exact, folded, short, names } = self;
        let automaton = AhoCorasick::new(short.iter().map(|(value, _)| value.as_bytes()));
        let automaton = automaton.map_err(|error| RedactError::TooMuch(error.to_string()))?;
        let replacements = names.iter().map(|name| placeholder(name)).collect();
        Ok(Known {
            exact: exact.build(),
            folded: folded.build(),
            short: (!short.is_empty()).then_some(Short { automaton, values: short }),
            sorted_names: names.iter().cloned().collect(),
            names,
            replacements,
        })
    }
}

/// A short value that is no word and no number: letters, and digits or signs.
fn is_mixed(value: &str) -> bool {
    value.contains(char::is_alphabetic) && value.contains(|letter: char| !letter.is_alphabetic())
}

/// So many bytes from here on are found where the rest is not: as many as make a chance hit unlikely, more where the
/// piece may be a word.
pub(crate) fn piece_bytes_min(value: &str) -> usize {
    let has = |test: fn(&u8) -> bool| value.bytes().any(|byte| test(&byte));
    let is_hex = value.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let letters = if is_hex { 6.0 } else { 26.0 };
    let mut alphabet = 0.0_f64;
    for (test, size) in [
        (u8::is_ascii_digit as fn(&u8) -> bool, 10.0),
        (u8::is_ascii_lowercase, letters),
        (u8::is_ascii_uppercase, 26.0),
        (|byte| !byte.is_ascii_alphanumeric(), 8.0),
    ] {
        alphabet += if has(test) { size } else { 0.0 };
    }
    let least = (PIECE_BITS / alphabet.max(2.0).log2()).ceil() as usize;
    let class = |byte: &u8| (byte.is_ascii_digit(), byte.is_ascii_lowercase(), byte.is_ascii_uppercase());
    let beginning = &value.as_bytes()[..value.len().min(least)];
    let changes = beginning.windows(2).filter(|pair| class(&pair[0]) != class(&pair[1])).count();
    if changes >= 3 { least.min(FRAGMENT_BYTES_MIN) } else { FRAGMENT_BYTES_MIN }
}
