//! What is read and should be written otherwise.

use std::collections::BTreeSet;

use super::{Severity, secrets};
use crate::{
    CatalogError, Kind, Tool,
    entry::Entry,
    house_lines,
    image::{Image, numbers},
};

type Advice = (Severity, CatalogError);

/// Licences that keep a program from being sold as a service.
const NO_SERVICE: [&str; 9] = [
    "BUSL-1.1",
    "CC-BY-NC",
    "Commons-Clause",
    "Elastic-2.0",
    "LicenseRef-Commercial",
    "LicenseRef-SUL",
    "PolyForm-",
    "RSAL",
    "SSPL-1.0",
];

/// Lines of a service that the renderer adds.
const HOUSE_LINES: [&str; 3] = ["logging", "restart", "security_opt"];

/// What is to be said of an entry besides its errors.
pub(super) fn of(entry: &Entry) -> Vec<Advice> {
    let file = |name: &str| format!("{}/{name}", entry.base);
    let mut found: Vec<Advice> = former_fields(entry, &file("tool.toml"));
    let Some(tool) = &entry.tool else { return found };
    for (place, field, message) in secrets::in_the_clear(tool) {
        found.push((Severity::Error, CatalogError::new(file(&place), field, message)));
    }
    let mut say = |severity, name: &str, field: String, message: String| {
        found.push((severity, CatalogError::new(file(name), field, message)));
    };
    for (severity, field, message) in images(tool) {
        say(severity, "compose.yml", field, message);
    }
    for (field, message) in house(tool) {
        say(Severity::Note, "compose.yml", field, message);
    }
    if let Some(message) = licence(tool) {
        say(Severity::Error, "tool.toml", "licence".to_owned(), message);
    }
    for field in ports_said_twice(entry, tool) {
        let message = "compose.yml publishes one port only: leave this out";
        say(Severity::Note, "tool.toml", field, message.to_owned());
    }
    let tag = Image::of(&tool.update.image).tag.unwrap_or_default();
    if tool.update.one_major_at_a_time && numbers(tag).is_empty() {
        let message = format!(
            "the tag \"{tag}\" names no major version, so an update could pass several at once: write one that does"
        );
        say(Severity::Warning, "tool.toml", "update.one_major_at_a_time".to_owned(), message);
    }
    found
}

fn former_fields(entry: &Entry, file: &str) -> Vec<Advice> {
    let why = |field: &str| match field {
        "name" | "kind" => "is the folder's: leave it out",
        "monitors" => "is read by nobody: leave it out",
        "needs.ram_mb" => "is the sum of the mem_limits in compose.yml: leave it out",
        "update.image" => {
            "is in compose.yml: leave it out, or write `service`, if it is not that of the first one"
        }
        "ports" => {
            "are in compose.yml: leave them out, or write `host_ports` for a service in the host's network"
        }
        _ => "are in compose.yml: leave them out",
    };
    let fields = entry.former.fields.iter();
    fields.map(|field| (Severity::Note, CatalogError::new(file, field, why(field)))).collect()
}

/// Images whose release is not fixed.
fn images(tool: &Tool) -> Vec<(Severity, String, String)> {
    let mut seen = BTreeSet::new();
    let services = tool.services.iter().filter(|service| seen.insert(&service.image));
    let loose = services.filter_map(|service| {
        let image = Image::of(&service.image);
        let tag = image.tag.filter(|_| image.digest.is_none() && image.is_pinned())?;
        let field = format!("services.{}.image", service.name);
        Some(if numbers(tag).is_empty() {
            let message = format!("the tag \"{tag}\" names no version: write one, best with its digest (`@sha256:…`)");
            (Severity::Warning, field, message)
        } else {
            let message = format!(
                "without a digest it is whatever the registry has under \"{tag}\": write `{}@sha256:…` to fix it",
                service.image
            );
            (Severity::Note, field, message)
        })
    });
    loose.collect()
}

/// What stands in the file though it is added.
fn house(tool: &Tool) -> Vec<(String, String)> {
    let lines: Vec<&str> = tool.files.compose.lines().collect();
    let mut found = Vec::new();
    if lines.iter().any(|line| line.starts_with("name:")) {
        found.push(("name".to_owned(), "is added when the file is rendered: leave it out".to_owned()));
    }
    for service in &tool.services {
        let Some(block) = house_lines::block(&lines, &service.name) else { continue };
        let says = |field: &str| lines[block.clone()].iter().any(|line| line.starts_with(field));
        for field in HOUSE_LINES.iter().filter(|field| says(&format!("    {field}:"))) {
            let message = "is added when the file is rendered: leave it out";
            found.push((format!("services.{}.{field}", service.name), message.to_owned()));
        }
        let bound = lines[block.clone()].iter().any(|line| line.contains("\"127.0.0.1:") && is_port(line));
        if bound {
            let message = "127.0.0.1 is added when the file is rendered: leave it out";
            found.push((format!("services.{}.ports", service.name), message.to_owned()));
        }
    }
    found
}

/// Whether a line is of `ports`, and no address in a command.
fn is_port(line: &str) -> bool {
    let digits = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let text = line.trim().trim_start_matches("ports:").trim().trim_start_matches(['-', '[', ' ']);
    text.strip_prefix("\"127.0.0.1:").is_some_and(|rest| rest.split(':').count() == 2 && digits(rest))
}

fn licence(tool: &Tool) -> Option<String> {
    let refused = NO_SERVICE.iter().find(|name| tool.licence.contains(*name))?;
    let sold = tool.kind == Kind::Tool;
    sold.then(|| {
        format!("{refused} does not allow to offer the program as a service: it cannot be in the catalog")
    })
}

/// Ports that are written though there is one only.
fn ports_said_twice(entry: &Entry, tool: &Tool) -> Vec<String> {
    let Ok(table) = toml::from_str::<toml::Table>(&entry.text) else { return Vec::new() };
    if tool.ports.len() != 1 {
        return Vec::new();
    }
    let has = |value: Option<&toml::Value>| value.is_some_and(|value| value.get("port").is_some());
    let vhosts = table.get("vhosts").and_then(toml::Value::as_array);
    let vhosts = vhosts.into_iter().flatten().enumerate().filter(|(_, vhost)| has(Some(vhost)));
    let mut found: Vec<String> = vhosts.map(|(i, _)| format!("vhosts[{i}].port")).collect();
    let others = ["health", "setup"].into_iter().filter(|name| has(table.get(*name)));
    found.extend(others.map(|name| format!("{name}.port")));
    found
}
