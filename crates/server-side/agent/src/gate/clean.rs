//! What leaves the gate is looked through like a body for a model: by the same function, over everything at once, and
//! what would still show a secret does not leave.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use letsbe_redact::Redactor;
use letsbe_types::Problem;
use serde_json::Value;

use crate::gate::problem;

/// Bytes of a tool's last answers that the next one is read together with.
const RECENT_BYTES: usize = 2 * 1024;

/// Texts that are read one after the other, without secrets: one that is spread over several of them is found, too.
///
/// # Errors
/// When one would still be there.
pub(super) fn texts(texts: &[String], redactor: &Redactor) -> Result<Vec<String>, Problem> {
    body(texts, redactor)
}

fn body<T: serde::Serialize + ?Sized, R: serde::de::DeserializeOwned>(
    body: &T,
    redactor: &Redactor,
) -> Result<R, Problem> {
    let body = serde_json::to_vec(body).map_err(|_| problem::not_shown())?;
    // The errors of a redactor name no values, but they are for operators.
    let body = redactor.json_body(&body).map_err(|error| {
        tracing::warn!(%error, "an answer of the gate is held back");
        problem::not_shown()
    })?;
    serde_json::from_slice(&body).map_err(|_| problem::not_shown())
}

/// A problem in words without secrets.
pub(super) fn problem(problem: Problem, redactor: &Redactor) -> Problem {
    match texts(&[problem.message.clone(), problem.hint.clone()], redactor) {
        Ok(mut words) if words.len() == 2 => {
            let hint = words.pop().unwrap_or_default();
            let message = words.pop().unwrap_or_default();
            Problem { message, hint, ..problem }
        }
        _ => problem::not_shown(),
    }
}

/// The ends of what each tool's calls have answered, so that a secret in pieces over several calls is found.
#[derive(Default)]
pub(super) struct Recent(Mutex<BTreeMap<String, String>>);

impl Recent {
    /// An answer about a tool without secrets.
    ///
    /// # Errors
    /// When one would still be there; then nothing of the answer is remembered either.
    pub(super) fn clean(&self, tool: &str, mut result: Value, redactor: &Redactor) -> Result<Value, Problem> {
        let recent = self.lock().get(tool).cloned().unwrap_or_default();
        let mut leaves = Vec::new();
        leaves_of(&mut result, &mut leaves);
        let joined: Vec<String> =
            std::iter::once(recent.clone()).chain(leaves.iter().map(|leaf| (**leaf).clone())).collect();
        let cleaned = texts(&joined, redactor)?;
        for (leaf, text) in leaves.iter_mut().zip(cleaned.iter().skip(1)) {
            (**leaf).clone_from(text);
        }
        let result = body(&result, redactor)?;
        let mut end = cleaned.concat();
        end.drain(..end.ceil_char_boundary(end.len().saturating_sub(RECENT_BYTES)));
        self.lock().insert(tool.to_owned(), end);
        Ok(result)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn leaves_of<'a>(value: &'a mut Value, leaves: &mut Vec<&'a mut String>) {
    match value {
        Value::String(text) => leaves.push(text),
        Value::Array(items) => items.iter_mut().for_each(|item| leaves_of(item, leaves)),
        Value::Object(fields) => fields.values_mut().for_each(|field| leaves_of(field, leaves)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use letsbe_redact::{KnownSecret, Redactor};
    use letsbe_types::{Code, Problem};
    use serde_json::json;

    use super::{RECENT_BYTES, Recent, problem, texts};

    fn redactor(value: &str) -> Redactor {
        Redactor::new([KnownSecret { name: "ghost/a".to_owned(), value: value.into() }]).expect("a redactor")
    }

    #[test]
    fn a_secret_in_pieces_over_texts_and_over_calls_is_found() {
        let redactor = redactor("canary-5f3e9a-value");
        let words = ["a canary-5f3e".to_owned(), "9a-value b".to_owned()];
        assert_eq!(texts(&words, &redactor).expect("clean"), ["a SECRET_REF(ghost/a)", " b"]);
        let recent = Recent::default();
        let answer = |tool, text: &str| {
            let result = json!({ "exit_code": 0, "stdout": text, "stderr": "" });
            recent.clean(tool, result, &redactor).expect("clean")["stdout"].as_str().expect("text").to_owned()
        };
        let first = answer("ghost", "x canary-5f3e");
        assert_eq!(answer("odoo", "9a-value"), "9a-value", "another tool's call");
        let second = answer("ghost", "9a-value y");
        assert!(!format!("{first}{second}").contains("canary-5f3e9a-value"), "{first} {second}");
        answer("ghost", &"long ".repeat(RECENT_BYTES));
        assert!(recent.lock()["ghost"].len() <= RECENT_BYTES);
    }

    #[test]
    fn what_would_still_show_a_secret_does_not_leave() {
        let redactor = redactor("],\"b\":[1,2");
        let recent = Recent::default();
        let refused = recent.clean("ghost", json!({ "a": [3], "b": [1, 2] }), &redactor);
        assert_eq!(refused.expect_err("refused").code, "GATE020");
        assert!(recent.lock().is_empty());
        let odd = self::redactor("one\",\"two-three-four");
        let told = Problem::transient(Code::GATE008, "x one", "two-three-four y");
        let told = problem(told, &odd);
        assert!(told.code == "GATE020" || !told.hint.contains("two-three-four"), "{told:?}");
    }
}
