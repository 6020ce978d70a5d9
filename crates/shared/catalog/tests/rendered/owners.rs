//! An owner's address reaches every tool as it was typed: in environment files as `docker compose` reads them, in set-up
//! requests as their receiver decodes them, and in what the AI team is told.

use std::{collections::BTreeMap, fs, process::Command};

use letsbe_catalog::{Exchange, RenderContext, Tool, render_agents, render_exchange, render_stack};
use letsbe_types::Tier;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{context, credentials, must_succeed, support::shipped};

/// What people have, and what breaks what is not quoted.
fn addresses() -> Vec<String> {
    let mut all: Vec<String> = [
        "anna@bakery.example",
        "Anna.Maria+laden@bakery.example",
        "o'brien@bakery.example",
        "'@bakery.example",
        "a'b'c''d@bakery.example",
        "$HOME@bakery.example",
        "${HOME}@bakery.example",
        "$$@bakery.example",
        "`id`@bakery.example",
        "#comment@bakery.example",
        "a#b@bakery.example",
        "r&d@bakery.example",
        "100%@bakery.example",
        "%41@bakery.example",
        "a=b@bakery.example",
        "=@bakery.example",
        "{{secret}}@bakery.example",
        "{%if%}{#x#}@bakery.example",
        "-rf@bakery.example",
        "--help@bakery.example",
        "!important@bakery.example",
        "a|b/c?d*e~f^g_h@bakery.example",
        "yes@bakery.example",
        "null@bakery.example",
        "1e3@bakery.example",
        "info@bäckerei-müller.de",
        "info@xn--bcher-kva.example",
        "info@例え.jp",
    ]
    .map(str::to_owned)
    .into();
    all.push(format!("{}@{}.{}.{}.com", "a".repeat(64), "b".repeat(63), "c".repeat(63), "d".repeat(57)));
    all
}

fn owned_by(email: &str) -> RenderContext {
    RenderContext { owner_email: email.parse().expect(email), ..context() }
}

fn exchanges(tool: &Tool) -> impl Iterator<Item = &Exchange> {
    let setup = tool.setup.iter();
    let asked = setup.flat_map(|setup| {
        setup.fresh_when.iter().chain(&setup.requests).chain(&setup.then).chain(&setup.done_when)
    });
    asked.chain(&tool.functional)
}

/// Every text in a template with the address put in by hand.
fn texts(value: &Value, email: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains("owner_email") => {
            found.push(text.replace("{{ owner_email }}", email))
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, email, found)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, email, found)),
        _ => {}
    }
}

fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, found)),
        _ => {}
    }
}

/// As a server reads a form.
fn decoded(form: &str) -> Vec<String> {
    let value = |pair: &str| {
        let text = pair.split_once('=').expect("name and value").1.replace('+', " ");
        let mut bytes = text.bytes();
        let mut read = Vec::new();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                read.push(byte);
                continue;
            }
            let hex: String = [bytes.next(), bytes.next()].into_iter().flatten().map(char::from).collect();
            read.push(u8::from_str_radix(&hex, 16).expect("two digits"));
        }
        String::from_utf8(read).expect("text")
    };
    form.split('&').filter(|pair| !pair.is_empty()).map(value).collect()
}

fn reaches_every_request(email: &str) {
    let catalog = shipped();
    let context = owned_by(email);
    let kept = context.owner_email.as_str().to_owned();
    let mut seen = 0;
    for tool in catalog.tools() {
        let mut secrets = credentials(tool);
        secrets.extend(captured(tool));
        for exchange in exchanges(tool) {
            let mut wanted = Vec::new();
            let template = json!([exchange.form, exchange.json, exchange.emit]);
            texts(&template, &kept, &mut wanted);
            if wanted.is_empty() {
                continue;
            }
            seen += 1;
            let rendered =
                render_exchange(tool, exchange, &context, &secrets).unwrap_or_else(|error| panic!("{error}"));
            let body = rendered.body.expose();
            let mut found = Vec::new();
            match &exchange.form {
                Some(_) => found = decoded(body),
                None => strings(&serde_json::from_str(body).expect("JSON"), &mut found),
            }
            for text in wanted {
                assert!(found.contains(&text), "{}: {text} is lost in {}", tool.name, exchange.path);
            }
        }
    }
    assert!(seen >= 7, "only {seen} requests carry an owner");
}

/// What an earlier request of a tool would have answered.
fn captured(tool: &Tool) -> BTreeMap<String, letsbe_types::Secret<String>> {
    let names = exchanges(tool).filter_map(|exchange| exchange.capture.as_ref());
    names.map(|capture| (capture.variable.clone(), letsbe_types::Secret::from("token"))).collect()
}

#[test]
fn an_owners_address_reaches_every_set_up_request_as_it_was_typed() {
    for email in addresses() {
        reaches_every_request(&email);
    }
}

#[test]
fn an_owners_address_reaches_the_ai_team_as_it_was_typed() {
    let catalog = shipped();
    let selection = catalog.select(Tier::Lite, &["ghost".to_owned()]).expect("fits");
    for email in addresses() {
        let context = owned_by(&email);
        for (path, text) in render_agents(&catalog, &selection, &context).expect("renders") {
            assert!(text.contains(context.owner_email.as_str()), "{path}: {email}");
        }
    }
}

#[test]
fn docker_compose_reads_every_owners_address_back() {
    let catalog = shipped();
    let folder = tempfile::tempdir().expect("folder");
    let mut services = serde_json::Map::new();
    let mut wanted: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (number, email) in addresses().iter().enumerate() {
        let context = owned_by(email);
        for tool in catalog.tools() {
            let stack =
                render_stack(tool, &context, &credentials(tool)).unwrap_or_else(|error| panic!("{error}"));
            for file in &stack.env {
                let Some(lines) = tool.env.get(&file.name) else { continue };
                let owned = lines.iter().filter(|(_, text)| text.contains("owner_email"));
                let values: BTreeMap<String, String> = owned
                    .map(|(name, text)| {
                        (name.clone(), text.replace("{{ owner_email }}", context.owner_email.as_str()))
                    })
                    .collect();
                if values.is_empty() {
                    continue;
                }
                let name = format!("{}-{number}", tool.name);
                let path = format!("{name}.env");
                fs::write(folder.path().join(&path), file.contents.expose()).expect("env");
                services.insert(name.clone(), json!({"image": "sample:1", "env_file": [path]}));
                wanted.insert(name, values);
            }
        }
    }
    assert!(wanted.len() >= addresses().len());
    fs::write(folder.path().join("compose.yml"), json!({"services": services}).to_string()).expect("compose");
    let mut command = Command::new("docker");
    command.args(["compose", "-f", "compose.yml", "config", "--format", "json"]).current_dir(folder.path());
    let read: Value = serde_json::from_str(&must_succeed(&mut command)).expect("JSON");
    for (service, values) in wanted {
        for (name, value) in values {
            // What `config` prints can be read as a Compose file again: there a dollar is written twice.
            let shown = read["services"][&service]["environment"][&name].as_str().expect("a value");
            assert_eq!(shown.replace("$$", "$"), value, "{service}: {name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_address_that_is_taken_reaches_every_set_up_request(
        local in "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,30}(\\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,30})?",
    ) {
        reaches_every_request(&format!("{local}@bakery.example"));
    }
}
