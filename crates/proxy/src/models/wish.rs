//! What the caller asks for: only the outermost level of its body is read, the rest is the redactor's.
//!
//! Tokens are estimated from above: three bytes of a body are at most one token. (English has four or more to a
//! token, program text about three and a half; JSON's own signs, which come on top, cover denser languages.)

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{json, value::RawValue};

use crate::{limits::CHOICES, refusal::Refusal};

const BYTES_PER_TOKEN: u64 = 3;

/// Which of the allowed endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Chat,
    Responses,
    Embeddings,
}

/// A request for an answer, without its model's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) form: Form,
    /// By the name that the AI runtime uses.
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// Whether the caller wants a stream's usage itself.
    pub(crate) usage_wanted: bool,
    /// Most tokens that the caller wants written.
    output_wanted: Option<u64>,
    choices: u64,
    /// The body without the model.
    pub(crate) body: Vec<u8>,
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
            Self::Chat => &["max_tokens", "max_completion_tokens"],
            Self::Responses => &["max_output_tokens"],
            Self::Embeddings => &[],
        }
    }
}

/// The most tokens that so many bytes can be.
pub(crate) const fn tokens_of(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// The body for one provider.
pub(crate) fn body_for(model: &str, rest: &[u8]) -> Vec<u8> {
    let fields = rest.strip_prefix(b"{").unwrap_or(rest);
    let more = if fields == b"}" { "" } else { "," };
    let mut body = format!("{{\"model\":{}{more}", json!(model)).into_bytes();
    body.extend_from_slice(fields);
    body
}

impl Wish {
    /// Reads a body. Bounds above `most(model)` are lowered to it.
    pub(crate) fn read(form: Form, body: &[u8], most: impl Fn(&str) -> Option<u64>) -> Result<Self, Refusal> {
        let Fields(fields) = serde_json::from_slice(body)
            .map_err(|_| Refusal::bad_body("the body is not a JSON object that can be read"))?;
        let get = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        let model: String =
            read(get("model"), "model")?.ok_or_else(|| Refusal::bad_body("the body names no model"))?;
        let stream = read(get("stream"), "stream")?.unwrap_or(false);
        let choices = read(get("n"), "n")?.unwrap_or(1);
        if !(1..=CHOICES).contains(&choices) {
            return Err(Refusal::bad_body(format!("`n` is not between 1 and {CHOICES}")));
        }
        refuse_what_outlives(form, get)?;
        refuse_what_is_not_seen(form, get)?;
        if form == Form::Embeddings && stream {
            return Err(Refusal::bad_body("embeddings are not streamed"));
        }
        let mut output_wanted = None;
        for name in form.bounds() {
            output_wanted = output_wanted.max(read(get(name), name)?);
        }
        let options: StreamOptions = read(get("stream_options"), "stream_options")?.unwrap_or_default();
        let lowered = most(&model).unwrap_or(u64::MAX);
        let mut rest = Rest::default();
        for (key, value) in &fields {
            match key.as_str() {
                "model" => {}
                "stream_options" if form == Form::Chat => {}
                bound if form.bounds().contains(&bound) => {
                    let wanted: Option<u64> = read(Some(value), bound)?;
                    // Unbounded is what the model's own bound is.
                    let none =
                        || if output_wanted.is_none() { lowered.to_string() } else { "null".to_owned() };
                    rest.push(key, &wanted.map_or_else(none, |is| is.min(lowered).to_string()));
                }
                _ => rest.push(key, value.get()),
            }
        }
        // What is held must be all that can be written: without a bound the provider's own would count.
        if let (None, Some(most), Some(bound)) = (output_wanted, most(&model), form.bounds().first())
            && !fields.iter().any(|(key, _)| key == bound)
        {
            rest.push(bound, &most.to_string());
        }
        if form == Form::Chat && stream {
            rest.push("stream_options", "{\"include_usage\":true}");
        }
        let usage_wanted = options.include_usage;
        Ok(Self { form, model, stream, usage_wanted, output_wanted, choices, body: rest.end() })
    }

    /// The most tokens that the answer may have.
    pub(crate) fn output_bound(&self, output_tokens_max: u64) -> u64 {
        if self.form == Form::Embeddings {
            return 0;
        }
        let each = self.output_wanted.map_or(output_tokens_max, |wanted| wanted.min(output_tokens_max));
        each.saturating_mul(self.choices)
    }
}

/// What goes on after the answer, or stands on what is not in the body, can neither be redacted nor counted here.
fn refuse_what_outlives<'a>(form: Form, get: impl Fn(&str) -> Option<&'a RawValue>) -> Result<(), Refusal> {
    if form != Form::Responses {
        return Ok(());
    }
    for name in ["background", "previous_response_id", "conversation"] {
        if get(name).is_some_and(|value| !matches!(value.get(), "null" | "false")) {
            return Err(Refusal::bad_body(format!(
                "`{name}` is not let through: send the whole conversation"
            )));
        }
    }
    Ok(())
}

