//! What a server's proxy and the Hub's relay read alike in a request for a model: the endpoints, one level of a JSON
//! object, and how many tokens bytes can be. What they refuse differs.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{json, value::RawValue};

/// Three bytes of a body are at most one token. (English has four or more to a token, program text about three and a
/// half; JSON's own signs, which come on top, cover denser languages.)
const BYTES_PER_TOKEN: u64 = 3;
/// Most choices that one request may ask for.
pub const CHOICES: u64 = 16;
/// Most fields on one level.
const FIELDS: usize = 128;
/// Above this a number with a fraction's form may not be the one that was meant.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Which of the endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Chat completions.
    Chat,
    /// Responses.
    Responses,
    /// Embeddings.
    Embeddings,
}

impl Form {
    /// Its path under a provider's base address.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Responses => "responses",
            Self::Embeddings => "embeddings",
        }
    }

    /// Names of the fields that bound the answer, the older first.
    #[must_use]
    pub const fn bounds(self) -> &'static [&'static str] {
        match self {
            Self::Chat => &["max_tokens", "max_completion_tokens"],
            Self::Responses => &["max_output_tokens"],
            Self::Embeddings => &[],
        }
    }
}

/// The field that bounds a chat's answer, for a model that takes only one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundWord {
    /// Older models, and most that are not OpenAI's.
    MaxTokens,
    /// OpenAI's newer models.
    MaxCompletionTokens,
}

impl BoundWord {
    /// The field's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }

    /// What a bound is called that is called so now: other endpoints have a field of their own.
    #[must_use]
    pub fn instead_of(self, name: &'static str) -> &'static str {
        if Form::Chat.bounds().contains(&name) { self.name() } else { name }
    }
}

/// The most tokens that so many bytes can be.
#[must_use]
pub const fn tokens_of(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// A number without a fraction, written without one (`50.0` is 50); `None` if it is another value, or written so already.
#[must_use]
pub fn whole(text: &str) -> Option<String> {
    let number: f64 = text.parse().ok()?;
    let is_written_with_one = text.contains(['.', 'e', 'E']);
    let is_whole = is_written_with_one && number.fract() == 0.0 && number.abs() <= EXACT;
    is_whole.then(|| format!("{:.0}", number + 0.0))
}

/// Whether a chat's `finish_reason` ends it: some providers write an empty word, or a word for none, in every piece.
#[must_use]
pub fn is_end(finish_reason: &str) -> bool {
    const NONE: [&str; 4] = ["", "null", "none", "not_finished"];
    !NONE.iter().any(|none| finish_reason.trim().eq_ignore_ascii_case(none))
}

/// A JSON object that is being written.
#[derive(Debug, Default)]
pub struct Written(String);

impl Written {
    /// A field, whose value is JSON.
    pub fn push(&mut self, key: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&json!(key).to_string());
        self.0.push(':');
        self.0.push_str(value);
    }

    /// The whole object.
    #[must_use]
    pub fn end(self) -> String {
        if self.0.is_empty() { "{}".to_owned() } else { self.0 + "}" }
    }
}

/// One level of an object, in its order; what stands deeper stays as it came. A name that stands there twice is refused:
/// two readers could take two different ones.
#[derive(Debug)]
pub struct Fields<'a>(pub Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// The value of a field, `null` included.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields: Vec<(String, &'de RawValue)> = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
            if fields.len() >= FIELDS || fields.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom("too many fields, or one of them twice"));
            }
            fields.push((key, value));
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::{BoundWord, Fields, Written, is_end, whole};

    #[test]
    fn what_is_written_anew_is_what_was_read_and_no_name_stands_twice() {
        for text in ["{}", r#"{"a":1,"b":{"b":[1.50,null]},"\n":"\u0061"}"#] {
            let Fields(fields) = serde_json::from_str(text).unwrap();
            let mut written = Written::default();
            fields.iter().for_each(|(key, value)| written.push(key, value.get()));
            assert_eq!(written.end(), text);
        }
        for text in [r#"{"a":1,"a":2}"#, r#"{"a":1,"\u0061":2}"#, "[]", "1", r#"{"a":1}{}"#] {
            assert!(serde_json::from_str::<Fields<'_>>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_whole_number_is_read_however_it_is_written() {
        for (text, number) in [
            ("50.0", Some("50")),
            ("5e1", Some("50")),
            ("5E+1", Some("50")),
            ("-0.0", Some("0")),
            ("-1.0", Some("-1")),
            ("50", None),
            ("50.5", None),
            ("1e400", None),
            ("1e300", None),
            ("\"50\"", None),
            ("null", None),
        ] {
            assert_eq!(whole(text).as_deref(), number, "{text}");
        }
    }

    #[test]
    fn an_empty_word_ends_nothing() {
        for none in ["", " ", "null", "None", "not_finished"] {
            assert!(!is_end(none), "{none:?}");
        }
        for end in ["stop", "eos", "length", "STOP", "function_call", "error"] {
            assert!(is_end(end), "{end}");
        }
    }

    #[test]
    fn a_word_stands_for_the_bound_of_a_chat_only() {
        let word: BoundWord = serde_json::from_str("\"max_completion_tokens\"").unwrap();
        assert_eq!(word.instead_of("max_tokens"), "max_completion_tokens");
        assert_eq!(word.instead_of("max_output_tokens"), "max_output_tokens");
        assert!(serde_json::from_str::<BoundWord>("\"max_output_tokens\"").is_err());
    }
}
