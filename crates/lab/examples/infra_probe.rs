use letsbe_lab::lab::{Lab, LabOptions};
use std::time::Instant;
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tracing_subscriber::fmt().init();
    let t = Instant::now();
    letsbe_lab::docker::ensure_engine().await?;
    letsbe_lab::images::build_all(&|s: &str| println!("{s}")).await?;
    println!("images {:?}", t.elapsed());
    let t = Instant::now();
    let proxy = std::path::PathBuf::from("target/debug/letsbe-proxy");
    let lab = Lab::start(LabOptions { proxy_binary: proxy.exists().then_some(proxy), ..Default::default() }).await?;
    println!("lab {:?} mirror {}", t.elapsed(), lab.registry.mirror);
    let t = Instant::now();
    let host = lab.create_host("one", "one.test", None, &["ssh-ed25519 AAAA x".into()]).await?;
    println!("host {:?}", t.elapsed());
    let t = Instant::now();
    host.exec(&["sh", "-c", "apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends docker.io >/dev/null 2>&1"]).await?;
    println!("docker.io {:?}", t.elapsed());
    host.write_file("/etc/docker/daemon.json", "644", format!("{{\"registry-mirrors\":[\"{}\"]}}", lab.registry.mirror).as_bytes()).await?;
    host.exec(&["systemctl", "restart", "docker"]).await?;
    for i in letsbe_lab::images::CATALOG.iter().map(|i| i.reference).chain(["letsbe/secrets-proxy:0.1.0"]) {
        let t = Instant::now();
        let r = host.exec(&["docker", "pull", "-q", i]).await;
        println!("pull {i} {:?} {:?}", t.elapsed(), r.map_err(|e| e.to_string()));
    }
    println!("{}", host.exec(&["docker", "run", "--rm", "redis:7-alpine", "sh", "-c", "id; getent hosts deb.debian.org"]).await?);
    println!("{}", host.exec(&["df", "-h", "/var/lib/docker"]).await?);
    lab.stop().await?;
    Ok(())
}
