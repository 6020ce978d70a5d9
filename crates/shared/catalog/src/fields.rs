//! The table of fields in `catalog/README.md`, made from the types, and who reads each field.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::{Catalog, Exchange, Severity, Tool, check_folder, tiers::TierSpec};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");
const BEGIN: &str = "<!-- made from the types: BLESS=1 cargo test --workspace --lib catalog_readme -->\n";
const END: &str = "<!-- end of what is made -->\n";

/// Field, who reads it, and how that reads in the code: a field that nobody reads has no place here.
const READ_BY: &[(&str, &str, &str)] = &[
    ("title", "letters, the gate's list of tools, the agents' SOUL.md", "tool.title"),
    ("description", "`letsbe catalog check`", "tool.description"),
    ("licence", "`letsbe catalog check`", "tool.licence"),
    ("category", "the server's registry of tools", "tool.category"),
    ("order", "start order of the platform", "tool.order"),
    ("needs.disk_gb", "choice of tools for a tier; bound of uploads", "needs.disk_gb"),
    ("optional_services", "verification of a server", "tool.optional_services"),
    ("host_ports", "ports in use; probes", "tool.host_ports"),
    ("mail_ports", "firewall; checks from outside", "self.mail_ports"),
    ("vhosts[].label", "certificates, DNS, nginx", "vhost.label"),
    ("vhosts[].port", "nginx", "vhost.port"),
    ("vhosts[].websocket", "nginx", "vhost.websocket"),
    ("vhosts[].body_mb", "nginx", "vhost.body_mb"),
    ("vhosts[].logins", "nginx", "vhost.logins"),
    ("vhosts[].passwords", "nginx", "vhost.passwords"),
    ("vhosts[].own_limit", "nginx", "vhost.own_limit"),
    ("databases[].engine", "backup, restore, rotation", "database.engine"),
    ("databases[].service", "backup, restore, rotation", "database.service"),
    ("databases[].name", "backup, restore", "database.name"),
    ("databases[].user", "backup, restore, rotation", "database.user"),
    ("databases[].password", "backup, restore, rotation", "database.password"),
    ("databases[].root_password", "backup, restore, rotation", "database.root_password"),
    ("databases[].rotation", "rotation", "database.rotation"),
    ("state[].volume", "backup, restore", "state.volume"),
    ("state[].path", "backup, restore", "state.path"),
    ("state[].method", "backup, restore", "state.method"),
    ("state[].sqlite", "backup", "state.sqlite"),
    ("credentials[].key", "vault, templates", "credential.key"),
    ("credentials[].category", "vault, rotation", "credential.category"),
    ("credentials[].method", "vault: how it is made", "credential.method"),
    ("credentials[].login", "the page of log-ins, uploads", "credential.login"),
    ("credentials[].mixed", "vault: how it is made", "self.mixed"),
    ("credentials[].rotation", "rotation", "credential.rotation"),
    ("credentials[].rotation.keep", "rotation", "CredentialRotation::Keep"),
    ("env", "rendering of environment files", "tool.env"),
    ("secret_files", "rendering of files with one secret", "tool.secret_files"),
    ("health.port", "probes", "health.port"),
    ("health.required", "verification of a server", "health.required"),
    ("health.start_seconds", "how long a start is waited for", "health.start_seconds"),
    ("health.probe", "verification, heartbeat, restore", "health.probe"),
    ("functional", "verification, checks from outside", "tool.functional"),
    ("setup.port", "first-run set-up", "setup.port"),
    ("setup.fresh_when", "first-run set-up", "setup.fresh_when"),
    ("setup.requests", "first-run set-up", "setup.requests"),
    ("setup.then", "first-run set-up", "setup.then"),
    ("setup.done_when", "first-run set-up, verification", "setup.done_when"),
    ("owner_email_max", "what a customer types", "owner_email_max"),
    ("owner_email_signs_refused", "what a customer types", "owner_email_signs_refused"),
    ("no_login", "the rules of the catalog", "tool.no_login"),
    ("first_visit", "letters", "tool.first_visit"),
    ("data_version.from", "backup, restore", "DataVersion::"),
    ("data_version.name", "backup, restore", "DataVersion::Database"),
    ("data_version.query", "backup, restore", "query"),
    ("data_version.volume", "backup, restore", "DataVersion::File"),
    ("data_version.file", "backup, restore", "DataVersion::File"),
    ("data_version.after", "backup, restore", "DataVersion::File"),
    ("data_version.why", "the rules of the catalog", "DataVersion::Image { why }"),
    ("upload.path", "uploads, letters", "upload.path"),
    ("upload.password", "uploads", "upload.password"),
    ("upload.max_gb", "uploads, letters", "max_gb"),
    ("upload.max_files", "uploads, letters", "max_files"),
    ("restore.stop", "restore, backup", "restore.stop"),
    ("restore.after", "restore", "restore.after"),
    ("update.service", "updates of the AI runtime; which image is the tool's own", "update.service"),
    ("update.one_major_at_a_time", "`letsbe catalog check`", "update.one_major_at_a_time"),
    ("update.migrates_data", "backup before an update", "update.migrates_data"),
    ("minimum_versions", "the rules of the catalog", "tool.minimum_versions"),
    ("depends_on_tools", "choice of tools, start order", "tool.depends_on_tools"),
    ("exceptions[].rule", "the rules of the catalog, rendering", "exception.rule"),
    ("exceptions[].service", "the rules of the catalog, rendering", "exception.service"),
    ("exceptions[].reason", "the rules of the catalog", "exception.reason"),
    ("method", "probes, set-up", "exchange.method"),
    ("path", "probes, set-up", "exchange.path"),
    ("form", "probes, set-up", "exchange.form"),
    ("json", "probes, set-up", "exchange.json"),
    ("emit", "probes, set-up", "exchange.emit"),
    ("headers", "probes, set-up", "exchange.headers"),
    ("expect.status", "probes, set-up", "self.status"),
    ("expect.contains", "probes, set-up", "self.contains"),
    ("expect.pointer", "probes, set-up", "self.pointer"),
    ("expect.equals", "probes, set-up", "self.equals"),
    ("capture.variable", "first-run set-up", "capture.variable"),
    ("capture.pointer", "first-run set-up", "Capture { variable, pointer }"),
    ("vcpus", "order of a server", ".vcpus"),
    ("ram_mb", "choice of tools", "self.ram_mb"),
    ("disk_gb", "choice of tools", "self.disk_gb"),
    ("reserved_ram_mb", "choice of tools", "self.reserved_ram_mb"),
    ("reserved_disk_gb", "choice of tools", "self.reserved_disk_gb"),
    ("tokens_month", "the pool of a new tenant", ".tokens_month"),
    ("price_month", "payments", ".price_month"),
];

