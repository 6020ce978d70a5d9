//! What the caller asks for. A request is made of listed fields: what is not listed here is not sent.

mod allowed;
mod fields;
mod parts;

use letsbe_types::asked::{CHOICES, Fields, Written, whole};
pub(crate) use letsbe_types::asked::{Form, tokens_of};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use self::{
    allowed::{Treatment, is_nothing, points_nowhere, refused, treatment},
    fields::{is_null, read, read_count},
};
use crate::refusal::Refusal;

/// A request for an answer, without what differs from provider to provider.
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
    /// The word that the caller has for it.
    bound_word: Option<&'static str>,
    /// Most tokens that its model may write.
    most: Option<u64>,
    pub(crate) choices: u64,
    /// The body without the model and what is [`Added`].
    pub(crate) body: Vec<u8>,
}

/// What the proxy adds to a body, as the provider wants it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Added {
    /// The most tokens of the answer, and the word for it.
    pub(crate) bound: Option<(&'static str, u64)>,
    /// A streamed chat tells its usage at its end.
    pub(crate) usage: bool,
}

/// The body for one provider.
pub(crate) fn body_for(model: &str, added: &Added, rest: &[u8]) -> Vec<u8> {
    let mut body = format!("{{\"model\":{}", json!(model));
    if let Some((word, most)) = added.bound {
        body.push_str(&format!(",\"{word}\":{most}"));
    }
    if added.usage {
        body.push_str(",\"stream_options\":{\"include_usage\":true}");
    }
    let fields = rest.strip_prefix(b"{").unwrap_or(rest);
    if fields != b"}" {
        body.push(',');
    }
    let mut body = body.into_bytes();
    body.extend_from_slice(fields);
    body
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

impl Wish {
    /// Reads a body. Bounds above `most(model)` are lowered to it.
    pub(crate) fn read(form: Form, body: &[u8], most: impl Fn(&str) -> Option<u64>) -> Result<Self, Refusal> {
        let fields: Fields<'_> = serde_json::from_slice(body)
            .map_err(|_| Refusal::bad_body("the body is not a JSON object that can be read"))?;
        let get = |name: &str| fields.get(name);
        let model: Option<String> = read(get("model"), "model")?;
        let model = model.ok_or_else(|| Refusal::bad_body("the body names no model").about("model"))?;
        let stream = read(get("stream"), "stream")?.unwrap_or(false);
        let choices = read_count(get("n"), "n")?.unwrap_or(1);
        if !(1..=CHOICES).contains(&choices) {
            return Err(Refusal::bad_body(format!("`n` is not between 1 and {CHOICES}")).about("n"));
        }
        if form == Form::Embeddings {
            embeddable(stream, get("input"))?;
        }
        let (mut output_wanted, mut bound_word) = (None, None);
        for name in form.bounds() {
            // Clients write 0 for "no bound", and some providers read it so: it is no bound of the caller's.
            let wanted = read_count(get(name), name)?.filter(|most| *most > 0);
            output_wanted = output_wanted.max(wanted);
            bound_word = wanted.map(|_| *name).or(bound_word);
        }
        let options: Option<StreamOptions> = read(get("stream_options"), "stream_options")?;
        let usage_wanted = options.and_then(|options| options.include_usage).unwrap_or(false);
        let mut written = Written::default();
        for (key, value) in &fields.0 {
            field(form, key, value, &mut written)?;
        }
        let stored: Option<bool> = read(get("store"), "store")?;
        if form == Form::Responses || (form == Form::Chat && stored.is_some()) {
            written.push("store", "false");
        }
        let body = written.end().into_bytes();
        let most = most(&model);
        Ok(Self { form, model, stream, usage_wanted, output_wanted, bound_word, most, choices, body })
    }

    /// The most tokens that the answer may have.
    pub(crate) fn output_bound(&self, output_tokens_max: u64) -> u64 {
        if self.form == Form::Embeddings {
            return 0;
        }
        let each = self.output_wanted.map_or(output_tokens_max, |wanted| wanted.min(output_tokens_max));
        each.saturating_mul(self.choices)
    }

    /// The choices that are wanted, a bit each.
    pub(crate) fn every_choice(&self) -> u64 {
        u64::MAX >> (64 - self.choices.clamp(1, 64))
    }

    /// What is added to the body. What is held must be all that can be written: without a bound the provider's own
    /// would count.
    pub(crate) fn added(&self) -> Added {
        let tokens = self.output_wanted.unwrap_or(u64::MAX).min(self.most.unwrap_or(u64::MAX));
        let word = self.bound_word.or_else(|| self.form.bounds().first().copied());
        let bound = word.filter(|_| tokens < u64::MAX).map(|word| (word, tokens));
        Added { bound, usage: self.form == Form::Chat && self.stream }
    }
}

/// Writes a field down as it may be sent, or not at all.
fn field(form: Form, key: &str, value: &RawValue, written: &mut Written) -> Result<(), Refusal> {
    let Some(treatment) = treatment(form, key) else {
        return if is_nothing(value) { Ok(()) } else { Err(refused(key)) };
    };
    if is_null(value) {
        return Ok(());
    }
    match treatment {
        Treatment::Ours | Treatment::Drop => {}
        Treatment::Pass => written.push(key, value.get()),
        Treatment::Whole => match whole(value.get()) {
            Some(number) => written.push(key, &number),
            None => written.push(key, value.get()),
        },
        Treatment::Talk => written.push(key, &parts::talk(value, key)?),
        Treatment::Tools | Treatment::Schema if !points_nowhere(value) => {
            let message = format!("`{key}` has a `$ref` that leaves it; write the whole schema");
            return Err(Refusal::outside(message).about(key));
        }
        Treatment::Tools => written.push(key, &parts::tools(value, key)?),
        Treatment::Schema => written.push(key, value.get()),
    }
    Ok(())
}

fn embeddable(stream: bool, input: Option<&RawValue>) -> Result<(), Refusal> {
    if stream {
        return Err(Refusal::bad_body("embeddings are not streamed").about("stream"));
    }
    if !input.is_none_or(is_text) {
        let message = "`input` is a text or a list of texts: numbers cannot be looked through";
        return Err(Refusal::bad_body(message).about("input"));
    }
    Ok(())
}

/// Whether this is a text, or a list of texts.
fn is_text(value: &RawValue) -> bool {
    let one = |value: &RawValue| value.get().starts_with('"');
    let list = || serde_json::from_str::<Vec<&RawValue>>(value.get());
    one(value) || list().is_ok_and(|items| items.into_iter().all(one))
}

#[cfg(test)]
mod tests;
