//! The house rules for compose files, checked in the rendered file.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    Kind, Service, Tool,
    compose_file::megabytes,
    house_lines::{self, RESTART},
    state,
};

type Found = Vec<(String, String)>;

/// Docker's own socket: whoever has it is root on the server.
const DOCKER_SOCKET: &str = "docker.sock";
/// Folder of the agent's socket that shows the containers, and lets tools be restarted.
const CONTAINERS: &str = "/run/letsbe/docker";
/// Folder of the sockets between the agent and the secrets proxy.
const GUARDIAN: &str = "/run/letsbe/guardian";
/// What of the server's own folders a container may see.
const MOUNTABLE: [&str; 4] =
    [concat!(letsbe_types::server_home!(), "/"), "/etc/letsencrypt", GUARDIAN, CONTAINERS];

/// Why a service is without one of the house lines: it says something else, or the place for them was not found.
const ADDED: &str = "is added here: leave it out, and indent by two spaces, with `container_name: <name>` on a line of its own";

/// Fields that a service may have. Others are ways to the server or to what another container has (`privileged`,
/// `devices`, `pid`, `volumes_from`, `use_api_socket` …), or nobody has thought about them yet.
const KNOWN: [&str; 37] = [
    "cap_add",
    "cap_drop",
    "command",
    "container_name",
    "depends_on",
    "dns",
    "domainname",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extra_hosts",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "labels",
    "logging",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "network_mode",
    "networks",
    "pids_limit",
    "ports",
    "read_only",
    "restart",
    "security_opt",
    "shm_size",
    "stop_grace_period",
    "stop_signal",
    "tmpfs",
    "ulimits",
    "user",
    "volumes",
    "working_dir",
];

/// Fields of the whole file. `include` would bring in what nobody has checked.
const TOP: [&str; 4] = ["name", "networks", "services", "volumes"];

/// Why a service is another one in the rendered file.
const FILLED_IN: &str =
    "must have its name, `image` and `container_name` as they are: nothing is filled in there";

/// Compares a rendered compose file with the entry's declarations and with the house rules.
pub(crate) fn check(tool: &Tool, text: &str, document: &Value) -> Found {
    let mut found = Found::new();
    if document["name"] != format!("letsbe-{}", tool.name).as_str() {
        found
            .push(("name".to_owned(), format!("must be letsbe-{}, which is added: leave it out", tool.name)));
    }
    if text.contains("${") {
        let why = "holds ${…}: values reach containers by env_file or a file, never by interpolation";
        found.push(("interpolation".to_owned(), why.to_owned()));
    }
    let fields = document.as_object().into_iter().flat_map(serde_json::Map::keys);
    for field in fields.filter(|field| !TOP.contains(&field.as_str())) {
        found.push((field.clone(), "is not allowed".to_owned()));
    }
    let empty = serde_json::Map::new();
    let services = document["services"].as_object().unwrap_or(&empty);
    for declared in &tool.services {
        match services.get(&declared.name).filter(|service| is_as_read(declared, service)) {
            Some(service) => found.extend(check_service(tool, declared, service)),
            None => found.push((format!("services.{}", declared.name), FILLED_IN.to_owned())),
        }
    }
    for name in services.keys().filter(|name| !tool.services.iter().any(|service| service.name == **name)) {
        found.push((format!("services.{name}"), FILLED_IN.to_owned()));
    }
    found.extend(unused(tool, services));
    found.extend(check_volumes(tool, document, services));
    found.extend(state::mounted(tool, services));
    found.extend(check_networks(tool, document));
    found
}

/// Whether a rendered service is the one that was read before anything was filled in: its image is pinned, its
/// container is nobody else's.
fn is_as_read(declared: &Service, service: &Value) -> bool {
    let is = |field: &str, read: &str| service[field].as_str().unwrap_or_default() == read;
    is("image", &declared.image) && is("container_name", &declared.container)
}