/// Other models than the one that is asked for would be asked, or words sent that nobody here can read.
fn refuse_what_is_not_seen<'a>(
    form: Form,
    get: impl Fn(&str) -> Option<&'a RawValue>,
) -> Result<(), Refusal> {
    for name in ["models", "plugins", "prompt"] {
        if get(name).is_some_and(|value| value.get() != "null") {
            return Err(Refusal::bad_body(format!(
                "`{name}` is not let through: name one model, send the text"
            )));
        }
    }
    let tools: Vec<Tool> = read(get("tools"), "tools")?.unwrap_or_default();
    if tools.iter().any(|tool| tool.kind != "function") {
        return Err(Refusal::bad_body("`tools` are functions: what a provider runs itself passes no gate"));
    }
    if form == Form::Embeddings && !get("input").is_none_or(is_text) {
        return Err(Refusal::bad_body(
            "`input` is a text or a list of texts: numbers cannot be looked through",
        ));
    }
    Ok(())
}

/// Whether this is a text, or a list of texts.
fn is_text(value: &RawValue) -> bool {
    let one = |value: &RawValue| value.get().starts_with('"');
    let list = || serde_json::from_str::<Vec<&RawValue>>(value.get());
    one(value) || list().is_ok_and(|items| items.into_iter().all(one))
}

/// As far as it is looked at here.
#[derive(Deserialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// A field's value; `null` is none.
fn read<'a, T: Deserialize<'a>>(value: Option<&'a RawValue>, name: &str) -> Result<Option<T>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    serde_json::from_str(value.get())
        .map_err(|_| Refusal::bad_body(format!("the field `{name}` does not have the right form")))
}

/// A JSON object that is being written.
#[derive(Default)]
struct Rest(String);

impl Rest {
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

/// The outermost level of an object, in its order. A name that stands there twice is refused: two readers could
/// take two different ones.
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

/// Most fields on the outermost level.
const FIELDS: usize = 128;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::{Form, Wish, body_for};

    fn read(form: Form, body: &Value) -> Wish {
        Wish::read(form, body.to_string().as_bytes(), |_| Some(1000)).unwrap()
    }

    #[test]
    fn the_answers_bound_is_the_smaller_one_times_the_choices() {
        for (form, fields, bound) in [
            (Form::Chat, json!({}), 1000),
            (Form::Chat, json!({ "max_tokens": 10 }), 10),
            (Form::Chat, json!({ "max_tokens": 10, "max_completion_tokens": 20, "n": 2 }), 40),
            (Form::Chat, json!({ "max_tokens": 5000, "n": 3 }), 3000),
            (Form::Chat, json!({ "max_tokens": null, "n": null, "stream": null }), 1000),
            (Form::Responses, json!({ "max_output_tokens": 7 }), 7),
            (Form::Embeddings, json!({ "input": "x" }), 0),
        ] {
            let mut body = fields.clone();
            body["model"] = json!("m");
            assert_eq!(read(form, &body).output_bound(1000), bound, "{fields}");
        }
    }

