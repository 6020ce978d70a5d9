//! The rules over one text.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use crate::apply::Cover;
use crate::document::Text;
use crate::index::Found;
use crate::known::VALUE_BYTES_MIN;
use crate::packed::Inside;
use crate::patterns::Shape;
use crate::view::View;
use crate::{Findings, MARK, Redactor, Rule, dump, entropy, keys, numbers, placeholder};

/// A placeholder with a longer name is none of ours.
const NAME_BYTES_MAX: usize = 256;
/// What stands beside a placeholder may look different from before; so often is it looked at again.
const LOOKS_MAX: usize = 8;
/// So often what was escaped is read again.
const READINGS_MAX: usize = 4;

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
        if text.len() < VALUE_BYTES_MIN {
            return Cow::Borrowed(text);
        }
        self.by_rules(text, self.known.find(text.as_bytes()), rules, findings)
    }

    /// The same for a text of a document.
    pub(crate) fn text_looked_through<'a>(
        &self,
        text: &'a Text<'_>,
        rules: Rules,
        findings: &mut Findings,
    ) -> Cow<'a, str> {
        if text.as_str().len() < VALUE_BYTES_MIN {
            return Cow::Borrowed(text.as_str());
        }
        self.by_rules(text.as_str(), text.found(&self.known), rules, findings)
    }

    fn by_rules<'a>(
        &self,
        text: &'a str,
        found: Vec<Found>,
        rules: Rules,
        findings: &mut Findings,
    ) -> Cow<'a, str> {
        let Some(by_value) = self.by_value(text, found, findings) else {
            return self.by_look(text, rules, findings);
        };
        Cow::Owned(self.by_look(&by_value, rules, findings).into_owned())
    }

    /// Rule 1: as it stands there (this was found already) and in every view, then in what is packed. None if nothing
    /// was found.
    pub(crate) fn by_value(&self, text: &str, found: Vec<Found>, findings: &mut Findings) -> Option<String> {
        let seen = self.in_views(text, found, findings);
        let unpacked = self.unpacked_from(seen.as_deref().unwrap_or(text), findings);
        unpacked.or(seen)
    }

    fn in_views(&self, text: &str, mut found: Vec<Found>, findings: &mut Findings) -> Option<String> {
        let bytes = text.as_bytes();
        found.extend(self.in_readings(bytes));
        found.extend(self.in_numbers(bytes));
        let is_placeholder = |found: &Found| self.known.is_placeholder(bytes, found);
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
            cover.replace(bytes, found, &self.known, &mut out);
        }
        cover.settle(bytes, text.len(), &mut out);
        Some(String::from_utf8_lossy(&out).into_owned())
    }

    /// Escapes read, and what was escaped several times read several times.
    pub(crate) fn in_readings(&self, text: &[u8]) -> Vec<Found> {
        let (mut found, mut views) = (Vec::new(), Vec::<View>::new());
        while views.len() < READINGS_MAX {
            let Some(view) = View::of(views.last().map_or(text, View::bytes)) else { break };
            views.push(view);
            let read = views.last().map_or(text, View::bytes);
            found.extend(self.known.find(read).into_iter().map(|found| {
                let place =
                    views.iter().rev().fold(found.start..found.end, |place, view| view.written(place));
                Found { start: place.start, end: place.end, ..found }
            }));
        }
        found
    }

    /// Bytes that are written as numbers.
    pub(crate) fn in_numbers(&self, text: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        for list in numbers::lists(text) {
            found.extend(self.known.find(&list.bytes).into_iter().map(|found| {
                let place = list.place(found.start..found.end);
                Found { start: place.start, end: place.end, ..found }
            }));
        }
        for (place, readings) in dump::find(text) {
            let mut first = readings.iter().filter_map(|digits| self.known.find(digits).first().copied());
            if let Some(first) = first.next() {
                found.push(Found { start: place.start, end: place.end, what: first.what });
            }
        }
        found
    }

    fn unpacked_from(&self, text: &str, findings: &mut Findings) -> Option<String> {
        let packed = self.packed(text.as_bytes(), &mut findings.unpacked);
        if packed.is_empty() {
            return None;
        }
        let (mut out, mut position) = (String::new(), 0);
        for (place, inside) in &packed {
            out.push_str(&text[position..place.start]);
            match inside {
                Inside::Value(what) => {
                    findings.add(Rule::Value, self.known.name(*what));
                    out.push_str(self.known.replacement(*what));
                }
                Inside::TooMuch => {
                    let name = format!("unread/{}", self.short_hash(&text[place.clone()]));
                    findings.add(Rule::Pattern, &name);
                    out.push_str(&placeholder(&name));
                }
            }
            position = place.end;
        }
        out.push_str(&text[position..]);
        Some(out)
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
            "entropy" | "unread" => kind.is_empty(),
            "pattern" => kind.len() <= 16,
            "key" => keys::names_a_secret(kind),
            _ => false,
        }
}
