//! Answers that are not streamed.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::super::{meter::Reported, wish::Form};
use super::event::{has_failed, is_said, usage};

/// What must be there for an answer to be one.
#[derive(Deserialize)]
struct Whole {
    choices: Option<Vec<Choice>>,
    output: Option<Vec<IgnoredAny>>,
    data: Option<Vec<IgnoredAny>>,
    status: Option<String>,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    usage: Value,
}

#[derive(Deserialize)]
struct Choice {
    #[expect(dead_code, reason = "a choice without a message is none")]
    message: serde_json::Map<String, Value>,
    #[serde(default)]
    finish_reason: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    usage: Value,
}

/// Whether this is an answer, and what it says was used.
pub(crate) fn check(form: Form, body: &[u8]) -> Option<Option<Reported>> {
    let whole: Whole = serde_json::from_slice(body).ok()?;
    let choices = whole.choices.unwrap_or_default();
    if is_said(&whole.error) || choices.iter().any(|one| has_failed(&one.finish_reason, &one.error)) {
        return None;
    }
    let is_answer = match form {
        Form::Chat => !choices.is_empty(),
        Form::Responses => {
            let ended = matches!(whole.status.as_deref(), None | Some("completed" | "incomplete"));
            ended && whole.output.is_some()
        }
        Form::Embeddings => whole.data.is_some_and(|data| !data.is_empty()),
    };
    is_answer.then(|| usage(&whole.usage).or_else(|| choices.iter().find_map(|one| usage(&one.usage))))
}

#[cfg(test)]
mod tests {
    use super::{Form, Reported, check};

    #[test]
    fn only_answers_are_answers() {
        let used = Some(Reported { input: 7, output: 0 });
        for (form, body, wanted) in [
            (Form::Chat, r#"{"choices":[{"message":{"content":"a"}}]}"#, Some(None)),
            (Form::Chat, r#"{"choices":[{"text":"a"}]}"#, None),
            (Form::Chat, r#"{"choices":[]}"#, None),
            (
                Form::Chat,
                r#"{"choices":[{"message":{},"finish_reason":""}],"usage":null,"error":null}"#,
                Some(None),
            ),
            (Form::Chat, r#"{"choices":[{"message":{}}],"usage":{"prompt_tokens":6.5}}"#, Some(used)),
            (Form::Chat, r#"{"choices":[{"message":null}],"error":{"code":502}}"#, None),
            (Form::Chat, r#"{"choices":[{"message":{}}],"error":{"code":502}}"#, None),
            (Form::Chat, r#"{"choices":[{"message":{},"finish_reason":"error"}]}"#, None),
            (Form::Chat, r#"{"choices":[{"message":{},"error":{"code":502}}]}"#, None),
            (Form::Chat, r#"{"choices":[{"message":{}}],"error":{"code":0,"message":""}}"#, Some(None)),
            (Form::Chat, r#"{"choices":[{"message":{},"usage":{"prompt_tokens":7}}]}"#, Some(used)),
            (Form::Chat, r#"[{"error":{"message":"no"}}]"#, None),
            (Form::Chat, r#"{"error":{"message":"no"}}"#, None),
            (Form::Chat, "<html>", None),
            (Form::Responses, r#"{"status":"completed","output":[]}"#, Some(None)),
            (Form::Responses, r#"{"status":"failed","output":[]}"#, None),
            (Form::Embeddings, r#"{"data":[{"embedding":[1]}],"usage":{"prompt_tokens":7}}"#, Some(used)),
            (Form::Embeddings, r#"{"choices":[{"message":{}}]}"#, None),
        ] {
            assert_eq!(check(form, body.as_bytes()), wanted, "{body}");
        }
    }
}