/// Files that tool.toml declares and no service uses.
fn unused(tool: &Tool, services: &serde_json::Map<String, Value>) -> Found {
    let used: BTreeSet<String> = services.values().flat_map(|service| texts(&service["env_file"])).collect();
    let env = tool.env.keys().filter(|name| !used.contains(*name));
    let env = env.map(|name| ("env_file".to_owned(), format!("no service uses \"{name}\"")));
    let undeclared = used.iter().filter(|name| !tool.env.contains_key(*name));
    let undeclared =
        undeclared.map(|name| ("env_file".to_owned(), format!("\"{name}\" is not in tool.toml")));
    let mounts: Vec<String> = services.values().flat_map(|service| texts(&service["volumes"])).collect();
    let files = tool.secret_files.keys().chain(tool.files.other.keys());
    let files = files.filter(|name| !mounts.iter().any(|mount| mount.starts_with(&format!("./{name}:"))));
    let files = files.map(|name| ("volumes".to_owned(), format!("no service mounts ./{name} read-only")));
    env.chain(undeclared).chain(files).collect()
}

fn check_service(tool: &Tool, declared: &Service, service: &Value) -> Found {
    let mut found = Found::new();
    let name = &declared.name;
    let mut demand = |field: &str, holds: bool, why: String| {
        if !holds {
            found.push((format!("services.{name}.{field}"), why));
        }
    };
    let excepted = |rule: &str| tool.is_excepted(rule, name);
    demand("restart", service["restart"] == RESTART, format!("must be {RESTART}, which {ADDED}"));
    let test = texts(&service["healthcheck"]["test"]);
    let healthy = !test.is_empty() && test[0] != "NONE" || excepted("healthcheck");
    demand("healthcheck", healthy, "is missing".to_owned());
    let early = &service["healthcheck"]["start_interval"];
    demand(
        "healthcheck",
        early.is_null(),
        "has start_interval, which Docker below 25 (Debian's) refuses".to_owned(),
    );
    let bounded = service["mem_limit"].as_str().and_then(megabytes).is_some();
    demand("mem_limit", bounded, "is missing, or not like 512m or 2g".to_owned());
    let logging = &service["logging"];
    let rotated = logging["driver"] == "json-file"
        && logging["options"]["max-size"].is_string()
        && logging["options"]["max-file"].is_string();
    demand("logging", rotated, format!("must be json-file with max-size and max-file, which {ADDED}"));
    let kept = texts(&service["security_opt"]) == ["no-new-privileges:true"];
    demand("security_opt", kept, format!("must hold no-new-privileges:true alone, which {ADDED}"));
    let counted = service["pids_limit"].as_u64().is_some_and(|most| most > 0);
    demand("pids_limit", counted, format!("must be a number above 0, which {ADDED}"));
    demand("cap_drop", texts(&service["cap_drop"]) == ["ALL"], format!("must be [ALL], which {ADDED}"));
    let added = texts(&service["cap_add"]);
    let kept = house_lines::capabilities(tool, name);
    let few = added.iter().all(|capability| kept.contains(&capability.as_str()));
    demand("cap_add", few, format!("must hold nothing else than {}", kept.join(", ")));
    let fields = service.as_object().into_iter().flat_map(serde_json::Map::keys);
    for field in fields.filter(|field| !KNOWN.contains(&field.as_str())) {
        demand(field, false, "is not allowed".to_owned());
    }
    let network = &service["network_mode"];
    let on_host = network == "host";
    demand(
        "network_mode",
        network.is_null() || on_host && excepted("host-network"),
        "is not allowed without an exception \"host-network\"".to_owned(),
    );
    let wanted: BTreeSet<String> = tool
        .ports
        .iter()
        .filter(|port| port.service == *name && !on_host)
        .map(|port| format!("127.0.0.1:{}:{}", port.host, port.container))
        .collect();
    let given: BTreeSet<String> = texts(&service["ports"]).into_iter().collect();
    let list = wanted.iter().cloned().collect::<Vec<_>>().join(", ");
    let why = if wanted.is_empty() {
        "must publish nothing: a service in the host's network cannot".to_owned()
    } else {
        format!(
            "must be published as {list}: write `ports: [\"<port of the server>:<port of the container>\"]`"
        )
    };
    demand("ports", given == wanted, why);
    for mount in texts(&service["volumes"]) {
        if let Some(why) = socket_fault(tool, name, mount.split(':').next().unwrap_or_default()) {
            demand("volumes", false, why);
        }
    }
    found
}

