//! Whether an entry says of all its state what it is: what is not declared, or declared as something else, would be
//! missing in every backup.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{DatabaseEngine, Kind, State, StateMethod, Tool, compose::texts};

type Found = Vec<(String, String)>;

/// Where a tool may keep files outside its volumes.
const TOOL_DATA: &str = concat!(letsbe_types::server_home!(), "/data/");
/// Where the platform's own entries may.
const PLATFORM_DATA: [&str; 2] = [concat!(letsbe_types::server_home!(), "/"), "/etc/letsencrypt"];
/// Images whose content is a database's, by the last part of their name.
const DATABASE_IMAGES: [&str; 6] = ["mariadb", "mongo", "mysql", "percona", "postgis", "postgres"];
/// Names stand in commands and in names of files.
const NAME_MAX: usize = 48;

/// Checks the declarations by themselves.
pub(crate) fn declared(tool: &Tool) -> Found {
    let mut found = Found::new();
    let mut names = BTreeSet::new();
    for (i, database) in tool.databases.iter().enumerate() {
        let mut refuse = |field: &str, why: &str| {
            found.push((format!("databases[{i}].{field}"), why.to_owned()));
        };
        for (field, text) in [("name", &database.name), ("user", &database.user)] {
            if !is_name(text) {
                refuse(field, "must be 1 to 48 letters, digits and underscores, starting with a letter");
            }
        }
        if !names.insert(&database.name) {
            refuse("name", "is the name of another database of this tool: their dumps would be one");
        }
        let is_mongodb = database.engine == DatabaseEngine::Mongodb;
        match database.rotation {
            Some(_) if is_mongodb => refuse("rotation", "nothing tells a MongoDB its new password yet"),
            None if !is_mongodb => refuse("rotation", "is missing: how does it take a new password?"),
            _ => {}
        }
        if tool.restore.stop.contains(&database.service) {
            found.push((
                "restore.stop".to_owned(),
                format!(
                    "\"{}\" runs a database, which is dumped while the others stand still",
                    database.service
                ),
            ));
        }
    }
    let mut places = BTreeSet::new();
    for (i, state) in tool.state.iter().enumerate() {
        let wrong = state_alone(tool, state);
        found.extend(wrong.into_iter().map(|(field, why)| (format!("state[{i}].{field}"), why)));
        if !places.insert((&state.volume, &state.path)) {
            found.push((format!("state[{i}]"), "is declared twice".to_owned()));
        }
    }
    found
}

fn state_alone(tool: &Tool, state: &State) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    match (&state.volume, &state.path) {
        (Some(_), None) => {}
        (None, Some(path)) => {
            let folders = if tool.kind == Kind::Tool { &[TOOL_DATA][..] } else { &PLATFORM_DATA };
            let inside = folders.iter().any(|folder| path.starts_with(folder));
            if !inside || path.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) {
                found.push(("path", format!("\"{path}\" is no plain path below {}", folders.join(" or "))));
            }
        }
        _ => found.push(("volume", "either a volume or a path, and not both".to_owned())),
    }
    let is_sqlite = state.method == StateMethod::Sqlite;
    if is_sqlite == state.sqlite.is_empty() {
        found.push(("sqlite", "goes together with the method \"sqlite\": both or neither".to_owned()));
    }
    for file in &state.sqlite {
        if file.split('/').any(|part| matches!(part, "" | "." | "..")) {
            found.push(("sqlite", format!("\"{file}\" is no plain relative path")));
        }
    }
    if state.method == StateMethod::DatabaseVolume && tool.databases.is_empty() {
        found.push(("method", "there is no database whose dump would cover it".to_owned()));
    }
    found
}

/// Compares the declarations with what the services of the compose file mount.
pub(crate) fn mounted(tool: &Tool, services: &Map<String, Value>) -> Found {
    let mut found = Found::new();
    for (name, service) in services {
        let mut refuse = |field: &str, why: String| found.push((format!("services.{name}.{field}"), why));
        let has_database = tool.databases.iter().any(|database| database.service == *name);
        let image = service["image"].as_str().unwrap_or_default();
        if is_database_image(image) && !has_database {
            refuse(
                "image",
                format!("\"{image}\" is a database, but no databases entry of tool.toml is of it"),
            );
        }
        let mut covered = false;
        for mount in texts(&service["volumes"]) {
            let source = mount.split(':').next().unwrap_or_default();
            let is_it = |state: &&State| [&state.volume, &state.path].contains(&&Some(source.to_owned()));
            let Some(state) = tool.state.iter().find(is_it) else { continue };
            if tool.upload.as_ref().is_some_and(|upload| upload.path == source) && !mount.ends_with(":ro") {
                refuse("volumes", format!("{source} is uploaded to, so it must be mounted read-only"));
            }
            let is_covered = state.method == StateMethod::DatabaseVolume;
            covered |= is_covered;
            if is_covered && !has_database {
                refuse(
                    "volumes",
                    format!("{source} is a database's volume, but no databases entry is of this service"),
                );
            }
            if has_database && matches!(state.method, StateMethod::Files | StateMethod::Sqlite) {
                refuse(
                    "volumes",
                    format!("{source} holds a running database: its method must be database_volume"),
                );
            }
            let writes =
                !mount.ends_with(":ro") && matches!(state.method, StateMethod::Files | StateMethod::Sqlite);
            if writes && !has_database && tool.kind == Kind::Tool && !tool.restore.stop.contains(name) {
                refuse("volumes", format!("writes to {source}, but restore.stop does not name this service"));
            }
        }
        if has_database && !covered {
            refuse(
                "volumes",
                "no database_volume is mounted: where does the database keep its files?".to_owned(),
            );
        }
    }
    found
}

fn is_database_image(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image).split(':').next().unwrap_or_default();
    DATABASE_IMAGES.contains(&name)
}

fn is_name(text: &str) -> bool {
    text.len() <= NAME_MAX
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
