//! What a server asks for: the outermost level of its body. The body is written anew from what was read, so that the
//! provider cannot read it in another way.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{json, value::RawValue};

/// Three bytes of a body are at most one token: what a server's proxy reckons with, too.
const BYTES_PER_TOKEN: u64 = 3;
/// Most choices that one request may ask for.
const CHOICES: u64 = 16;
/// Most fields on the outermost level.
const FIELDS: usize = 128;
/// Fields that have other models asked, or things done that are not in the usage.
const NOT_LET_THROUGH: [&str; 6] = ["models", "route", "plugins", "preset", "fallbacks", "background"];

/// Which of the endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Chat completions.
    Chat,
    /// Responses.
    Responses,
    /// Embeddings.
    Embeddings,
}

/// A request that can be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) model: String,
    pub(super) stream: bool,
    /// The most tokens that can be read.
    pub(super) input: u64,
    /// The most tokens that can be written.
    pub(super) output: u64,
    pub(super) body: Vec<u8>,
}

/// Why a request cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotAsked {
    /// The body is not as it should be.
    Body(String),
    /// The model is not among those that the tenant may use.
    Model(String),
}

impl Form {
    /// Its path under a provider's base address.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Responses => "responses",
            Self::Embeddings => "embeddings",
        }
    }

    /// Names of the fields that bound the answer.
    const fn bounds(self) -> &'static [&'static str] {
        match self {
            Self::Chat => &["max_completion_tokens", "max_tokens"],
            Self::Responses => &["max_output_tokens"],
            Self::Embeddings => &[],
        }
    }
}

