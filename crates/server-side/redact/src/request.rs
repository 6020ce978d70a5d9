//! What a reader of a whole request puts together: pieces of a value that stand in several messages, parts, fields, names
//! or numbers.
//!
//! A long piece is found by itself, so only what stands near the beginning and the end of each text is put together.

mod rows;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::document::{Document, Fields, Text};
use crate::fold::Folded;
use crate::known::Known;
use crate::numbers::BYTE_MIN;
use crate::{Findings, RedactError, Redactor, Rule};
use rows::{Edge, Edges, Parts, Row, Rows, RowsByPlace, edges};

/// So many different sets of names are remembered.
const NAMES_SEEN_MAX: usize = 16;

/// Whether this field says what something is: such a text does not stand between two pieces.
fn is_label(name: &str) -> bool {
    matches!(
        name,
        "role"
            | "type"
            | "id"
            | "tool_call_id"
            | "call_id"
            | "item_id"
            | "name"
            | "model"
            | "object"
            | "status"
            | "finish_reason"
            | "detail"
            | "format"
            | "mime_type"
            | "media_type"
            | "filename"
    )
}

/// What is to be done to a leaf: this range goes, and perhaps a placeholder comes.
struct Cut {
    range: Range<usize>,
    what: Option<u32>,
}

/// What is read together. It may be used for several documents, one after the other.
pub(crate) struct Reader<'a> {
    known: &'a Known,
    /// Room for the letters of one text.
    folded: Folded,
    /// Leaves that were seen.
    leaves: usize,
    /// All texts but labels.
    all: Rows,
    /// Texts of one role under one name.
    alike: RowsByPlace,
    /// Numbers that may be bytes.
    numbers: RowsByPlace,
    /// Names of fields.
    names: Rows,
    /// Most objects have the names that another one had, in this document or an earlier one.
    names_seen: Vec<Vec<String>>,
}

impl Redactor {
    /// Rule 1 over everything that a reader may put together: what was found stands in the first of the leaves that it
    /// was spread over. Says whether something was found.
    ///
    /// # Errors
    /// When it is spread over names of fields, from which it cannot be taken out.
    pub(crate) fn whole_request(
        &self,
        document: &mut Document<'_>,
        reader: &mut Reader<'_>,
        findings: &mut Findings,
    ) -> Result<bool, RedactError> {
        reader.clear();
        reader.collect(document, Place { hash: 0, is_label: false });
        for row in reader.names.rows() {
            if let Some((what, _)) = self.spread(&row).first() {
                return Err(RedactError::Remains(self.known.name(*what).to_owned()));
            }
        }
        let mut cuts: BTreeMap<usize, Vec<Cut>> = BTreeMap::new();
        let rows = [&reader.all].into_iter().chain(reader.alike.iter()).chain(reader.numbers.iter());
        for (what, parts) in rows.flat_map(Rows::rows).flat_map(|row| self.spread(&row)) {
            findings.add(Rule::Value, self.known.name(what));
            for (at, (leaf, range)) in parts.into_iter().enumerate() {
                cuts.entry(leaf).or_default().push(Cut { range, what: (at == 0).then_some(what) });
            }
        }
        if !cuts.is_empty() {
            self.cut(document, &mut 0, &cuts);
        }
        Ok(!cuts.is_empty())
    }

    /// Values that stand in more than one leaf of a row, and which parts of which.
    fn spread(&self, row: &Row<'_>) -> Vec<(u32, Parts)> {
        if row.nothing_goes_on(&self.known) {
            return Vec::new();
        }
        let mut spread: Vec<(u32, Range<usize>)> = Vec::new();
        let mut found = self.known.find(row.text);
        found.retain(|found| !self.known.is_placeholder(row.text, found));
        found.sort_by_key(|found| found.start);
        for next in found {
            match spread.last_mut() {
                Some((_, last)) if next.start < last.end => last.end = last.end.max(next.end),
                _ => spread.push((next.what, next.start..next.end)),
            }
        }
        let parts = spread.into_iter().map(|(what, range)| (what, row.parts(range)));
        parts.filter(|(_, parts)| parts.iter().any(|(leaf, _)| *leaf != parts[0].0)).collect()
    }

