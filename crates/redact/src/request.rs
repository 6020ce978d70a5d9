//! What a reader of a whole request puts together: pieces of a value that stand in several messages, parts, fields, names
//! or numbers.
//!
//! A long piece is found by itself, so only what stands near the beginning and the end of each text is put together.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value};

use crate::numbers::BYTE_MIN;
use crate::{Findings, RedactError, Redactor, Rule};

/// So much of a text's beginning and of its end is put together with others.
const EDGE_BYTES: usize = 96;
/// Fields that say what something is: they do not stand between two pieces.
const LABELS: [&str; 16] = [
    "role",
    "type",
    "id",
    "tool_call_id",
    "call_id",
    "item_id",
    "name",
    "model",
    "object",
    "status",
    "finish_reason",
    "detail",
    "format",
    "mime_type",
    "media_type",
    "filename",
];

/// Texts one after the other.
#[derive(Default)]
struct Row {
    text: Vec<u8>,
    pieces: Vec<Piece>,
}

/// A part of a row, and which part of which leaf of the document it is.
struct Piece {
    start: usize,
    leaf: usize,
    /// None for a number, which goes as a whole.
    from: Option<usize>,
}

/// Leaves, and which parts of them.
type Parts = Vec<(usize, Range<usize>)>;

/// What is to be done to a leaf: this range goes, and perhaps a placeholder comes.
struct Cut {
    range: Range<usize>,
    what: Option<u32>,
}

#[derive(Default)]
struct Rows {
    /// Leaves that were seen.
    leaves: usize,
    /// All texts but labels.
    all: Vec<Row>,
    /// Texts of one role under one name.
    alike: BTreeMap<u64, Vec<Row>>,
    /// Numbers that may be bytes.
    numbers: BTreeMap<u64, Row>,
    /// Names of fields.
    names: Vec<Row>,
}

impl Redactor {
    /// Rule 1 over everything that a reader may put together: what was found stands in the first of the leaves that it
    /// was spread over.
    ///
    /// # Errors
    /// When it is spread over names of fields, from which it cannot be taken out.
    pub(crate) fn whole_request(
        &self,
        document: &mut Value,
        findings: &mut Findings,
    ) -> Result<(), RedactError> {
        let mut rows = Rows::default();
        rows.collect(document, Place { hash: 0, is_label: false });
        for row in &rows.names {
            if let Some((what, _)) = self.spread(row).first() {
                return Err(RedactError::Remains(self.known.name(*what).to_owned()));
            }
        }
        let mut cuts: BTreeMap<usize, Vec<Cut>> = BTreeMap::new();
        let rows = rows.all.iter().chain(rows.alike.values().flatten()).chain(rows.numbers.values());
        for (what, parts) in rows.flat_map(|row| self.spread(row)) {
            findings.add(Rule::Value, self.known.name(what));
            for (at, (leaf, range)) in parts.into_iter().enumerate() {
                cuts.entry(leaf).or_default().push(Cut { range, what: (at == 0).then_some(what) });
            }
        }
        if !cuts.is_empty() {
            self.cut(document, &mut 0, &cuts);
        }
        Ok(())
    }

    /// Values that stand in more than one leaf of a row, and which parts of which.
    fn spread(&self, row: &Row) -> Vec<(u32, Parts)> {
        if row.pieces.len() < 2 {
            return Vec::new();
        }
        let mut spread: Vec<(u32, Range<usize>)> = Vec::new();
        let mut found = self.known.find(&row.text);
        found.retain(|found| !self.known.is_placeholder(&row.text, found));
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

    fn cut(&self, value: &mut Value, leaf: &mut usize, cuts: &BTreeMap<usize, Vec<Cut>>) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.cut(item, leaf, cuts)),
            Value::Object(fields) => {
                let keys: Vec<String> = in_order(fields).into_iter().cloned().collect();
                for key in keys {
                    if let Some(field) = fields.get_mut(&key) {
                        self.cut(field, leaf, cuts);
                    }
                }
            }
            Value::String(text) => {
                if let Some(cuts) = cuts.get(leaf) {
                    *text = self.without(text, cuts);
                }
                *leaf += 1;
            }
            Value::Number(_) => {
                if let Some(cuts) = cuts.get(leaf) {
                    let what = cuts.iter().find_map(|cut| cut.what);
                    *value = what.map_or("", |what| self.known.replacement(what)).into();
                }
                *leaf += 1;
            }
            Value::Null | Value::Bool(_) => {}
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
        Self { hash: mixed(self.hash, name_hash), is_label: LABELS.contains(&name) }
    }
}

