//! Short texts that hold nothing to be found. Roles, types and names of fields stand in every message of a request: each
//! is looked through once.

use crate::text::Rules;

const TEXTS: usize = 64;
const TEXT_BYTES: usize = 30;

/// Some of the short texts of one body that were looked through and are as they were. A place has one text: another one
/// with the same place takes it.
pub(crate) struct Clean {
    texts: Box<[Text; TEXTS]>,
}

/// What was looked through, and by which rules.
#[derive(Clone, Copy)]
struct Text {
    bytes: [u8; TEXT_BYTES],
    len: u8,
    by_all_rules: bool,
}

impl Text {
    fn of(text: &str, rules: Rules) -> Option<Self> {
        let mut bytes = [0; TEXT_BYTES];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { bytes, len: text.len() as u8, by_all_rules: rules == Rules::All })
    }

    /// By its ends and its length, which differ in most names.
    fn place(&self) -> usize {
        let len = usize::from(self.len);
        let end = |at: usize| usize::from(self.bytes[at]);
        let last = len.saturating_sub(1);
        (end(0) + 5 * end(len / 2) + 11 * end(last) + 23 * len) % TEXTS
    }
}

impl Clean {
    pub(crate) fn new() -> Self {
        let nothing = Text { bytes: [0; TEXT_BYTES], len: 0, by_all_rules: true };
        Self { texts: Box::new([nothing; TEXTS]) }
    }

    /// Whether nothing is found in this text by these rules. `false` where that is not known.
    pub(crate) fn has(&self, text: &str, rules: Rules) -> bool {
        Text::of(text, rules).is_some_and(|text| {
            let known = &self.texts[text.place()];
            known.len == text.len && known.bytes == text.bytes && (known.by_all_rules || !text.by_all_rules)
        })
    }

    /// Nothing was found in this text by these rules.
    pub(crate) fn add(&mut self, text: &str, rules: Rules) {
        if let Some(text) = Text::of(text, rules) {
            self.texts[text.place()] = text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Clean;
    use crate::text::Rules::{All, RandomByNature};

    #[test]
    fn only_what_was_looked_through_by_as_many_rules_is_clean() {
        let mut clean = Clean::new();
        assert!(!clean.has("user", All));
        clean.add("user", All);
        clean.add("call_1", RandomByNature);
        for (text, rules, is_clean) in [
            ("user", All, true),
            ("user", RandomByNature, true),
            ("call_1", RandomByNature, true),
            ("call_1", All, false),
            ("use", All, false),
            ("user\0", All, false),
        ] {
            assert_eq!(clean.has(text, rules), is_clean, "{text} {rules:?}");
        }
        let long = "u".repeat(31);
        clean.add(&long, All);
        assert!(!clean.has(&long, All));
        assert!(!clean.has(&long[..30], All));
    }
}