    fn cut(&self, value: &mut Document<'_>, leaf: &mut usize, cuts: &BTreeMap<usize, Vec<Cut>>) {
        match value {
            Document::List(items) => items.iter_mut().for_each(|item| self.cut(item, leaf, cuts)),
            Document::Fields(fields) => match in_order(fields) {
                None => fields.iter_mut().for_each(|(_, field)| self.cut(field, leaf, cuts)),
                Some(places) => places.into_iter().for_each(|at| self.cut(fields.get_mut(at).1, leaf, cuts)),
            },
            Document::Text(text) => {
                if let Some(cuts) = cuts.get(leaf) {
                    text.set(self.without(text.as_str(), cuts));
                }
                *leaf += 1;
            }
            Document::Number(_) => {
                if let Some(cuts) = cuts.get(leaf) {
                    let what = cuts.iter().find_map(|cut| cut.what);
                    let text = what.map_or("", |what| self.known.replacement(what));
                    *value = Document::text(text.to_owned());
                }
                *leaf += 1;
            }
            Document::Null | Document::Bool(_) => {}
        }
    }

    fn without(&self, text: &str, cuts: &[Cut]) -> String {
        let mut cuts: Vec<&Cut> = cuts.iter().collect();
        cuts.sort_by_key(|cut| (cut.range.start, std::cmp::Reverse(cut.range.end)));
        let (mut out, mut position) = (String::new(), 0);
        for Cut { range, what } in cuts {
            // A range may end in the midst of a character that is several letters.
            let start = text.floor_char_boundary(range.start).max(position);
            out.push_str(text.get(position..start).unwrap_or_default());
            if let Some(what) = what.filter(|_| range.start >= position) {
                out.push_str(self.known.replacement(what));
            }
            position = position.max(text.ceil_char_boundary(range.end));
        }
        out.push_str(text.get(position..).unwrap_or_default());
        out
    }
}

/// Where in the document something stands.
#[derive(Clone, Copy)]
struct Place {
    /// Of the names on the way; items of one array have the same.
    hash: u64,
    is_label: bool,
}

