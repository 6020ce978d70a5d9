//! The web server in front of the Hub, as docs/operating.md writes it: the real nginx. Needs nginx and openssl.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    net::Ipv4Addr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::DefaultBodyLimit,
    http::{HeaderMap, StatusCode, Uri},
};
use reqwest::{Certificate, Client};
use tokio::net::TcpListener;

/// What the document has for nginx: its only indented block that has a `server`.
fn written() -> String {
    let page = include_str!("../../../../docs/operating.md");
    let blocks = page.split("\n\n").filter(|block| block.lines().all(|line| line.starts_with("    ")));
    let mut nginx = blocks.filter(|block| block.contains("server {"));
    let block = nginx.next().expect("it is there").to_owned();
    assert!(nginx.next().is_none());
    block
}

/// nginx, ended with this.
struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Nginx {
    /// In front of this port, listening on a free one.
    async fn start(folder: &Path, hub: u16) -> (Self, u16, Client) {
        let at = |name: &str| folder.join(name).display().to_string();
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", &at("key.pem"), "-out", &at("cert.pem")])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let certificate =
            format!("ssl_certificate {}; ssl_certificate_key {};", at("cert.pem"), at("key.pem"));
        let server = written()
            .replace("443 ssl", &format!("127.0.0.1:{port} ssl"))
            .replace("hub.example.com", "localhost")
            .replace("# ssl_certificate …", &certificate)
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{hub}"));
        let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let folders = folders.map(|name| format!("{name}_temp_path {};", at(name))).concat();
        let whole = format!(
            "daemon off; master_process off; pid {}; error_log stderr; events {{}}\n\
             http {{ access_log off; {folders}\n{server}\n}}\n",
            at("pid")
        );
        fs::write(folder.join("nginx.conf"), whole).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        command.args(["-e", "stderr", "-p", &at(""), "-c", &at("nginx.conf")]).stdin(Stdio::null());
        let nginx = Self(command.spawn().expect("this test needs nginx"));
        let certificate = fs::read(folder.join("cert.pem")).unwrap();
        let client = Client::builder().tls_certs_only([Certificate::from_pem(&certificate).unwrap()]);
        (nginx, port, client.no_proxy().timeout(Duration::from_secs(60)).build().unwrap())
    }
}

/// Stands for the Hub: says where it was asked, by whom, and with how much.
async fn hub() -> u16 {
    let answer = async |uri: Uri, headers: HeaderMap, body: Bytes| {
        let callers: Vec<_> =
            headers.get_all("x-forwarded-for").iter().map(|one| one.to_str().unwrap()).collect();
        format!("{} {} {} {:?}", uri.path(), callers.join("+"), body.len(), headers.get("connection"))
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().fallback(answer).layer(DefaultBodyLimit::disable());
    tokio::spawn(axum::serve(listener, router).into_future());
    port
}

#[tokio::test]
async fn the_documents_web_server_names_its_callers_and_lets_large_requests_to_models_only() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let folder = tempfile::tempdir().unwrap();
    let (_nginx, port, client) = Nginx::start(folder.path(), hub().await).await;
    let ask = async |path: &str, bytes: usize| {
        let url = format!("https://localhost:{port}{path}");
        let request = client.post(url).header("x-forwarded-for", "192.0.2.66").body(vec![b'x'; bytes]);
        let answer = request.send().await?;
        Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
    };
    let mut tries = 0;
    let first = loop {
        match ask("/healthz", 1).await {
            Ok(answer) => break answer,
            Err(error) => assert!(tries < 500, "nginx does not answer: {error}"),
        }
        tries += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(first, (StatusCode::OK, "/healthz 127.0.0.1 1 None".to_owned()), "whatever the caller says");
    let models = "/api/v1/tenant/models/openrouter/chat/completions";
    for (path, bytes, status) in [
        ("/api/v1/tenant/events", 1 << 20, StatusCode::OK),
        ("/api/v1/tenant/models", 1 << 10, StatusCode::OK),
        ("/api/v1/tenant/events", 3 << 20, StatusCode::PAYLOAD_TOO_LARGE),
        ("/api/v1/tenant/models", 3 << 20, StatusCode::PAYLOAD_TOO_LARGE),
        ("/api/v1/admin/tenants/018f7b1e-0000-7000-8000-000000000001/converge/plan", 2, StatusCode::OK),
        (models, 16 << 20, StatusCode::OK),
        (models, (16 << 20) + 1, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        // A body that is too long may be answered while it is still sent.
        match ask(path, bytes).await {
            Ok((answered, said)) => {
                assert_eq!(answered, status, "{path} {bytes}");
                let passed = format!("{path} 127.0.0.1 {bytes} ");
                assert!(status != StatusCode::OK || said.starts_with(&passed), "{said}");
            }
            Err(error) => assert_ne!(status, StatusCode::OK, "{path} {bytes}: {error}"),
        }
    }
    let page = written();
    assert!(page.contains("proxy_read_timeout 600s"), "as long as the relay waits");
    let (_, plans) = page.split_once("/converge/plan$ {").expect("plans have a place of their own");
    let (plans, _) = plans.split_once('}').unwrap();
    let seconds = plans.split_once("proxy_read_timeout ").unwrap().1.split_once("s;").unwrap().0;
    assert!(seconds.parse::<u64>().unwrap() > 240, "longer than the Hub waits for a plan");
}
