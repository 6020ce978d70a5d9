//! `compose.yml` as it stands in an entry: the source of its services, images, containers, ports and memory.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use crate::{Tool, former::Former};

type Found = Vec<(String, String)>;

/// One service of `compose.yml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Name in the compose file.
    pub name: String,
    /// Name of its container: `letsbe-<tool>` or `letsbe-<tool>-<service>`.
    pub container: String,
    /// Its image, with a pinned tag.
    pub image: String,
    /// Whether the server counts as broken without it.
    pub required: bool,
}

/// A port published on 127.0.0.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The service that listens.
    pub service: String,
    /// Port on the server's loopback interface.
    pub host: u16,
    /// Port inside the container.
    pub container: u16,
}

/// What is read of the file. All other fields are Docker's; [`crate::compose`] says which of them a service may have.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ComposeFile {
    #[serde(default)]
    services: InOrder,
}

/// The services, in the order of the file: the first is the one that is meant where none is named.
#[derive(Debug, Clone, Default)]
struct InOrder(Vec<(String, ComposeService)>);

#[derive(Debug, Clone, Default, Deserialize)]
struct ComposeService {
    image: Option<String>,
    container_name: Option<String>,
    network_mode: Option<String>,
    #[serde(rename = "mem_limit")]
    memory: Option<String>,
    #[serde(default)]
    ports: Vec<Value>,
}

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Services;
        impl<'de> Visitor<'de> for Services {
            type Value = InOrder;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("services by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
                let mut services = Vec::new();
                while let Some(service) = map.next_entry()? {
                    services.push(service);
                }
                Ok(InOrder(services))
            }
        }
        deserializer.deserialize_map(Services)
    }
}

/// Lines with a template's block or comment, and why they are refused: with these another file would be rendered than the
/// one that was checked. Also in YAML's comments, where they act as well.
pub(crate) fn blocks(text: &str) -> Found {
    let blocks = text.lines().enumerate().filter(|(_, line)| line.contains("{%") || line.contains("{#"));
    let refused = |(index, line): (usize, &str)| {
        let field = line.trim().trim_start_matches("- ").split_once(':').map(|(field, _)| field);
        let field = field.filter(|field| !field.is_empty() && !field.contains(['{', '#', ' ']));
        let place = field.map_or_else(String::new, |field| format!("`{field}` "));
        let why = "holds `{%` or `{#`: only `{{ variable }}` may stand in compose.yml, in quotes";
        (format!("line {}", index + 1), format!("{place}{why}"))
    };
    blocks.map(refused).collect()
}

impl ComposeFile {
    /// Reads the file before anything is filled in: what is filled in stands in quotes, so the file is YAML already.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        serde_saphyr::from_str(text)
            .map_err(|error| error.to_string().lines().next().unwrap_or("is no YAML").to_owned())
    }

    /// Gives the entry what this file says of it. What is wrong in this file, and then what is wrong in `tool.toml`.
    pub(crate) fn complete(&self, tool: &mut Tool, former: &Former) -> (Found, Found) {
        let mut found = Found::new();
        tool.optional_services.extend(former.optional_services.iter().cloned());
        for (name, service) in &self.services.0 {
            let mut missing = |field: &str, write: String| {
                found.push((format!("services.{name}.{field}"), format!("is missing: write {write}")));
            };
            if service.image.is_none() {
                missing("image", "`image: <name>:<version>`".to_owned());
            }
            if service.container_name.is_none() {
                missing("container_name", format!("`container_name: letsbe-{}` (or `-{name}`)", tool.name));
            }
            let image = service.image.clone().unwrap_or_default();
            if !tool.images.contains(&image) {
                tool.images.push(image.clone());
            }
            tool.services.push(Service {
                name: name.clone(),
                container: service.container_name.clone().unwrap_or_default(),
                image,
                required: !tool.optional_services.contains(name),
            });
            for port in &service.ports {
                match published(port) {
                    Ok((host, container)) => tool.ports.push(Port { service: name.clone(), host, container }),
                    Err(why) => found.push((format!("services.{name}.ports"), why)),
                }
            }
            let memory = service.memory.as_deref().and_then(megabytes).unwrap_or_default();
            tool.needs.ram_mb = tool.needs.ram_mb.saturating_add(memory);
        }
        let mut in_tool = self.host_ports(tool, former);
        in_tool.extend(updated(tool));
        in_tool.extend(only_port(tool));
        (found, in_tool)
    }

    /// Ports in the host's network, which Docker does not publish.
    fn host_ports(&self, tool: &mut Tool, former: &Former) -> Found {
        let is_on_host = |service: &ComposeService| service.network_mode.as_deref() == Some("host");
        let on_host = self.services.0.iter().find(|(_, service)| is_on_host(service)).map(|(name, _)| name);
        if tool.host_ports.is_empty() {
            let theirs = former.ports.iter().filter(|(service, _)| Some(service) == on_host);
            tool.host_ports = theirs.map(|(_, port)| *port).collect();
        }
        let Some(service) = on_host.filter(|_| !tool.host_ports.is_empty()) else {
            let why = "no service of compose.yml has `network_mode: host`: publish its `ports` there";
            let wrong = !tool.host_ports.is_empty();
            return wrong.then(|| ("host_ports".to_owned(), why.to_owned())).into_iter().collect();
        };
        let ports = tool.host_ports.iter();
        tool.ports.extend(ports.map(|port| Port { service: service.clone(), host: *port, container: *port }));
        Found::new()
    }
}