impl Place {
    fn under(self, name: &str) -> Self {
        let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let name_hash = if is_number { 0 } else { hash(name) };
        Self { hash: mixed(self.hash, name_hash), is_label: is_label(name) }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(known: &'a Known) -> Self {
        Self {
            known,
            folded: Folded::default(),
            leaves: 0,
            all: Rows::default(),
            alike: RowsByPlace::default(),
            numbers: RowsByPlace::default(),
            names: Rows::default(),
            names_seen: Vec::new(),
        }
    }

    /// As new, but for the names that were seen.
    fn clear(&mut self) {
        self.leaves = 0;
        self.all.clear();
        self.alike.clear();
        self.numbers.clear();
        self.names.clear();
    }

    fn collect(&mut self, value: &mut Document<'_>, place: Place) {
        match value {
            Document::Text(text) => self.text(text, place),
            Document::Number(number) => {
                let byte = number.as_f64().filter(|number| number.fract() == 0.0);
                self.number(byte.map_or(-1, |number| number as i64), place);
                self.leaves += 1;
            }
            Document::List(items) => {
                let inside = Place { hash: mixed(place.hash, 0), ..place };
                items.iter_mut().for_each(|item| self.collect(item, inside));
            }
            Document::Fields(fields) => self.object(fields, place),
            Document::Null | Document::Bool(_) => {}
        }
    }

    fn object(&mut self, fields: &mut Fields<'_>, place: Place) {
        // What one role says is read apart from what the others do.
        let role = fields.iter().find(|(name, _)| *name == "role");
        let role = role.and_then(|(_, role)| role.as_str()).map_or(0, hash);
        let place = Place { hash: mixed(place.hash, role), ..place };
        self.names(fields);
        match in_order(fields) {
            None => fields.iter_mut().for_each(|(name, field)| self.collect(field, place.under(name))),
            Some(places) => {
                for at in places {
                    let (name, field) = fields.get_mut(at);
                    self.collect(field, place.under(name));
                }
            }
        }
    }

    /// Names as they stand there, and, where they have numbers, in the order of these.
    fn names(&mut self, fields: &Fields<'_>) {
        if fields.len() < 2 {
            return;
        }
        let number = |(name, value)| Some((name, Document::as_number(value)?.as_f64().unwrap_or_default()));
        if let Some(mut by_value) = fields.iter().map(number).collect::<Option<Vec<(&str, f64)>>>() {
            by_value.sort_by(|(_, a), (_, b)| a.total_cmp(b));
            self.names_in_a_row(by_value.iter().map(|(name, _)| *name));
        }
        let is_known = |names: &Vec<String>| names.len() == fields.len() && fields.names().eq(names);
        if !self.names_seen.iter().any(is_known) {
            if self.names_seen.len() < NAMES_SEEN_MAX {
                self.names_seen.push(fields.names().map(str::to_owned).collect());
            }
            self.names_in_a_row(fields.names());
        }
    }

    fn names_in_a_row<'k>(&mut self, keys: impl Iterator<Item = &'k str> + Clone) {
        self.names.begin();
        for (at, key) in keys.clone().enumerate() {
            self.folded.clear();
            self.folded.push(key, 0);
            let edge = Edge { text: key, letters: self.folded.bytes(), from: 0, is_quiet: false };
            self.names.push(edge, at);
        }
        self.names.begin();
        for (at, key) in keys.enumerate() {
            if let Some(byte) = key.parse::<u8>().ok().filter(|byte| *byte >= BYTE_MIN) {
                self.names.push_byte(byte, at);
            }
        }
    }

    fn text(&mut self, leaf_text: &mut Text<'_>, place: Place) {
        let leaf = self.leaves;
        let text = leaf_text.as_str();
        if let Some(number) = (text.len() <= 4).then(|| text.parse().ok()).flatten() {
            self.number(number, place);
        }
        self.leaves += 1;
        let is_data = text.starts_with("data:") || text.len() > 1024 && !text.contains(' ');
        let known = self.known;
        let mut folded = std::mem::take(&mut self.folded);
        let Edges { first, last, is_clean } = edges(text, known, &mut folded);
        if !place.is_label && !is_data {
            self.all.add(first, last, leaf);
        }
        self.alike.of(place.hash).add(first, last, leaf);
        self.folded = folded;
        if is_clean {
            leaf_text.is_clean();
        }
    }

    fn number(&mut self, number: i64, place: Place) {
        let row = self.numbers.of(place.hash);
        match u8::try_from(number) {
            Ok(byte) if byte >= BYTE_MIN => row.push_byte(byte, self.leaves),
            _ => {}
        }
    }
}

/// Places of fields where they are in another order than in the object: numbers by their value, as a list that was
/// written as an object has them.
fn in_order(fields: &Fields<'_>) -> Option<Vec<usize>> {
    if !fields.names().any(|name| name.starts_with(|first: char| first.is_ascii_digit())) {
        return None;
    }
    let mut places: Vec<usize> = (0..fields.len()).collect();
    places.sort_by_cached_key(|at| fields.name(*at).parse::<u64>().ok());
    Some(places)
}

fn hash(text: &str) -> u64 {
    let mut words = text.as_bytes().chunks_exact(8);
    let whole = words.by_ref().map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
    let hash = whole.fold(text.len() as u64, mixed);
    let rest = words.remainder().iter();
    mixed(hash, rest.fold(0, |word, byte| word << 8 | u64::from(*byte)))
}

fn mixed(outer: u64, inner: u64) -> u64 {
    (outer.rotate_left(5) ^ inner).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
