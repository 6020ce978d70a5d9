//! What is rendered is accepted by the programs that read it: `docker compose` and `nginx`. A missing program is a
//! failure, never a skip.

mod support;

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use letsbe_catalog::{
    CertificatePaths, CredentialMethod, Door, RenderContext, RenderedStack, Selection, SiteFile, Tool,
    ToolId, render_agents, render_main_nginx, render_nginx, render_sites, render_stack,
};
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

/// A folder that nginx can be pointed at, with a throwaway certificate.
struct Front {
    folder: tempfile::TempDir,
    certificate: CertificatePaths,
}

impl Front {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        fs::create_dir_all(folder.path().join("sites")).expect("folder");
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let certificate = CertificatePaths { certificate: path("certificate.pem"), key: path("key.pem") };
        let subject = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        must_succeed(
            Command::new("openssl").args(subject).args(["-days", "2", "-subj", "/CN=bakery.example"]).args([
                "-keyout",
                &certificate.key,
                "-out",
                &certificate.certificate,
            ]),
        );
        Self { folder, certificate }
    }

    /// nginx's opinion of the main configuration with these sites.
    fn test(&self, sites: &[SiteFile]) -> Result<(), String> {
        let here = self.folder.path().to_string_lossy().into_owned();
        let place = |text: &str| {
            text.replace("/etc/nginx/letsbe", &here).replace("/run/nginx.pid", &format!("{here}/pid"))
        };
        let main = render_main_nginx(&shipped(), &context()).expect("nginx.conf");
        fs::write(self.folder.path().join("nginx.conf"), place(&main)).expect("nginx.conf");
        let folder = self.folder.path().join("sites");
        fs::remove_dir_all(&folder).expect("sites");
        fs::create_dir_all(&folder).expect("sites");
        for site in sites {
            fs::write(folder.join(&site.name), place(&site.contents)).expect("site");
        }
        let output =
            run(Command::new("nginx").args(["-t", "-p", &here, "-c", &format!("{here}/nginx.conf")]));
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() && !errors.contains("[warn]") { Ok(()) } else { Err(errors) }
    }
}

#[test]
fn nginx_accepts_every_site_alone_and_all_together_with_and_without_a_certificate() {
    let catalog = shipped();
    let front = Front::new();
    front.test(&[]).expect("no site at all");
    let everything: Vec<ToolId> = catalog.tools().map(|tool| tool.name.clone()).collect();
    for certificate in [None, Some(&front.certificate)] {
        for tool in catalog.tools() {
            let contents = render_nginx(tool, &context(), certificate).expect("renders").expect("has a site");
            let site = SiteFile { name: format!("{}.conf", tool.name), contents };
            front.test(&[site]).unwrap_or_else(|errors| panic!("{}: {errors}", tool.name));
        }
        for tools in [everything.clone(), vec!["ghost".parse().expect("id")]] {
            let selection = Selection { tier: Tier::Enterprise, tools };
            let door = |_: Option<&Tool>| certificate.map_or(Door::Challenge, Door::Open);
            let sites = render_sites(&catalog, &selection, &context(), door).expect("sites");
            front.test(&sites).unwrap_or_else(|errors| panic!("{errors}"));
            let all: String = sites.iter().map(|site| site.contents.as_str()).collect();
            assert_eq!(
                all.contains("listen 443"),
                certificate.is_some(),
                "TLS without a certificate, or none with one"
            );
            for name in selection.hostnames(&catalog, &context().domain) {
                assert!(all.contains(&format!("server_name {name};")), "{name} is not served");
            }
        }
    }
    // The test can fail.
    let broken = SiteFile {
        name: "broken.conf".to_owned(),
        contents: "server { listen 80; nonsense on; }".to_owned(),
    };
    front.test(&[broken]).expect_err("nonsense was taken");
}

