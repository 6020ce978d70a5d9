//! Makes Netcup's description digestible: five repairs, each named for what goes wrong without it.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

/// One operation that the client shall have.
pub struct Operation {
    name: String,
    method: String,
    path: String,
}

/// Reads lines of `name METHOD path`; `#` starts a comment.
pub fn parse_operations(text: &str) -> Result<Vec<Operation>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [name, method, path] => {
                Ok(Operation { name: name.into(), method: method.to_lowercase(), path: path.into() })
            }
            _ => bail!("\"{line}\" is not: name METHOD path"),
        })
        .collect()
}

/// Applies all repairs.
pub fn apply(document: &mut Value, wanted: &[Operation]) -> Result<()> {
    let names: BTreeSet<_> = wanted.iter().map(|operation| &operation.name).collect();
    ensure!(names.len() == wanted.len(), "two operations have the same name");
    keep_operations(document, wanted)?;
    keep_used_schemas(document);
    each_schema(&mut document["paths"], &mut relax);
    let schemas = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    for (_, schema) in schemas.context("no schemas")?.iter_mut() {
        open_enum(schema);
        each_schema(schema, &mut relax);
    }
    Ok(())
}

/// Keeps the operations on the list and gives them their names (the description names none).
fn keep_operations(document: &mut Value, wanted: &[Operation]) -> Result<()> {
    let all = document["paths"].take();
    let mut paths = Map::new();
    for operation in wanted {
        let item = all.get(&operation.path).with_context(|| format!("no path {}", operation.path))?;
        let mut kept = item
            .get(&operation.method)
            .with_context(|| format!("no {} {}", operation.method, operation.path))?
            .clone();
        kept["operationId"] = json!(operation.name);
        json_body_only(&mut kept, &operation.name)?;
        one_type_of_answer(&mut kept, &operation.name)?;
        let entry = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
        if let Some(shared) = item.get("parameters") {
            entry["parameters"] = shared.clone();
        }
        entry[&operation.method] = kept;
    }
    document["paths"] = Value::Object(paths);
    Ok(())
}

/// The generator takes no `application/merge-patch+json`; the client's hook puts the content type back.
fn json_body_only(operation: &mut Value, name: &str) -> Result<()> {
    let Some(content) = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut) else {
        return Ok(());
    };
    let mut body = content
        .remove("application/merge-patch+json")
        .or_else(|| content.remove("application/json"))
        .with_context(|| format!("{name} has a body of unknown type"))?;
    if name == "patch_server" {
        let used = ["ServerStatePatch", "ServerHostnamePatch", "ServerNicknamePatch"];
        body["schema"]["oneOf"] =
            used.iter().map(|used| json!({"$ref": format!("#/components/schemas/{used}")})).collect();
    }
    *content = Map::from_iter([("application/json".to_owned(), body)]);
    operation["requestBody"]["required"] = json!(true);
    Ok(())
}

/// The generator takes one type for success and one for errors. `ValidationError` holds every field of the others;
/// where success is sometimes empty, the caller gets status and bytes.
fn one_type_of_answer(operation: &mut Value, name: &str) -> Result<()> {
    let responses = operation["responses"].as_object_mut().context("no responses")?;
    let is_success = |code: &str| code.starts_with('2');
    let kind = |response: &Value| response.pointer("/content/application~1json/schema").map(Value::to_string);
    let success: BTreeSet<_> =
        responses.iter().filter(|(code, _)| is_success(code)).map(|(_, response)| kind(response)).collect();
    for (code, response) in responses.iter_mut() {
        if is_success(code) {
            if success.len() > 1 {
                response["content"] = json!({"application/octet-stream": {}});
            } else if let Some(content) = response.get_mut("content").and_then(Value::as_object_mut) {
                content.remove("application/hal+json");
            }
        } else if name == "check_snapshot" {
            response["content"] = json!({"application/octet-stream": {}});
        } else {
            let error = json!({"$ref": "#/components/schemas/ValidationError"});
            response["content"] = json!({"application/json": {"schema": error}});
        }
    }
    Ok(())
}

fn keep_used_schemas(document: &mut Value) {
    let mut used = BTreeSet::new();
    let mut open = references(&document["paths"]);
    while let Some(name) = open.pop() {
        if used.insert(name.clone()) {
            open.extend(references(&document["components"]["schemas"][&name]));
        }
    }
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.retain(|name, _| used.contains(name));
    }
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, member)| match (key.as_str(), member.as_str()) {
                ("$ref", Some(reference)) => {
                    reference.rsplit('/').next().map(str::to_owned).into_iter().collect()
                }
                _ => references(member),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// A value that Netcup adds to an enumeration must not make the whole answer unreadable.
fn open_enum(schema: &mut Value) {
    if schema.get("enum").is_some() {
        let known = schema.take();
        *schema = json!({"oneOf": [known, {"type": "string"}]});
    }
}

fn each_schema(schema: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    if let Value::Object(members) = schema {
        if members.contains_key("type") || members.contains_key("properties") {
            change(members);
        }
        members.iter_mut().for_each(|(_, member)| each_schema(member, change));
    } else if let Value::Array(items) = schema {
        items.iter_mut().for_each(|item| each_schema(item, change));
    }
}

/// Reads generously: no patterns and lengths (Netcup checks what is sent), `null` for an optional list or map, and
/// no required field that the description itself does not define (`Site.name`).
fn relax(schema: &mut Map<String, Value>) {
    if !schema.get("type").is_some_and(Value::is_string) {
        return;
    }
    for constraint in ["pattern", "minLength", "maxLength", "uniqueItems"] {
        schema.shift_remove(constraint);
    }
    let Some(Value::Object(properties)) = schema.get("properties").cloned() else { return };
    let mut required: Vec<Value> =
        schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    required.retain(|name| name.as_str().is_some_and(|name| properties.contains_key(name)));
    if let Some(Value::Object(own)) = schema.get_mut("properties") {
        for (name, property) in own.iter_mut() {
            let collection = property["type"] == "array" || property.get("additionalProperties").is_some();
            if collection && !required.contains(&json!(name)) {
                property["nullable"] = json!(true);
            }
        }
    }
    if required.is_empty() {
        schema.shift_remove("required");
    } else {
        schema.insert("required".into(), required.into());
    }
}
