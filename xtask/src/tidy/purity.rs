//! `lifecycle` decides and does nothing else: no runtime, no database, no clock, no randomness, no files.

use crate::{Finding, Repository};

const MANIFEST: &str = "crates/hub-side/lifecycle/Cargo.toml";
/// What the crate may be built on.
const DEPENDENCIES: &[&str] = &["letsbe-types", "chrono", "serde", "serde_json", "thiserror", "uuid"];
/// Names that bring in what it must not touch. `chrono` is compiled with its clock for other crates, so that the
/// clock's absence is checked in the text.
const WORDS: &[(&str, &str)] = &[
    ("Utc::now", "time arrives with the event"),
    ("Local::now", "time arrives with the event"),
    ("SystemClock", "time arrives with the event"),
    ("SystemTime", "time arrives with the event"),
    ("Instant", "time arrives with the event"),
    ("::generate()", "ids and other random values arrive with the event"),
    ("new_v4", "ids and other random values arrive with the event"),
    ("now_v7", "ids and other random values arrive with the event"),
    ("std::fs", "what has to be done leaves as an effect"),
    ("std::process", "what has to be done leaves as an effect"),
    ("std::env", "settings arrive as values"),
    ("async ", "what has to be done leaves as an effect"),
];

/// What makes `lifecycle` more than a function.
#[must_use]
pub fn impurities(repository: &Repository) -> Vec<Finding> {
    let Some(manifest) = repository.file(MANIFEST) else {
        return vec![Finding::gone(MANIFEST)];
    };
    let table: toml::Table = manifest.text.parse().unwrap_or_default();
    let dependencies = table.get("dependencies").and_then(toml::Value::as_table);
    let foreign = dependencies.into_iter().flat_map(toml::Table::keys);
    let foreign = foreign.filter(|name| !DEPENDENCIES.contains(&name.as_str()));
    let mut findings: Vec<Finding> =
        foreign.map(|name| manifest.finding(1, format!("lifecycle must not depend on {name}"))).collect();
    for file in repository.rust().filter(|file| file.path.starts_with("crates/hub-side/lifecycle/src/")) {
        for (line, text) in file.program_lines() {
            let words = WORDS.iter().filter(|(word, _)| text.contains(word));
            findings.extend(words.map(|(word, why)| file.finding(line, format!("no {word} here: {why}"))));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{MANIFEST, impurities};
    use crate::{Repository, tidy};

    #[test]
    fn lifecycle_is_pure() {
        tidy::assert_none(&impurities(&Repository::read()));
    }

    #[test]
    fn a_runtime_and_a_clock_are_found() {
        let files = [
            (MANIFEST, "[dependencies]\nserde = \"1\"\ntokio = \"1\"\n"),
            ("crates/hub-side/lifecycle/src/order.rs", "// Utc::now in a comment\nlet now = Utc::now();\n"),
        ];
        let found = tidy::messages(&impurities(&Repository::example(&files)));
        assert!(found.contains("must not depend on tokio"), "{found}");
        assert!(found.contains("order.rs:2: no Utc::now"), "{found}");
        assert_eq!(found.lines().count(), 2, "{found}");
    }
}