/// nginx, running on free ports; ended when dropped.
struct Running {
    child: Child,
    http: u16,
    https: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(front: &Front, sites: &[SiteFile]) -> Self {
        front.test(sites).expect("sound");
        let [http, https, health] = free_ports();
        let here = front.folder.path();
        let main = here.join("nginx.conf");
        for file in
            [main.clone()].into_iter().chain(sites.iter().map(|site| here.join("sites").join(&site.name)))
        {
            let text = fs::read_to_string(&file).expect("file");
            let text = text
                .replace("listen 80", &format!("listen 127.0.0.1:{http}"))
                .replace("listen 443", &format!("listen 127.0.0.1:{https}"))
                .replace("127.0.0.1:8099", &format!("127.0.0.1:{health}"));
            fs::write(file, text).expect("file");
        }
        let mut command = Command::new("nginx");
        command.arg("-p").arg(here).arg("-c").arg(&main).args(["-g", "daemon off; master_process off;"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = Self { child: command.spawn().expect("nginx"), http, https };
        while TcpStream::connect((Ipv4Addr::LOCALHOST, http)).is_err() {
            assert!(running.child.try_wait().expect("state").is_none(), "nginx ended by itself");
            std::thread::yield_now();
        }
        running
    }

    /// curl's exit code, and status and body joined.
    fn ask(&self, url: &str) -> (i32, String) {
        self.ask_with(url, &[])
    }

    fn ask_with(&self, url: &str, options: &[&str]) -> (i32, String) {
        let (http, https) = (format!("::127.0.0.1:{}", self.http), format!("::127.0.0.1:{}", self.https));
        let connect = ["--connect-to", if url.starts_with("https") { &https } else { &http }];
        let fixed = ["-ks", "--max-time", "20", "-w", " %{http_code} %{redirect_url}"];
        let output = run(Command::new("curl").args(fixed).args(connect).args(options).arg(url));
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("port"));
    listeners.map(|listener| listener.local_addr().expect("address").port())
}

#[test]
fn nginx_answers_known_names_only() {
    let catalog = shipped();
    let front = Front::new();
    let webroot = front.folder.path().join("webroot/.well-known/acme-challenge");
    fs::create_dir_all(&webroot).expect("webroot");
    fs::write(webroot.join("token"), "proof").expect("token");
    // The worker process is not root.
    fs::set_permissions(front.folder.path(), fs::Permissions::from_mode(0o755)).expect("mode");
    let selection = catalog.select(Tier::Lite, &["ghost".to_owned()]).expect("fits");
    let sites = |door| render_sites(&catalog, &selection, &context(), |_| door).expect("sites");

    let (empty_reply, handshake_refused) = (52, 35);
    let before = Running::start(&front, &sites(Door::Challenge));
    let challenge = "http://blog.bakery.example/.well-known/acme-challenge/token";
    assert_eq!(before.ask(challenge), (0, "proof 200 ".to_owned()));
    assert_eq!(before.ask("https://blog.bakery.example/").0, handshake_refused);
    drop(before);

    let after = Running::start(&front, &sites(Door::Open(&front.certificate)));
    assert_eq!(after.ask(challenge), (0, "proof 200 ".to_owned()));
    let (code, reply) = after.ask("http://blog.bakery.example/a?b=c");
    assert!(code == 0 && reply.ends_with(" 301 https://blog.bakery.example/a?b=c"), "{reply}");
    let (code, reply) = after.ask("https://bakery.example/");
    assert!(code == 0 && reply.contains("<h1>bakery.example</h1>") && reply.ends_with(" 200 "), "{reply}");
    // Whether Ghost answers is not the matter here.
    assert_eq!(after.ask("https://blog.bakery.example/").0, 0);
    let door = "https://blog.bakery.example/.well-known/letsbe-door";
    assert_eq!(after.ask(door), (0, "open\n 200 ".to_owned()));
    for unknown in ["other.example", "x.bakery.example", "127.0.0.1"] {
        assert_eq!(after.ask(&format!("http://{unknown}/")).0, empty_reply, "{unknown}");
        assert_eq!(after.ask(&format!("https://{unknown}/")).0, handshake_refused, "{unknown}");
    }
}

#[test]
fn a_tool_without_an_owner_is_not_reached() {
    let catalog = shipped();
    let front = Front::new();
    let names: Vec<ToolId> = catalog.tools().map(|tool| tool.name.clone()).collect();
    let everything = Selection { tier: Tier::Enterprise, tools: names };
    let door = |tool: Option<&Tool>| match tool {
        Some(tool) if tool.setup.is_some() => Door::Closed(&front.certificate),
        _ => Door::Open(&front.certificate),
    };
    let sites = render_sites(&catalog, &everything, &context(), door).expect("sites");
    let nginx = Running::start(&front, &sites);
    for tool in catalog.tools().filter(|tool| tool.setup.is_some()) {
        let name = context().hostname(tool);
        for path in
            ["/", "/ghost/api/admin/authentication/setup/", "/wp-admin/install.php?step=2", "/socket.io/"]
        {
            let (code, reply) = nginx.ask(&format!("https://{name}{path}"));
            assert!(
                code == 0 && reply.contains("503 Service") && reply.ends_with(" 503 "),
                "{name}{path}: {reply}"
            );
        }
        let door = nginx.ask(&format!("https://{name}/.well-known/letsbe-door"));
        assert_eq!(door, (0, "closed\n 200 ".to_owned()));
        let (code, reply) = nginx.ask(&format!("http://{name}/wp-admin/install.php"));
        assert!(code == 0 && reply.contains(" 301 https://"), "{name}: {reply}");
    }
}

#[test]
fn tls_has_modern_ciphers_only_and_a_page_without_headers_of_its_own_gets_ours() {
    let (catalog, front) = (shipped(), Front::new());
    fs::set_permissions(front.folder.path(), fs::Permissions::from_mode(0o755)).expect("mode");
    let selection = catalog.select(Tier::Lite, &["ghost".to_owned()]).expect("fits");
    let sites =
        render_sites(&catalog, &selection, &context(), |_| Door::Open(&front.certificate)).expect("sites");
    let nginx = Running::start(&front, &sites);
    let url = "https://bakery.example/";
    let (code, reply) = nginx.ask_with(url, &["--head"]);
    let reply = reply.to_ascii_lowercase();
    assert_eq!(code, 0, "{reply}");
    for header in [
        "strict-transport-security: max-age=31536000",
        "x-content-type-options: nosniff",
        "referrer-policy: strict-origin-when-cross-origin",
    ] {
        assert_eq!(reply.matches(header).count(), 1, "{header} in {reply}");
    }
    let with = |cipher| nginx.ask_with(url, &["--tls-max", "1.2", "--ciphers", cipher]).0;
    for good in
        ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]
    {
        assert_eq!(with(good), 0, "{good}");
    }
    for old in ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-CCM8"] {
        assert_eq!(with(old), 35, "{old}");
    }
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
fn no_tool_sends_its_visitors_to_third_parties_where_it_has_a_switch() {
    let catalog = shipped();
    let rendered = |name: &str| {
        let tool = catalog.tools().find(|tool| tool.name.as_str() == name).expect("it is sold");
        stack(tool)
    };
    for (name, switches) in [
        ("ghost", &["portal__url", "sodoSearch__url", "privacy__useGravatar", "privacy__useIndexNow"][..]),
        ("nocodb", &["NC_DISABLE_TELE", "NC_DISABLE_ERR_REPORTS", "NC_DISABLE_SUPPORT_CHAT"]),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        write_stack(folder.path(), &rendered(name));
        let environment = fs::read_to_string(folder.path().join(".env")).expect("it has settings");
        let value = if name == "ghost" { "false" } else { "true" };
        for switch in switches {
            let line = environment.lines().find(|line| line.starts_with(&format!("{switch}=")));
            assert!(line.is_some_and(|line| line.contains(value)), "{name}: {switch}");
        }
    }
    let website = rendered("static-website");
    let (_, page) = website.files.iter().find(|(path, _)| path == "welcome.html").expect("a first page");
    for part in ["bakery.example", "lang=\"en\"", "viewport", "<style>"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("//") && !page.contains("/opt/"), "it names another place: {page}");
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