/// A row: field, what it holds, whether it must be there, what it is.
type Row = (String, String, bool, String);

/// The fields of a type and of the tables in it. An exchange has a table of its own.
fn rows(root: &Value, schema: &Value, before: &str, found: &mut Vec<Row>) {
    let schema = resolved(root, schema);
    let required: BTreeSet<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{before}{name}");
        let inner = without_null(field);
        let (is_list, item) = match &inner["items"] {
            Value::Null => (false, inner),
            items => (true, items),
        };
        let about =
            [field, resolved(root, item), schema].into_iter().find_map(|one| one["description"].as_str());
        let about = about.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let is_exchange = item["$ref"].as_str().is_some_and(|name| name.ends_with("/Exchange"));
        let target = resolved(root, item);
        let is_table = !is_exchange && target["properties"].is_object();
        let mut variants = target["oneOf"].as_array().into_iter().flatten().peekable();
        let is_union = variants.peek().is_some() && variants.all(|one| one["properties"].is_object());
        if !is_table && !is_union {
            add(found, (path.clone(), kind(root, inner), required.contains(name.as_str()), about));
        }
        if is_exchange {
            continue;
        }
        let below = format!("{path}{}.", if is_list { "[]" } else { "" });
        rows(root, item, &below, found);
        for variant in target["oneOf"].as_array().into_iter().flatten() {
            rows(root, variant, &below, found);
        }
    }
}

/// Adds a row; what a field holds in one variant and in another is one row.
fn add(found: &mut Vec<Row>, row: Row) {
    match found.iter_mut().find(|(known, ..)| *known == row.0) {
        Some((_, kind, ..)) if *kind != row.1 => kind.push_str(&format!(", {}", row.1)),
        Some(_) => {}
        None => found.push(row),
    }
}

fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        Some(name) => &root["$defs"][name],
        None => schema,
    }
}

/// What may be left out, without the null that stands for that.
fn without_null(schema: &Value) -> &Value {
    let all = schema["anyOf"].as_array().into_iter().flatten();
    all.into_iter().find(|one| one["type"] != "null").unwrap_or(schema)
}