    #[test]
    fn a_streamed_chat_always_tells_its_usage_to_us() {
        let body =
            json!({ "model": "m", "stream": true, "stream_options": { "include_usage": false, "x": 1 } });
        let wish = read(Form::Chat, &body);
        let sent: Value = serde_json::from_slice(&body_for("theirs", &wish.body)).unwrap();
        assert_eq!(
            sent,
            json!({
                "model": "theirs", "stream": true, "max_tokens": 1000, "stream_options": { "include_usage": true },
            })
        );
        assert!(!wish.usage_wanted);
        assert!(
            read(Form::Chat, &json!({ "model": "m", "stream_options": { "include_usage": true } }))
                .usage_wanted
        );
    }

    #[test]
    fn an_answer_without_a_bound_gets_the_models() {
        for (form, fields, name) in [
            (Form::Chat, json!({}), "max_tokens"),
            (Form::Chat, json!({ "max_tokens": null }), "max_tokens"),
            (Form::Chat, json!({ "max_completion_tokens": 5000 }), "max_completion_tokens"),
            (Form::Responses, json!({}), "max_output_tokens"),
        ] {
            let mut body = fields.clone();
            body["model"] = json!("m");
            let sent: Value = serde_json::from_slice(&body_for("t", &read(form, &body).body)).unwrap();
            assert_eq!(sent[name], 1000, "{fields}");
            assert_eq!(sent.as_object().unwrap().len(), 2, "{fields}: {sent}");
        }
    }

    #[test]
    fn what_cannot_be_looked_through_or_names_other_models_is_refused() {
        for (form, fields) in [
            (Form::Embeddings, json!({ "input": [[1, 2, 3]] })),
            (Form::Embeddings, json!({ "input": [115, 101] })),
            (Form::Chat, json!({ "models": ["dearer/one"] })),
            (Form::Chat, json!({ "plugins": [{ "id": "web" }] })),
            (Form::Responses, json!({ "prompt": { "id": "pmpt_1" } })),
            (Form::Responses, json!({ "tools": [{ "type": "function" }, { "type": "web_search" }] })),
            (Form::Chat, json!({ "tools": [{ "type": "mcp", "server_url": "https://x.example" }] })),
        ] {
            let mut body = fields.clone();
            body["model"] = json!("m");
            let refused = Wish::read(form, body.to_string().as_bytes(), |_| Some(1000));
            assert!(refused.is_err(), "{fields}");
        }
        read(Form::Embeddings, &json!({ "model": "m", "input": ["a", "b"] }));
        read(
            Form::Chat,
            &json!({ "model": "m", "tools": [{ "type": "function", "function": { "name": "x" } }] }),
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            let list = prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
            let object = prop::collection::vec((".{0,6}", inner), 0..4);
            prop_oneof![list, object.prop_map(|fields| Value::Object(fields.into_iter().collect()))]
        })
    }

    proptest! {
        #[test]
        fn everything_but_the_model_is_passed_on_as_it_is(
            fields in prop::collection::vec(("[^mns].{0,6}", any_json()), 0..6),
        ) {
            let mut body: Map<String, Value> = fields.into_iter().collect();
            body.insert("model".to_owned(), json!("ours"));
            let wish = read(Form::Embeddings, &Value::Object(body.clone()));
            let sent: Value = serde_json::from_slice(&body_for("theirs \"x\"", &wish.body)).unwrap();
            body.insert("model".to_owned(), json!("theirs \"x\""));
            prop_assert_eq!(sent, Value::Object(body));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for form in [Form::Chat, Form::Responses, Form::Embeddings] {
                let _ = Wish::read(form, &bytes, |_| None);
            }
        }

        #[test]
        fn any_damaged_body_is_read_or_refused(at in 0_usize..60, byte: u8) {
            let mut body = br#"{"model":"m","messages":[{"role":"user"}],"stream":true,"n":1}"#.to_vec();
            body[at] = byte;
            if let Ok(wish) = Wish::read(Form::Chat, &body, |_| None) {
                prop_assert!(serde_json::from_slice::<Value>(&body_for("m", &wish.body)).is_ok());
            }
        }
    }
}
