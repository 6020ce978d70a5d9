//! What an entry must be, and what entries may not share. It is read at every load.

use std::collections::{BTreeMap, BTreeSet};

use letsbe_types::Secret;

use crate::{
    CatalogError, CertificatePaths, CredentialMethod, DataVersion, Kind, RenderContext, RenderError, Service,
    Tool, compose,
    image::{self, Image},
    owner, render_exchange, render_nginx, render_stack, state,
    tool::MAIL_PORTS,
    upload,
};

/// Rules that an entry may ask to be excepted from.
const RULES: [&str; 5] = ["audit-log", "container-view", "healthcheck", "host-network", "raw-sockets"];

/// Checks one entry on its own. `base` is its folder, relative to the catalog's. It is rendered, too, unless something
/// was wrong with it before.
pub(crate) fn alone(tool: &Tool, base: &str, is_whole: bool) -> Vec<CatalogError> {
    let mut found = Found::new();
    for (field, text) in
        [("title", &tool.title), ("description", &tool.description), ("licence", &tool.licence)]
    {
        if text.trim().is_empty() {
            found.push((field.to_owned(), "is empty".to_owned()));
        }
    }
    found.extend(exceptions(tool));
    found.extend(references(tool));
    found.extend(credentials(tool));
    found.extend(owner::check(tool));
    found.extend(state::declared(tool));
    found.extend(upload::check(tool));
    let errors = |file: &str, found: Found| -> Vec<CatalogError> {
        let file = format!("{base}/{file}");
        found.into_iter().map(|(field, why)| CatalogError::new(file.clone(), field, why)).collect()
    };
    let mut errors = [errors("tool.toml", found), errors("compose.yml", services(tool))].concat();
    // Rendering needs everything above to be in order.
    if errors.is_empty() && is_whole {
        errors.extend(rendered(tool, base));
    }
    errors
}

type Found = Vec<(String, String)>;

/// What `compose.yml` calls its images and containers.
fn services(tool: &Tool) -> Found {
    let mut found = Found::new();
    let prefix = format!("letsbe-{}", tool.name);
    for Service { name, image, container, .. } in &tool.services {
        if !image.is_empty() && !Image::of(image).is_pinned() {
            let why = format!("\"{image}\" has no pinned tag: write `<name>:<version>`");
            found.push((format!("services.{name}.image"), why));
        }
        let suffix = container.strip_prefix(&prefix);
        if !container.is_empty() && !suffix.is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) {
            let why = format!("\"{container}\" does not start with {prefix}");
            found.push((format!("services.{name}.container_name"), why));
        }
    }
    found
}

fn exceptions(tool: &Tool) -> Found {
    let mut found = Found::new();
    let is_service = |name: &str| tool.services.iter().any(|service| service.name == name);
    for (index, exception) in tool.exceptions.iter().enumerate() {
        let field = |name: &str| format!("exceptions[{index}].{name}");
        if !RULES.contains(&exception.rule.as_str()) {
            found.push((field("rule"), format!("\"{}\" is none of {}", exception.rule, RULES.join(", "))));
        }
        if exception.reason.trim().is_empty() {
            found.push((field("reason"), "is empty".to_owned()));
        }
        if !is_service(&exception.service) {
            found.push((field("service"), unknown("service", &exception.service)));
        }
    }
    let optional = tool.optional_services.iter().filter(|name| !is_service(name));
    found.extend(optional.map(|name| ("optional_services".to_owned(), unknown("service", name))));
    found
}

fn unknown(what: &str, name: &str) -> String {
    format!("there is no {what} \"{name}\"")
}

/// Images that are older than the entry itself says they may be. As many numbers are compared as the tag has.
fn too_old(tool: &Tool) -> Found {
    let mut found = Found::new();
    for (name, least) in &tool.minimum_versions {
        let field = format!("minimum_versions.{name}");
        let image = tool.images.iter().map(|image| Image::of(image)).find(|image| image.short_name() == name);
        let Some(tag) = image.map(|image| image.tag.unwrap_or_default()) else {
            found.push((field, unknown("image", name)));
            continue;
        };
        let (has, least_numbers) = (image::numbers(tag), image::numbers(least));
        if least_numbers.is_empty() || has.iter().lt(least_numbers.iter().take(has.len())) {
            found.push((field, format!("the image's tag {tag} is older than {least}")));
        }
    }
    found
}