/// The most tokens that so many bytes can be.
pub(super) const fn tokens_of(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

impl Asked {
    /// Reads a body. `most` tells how long a model's answers may be; `None` for a model that is not to be asked.
    pub(super) fn read(
        form: Form,
        body: &[u8],
        most: impl Fn(&str) -> Option<u64>,
    ) -> Result<Self, NotAsked> {
        let wrong = |why: &str| NotAsked::Body(why.to_owned());
        let Fields(fields) = serde_json::from_slice(body)
            .map_err(|_| wrong("The body is not a JSON object that can be read."))?;
        let model: String = value(&fields, "model")?.ok_or_else(|| wrong("The body names no model."))?;
        let Some(most) = most(&model) else { return Err(NotAsked::Model(model)) };
        let stream = value(&fields, "stream")?.unwrap_or(false);
        let choices = value(&fields, "n")?.unwrap_or(1);
        if !(1..=CHOICES).contains(&choices) {
            return Err(NotAsked::Body(format!("`n` is not between 1 and {CHOICES}.")));
        }
        let set =
            |name: &str| fields.iter().any(|(key, is)| key == name && !matches!(is.get(), "null" | "false"));
        if let Some(name) = NOT_LET_THROUGH.iter().find(|name| set(name)) {
            return Err(NotAsked::Body(format!("`{name}` is not let through: name one model.")));
        }
        if form == Form::Embeddings && stream {
            return Err(wrong("Embeddings are not streamed."));
        }
        let mut bound: Option<u64> = None;
        for name in form.bounds() {
            bound = bound.max(value(&fields, name)?);
        }
        let each = bound.unwrap_or(most).min(most);
        let mut out = Object::default();
        for (key, is) in &fields {
            let bounds_it = form.bounds().contains(&key.as_str());
            match key.as_str() {
                "stream_options" if form == Form::Chat => {}
                // Unbounded is what the model's own bound is.
                _ if bounds_it && is.get() == "null" => {}
                _ if bounds_it => out.push(key, &each.to_string()),
                _ => out.push(key, is.get()),
            }
        }
        if let (None, Some(name)) = (bound, form.bounds().first()) {
            out.push(name, &each.to_string());
        }
        // Without it a stream does not say what it cost.
        if form == Form::Chat && stream {
            out.push("stream_options", "{\"include_usage\":true}");
        }
        let body = out.end();
        let output = if form == Form::Embeddings { 0 } else { each.saturating_mul(choices) };
        Ok(Self { model, stream, input: tokens_of(body.len() as u64), output, body })
    }
}

/// A field's value; `null` is none.
fn value<'a, T: Deserialize<'a>>(
    fields: &[(String, &'a RawValue)],
    name: &str,
) -> Result<Option<T>, NotAsked> {
    let Some((_, value)) = fields.iter().find(|(key, _)| key == name) else { return Ok(None) };
    serde_json::from_str(value.get())
        .map_err(|_| NotAsked::Body(format!("The field `{name}` does not have the right form.")))
}

/// A JSON object that is being written.
#[derive(Default)]
struct Object(String);

impl Object {
    fn push(&mut self, key: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&json!(key).to_string());
        self.0.push(':');
        self.0.push_str(value);
    }

    fn end(self) -> Vec<u8> {
        if self.0.is_empty() { b"{}".to_vec() } else { (self.0 + "}").into_bytes() }
    }
}

/// The outermost level of an object. A name that stands there twice is refused: two readers could take two values.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

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
    use serde_json::{Value, json};

    use super::{Asked, Form, NotAsked};

    fn read(form: Form, body: &str) -> Result<Asked, NotAsked> {
        Asked::read(form, body.as_bytes(), |model| (model == "lab-large").then_some(100))
    }

    #[test]
    fn an_answer_is_bounded_and_a_stream_says_what_it_cost_whatever_the_caller_wants() {
        let cases = [
            (Form::Chat, json!({}), 100, json!({ "max_completion_tokens": 100 })),
            (Form::Chat, json!({ "max_tokens": 7, "n": 3 }), 21, json!({ "max_tokens": 7, "n": 3 })),
            (Form::Chat, json!({ "max_tokens": 7000 }), 100, json!({ "max_tokens": 100 })),
            (Form::Chat, json!({ "max_tokens": null }), 100, json!({ "max_completion_tokens": 100 })),
            (
                Form::Chat,
                json!({ "stream": true, "stream_options": { "include_usage": false } }),
                100,
                json!({ "stream": true, "stream_options": { "include_usage": true },
                        "max_completion_tokens": 100 }),
            ),
            (
                Form::Responses,
                json!({ "max_output_tokens": 9, "background": false }),
                9,
                json!({ "max_output_tokens": 9, "background": false }),
            ),
            (
                Form::Responses,
                json!({ "stream": true }),
                100,
                json!({ "stream": true, "max_output_tokens": 100 }),
            ),
            (Form::Embeddings, json!({ "input": "x" }), 0, json!({ "input": "x" })),
        ];
        for (form, mut fields, output, mut sent) in cases {
            fields["model"] = json!("lab-large");
            sent["model"] = json!("lab-large");
            let asked = read(form, &fields.to_string()).unwrap();
            assert_eq!(asked.output, output, "{fields}");
            assert_eq!(asked.input, (asked.body.len() as u64).div_ceil(3));
            assert_eq!(serde_json::from_slice::<Value>(&asked.body).unwrap(), sent, "{fields}");
        }
    }

    #[test]
    fn another_model_is_asked_in_no_way() {
        let other = r#"{"model":"lab-huge"}"#;
        assert_eq!(read(Form::Chat, other), Err(NotAsked::Model("lab-huge".to_owned())));
        for body in [
            r#"{"model":"lab-large","model":"lab-huge"}"#,
            r#"{"model":"lab-large","\u006dodel":"lab-huge"}"#,
            r#"{"model":["lab-large"]}"#,
            r#"{"model":"lab-large","models":["lab-huge"]}"#,
            r#"{"model":"lab-large","fallbacks":["lab-huge"]}"#,
            r#"{"model":"lab-large","route":"fallback"}"#,
            r#"{"model":"lab-large","plugins":[{"id":"web"}]}"#,
            r#"{"model":"lab-large","preset":"dear"}"#,
            r#"{"model":"lab-large","background":true}"#,
            r#"{"model":"lab-large","n":0}"#,
            r#"{"model":"lab-large","n":17}"#,
            r#"{"model":"lab-large","max_tokens":-1}"#,
            r#"{"stream":true}"#,
            r#"[{"model":"lab-large"}]"#,
            r#"{"model":"lab-large"}{}"#,
            "",
        ] {
            assert!(matches!(read(Form::Chat, body), Err(NotAsked::Body(_))), "{body}");
        }
        let many: serde_json::Map<String, Value> =
            (0..200).map(|number| (format!("f{number}"), json!(1))).collect();
        assert!(read(Form::Chat, &json!(many).to_string()).is_err());
    }
}
