//! What a server asks for: the outermost level of its body. The body is written anew from what was read, so that the
//! provider cannot read it in another way.

use letsbe_types::asked::{BoundWord, CHOICES, Fields, Form, Written, tokens_of, whole};
use serde::Deserialize;

/// Fields that have other models asked, or things done that are not in the usage.
const NOT_LET_THROUGH: [&str; 6] = ["models", "route", "plugins", "preset", "fallbacks", "background"];

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

/// What a model's answers are bounded by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Longest {
    pub(super) tokens: u64,
    /// The word for it, where the configuration names it.
    pub(super) word: Option<BoundWord>,
}

impl Asked {
    /// Reads a body. `longest` tells how long a model's answers may be; `None` for a model that is not to be
    /// asked.
    pub(super) fn read(
        form: Form,
        body: &[u8],
        longest: impl Fn(&str) -> Option<Longest>,
    ) -> Result<Self, NotAsked> {
        let wrong = |why: &str| NotAsked::Body(why.to_owned());
        let fields: Fields<'_> = serde_json::from_slice(body)
            .map_err(|_| wrong("The body is not a JSON object that can be read."))?;
        let model: String = value(&fields, "model")?.ok_or_else(|| wrong("The body names no model."))?;
        let Some(Longest { tokens: most, word }) = longest(&model) else {
            return Err(NotAsked::Model(model));
        };
        let stream = value(&fields, "stream")?.unwrap_or(false);
        let choices = count(&fields, "n")?.unwrap_or(1);
        if !(1..=CHOICES).contains(&choices) {
            return Err(NotAsked::Body(format!("`n` is not between 1 and {CHOICES}.")));
        }
        let set = |name: &str| fields.get(name).is_some_and(|is| !matches!(is.get(), "null" | "false"));
        if let Some(name) = NOT_LET_THROUGH.iter().find(|name| set(name)) {
            return Err(NotAsked::Body(format!("`{name}` is not let through: name one model.")));
        }
        if form == Form::Embeddings && stream {
            return Err(wrong("Embeddings are not streamed."));
        }
        let mut bound: Option<u64> = None;
        // The newer word, if nobody says which.
        let mut bound_name = form.bounds().last().copied();
        for name in form.bounds() {
            // Some providers take 0 for no bound.
            let wanted = count(&fields, name)?.filter(|wanted| *wanted > 0);
            bound_name = wanted.map(|_| *name).or(bound_name);
            bound = bound.max(wanted);
        }
        let each = bound.unwrap_or(most).min(most);
        let mut out = Written::default();
        for (key, is) in &fields.0 {
            match key.as_str() {
                "stream_options" if form == Form::Chat => {}
                // Said once, below.
                key if form.bounds().contains(&key) => {}
                _ => out.push(key, is.get()),
            }
        }
        if let Some(name) = bound_name {
            out.push(word.map_or(name, |word| word.instead_of(name)), &each.to_string());
        }
        // Without it a stream does not say what it cost.
        if form == Form::Chat && stream {
            out.push("stream_options", "{\"include_usage\":true}");
        }
        let body = out.end().into_bytes();
        let output = if form == Form::Embeddings { 0 } else { each.saturating_mul(choices) };
        Ok(Self { model, stream, input: tokens_of(body.len() as u64), output, body })
    }
}

/// A field's value; `null` is none.
fn value<'a, T: Deserialize<'a>>(fields: &Fields<'a>, name: &str) -> Result<Option<T>, NotAsked> {
    let Some(value) = fields.get(name) else { return Ok(None) };
    serde_json::from_str(value.get()).map_err(|_| wrong_form(name))
}

/// A whole number, however it is written.
fn count(fields: &Fields<'_>, name: &str) -> Result<Option<u64>, NotAsked> {
    match fields.get(name).and_then(|value| whole(value.get())) {
        Some(number) => number.parse().map(Some).map_err(|_| wrong_form(name)),
        None => value(fields, name),
    }
}

fn wrong_form(name: &str) -> NotAsked {
    NotAsked::Body(format!("The field `{name}` does not have the right form."))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Asked, BoundWord, Form, Longest, NotAsked};

    fn read(form: Form, body: &str) -> Result<Asked, NotAsked> {
        read_with(None, form, body)
    }

    fn read_with(word: Option<BoundWord>, form: Form, body: &str) -> Result<Asked, NotAsked> {
        let longest = Longest { tokens: 100, word };
        Asked::read(form, body.as_bytes(), |model| (model == "lab-large").then_some(longest))
    }

    #[test]
    fn the_bound_is_said_once_in_the_word_of_the_configuration() {
        let both = [BoundWord::MaxTokens, BoundWord::MaxCompletionTokens];
        for (fields, each) in [
            (json!({}), 100),
            (json!({ "max_tokens": 7 }), 7),
            (json!({ "max_completion_tokens": 7.0 }), 7),
            (json!({ "max_completion_tokens": null, "max_tokens": 5e1 }), 50),
            (json!({ "max_completion_tokens": 9, "max_tokens": 7 }), 9),
        ] {
            for word in both {
                let mut body = fields.clone();
                body["model"] = json!("lab-large");
                let asked = read_with(Some(word), Form::Chat, &body.to_string()).unwrap();
                let sent: Value = serde_json::from_slice(&asked.body).unwrap();
                assert_eq!(sent, json!({ "model": "lab-large", word.name(): each }), "{fields}");
                assert_eq!(asked.output, each);
            }
        }
        let response = r#"{"model":"lab-large","max_output_tokens":7}"#;
        let asked = read_with(Some(BoundWord::MaxTokens), Form::Responses, response).unwrap();
        assert_eq!(asked.body, response.as_bytes());
    }

    #[test]
    fn an_answer_is_bounded_and_a_stream_says_what_it_cost_whatever_the_caller_wants() {
        let cases = [
            (Form::Chat, json!({}), 100, json!({ "max_completion_tokens": 100 })),
            (Form::Chat, json!({ "max_tokens": 7, "n": 3 }), 21, json!({ "max_tokens": 7, "n": 3 })),
            (Form::Chat, json!({ "max_tokens": 7000 }), 100, json!({ "max_tokens": 100 })),
            (Form::Chat, json!({ "max_tokens": 0 }), 100, json!({ "max_completion_tokens": 100 })),
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
