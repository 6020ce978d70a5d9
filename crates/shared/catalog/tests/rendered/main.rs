//! What is rendered is accepted by the programs that read it: `docker compose` and `nginx`. A missing program is a
//! failure, never a skip.

mod bounds;
mod front;
mod logins;
mod owners;
mod recorded;
#[path = "../support/mod.rs"]
mod support;
mod visitors;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
};

use letsbe_catalog::{CredentialMethod, RenderContext, RenderedStack, Tool, render_agents, render_stack};
use letsbe_types::{Secret, Tier};
use serde_json::Value;
use support::shipped;

fn context() -> RenderContext {
    RenderContext {
        domain: "bakery.example".parse().expect("domain"),
        owner_email: "o'brien+x@bakery.example".parse().expect("address"),
        acme_email: "ssl@bakery.example".parse().expect("address"),
        timezone: "Europe/Berlin".to_owned(),
        tenant: "tenant-1".to_owned(),
        ipv6: false,
        values: BTreeMap::new(),
    }
}

/// Distinct values with all awkward characters of their method.
fn credentials(tool: &Tool) -> BTreeMap<String, Secret<String>> {
    let numbered = tool.credentials.iter().enumerate();
    numbered
        .map(|(index, credential)| {
            let value = match credential.method {
                CredentialMethod::Hex => format!("{index:02x}").repeat(32),
                CredentialMethod::Base64 | CredentialMethod::Ed25519 => {
                    format!("Se+cret/{index:02}{}=", "Ab9+/".repeat(6))
                }
            };
            (credential.key.clone(), Secret::new(value))
        })
        .collect()
}

fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} cannot be started ({error}): install it first"))
}

fn must_succeed(command: &mut Command) -> String {
    let output = run(command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{errors}");
    String::from_utf8(output.stdout).expect("text")
}

fn stack(tool: &Tool) -> RenderedStack {
    render_stack(tool, &context(), &credentials(tool)).unwrap_or_else(|error| panic!("{error}"))
}

fn write_stack(folder: &Path, stack: &RenderedStack) {
    fs::create_dir_all(folder).expect("folder");
    fs::write(folder.join("compose.yml"), &stack.compose).expect("compose");
    for file in &stack.env {
        fs::write(folder.join(&file.name), file.contents.expose()).expect("env");
    }
    for (path, contents) in &stack.files {
        fs::write(folder.join(path), contents).expect("file");
    }
}

fn compose(folder: &Path, arguments: &[&str]) -> String {
    must_succeed(
        Command::new("docker").args(["compose", "-f", "compose.yml"]).args(arguments).current_dir(folder),
    )
}

#[test]
fn docker_compose_accepts_every_stack_and_reads_every_value_back() {
    let catalog = shipped();
    let folder = tempfile::tempdir().expect("folder");
    for tool in catalog.platform().chain(catalog.tools()) {
        let place = folder.path().join(tool.name.as_str());
        write_stack(&place, &stack(tool));
        compose(&place, &["config", "-q"]);
        let read: Value =
            serde_json::from_str(&compose(&place, &["config", "--format", "json"])).expect("JSON");
        let environments: Vec<&Value> = read["services"]
            .as_object()
            .expect("services")
            .values()
            .map(|service| &service["environment"])
            .collect();
        let secrets = credentials(tool);
        for (variable, template) in tool.env.values().flatten() {
            let mut wanted = template
                .replace("{{ hostname }}", context().hostname(tool).as_str())
                .replace("{{ owner_email }}", context().owner_email.as_str());
            for (key, value) in &secrets {
                wanted = wanted.replace(&format!("{{{{ {key} }}}}"), value.expose());
            }
            assert!(
                environments.iter().any(|all| all[variable] == wanted.as_str()),
                "{}: {variable} is lost",
                tool.name
            );
        }
    }
}

#[test]
fn docker_compose_accepts_all_stacks_together() {
    let catalog = shipped();
    let folder = tempfile::tempdir().expect("folder");
    let mut command = Command::new("docker");
    command.args(["compose", "--project-directory"]).arg(folder.path());
    let mut services = Vec::new();
    for tool in catalog.platform().chain(catalog.tools()) {
        let stack = stack(tool);
        // One project needs distinct names; on a server every stack is a project of its own.
        let mut document: Value = serde_saphyr::from_str(&stack.compose).expect("YAML");
        let own = document["services"].as_object_mut().expect("services");
        let mut renamed = serde_json::Map::new();
        for (name, mut service) in std::mem::take(own) {
            if let Some(Value::Object(needed)) = service.get_mut("depends_on") {
                let theirs = std::mem::take(needed);
                needed.extend(theirs.into_iter().map(|(other, how)| (format!("{}-{other}", tool.name), how)));
            }
            if service["env_file"].is_array() {
                let files = service["env_file"].as_array().expect("list").iter().filter_map(Value::as_str);
                service["env_file"] =
                    files.map(|file| format!("{}/{file}", tool.name)).collect::<Vec<_>>().into();
            }
            services.push(service["container_name"].as_str().expect("name").to_owned());
            renamed.insert(format!("{}-{name}", tool.name), service);
        }
        document["services"] = renamed.into();
        // What one stack makes another one joins.
        if let Some(networks) = document.get_mut("networks").and_then(Value::as_object_mut) {
            networks.retain(|_, network| network["external"] != true);
        }
        document["name"] = "letsbe".into();
        write_stack(&folder.path().join(tool.name.as_str()), &stack);
        let file = folder.path().join(format!("{}.json", tool.name));
        fs::write(&file, document.to_string()).expect("file");
        command.arg("-f").arg(file);
    }
    let read: Value =
        serde_json::from_str(&must_succeed(command.args(["config", "--format", "json"]))).expect("JSON");
    assert_eq!(read["services"].as_object().expect("services").len(), services.len());
}

#[test]
fn no_secret_leaves_its_files() {
    let catalog = shipped();
    for tool in catalog.platform().chain(catalog.tools()) {
        let stack = stack(tool);
        let printed = format!("{stack:?}");
        for (key, value) in credentials(tool) {
            assert!(!printed.contains(value.expose()), "{}: {key} is outside the secret files", tool.name);
        }
    }
}

#[test]
fn agents_know_the_tools() {
    let catalog = shipped();
    let selection = catalog.select(Tier::Lite, &["ghost".to_owned()]).expect("fits");
    let files = render_agents(&catalog, &selection, &context()).expect("renders");
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["agents/assistant/SOUL.md", "agents/it-admin/SOUL.md"]);
    let openclaw = catalog.platform().find(|tool| tool.name.as_str() == "openclaw").expect("OpenClaw");
    let stack = stack(openclaw);
    let (_, configuration) = stack.files.iter().find(|(path, _)| path == "openclaw.json").expect("its own");
    for agent in catalog.agents() {
        let workspace = format!("workspace: \"/agents/{}\"", agent.name);
        assert!(configuration.contains(&workspace), "OpenClaw does not know {}", agent.name);
    }
    for (path, text) in &files {
        assert!(text.contains("- Ghost (https://blog.bakery.example)\n"), "{path}:\n{text}");
    }
}
