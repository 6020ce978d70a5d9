//! The provider's side of the wire: every secret of the server, in every form.

use anyhow::ensure;
use letsbe_lab::scan::{Named, Scanner};

use crate::Server;

pub(crate) async fn nothing_arrived(server: &Server<'_>) -> anyhow::Result<()> {
    let name = |(tool, key, value): (&str, &str, &letsbe_types::Secret<String>)| Named {
        name: format!("{tool}/{key}"),
        value: value.clone(),
    };
    let secrets: Vec<Named> = server.secrets.iter().map(name).collect();
    let scanner = Scanner::new(&secrets)?;
    let requests = server.fleet.models.requests();
    ensure!(requests.len() > 30, "only {} requests arrived", requests.len());
    let mut hits = Vec::new();
    let mut bytes = 0;
    for (number, request) in requests.iter().enumerate() {
        let headers = request.headers.iter().filter(|(name, _)| name != "authorization");
        let headers: String = headers.map(|(name, value)| format!("{name}: {value}\n")).collect();
        // As it came, and as a reader of JSON sees it: no escape is a hiding place.
        let read = strings(&request.json());
        for content in [request.path.as_bytes(), headers.as_bytes(), &request.body, read.as_bytes()] {
            bytes += content.len();
            hits.extend(scanner.hits(&format!("request {number}"), content));
        }
    }
    // The provider knows the Hub by the Hub's key; the server's own key for the relay is none of its business.
    let wire = server.fleet.models.wire();
    hits.extend(scanner.hits("the wire", &wire));
    println!("     {} requests, {bytes} bytes, {} secrets looked for", requests.len(), secrets.len());
    let hits: Vec<String> = hits.iter().map(ToString::to_string).collect();
    ensure!(hits.is_empty(), "{} secrets arrived: {}", hits.len(), hits.join("; "));
    ensure!(wire.len() >= bytes / 4, "the wire was not read");
    Ok(())
}

/// Every text in a value, decoded, one after the other.
fn strings(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => format!("{text}\n"),
        serde_json::Value::Array(items) => items.iter().map(strings).collect(),
        serde_json::Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name}\n{}", strings(value))).collect()
        }
        _ => String::new(),
    }
}
