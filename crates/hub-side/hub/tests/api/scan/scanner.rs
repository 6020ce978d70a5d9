//! Looks for known values, as they are and in the encodings that a program would use without a second thought.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

/// A secret, under the name that a failure tells.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: String,
    value: String,
}

impl Named {
    pub(super) fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        assert!(value.len() >= 12, "{name} could be anywhere by chance");
        Self { name, value }
    }

    fn forms(&self) -> Vec<String> {
        let mut forms = vec![self.value.clone(), hex::encode(&self.value)];
        // Where it begins within three bytes changes how it looks; its middle is enough.
        for before in 0..3 {
            let bytes = [&b"000"[..before], self.value.as_bytes()].concat();
            let encoded = STANDARD_NO_PAD.encode(bytes);
            forms.push(encoded[4..encoded.len() - 4].to_owned());
        }
        // A text within JSON or HTML keeps its lines apart in another way.
        let line = self.value.lines().map(str::trim).max_by_key(|line| line.len()).unwrap_or_default();
        forms.push(line.to_owned());
        forms
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        self.forms().iter().any(|form| text.contains(form))
    }
}

#[test]
fn a_value_is_found_as_it_is_and_encoded() {
    let named = Named::new("canary", "canary-0123456789-abcdef");
    for text in ["canary-0123456789-abcdef", "Basic dXNlcjpjYW5hcnktMDEyMzQ1Njc4OS1hYmNkZWY="] {
        assert!(named.is_in(text), "{text}");
    }
    assert!(named.is_in(&hex::encode("x=canary-0123456789-abcdef")));
    assert!(!named.is_in("canary-0123456789"));
}
