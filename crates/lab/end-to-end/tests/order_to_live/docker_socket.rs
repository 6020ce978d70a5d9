//! The socket that a tool may have which shows the containers: nothing that makes whoever has it root.

use anyhow::{Context as _, ensure};
use letsbe_lab::{scan::Scanner, vault};

use crate::Live;

const SOCKET: &str = "/run/letsbe/docker/docker.sock";

/// Asks, and gives the status and what was answered.
async fn ask(live: &Live, method: &str, path: &str, body: &str) -> anyhow::Result<(String, String)> {
    let url = format!("http://docker{path}");
    let status = "\n%{http_code}";
    let words = ["curl", "-s", "--unix-socket", SOCKET, "-X", method, "-d", body, "-w", status, &url];
    let said = live.host.exec(&words).await?;
    let (answer, status) = said.trim_end().rsplit_once('\n').unwrap_or(("", said.trim()));
    Ok((status.to_owned(), answer.to_owned()))
}

pub(crate) async fn are_looked_at_only(live: &Live) -> anyhow::Result<()> {
    let vault = vault::host_vault(&live.host).await?.context("the server has no vault")?;
    let scanner = Scanner::new(&vault::made_there(&vault))?;
    let real = live.host.exec(&["docker", "inspect", "letsbe-wordpress"]).await?;
    ensure!(!scanner.hits("docker inspect", real.as_bytes()).is_empty(), "the tool has no password to hide");
    for path in ["/containers/json?all=1", "/v1.41/containers/letsbe-wordpress/json", "/info", "/images/json"]
    {
        let (status, answer) = ask(live, "GET", path, "").await?;
        ensure!(status == "200" && answer.len() > 100, "{path}: {status} {answer}");
        let hits = scanner.hits(path, answer.as_bytes());
        ensure!(hits.is_empty(), "{path} shows {} secrets", hits.len());
    }
    let everything = r#"{"Image":"nginx:1.27","HostConfig":{"Binds":["/:/host"],"Privileged":true}}"#;
    for (method, path) in [
        ("POST", "/containers/create"),
        ("POST", "/containers/letsbe-wordpress/exec"),
        ("GET", "/containers/letsbe-wordpress/archive?path=/"),
        ("POST", "/commit?container=letsbe-wordpress"),
        ("POST", "/containers/letsbe-secrets-proxy/stop"),
        ("POST", "/containers/letsbe-nginx/restart"),
    ] {
        let (status, answer) = ask(live, method, path, everything).await?;
        ensure!(status == "403", "{method} {path}: {status} {answer}");
    }
    let (status, answer) = ask(live, "POST", "/containers/letsbe-static-website/restart", "").await?;
    ensure!(status == "204", "a tool is not restarted: {status} {answer}");
    Ok(())
}
