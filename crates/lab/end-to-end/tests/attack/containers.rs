//! What a process in a tool's container reaches, and what whoever administers Portainer can have Docker do.

use anyhow::ensure;

use crate::Target;

const SOCKET: &str = "/run/letsbe/docker/docker.sock";
/// Tries a TCP connection; says `open`, or why not.
const CONNECT: &str = "import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()
    print('open')
except OSError as error:
    print('closed', error)";

/// From the container of Uptime Kuma, which asks addresses for a living.
pub(crate) async fn reach(target: &Target) -> anyhow::Result<()> {
    let host = &target.host;
    let container_of = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
    let inside = async |name: &str| host.exec(&["docker", "inspect", "--format", container_of, name]).await;
    let ghost = inside("letsbe-ghost").await?;
    let runtime = inside("letsbe-openclaw").await?;
    let own = target.address().to_string();
    let mut closed = vec![
        (own.as_str(), "22022"),
        (own.as_str(), "22023"),
        (own.as_str(), "8100"),
        ("172.17.0.1", "22022"),
    ];
    closed.extend(ghost.split_whitespace().map(|address| (address, "2368")));
    closed.extend(runtime.split_whitespace().map(|address| (address, "18789")));
    ensure!(closed.len() >= 5, "an address is missing: {closed:?}");
    let connect = async |address: &str, port: &str| {
        let words = ["docker", "exec", "letsbe-uptime-kuma", "python3", "-c", CONNECT, address, port];
        host.exec(&words).await
    };
    let open = connect(&own, "443").await?;
    ensure!(open.trim() == "open", "its own server's web port: {open}");
    for (address, port) in closed {
        let said = connect(address, port).await?;
        ensure!(said.starts_with("closed"), "{address}:{port} is open");
    }
    Ok(())
}

/// As Portainer asks Docker: over the agent's socket.
pub(crate) async fn portainer(target: &Target) -> anyhow::Result<()> {
    let ask = async |method: &str, path: &str, body: &str| {
        let url = format!("http://docker{path}");
        let json = "Content-Type: application/json";
        let words =
            ["docker", "exec", "letsbe-portainer", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"];
        let more = ["--max-time", "20", "--unix-socket", SOCKET, "-X", method, "-H", json, "-d", body, &url];
        target.host.exec(&[&words[..], &more[..]].concat()).await
    };
    let own = ask("GET", "/containers/json", "").await?;
    ensure!(own == "200", "what it is there for is answered with {own}");
    let mount = r#"{"Image":"letsbe/portainer","HostConfig":{"Binds":["/:/host"],"Privileged":true}}"#;
    let refused = [
        ("POST", "/containers/create?name=mallory", mount),
        ("POST", "/containers/letsbe-ghost/exec", r#"{"Cmd":["env"]}"#),
        ("GET", "/containers/letsbe-ghost/archive?path=/proc/self/environ", ""),
        ("PUT", "/containers/letsbe-ghost/archive?path=/", "x"),
        ("POST", "/containers/letsbe-secrets-proxy/stop", "{}"),
        ("DELETE", "/containers/letsbe-ghost?force=1", ""),
        ("POST", "/images/create?fromImage=evil", "{}"),
        ("POST", "/volumes/create", "{}"),
        ("GET", "/secrets", ""),
        ("POST", "/v1.41/../containers/create", mount),
        ("POST", "/containers%2fcreate", mount),
    ];
    for (method, path, body) in refused {
        let status = ask(method, path, body).await?;
        ensure!(status.starts_with('4'), "{method} {path} is answered with {status}");
    }
    let names = target.host.exec(&["docker", "ps", "--all", "--format", "{{.Names}}"]).await?;
    ensure!(!names.contains("mallory") && names.contains("letsbe-secrets-proxy"), "there are {names}");
    Ok(())
}
