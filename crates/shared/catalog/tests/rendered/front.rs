//! nginx with the rendered sites: what it accepts, and what it answers.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
};

use letsbe_catalog::{
    CertificatePaths, Door, Selection, SiteFile, Tool, ToolId, render_main_nginx, render_nginx, render_sites,
};
use letsbe_types::Tier;

use crate::{context, must_succeed, run, support::shipped};

/// A folder that nginx can be pointed at, with a throwaway certificate.
pub(crate) struct Front {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) certificate: CertificatePaths,
}

impl Front {
    pub(crate) fn new() -> Self {
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
pub(crate) struct Running {
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
    pub(crate) fn start(front: &Front, sites: &[SiteFile]) -> Self {
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

    pub(crate) fn ask_with(&self, url: &str, options: &[&str]) -> (i32, String) {
        let (http, https) = (format!("::127.0.0.1:{}", self.http), format!("::127.0.0.1:{}", self.https));
        let connect = ["--connect-to", if url.starts_with("https") { &https } else { &http }];
        let fixed = ["-ks", "--max-time", "20", "-w", " %{http_code} %{redirect_url}"];
        let output = run(Command::new("curl").args(fixed).args(connect).args(options).arg(url));
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Running {
    /// The codes that as many addresses get that all send a form at the same time.
    pub(crate) fn asked_at_once_from(&self, url: &str, addresses: &[String]) -> Vec<String> {
        let connect = format!("::127.0.0.1:{}", self.https);
        let mut command = Command::new("curl");
        command.args(["--parallel", "--parallel-immediate", "--parallel-max", "200"]);
        for (index, address) in addresses.iter().enumerate() {
            command.args(["--next"].iter().filter(|_| index > 0));
            command.args(["-ks", "--max-time", "60", "-o", "/dev/null", "-w", " %{http_code} ", "-d", "a=b"]);
            command.args(["--connect-to", &connect, "--interface", address, url]);
        }
        must_succeed(&mut command).split_whitespace().map(str::to_owned).collect()
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
