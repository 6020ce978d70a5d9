//! Texts on their way in and out: redacted, bounded, and secrets put in at the last moment.

use std::{collections::BTreeMap, sync::Arc};

use letsbe_gate::{Excerpt, Run};
use letsbe_redact::{Redactor, references};
use letsbe_types::{Problem, Secret};
use letsbe_vault::Credentials;
use serde_json::Value;

use crate::gate::problem;

/// Changes every text in a value, names of fields too.
pub(super) fn each_text(value: Value, change: &impl Fn(String) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| each_text(item, change)).collect()),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (change(name), each_text(value, change))).collect()
        }
        other => other,
    }
}

/// Takes the known secrets out of every text.
pub(super) fn redacted(value: Value, redactor: &Arc<Redactor>) -> Value {
    each_text(value, &|text| redactor.text(&text))
}

/// Shortens every text, keeping beginning and end.
pub(super) fn shortened(value: Value, most: usize) -> Value {
    each_text(value, &|text| {
        let mut excerpt = Excerpt::new(most);
        excerpt.push(text.as_bytes());
        excerpt.into_text()
    })
}

/// What a command gets beside its arguments, with the secrets in it.
#[derive(Default)]
pub(super) struct Filled {
    pub(super) env: BTreeMap<String, Secret<String>>,
    pub(super) stdin: Option<Secret<String>>,
}

/// Puts the secrets of the addressed tool where they are named.
pub(super) fn fill(run: &Run, present: &Credentials) -> Result<Filled, Problem> {
    let tool = run.tool.as_deref();
    let env = run.env.iter().map(|(name, value)| Ok((name.clone(), put_in(value, tool, present)?)));
    let stdin = run.stdin.as_deref().map(|stdin| put_in(stdin, tool, present));
    Ok(Filled { env: env.collect::<Result<_, Problem>>()?, stdin: stdin.transpose()? })
}

fn put_in(text: &str, tool: Option<&str>, present: &Credentials) -> Result<Secret<String>, Problem> {
    let mut names: Vec<&str> = references(text).collect();
    names.sort_unstable();
    names.dedup();
    let mut filled = text.to_owned();
    for name in names {
        let value = match name.split_once('/') {
            Some((owner, key)) if Some(owner) == tool => present.get(owner, key),
            Some(_) => return Err(problem::reference(format!("{name} belongs to another tool"))),
            None => None,
        };
        let value = value.ok_or_else(|| problem::reference(format!("there is no {name}")))?;
        filled = filled.replace(&letsbe_redact::placeholder(name), value.expose());
    }
    Ok(Secret::new(filled))
}

#[cfg(test)]
mod tests {
    use letsbe_gate::Run;
    use letsbe_vault::Credentials;
    use serde_json::json;

    use super::{fill, shortened};

    fn run(tool: Option<&str>, stdin: &str) -> Run {
        let (command, env) = (vec!["mysql".to_owned()], [("PASSWORD".to_owned(), stdin.to_owned())].into());
        Run {
            tool: tool.map(str::to_owned),
            service: None,
            command,
            env,
            stdin: Some(stdin.to_owned()),
            timeout: 1,
        }
    }

    #[test]
    fn a_secret_is_put_in_for_its_own_tool_only() {
        let mut present = Credentials::default();
        present.insert_missing("ghost", "a", "value-1".into());
        present.insert_missing("odoo", "a", "value-2".into());
        let filled =
            fill(&run(Some("ghost"), "x SECRET_REF(ghost/a) SECRET_REF(ghost/a)"), &present).expect("fills");
        assert_eq!(filled.stdin.expect("input").expose(), "x value-1 value-1");
        assert_eq!(filled.env["PASSWORD"].expose(), "x value-1 value-1");
        for (tool, text) in [
            (Some("ghost"), "SECRET_REF(odoo/a)"),
            (Some("ghost"), "SECRET_REF(ghost/a) SECRET_REF(odoo/a)"),
            (Some("ghost"), "SECRET_REF(ghost/b)"),
            (Some("ghost"), "SECRET_REF(ghost)"),
            (None, "SECRET_REF(ghost/a)"),
        ] {
            let problem = fill(&run(tool, text), &present).err().expect(text);
            assert!(problem.code == "GATE009" && !problem.message.contains("value-"), "{problem}");
        }
        let plain = fill(&run(None, "no secret, SECRET_REF( nothing"), &present).expect("fills");
        assert_eq!(plain.stdin.expect("input").expose(), "no secret, SECRET_REF( nothing");
    }

    #[test]
    fn long_texts_are_shortened_wherever_they_stand() {
        let value = shortened(json!({ "a": ["x".repeat(100), 7] }), 10);
        assert_eq!(value["a"][0], "xxxxx\n[… 90 bytes left out …]\nxxxxx");
        assert_eq!(value["a"][1], 7);
    }
}