/// Every name that points to another part of the entry must point to something.
fn references(tool: &Tool) -> Found {
    let services: BTreeSet<&str> = tool.services.iter().map(|service| service.name.as_str()).collect();
    let ports: BTreeSet<u16> = tool.ports.iter().map(|port| port.host).collect();
    let keys: BTreeSet<&str> = tool.credentials.iter().map(|credential| credential.key.as_str()).collect();
    let mut found = Found::new();
    let mut refer = |field: String, what: &str, name: &str, known: bool| {
        if !known {
            found.push((field, unknown(what, name)));
        }
    };
    for port in &tool.mail_ports {
        refer("mail_ports".to_owned(), "mail port", &port.to_string(), MAIL_PORTS.contains(port));
    }
    for (i, vhost) in tool.vhosts.iter().enumerate() {
        let known = vhost.port == 0 || ports.contains(&vhost.port);
        refer(format!("vhosts[{i}].port"), "port", &vhost.port.to_string(), known);
    }
    for (i, database) in tool.databases.iter().enumerate() {
        let field = |name: &str| format!("databases[{i}].{name}");
        refer(field("service"), "service", &database.service, services.contains(database.service.as_str()));
        refer(field("password"), "credential", &database.password, keys.contains(database.password.as_str()));
        if let Some(root) = &database.root_password {
            refer(field("root_password"), "credential", root, keys.contains(root.as_str()));
        }
    }
    let setup = tool.setup.iter().map(|setup| ("setup.port", setup.port));
    for (field, port) in setup.chain([("health.port", tool.health.port)]) {
        // A port that is missing was told where it was looked for.
        refer(field.to_owned(), "port", &port.to_string(), port == 0 || ports.contains(&port));
    }
    for (i, service) in tool.restore.stop.iter().enumerate() {
        refer(format!("restore.stop[{i}]"), "service", service, services.contains(service.as_str()));
    }
    for (i, vhost) in tool.vhosts.iter().enumerate() {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        let wrong = |path: &&String| !path.starts_with('/') || !path.chars().all(plain);
        for (field, paths) in [("logins", &vhost.logins), ("passwords", &vhost.passwords)] {
            if let Some(path) = paths.iter().find(wrong) {
                let why = format!("{path:?} is no plain path (/, letters, digits, `.`, `_`, `-`)");
                found.push((format!("vhosts[{i}].{field}"), why));
            }
        }
        if vhost.own_limit.as_ref().is_some_and(|limit| limit.trim().is_empty()) {
            let why = "a tool that counts by itself needs a word on how".to_owned();
            found.push((format!("vhosts[{i}].own_limit"), why));
        }
    }
    found.extend(too_old(tool));
    if let Some(DataVersion::Image { why }) = &tool.data_version
        && why.trim().is_empty()
    {
        found.push(("data_version.why".to_owned(), "is empty".to_owned()));
    }
    if tool.vhosts.is_empty() == (tool.files.nginx.is_some() && tool.kind == Kind::Tool) {
        found.push(("vhosts".to_owned(), "vhosts and nginx.conf go together: both or neither".to_owned()));
    }
    found
}

fn credentials(tool: &Tool) -> Found {
    let mut found = Found::new();
    let mut seen = BTreeSet::new();
    let used = match crate::render::used_credentials(tool) {
        Ok(used) => used,
        Err(error) => return vec![("env".to_owned(), error.to_string())],
    };
    for (index, credential) in tool.credentials.iter().enumerate() {
        if let Err(why) = tool.check_rotation(credential) {
            found.push((format!("credentials[{index}].rotation"), why));
        }
        let field = format!("credentials[{index}].key");
        if !seen.insert(&credential.key) {
            found.push((field, format!("\"{}\" is declared twice", credential.key)));
        } else if !used.contains(&credential.key) {
            found.push((field, format!("\"{}\" is declared but no template uses it", credential.key)));
        }
    }
    found
}

/// Renders the entry with sample values and looks at the outcome.
fn rendered(tool: &Tool, base: &str) -> Vec<CatalogError> {
    let Some(context) = sample_context() else { return Vec::new() };
    let credentials = sample_credentials(tool);
    let place = |error: &RenderError| match error {
        RenderError::UnknownVariable { variable, .. }
        | RenderError::UnusedVariable { variable, .. }
        | RenderError::MissingCredential { variable, .. }
        | RenderError::UnsafeValue { variable, .. } => variable.clone(),
        RenderError::Broken { line, .. } => format!("line {line}"),
    };
    let file_of = |error: &RenderError| match error {
        RenderError::UnknownVariable { file, .. }
        | RenderError::UnusedVariable { file, .. }
        | RenderError::MissingCredential { file, .. }
        | RenderError::UnsafeValue { file, .. }
        | RenderError::Broken { file, .. } => match file.split_once('/') {
            Some((name, rest)) if name == tool.name.as_str() => format!("{base}/{rest}"),
            _ => file.clone(),
        },
    };
    let report = |error: RenderError| CatalogError::new(file_of(&error), place(&error), error.to_string());
    let mut errors = Vec::new();
    let certificate = CertificatePaths::certbot("sample");
    errors.extend(render_nginx(tool, &context, Some(&certificate)).err().map(report));
    errors.extend(exchanges(tool, &context, &credentials).err().map(report));
    match render_stack(tool, &context, &credentials) {
        Err(error) => errors.push(report(error)),
        Ok(stack) => {
            let file = format!("{base}/compose.yml");
            match serde_saphyr::from_str::<serde_json::Value>(&stack.compose) {
                Err(error) => {
                    let why = error.to_string().lines().next().unwrap_or("is no YAML").to_owned();
                    errors.push(CatalogError::new(file, "syntax", why));
                }
                Ok(document) => errors.extend(
                    compose::check(tool, &stack.compose, &document)
                        .into_iter()
                        .map(|(field, why)| CatalogError::new(file.clone(), field, why)),
                ),
            }
        }
    }
    errors
}