/// What a field holds, in words.
fn kind(root: &Value, schema: &Value) -> String {
    if schema["$ref"].as_str().is_some_and(|name| name.ends_with("/Exchange")) {
        return "exchange".to_owned();
    }
    let schema = resolved(root, schema);
    let names: Vec<String> = schema["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|one| one["enum"].as_array().cloned().unwrap_or_else(|| vec![one["const"].clone()]))
        .chain(schema["enum"].as_array().cloned().unwrap_or_default())
        .chain([schema["const"].clone()])
        .filter_map(|name| name.as_str().map(|name| format!("`{name}`")))
        .collect();
    if !names.is_empty() {
        return names.join(", ");
    }
    let named = schema["type"].as_array().and_then(|kinds| kinds.first()).unwrap_or(&schema["type"]);
    match named.as_str() {
        Some("array") => format!("list of {}", kind(root, &schema["items"])),
        Some("object") => "table".to_owned(),
        Some("string") => "text".to_owned(),
        Some("integer") => "number".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        _ => "anything".to_owned(),
    }
}

fn table_of(schema: &schemars::Schema) -> Vec<Row> {
    let root = schema.as_value();
    let mut found = Vec::new();
    rows(root, root, "", &mut found);
    found.sort_by_key(|(path, ..)| READ_BY.iter().position(|(known, ..)| known == path));
    found
}

/// The tables: of an entry, of an exchange and of a tier.
fn all() -> [(&'static str, Vec<Row>); 3] {
    [
        ("Fields of `tool.toml`", table_of(&schemars::schema_for!(Tool))),
        ("Fields of an exchange", table_of(&schemars::schema_for!(Exchange))),
        ("Fields of a tier in `tiers.toml`", table_of(&schemars::schema_for!(TierSpec))),
    ]
}

fn text() -> String {
    let mut text = String::new();
    for (heading, rows) in all() {
        text.push_str(&format!(
            "\n### {heading}\n\n| field | holds | must be there | what it is | read by |\n"
        ));
        text.push_str("|---|---|---|---|---|\n");
        for (path, kind, required, about) in rows {
            let readers = READ_BY.iter().find(|(known, ..)| *known == path).map_or("", |(_, who, _)| who);
            let required = if required { "yes" } else { "" };
            let about = about.replace('|', "\\|").replace("[`", "`").replace("`]", "`");
            text.push_str(&format!("| `{path}` | {kind} | {required} | {about} | {readers} |\n"));
        }
    }
    text.push('\n');
    text
}

#[test]
fn the_table_in_the_catalog_readme_is_made_from_the_types() {
    let path = Path::new(ROOT).join("catalog/README.md");
    let page = fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(BEGIN).expect("where the table begins");
    let (_, after) = rest.split_once(END).expect("where it ends");
    let wanted = format!("{before}{BEGIN}{}{END}{after}", text());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &wanted).expect("written");
    }
    assert!(
        page == wanted || std::env::var_os("BLESS").is_some(),
        "{path:?} is old; its comment says what renews it"
    );
}

/// All Rust of the workspace's crates, but for this list.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs")
            && !path.ends_with("catalog/src/fields.rs")
        {
            found.push(fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn every_field_of_the_catalog_readme_is_read_by_somebody() {
    let mut code = Vec::new();
    sources(&Path::new(ROOT).join("crates"), &mut code);
    let fields: BTreeSet<String> =
        all().into_iter().flat_map(|(_, rows)| rows).map(|(path, ..)| path).collect();
    let known: BTreeSet<String> = READ_BY.iter().map(|(path, ..)| (*path).to_owned()).collect();
    assert_eq!(fields, known, "READ_BY has other fields than the types");
    for (path, _, reads) in READ_BY {
        assert!(
            code.iter().any(|text| text.contains(reads)),
            "nobody reads {path}: no \"{reads}\" in crates/"
        );
    }
}

/// The blocks of a kind in the page, under its heading "An example".
fn blocks(page: &str, kind: &str) -> Vec<String> {
    let part = page
        .split("\n## An example\n")
        .nth(1)
        .and_then(|rest| rest.split("\n## ").next())
        .expect("the example");
    let fence = format!("```{kind}\n");
    let blocks = part.split(&fence).skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_example_in_the_catalog_readme_is_a_sound_tool() {
    let page = fs::read_to_string(Path::new(ROOT).join("catalog/README.md")).expect("the page");
    let folder = tempfile::tempdir().expect("a folder");
    let tool = folder.path().join("tools/notes");
    fs::create_dir_all(&tool).expect("a folder");
    let copy = |name: &str| {
        fs::create_dir_all(folder.path().join(name).parent().expect("a parent")).expect("a folder");
        fs::copy(Path::new(ROOT).join("catalog").join(name), folder.path().join(name)).expect("copied");
    };
    copy("tiers.toml");
    for snippet in ["closed", "http", "landing", "proxy", "tls"] {
        copy(&format!("shared/{snippet}.conf"));
    }
    for (kind, name) in [("toml", "tool.toml"), ("yaml", "compose.yml"), ("nginx", "nginx.conf")] {
        let [block] = blocks(&page, kind).try_into().expect("one block of a kind");
        fs::write(tool.join(name), block).expect("written");
    }
    let report = check_folder(folder.path(), None).expect("a catalog");
    let [errors, warnings, notes] =
        [Severity::Error, Severity::Warning, Severity::Note].map(|one| report.count(one));
    assert_eq!((errors, warnings, notes), (0, 0, 0), "{:#?}", report.findings);
    Catalog::load(folder.path()).expect("loads");
}