impl Rows {
    fn collect(&mut self, value: &Value, place: Place) {
        match value {
            Value::String(text) => self.text(text, place),
            Value::Number(number) => {
                let byte = number.as_f64().filter(|number| number.fract() == 0.0);
                self.number(byte.map_or(-1, |number| number as i64), place);
                self.leaves += 1;
            }
            Value::Array(items) => {
                let inside = Place { hash: mixed(place.hash, 0), ..place };
                items.iter().for_each(|item| self.collect(item, inside));
            }
            Value::Object(fields) => self.object(fields, place),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn object(&mut self, fields: &Map<String, Value>, place: Place) {
        // What one role says is read apart from what the others do.
        let role = fields.get("role").and_then(Value::as_str).map_or(0, hash);
        let place = Place { hash: mixed(place.hash, role), ..place };
        self.names(fields);
        for key in in_order(fields) {
            if let Some(field) = fields.get(key) {
                self.collect(field, place.under(key));
            }
        }
    }

    /// Names as they stand there, and, where they have numbers, in the order of these.
    fn names(&mut self, fields: &Map<String, Value>) {
        if fields.len() < 2 {
            return;
        }
        let keys: Vec<&String> = fields.keys().collect();
        let mut rows = vec![keys.clone()];
        if fields.values().all(Value::is_number) {
            let mut by_value = keys;
            let value = |key: &&String| fields[key.as_str()].as_f64().unwrap_or_default();
            by_value.sort_by(|a, b| value(a).total_cmp(&value(b)));
            rows.push(by_value);
        }
        for keys in rows {
            let (mut names, mut bytes) = (Row::default(), Row::default());
            for (at, key) in keys.iter().enumerate() {
                names.push(key, at, 0);
                if let Some(byte) = key.parse::<u8>().ok().filter(|byte| *byte >= BYTE_MIN) {
                    bytes.push_byte(byte, at);
                }
            }
            self.names.extend([names, bytes]);
        }
    }

    fn text(&mut self, text: &str, place: Place) {
        let leaf = self.leaves;
        if let Some(number) = (text.len() <= 4).then(|| text.parse().ok()).flatten() {
            self.number(number, place);
        }
        self.leaves += 1;
        let is_data = text.starts_with("data:") || text.len() > 1024 && !text.contains(' ');
        if !place.is_label && !is_data {
            add(&mut self.all, text, leaf);
        }
        add(self.alike.entry(place.hash).or_default(), text, leaf);
    }

    fn number(&mut self, number: i64, place: Place) {
        let row = self.numbers.entry(place.hash).or_default();
        match u8::try_from(number) {
            Ok(byte) if byte >= BYTE_MIN => row.push_byte(byte, self.leaves),
            _ => {}
        }
    }
}

/// A text at the end of the last row; a long one ends that row and begins the next.
fn add(rows: &mut Vec<Row>, text: &str, leaf: usize) {
    if rows.is_empty() {
        rows.push(Row::default());
    }
    let first = text.floor_char_boundary(EDGE_BYTES);
    let last = text.ceil_char_boundary(text.len().saturating_sub(EDGE_BYTES));
    let is_long = first < last;
    if let Some(row) = rows.last_mut() {
        row.push(if is_long { &text[..first] } else { text }, leaf, 0);
    }
    if is_long {
        let mut row = Row::default();
        row.push(&text[last..], leaf, last);
        rows.push(row);
    }
}

impl Row {
    fn push(&mut self, text: &str, leaf: usize, from: usize) {
        if !text.is_empty() {
            self.pieces.push(Piece { start: self.text.len(), leaf, from: Some(from) });
            self.text.extend_from_slice(text.as_bytes());
        }
    }

    fn push_byte(&mut self, byte: u8, leaf: usize) {
        self.pieces.push(Piece { start: self.text.len(), leaf, from: None });
        self.text.push(byte);
    }

    /// Which parts of which leaves a range of the row is.
    fn parts(&self, range: Range<usize>) -> Parts {
        let ends = self.pieces.iter().skip(1).map(|piece| piece.start).chain([self.text.len()]);
        let overlapping = self.pieces.iter().zip(ends).filter_map(|(piece, end)| {
            let (start, end) = (range.start.max(piece.start), range.end.min(end));
            let part = |from: usize| from + start - piece.start..from + end - piece.start;
            let part = piece.from.filter(|_| start < end).map_or(0..usize::MAX, part);
            (start < end).then_some((piece.leaf, part))
        });
        overlapping.collect()
    }
}

/// Names of fields; numbers by their value, as a list that was written as an object has them.
fn in_order(fields: &Map<String, Value>) -> Vec<&String> {
    let mut keys: Vec<&String> = fields.keys().collect();
    if keys.iter().any(|key| key.starts_with(|first: char| first.is_ascii_digit())) {
        keys.sort_by_key(|key| key.parse::<u64>().ok());
    }
    keys
}

fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

fn mixed(outer: u64, inner: u64) -> u64 {
    (outer.rotate_left(5) ^ inner).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