/// What is wrong with what a service would have of the server's sockets.
fn socket_fault(tool: &Tool, service: &str, source: &str) -> Option<String> {
    if source.ends_with(DOCKER_SOCKET) {
        let why = "mounts the Docker socket, which makes it root: containers are shown in";
        return Some(format!("{why} {CONTAINERS}"));
    }
    if is_in(source, CONTAINERS) && !tool.is_excepted("container-view", service) {
        return Some("sees the containers without an exception \"container-view\"".to_owned());
    }
    let is_platforms = is_in(source, GUARDIAN) && tool.kind != Kind::Platform;
    is_platforms.then(|| format!("{GUARDIAN} is for the platform's own stacks"))
}

/// Whether a path is this folder or lies in it.
fn is_in(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Named volumes are declared at both ends; paths lie where the platform keeps things; writable ones are state.
fn check_volumes(tool: &Tool, document: &Value, services: &serde_json::Map<String, Value>) -> Found {
    let mut found = Found::new();
    let empty = serde_json::Map::new();
    let declared: BTreeSet<&str> =
        document["volumes"].as_object().unwrap_or(&empty).keys().map(String::as_str).collect();
    let state: BTreeSet<&str> = tool.state.iter().filter_map(|state| state.volume.as_deref()).collect();
    let paths: Vec<&str> = tool.state.iter().filter_map(|state| state.path.as_deref()).collect();
    let mut mounted = BTreeSet::new();
    for (name, service) in services {
        for mount in texts(&service["volumes"]) {
            let source = mount.split(':').next().unwrap_or_default().to_owned();
            let read_only = mount.ends_with(":ro");
            let field = format!("services.{name}.volumes");
            if source.starts_with("./") {
                if source.contains("..") {
                    found.push((field, format!("{source} lies outside the stack's own folder")));
                } else if !read_only {
                    found.push((field, format!("{source} is the stack's own and must be mounted read-only")));
                }
            } else if source.starts_with('/') {
                let ours = MOUNTABLE.iter().any(|folder| is_in(&source, folder));
                if !ours || source.contains("..") {
                    found.push((field, format!("{source} lies outside {}", MOUNTABLE.join(", "))));
                } else if !read_only && !paths.contains(&source.as_str()) {
                    found.push((field, format!("{source} is writable but not declared as state")));
                }
            } else {
                mounted.insert(source);
            }
        }
    }
    for (name, volume) in document["volumes"].as_object().unwrap_or(&empty) {
        if !volume.is_null() {
            found.push((format!("volumes.{name}"), "must say nothing more than its name".to_owned()));
        }
    }
    let mounted: BTreeSet<&str> = mounted.iter().map(String::as_str).collect();
    for volume in mounted.union(&declared).chain(state.difference(&mounted)).copied().collect::<BTreeSet<_>>()
    {
        for (place, known) in [("volumes", &declared), ("services", &mounted), ("state in tool.toml", &state)]
        {
            if !known.contains(volume) {
                found.push((format!("volumes.{volume}"), format!("is missing in {place}")));
            }
        }
    }
    found
}

/// A tool's stack keeps to its own network; only the platform's stacks share one with others.
fn check_networks(tool: &Tool, document: &Value) -> Found {
    let networks = document["networks"].as_object();
    if tool.kind == Kind::Platform || networks.is_none_or(serde_json::Map::is_empty) {
        return Found::new();
    }
    vec![("networks".to_owned(), "is for the platform's own stacks".to_owned())]
}

/// A text, or a list of texts.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}
