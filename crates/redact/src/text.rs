//! The rules over one text, or over texts that a reader puts together.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use crate::apply::Cover;
use crate::forms::FORM_BYTES_MIN;
use crate::known::Found;
use crate::patterns::Shape;
use crate::view::View;
use crate::{Findings, MARK, Redactor, Rule, dump, entropy, keys, placeholder};

/// A placeholder with a longer name is none of ours.
const NAME_BYTES_MAX: usize = 256;
/// What stands beside a placeholder may look different from before; so often is it looked at again.
const LOOKS_MAX: usize = 8;

/// Which rules a text is looked through by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// By value, by pattern, by entropy.
    All,
    /// Not by entropy: this is random by nature.
    RandomByNature,
}

impl Redactor {
    /// The text without secrets; the same text if there were none.
    pub(crate) fn looked_through<'a>(
        &self,
        text: &'a str,
        rules: Rules,
        findings: &mut Findings,
    ) -> Cow<'a, str> {
        if text.len() < FORM_BYTES_MIN {
            return Cow::Borrowed(text);
        }
        let Some(by_value) = self.by_value(text, findings) else {
            return self.by_look(text, rules, findings);
        };
        Cow::Owned(self.by_look(&by_value, rules, findings).into_owned())
    }

    /// Rule 1. None if nothing was found.
    pub(crate) fn by_value(&self, text: &str, findings: &mut Findings) -> Option<String> {
        let mut found = self.known.find(text.as_bytes());
        if let Some(view) = View::of(text) {
            found.extend(self.known.find(view.bytes()).into_iter().map(|found| {
                let written = view.written(found.start..found.end);
                Found { start: written.start, end: written.end, ..found }
            }));
        }
        for (place, digits) in dump::find(text.as_bytes()) {
            if let Some(first) = self.known.find(&digits).first() {
                found.push(Found { start: place.start, end: place.end, what: first.what });
            }
        }
        let is_placeholder = |found: &Found| {
            text.as_bytes()[found.start..found.end] == *self.known.replacement(found.what).as_bytes()
        };
        if found.iter().all(is_placeholder) {
            return None;
        }
        found.sort_by_key(|found| (found.start, std::cmp::Reverse(found.end)));
        let mut out = Vec::with_capacity(text.len());
        let mut cover = Cover::default();
        for found in found {
            if !is_placeholder(&found) {
                findings.add(Rule::Value, self.known.name(found.what));
            }
            cover.replace(text.as_bytes(), found, &self.known, &mut out);
        }
        cover.settle(text.as_bytes(), text.len(), &mut out);
        Some(String::from_utf8_lossy(&out).into_owned())
    }

    /// Rule 1 over texts that a reader puts together: what was found stands in the first of the texts that it was
    /// spread over. None if nothing was found across a joint.
    pub(crate) fn across(&self, texts: &[&str], findings: &mut Findings) -> Option<Vec<String>> {
        let joined = texts.concat();
        let found = self.known.find(joined.as_bytes());
        let mut joints = Vec::new();
        let mut end = 0;
        for text in texts {
            joints.push(end..end + text.len());
            end += text.len();
        }
        let crosses =
            |found: &Found| joints.iter().any(|text| found.start < text.end && text.end < found.end);
        if !found.iter().any(crosses) {
            return None;
        }
        let mut pieces = Vec::new();
        let mut replaced: Vec<Found> = Vec::new();
        for next in found {
            findings.add(Rule::Value, self.known.name(next.what));
            match replaced.last_mut() {
                Some(last) if next.start < last.end => last.end = last.end.max(next.end),
                _ => replaced.push(next),
            }
        }
        for text in joints {
            let mut piece = String::new();
            let mut position = text.start;
            for gap in replaced.iter().filter(|gap| gap.start < text.end && text.start < gap.end) {
                piece.push_str(joined.get(position..gap.start.max(position)).unwrap_or_default());
                if gap.start >= text.start {
                    piece.push_str(self.known.replacement(gap.what));
                }
                position = gap.end.min(text.end);
            }
            piece.push_str(joined.get(position..text.end).unwrap_or_default());
            pieces.push(piece);
        }
        Some(pieces)
    }

    /// Rules 2 and 3.
    fn by_look<'a>(&self, text: &'a str, rules: Rules, findings: &mut Findings) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for _ in 0..LOOKS_MAX {
            let shapes = self.shapes(&text, rules);
            if shapes.is_empty() {
                break;
            }
            let mut out = String::with_capacity(text.len());
            let mut position = 0;
            for shape in shapes {
                let name = self.shape_name(shape.kind, &text[shape.start..shape.end]);
                let rule = if shape.kind.is_some() { Rule::Pattern } else { Rule::Entropy };
                findings.add(rule, &name);
                out.push_str(&text[position..shape.start]);
                out.push_str(&placeholder(&name));
                position = shape.end;
            }
            out.push_str(&text[position..]);
            text = Cow::Owned(out);
        }
        text
    }

    fn shapes(&self, text: &str, rules: Rules) -> Vec<Shape> {
        let mut shapes = self.patterns.find(text);
        if rules == Rules::All {
            let random = entropy::find(text);
            let apart = |random: &Shape| {
                let after = shapes.partition_point(|shape| shape.end <= random.start);
                shapes.get(after).is_none_or(|shape| random.end <= shape.start)
            };
            let random: Vec<_> = random.into_iter().filter(apart).collect();
            shapes.extend(random);
            shapes.sort_by_key(|shape| shape.start);
        }
        shapes.retain(|shape| !self.is_in_placeholder(text, shape));
        shapes
    }

    /// Only in a placeholder that is ours: what merely looks like one is no hiding place.
    fn is_in_placeholder(&self, text: &str, shape: &Shape) -> bool {
        let from = text.floor_char_boundary(shape.start.saturating_sub(NAME_BYTES_MAX));
        let Some(at) = text[from..shape.start].rfind(MARK) else { return false };
        let name_start = from + at + MARK.len();
        let until = text.floor_char_boundary(name_start + NAME_BYTES_MAX);
        let Some(len) = text[name_start..until].find(')') else { return false };
        let name = &text[name_start..name_start + len];
        name_start + len >= shape.end && (self.known.is_name(name) || is_made_name(name))
    }

    fn shape_name(&self, kind: Option<&str>, value: &str) -> String {
        let hash = self.short_hash(value);
        kind.map_or_else(|| format!("entropy/{hash}"), |kind| format!("pattern/{kind}-{hash}"))
    }

    /// Rule 4: the placeholder for the value of a key that names a secret.
    pub(crate) fn by_key(&self, key: &str, value: &str, findings: &mut Findings) -> String {
        let name = format!("key/{}-{}", keys::in_placeholder(key), self.short_hash(value));
        findings.add(Rule::Key, &name);
        placeholder(&name)
    }

    /// The same for the same value, and of no use to whoever does not know the secrets already.
    fn short_hash(&self, value: &str) -> String {
        let digest = Sha256::new().chain_update(*self.salt).chain_update(value).finalize();
        hex::encode(&digest[..4])
    }
}

/// A name that rules 2 to 4 give.
fn is_made_name(name: &str) -> bool {
    let Some((rule, rest)) = name.split_once('/') else { return false };
    let (kind, hash) = rest.rsplit_once('-').unwrap_or(("", rest));
    let hashed = hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    hashed
        && match rule {
            "entropy" => kind.is_empty(),
            "pattern" => kind.len() <= 16,
            "key" => keys::names_a_secret(kind),
            _ => false,
        }
}
