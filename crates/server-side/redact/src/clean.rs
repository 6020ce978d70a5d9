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

impl Clean {
    pub(crate) fn new() -> Self {
        let nothing = Text { bytes: [0; TEXT_BYTES], len: 0, by_all_rules: true };
        Self { texts: Box::new([nothing; TEXTS]) }
    }

    /// Whether nothing is found in this text by these rules. `false` where that is not known.
    pub(crate) fn has(&self, text: &str, rules: Rules) -> bool {
        let Some(place) = place(text) else { return false };
        let known = &self.texts[place];
        usize::from(known.len) == text.len()
            && known.bytes[..text.len()] == *text.as_bytes()
            && (known.by_all_rules || rules == Rules::RandomByNature)
    }

    /// Nothing was found in this text by these rules.
    pub(crate) fn add(&mut self, text: &str, rules: Rules) {
        if let Some(place) = place(text) {
            let (len, by_all_rules) = (text.len() as u8, rules == Rules::All);
            let known = &mut self.texts[place];
            *known = Text { bytes: [0; TEXT_BYTES], len, by_all_rules };
            known.bytes[..text.len()].copy_from_slice(text.as_bytes());
        }
    }
}

/// By its ends and its length, which differ in most names; none for a longer text.
fn place(text: &str) -> Option<usize> {
    let (bytes, len) = (text.as_bytes(), text.len());
    let (first, last) = bytes.first().zip(bytes.last())?;
    let ends = usize::from(*first) + 5 * usize::from(bytes[len / 2]) + 11 * usize::from(*last);
    (len <= TEXT_BYTES).then_some((ends + 23 * len) % TEXTS)
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
