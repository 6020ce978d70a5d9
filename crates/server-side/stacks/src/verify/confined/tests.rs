use std::{collections::BTreeMap, path::Path, process::Stdio};

use async_trait::async_trait;
use letsbe_host::{
    Assessment, Command, CommandOutput, Converge as _, FileWrite, LocalMachine, Machine, MachineError,
    machine::FileState,
};

use super::{Confined, SERVER_PORTS, connect, parse_connected};
use crate::tests::desired;

const ADDRESSES: &str = r#"[
    {"ifname":"lo","addr_info":[{"local":"127.0.0.1","scope":"host"},{"local":"::1","scope":"host"}]},
    {"ifname":"eth0","addr_info":[{"local":"203.0.113.7","scope":"global"},
        {"local":"2001:db8::7","scope":"global"},{"local":"fe80::1","scope":"link"}]},
    {"ifname":"letsbe-guardian","addr_info":[{"local":"172.24.0.1","scope":"global"}]},
    {"ifname":"veth1"}]"#;

/// A server that answers what each program would print. `curl` connects to the proxy, and to what is `open`.
struct Server {
    containers: String,
    addresses: &'static str,
    open: Vec<&'static str>,
    silent: Vec<&'static str>,
}

fn containers(pid: u32, networks: &[&str]) -> String {
    let networks: BTreeMap<&str, _> =
        networks.iter().map(|name| (*name, serde_json::json!({ "IPAddress": "172.24.0.3" }))).collect();
    let container = |name: &str, pid: u32, networks: serde_json::Value| serde_json::json!({"Name": name, "State": {"Pid": pid}, "NetworkSettings": {"Networks": networks}});
    let proxy = serde_json::json!({"letsbe-egress": {"IPAddress": "172.25.0.2"},
        "letsbe-guardian": {"IPAddress": "172.24.0.2"}});
    serde_json::json!([
        container("/letsbe-openclaw", pid, serde_json::json!(networks)),
        container("/letsbe-secrets-proxy", 8, proxy)
    ])
    .to_string()
}

fn server() -> Server {
    Server {
        containers: containers(7, &["letsbe-guardian"]),
        addresses: ADDRESSES,
        open: vec!["172.24.0.2:8100"],
        silent: vec![],
    }
}

#[async_trait]
impl Machine for Server {
    async fn run(&self, command: &Command) -> Result<CommandOutput, MachineError> {
        let stdout = match command.program.as_str() {
            "docker" => self.containers.clone(),
            "ip" => self.addresses.to_owned(),
            "nsenter" => {
                assert_eq!(command.arguments[0], "--net=/proc/7/ns/net");
                let urls = command.arguments.iter().filter(|word| word.starts_with("http://"));
                let line = |url: &String| {
                    let at = &url["http://".len()..url.len() - "/health".len()];
                    let time = if self.open.contains(&at) { "0.000100" } else { "0.000000" };
                    (!self.silent.contains(&at)).then(|| format!("{url} {time}\n"))
                };
                urls.filter_map(line).collect()
            }
            other => panic!("{other} was run"),
        };
        Ok(CommandOutput { code: 7, stdout, stderr: String::new() })
    }

    async fn read(&self, path: &Path) -> Result<Option<FileState>, MachineError> {
        panic!("{} was read", path.display())
    }

    async fn list(&self, folder: &Path) -> Result<Vec<String>, MachineError> {
        panic!("{} was listed", folder.display())
    }

    async fn write(&self, file: &FileWrite) -> Result<(), MachineError> {
        panic!("a check wrote {}", file.path.display())
    }

    async fn remove(&self, path: &Path) -> Result<(), MachineError> {
        panic!("a check removed {}", path.display())
    }

    async fn make_folder(&self, path: &Path, _: u32) -> Result<(), MachineError> {
        panic!("a check made {}", path.display())
    }
}

async fn assess(server: &Server) -> Result<Assessment, letsbe_types::Problem> {
    let facts = Confined.probe(server, &desired()).await?;
    Confined.converge(&facts, &desired())
}

#[tokio::test]
async fn a_runtime_that_reaches_the_proxy_and_nothing_else_is_confined() {
    let Ok(Assessment::Converged { why }) = assess(&server()).await else { panic!("not confined") };
    // Three addresses of the server with four ports each, and three places in the Internet.
    assert!(why.ends_with("none of 15 other places"), "{why}");
}

#[tokio::test]
async fn whatever_else_the_runtime_reaches_is_named() {
    for at in [
        "172.24.0.1:443",
        "172.24.0.1:80",
        "203.0.113.7:22022",
        "203.0.113.7:22",
        "[2001:db8::7]:443",
        "1.1.1.1:443",
        "8.8.8.8:53",
    ] {
        let mut server = server();
        server.open.push(at);
        let problem = assess(&server).await.expect_err(at);
        assert_eq!(problem.code, "NODE111");
        assert_eq!(problem.message, format!("letsbe-openclaw reaches {at}"));
    }
    let two = Server { containers: containers(7, &["letsbe-guardian", "ghost_default"]), ..server() };
    let problem = assess(&two).await.expect_err("in two networks");
    assert_eq!(problem.message, "letsbe-openclaw is in other networks too: ghost_default");
}

#[tokio::test]
async fn what_was_not_tried_proves_nothing() {
    let stopped = Server { containers: containers(0, &["letsbe-guardian"]), ..server() };
    let no_proxy = Server { open: vec![], ..server() };
    let silent = Server { silent: vec!["172.24.0.1:443"], ..server() };
    let no_addresses = Server { addresses: "[]", ..server() };
    let not_json = Server { addresses: "Object \"address\" is unknown", ..server() };
    let no_containers = Server { containers: "[]".to_owned(), ..server() };
    let no_docker = Server { containers: String::new(), ..server() };
    for (what, server) in [
        ("stopped", stopped),
        ("no proxy", no_proxy),
        ("silent", silent),
        ("no addresses", no_addresses),
        ("not JSON", not_json),
        ("no containers", no_containers),
        ("no docker", no_docker),
    ] {
        assert_eq!(assess(&server).await.expect_err(what).code, "NODE110", "{what}");
    }
}

/// With the real `nsenter` and `curl`: this process's own network namespace.
#[tokio::test]
async fn curl_tells_a_connection_from_a_refusal() {
    let open = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let closed = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let (open_at, closed_at) = (open.local_addr().expect("at"), closed.local_addr().expect("at"));
    drop(closed);
    // It speaks first, like sshd, and no HTTP.
    let greet = async {
        let (mut stream, _) = open.accept().await.expect("a connection");
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"SSH-2.0-x\r\n").await.expect("sent");
        std::future::pending::<()>().await;
    };
    let command = connect(std::process::id(), &[open_at, closed_at]);
    if !may_enter(&command).await {
        eprintln!("not tried: entering a network namespace needs root");
        return;
    }
    let output = tokio::select! {
        output = LocalMachine.run(&command) => output.expect("curl runs"),
        () = greet => unreachable!(),
    };
    assert_eq!(parse_connected(&output.stdout), [(open_at, true), (closed_at, false)].into());
    assert_eq!(SERVER_PORTS, [22, 80, 443, 22022]);
}

async fn may_enter(command: &Command) -> bool {
    let mut nsenter = tokio::process::Command::new("nsenter");
    nsenter.args([&command.arguments[0], "--", "true"]).stderr(Stdio::null());
    nsenter.status().await.is_ok_and(|status| status.success())
}