/// Renders every request; what a reply would give is known to those after it in the same sequence.
pub(crate) fn exchanges(
    tool: &Tool,
    context: &RenderContext,
    credentials: &BTreeMap<String, Secret<String>>,
) -> Result<(), RenderError> {
    for exchange in tool.functional.iter().chain([&tool.health.probe]) {
        render_exchange(tool, exchange, context, credentials)?;
    }
    let Some(setup) = &tool.setup else { return Ok(()) };
    let fresh = setup.fresh_when.as_slice();
    for sequence in [fresh, &setup.requests, &setup.then, &setup.done_when] {
        let mut known = credentials.clone();
        for exchange in sequence {
            render_exchange(tool, exchange, context, &known)?;
            let captured = exchange.capture.iter().map(|capture| capture.variable.clone());
            known.extend(captured.map(|variable| (variable, Secret::from("sample"))));
        }
    }
    Ok(())
}

pub(crate) fn sample_context() -> Option<RenderContext> {
    Some(RenderContext {
        domain: "sample.example".parse().ok()?,
        owner_email: "owner@sample.example".parse().ok()?,
        acme_email: "ssl@sample.example".parse().ok()?,
        timezone: "Europe/Berlin".to_owned(),
        tenant: "sample".to_owned(),
        ipv6: true,
        values: BTreeMap::new(),
    })
}

pub(crate) fn sample_credentials(tool: &Tool) -> BTreeMap<String, Secret<String>> {
    let sample = |credential: &crate::Credential| {
        (credential.key.clone(), Secret::new(sample_value(credential.method)))
    };
    tool.credentials.iter().map(sample).collect()
}

/// A value with every character that its method can produce, so that unsafe places show at load time.
fn sample_value(method: CredentialMethod) -> String {
    match method {
        CredentialMethod::Base64 => "Sample0+/Sample0+/Sample0+/Sample0+/Sample0+/=".to_owned(),
        CredentialMethod::Hex => "0123456789abcdef".repeat(4),
        CredentialMethod::Ed25519 => "sample-key".to_owned(),
    }
}

/// Checks what entries must not share, and what they need of each other.
pub(crate) fn across(tools: &[Tool], platform: &[Tool]) -> Vec<CatalogError> {
    let mut errors = Vec::new();
    let mut ports: BTreeMap<u16, String> = BTreeMap::new();
    let mut labels: BTreeMap<&str, String> = BTreeMap::new();
    let mut containers: BTreeMap<&str, String> = BTreeMap::new();
    let mut uploads: Option<String> = None;
    for tool in platform.iter().chain(tools) {
        let folder = if tool.kind == Kind::Platform { "platform" } else { "tools" };
        let base = format!("{folder}/{}", tool.name);
        let (file, compose) = (format!("{base}/tool.toml"), format!("{base}/compose.yml"));
        let owner = tool.name.to_string();
        for port in &tool.ports {
            if let Some(other) = ports.insert(port.host, owner.clone()) {
                let why = format!("{} is also a port of {other}", port.host);
                errors.push(CatalogError::new(&compose, format!("services.{}.ports", port.service), why));
            }
        }
        for (i, vhost) in tool.vhosts.iter().enumerate() {
            if let Some(other) = labels.insert(&vhost.label, owner.clone()) {
                let why = format!("\"{}\" is also a host name of {other}", vhost.label);
                errors.push(CatalogError::new(&file, format!("vhosts[{i}].label"), why));
            }
        }
        if tool.upload.is_some()
            && let Some(other) = uploads.replace(owner.clone())
        {
            let why = format!("{other} has one too, and there is one user for uploads");
            errors.push(CatalogError::new(&file, "upload", why));
        }
        for service in tool.services.iter().filter(|service| !service.container.is_empty()) {
            if let Some(other) = containers.insert(&service.container, owner.clone()) {
                let why = format!("\"{}\" is also a container of {other}", service.container);
                let field = format!("services.{}.container_name", service.name);
                errors.push(CatalogError::new(&compose, field, why));
            }
        }
        errors.extend(companions(tool, tools, &file));
    }
    errors
}

fn companions(tool: &Tool, tools: &[Tool], file: &str) -> Vec<CatalogError> {
    let mut errors = Vec::new();
    for (i, needed) in tool.depends_on_tools.iter().enumerate() {
        if !tools.iter().any(|other| other.name == *needed) {
            errors.push(CatalogError::new(
                file,
                format!("depends_on_tools[{i}]"),
                unknown("tool", needed.as_str()),
            ));
        }
    }
    let mut reached = BTreeSet::new();
    let mut open: Vec<_> = tool.depends_on_tools.iter().collect();
    while let Some(id) = open.pop() {
        if reached.insert(id) {
            open.extend(
                tools.iter().filter(|other| other.name == *id).flat_map(|other| &other.depends_on_tools),
            );
        }
    }
    if reached.contains(&tool.name) {
        errors.push(CatalogError::new(
            file,
            "depends_on_tools",
            "the dependencies lead back to the tool itself",
        ));
    }
    errors
}