/// Which image is the tool's own.
fn updated(tool: &mut Tool) -> Found {
    let wanted = tool.update.service.clone();
    let mut services = tool.services.iter();
    match services.find(|service| wanted.as_ref().is_none_or(|wanted| *wanted == service.name)) {
        Some(service) => tool.update.image.clone_from(&service.image),
        None => {
            let name = wanted.unwrap_or_default();
            return vec![("update.service".to_owned(), format!("there is no service \"{name}\""))];
        }
    }
    Found::new()
}

/// Fills in the port where there is no choice.
fn only_port(tool: &mut Tool) -> Found {
    let ports: Vec<u16> = tool.ports.iter().map(|port| port.host).collect();
    let vhosts = tool.vhosts.iter_mut().enumerate();
    let mut places: Vec<(String, &mut u16)> =
        vhosts.map(|(i, vhost)| (format!("vhosts[{i}].port"), &mut vhost.port)).collect();
    places.push(("health.port".to_owned(), &mut tool.health.port));
    places.extend(tool.setup.iter_mut().map(|setup| ("setup.port".to_owned(), &mut setup.port)));
    let mut found = Found::new();
    for (field, port) in places.into_iter().filter(|(_, port)| **port == 0) {
        match ports.as_slice() {
            [only] => *port = *only,
            [] => found.push((field, "compose.yml publishes no port that could be meant".to_owned())),
            several => {
                let list = several.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
                found.push((field, format!("is missing: write which of {list} is meant")));
            }
        }
    }
    found
}

/// A port of `ports`, as `3029:2368` or with our own address before it.
fn published(port: &Value) -> Result<(u16, u16), String> {
    let text = port.as_str().map_or_else(|| port.to_string(), str::to_owned);
    let numbers = |text: &str| {
        let (host, container) = text.split_once(':')?;
        Some((host.parse::<u16>().ok()?, container.parse::<u16>().ok()?))
    };
    if let Some(ports) = numbers(text.strip_prefix("127.0.0.1:").unwrap_or(&text)) {
        return Ok(ports);
    }
    Err(match text.rsplit_once(':').and_then(|(before, port)| Some((before.rsplit_once(':')?.1, port))) {
        Some((host, container)) if numbers(&format!("{host}:{container}")).is_some() => format!(
            "{text} would be open to everybody: write \"{host}:{container}\", which is published on 127.0.0.1 only"
        ),
        _ => format!("{text} must be written \"<port of the server>:<port of the container>\""),
    })
}

/// A bound of memory in MiB. To Docker 0 is none.
pub(crate) fn megabytes(text: &str) -> Option<u64> {
    let megabytes = match text.split_at_checked(text.len().checked_sub(1)?)? {
        (number, "m") => number.parse().ok(),
        (number, "g") => number.parse::<u64>().ok()?.checked_mul(1024),
        _ => None,
    };
    megabytes.filter(|megabytes| *megabytes > 0)
}
