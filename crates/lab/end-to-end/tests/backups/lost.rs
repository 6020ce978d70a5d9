//! The server is lost, and there is no Hub either: an operator brings the customer back by hand, from the copies outside
//! and the keys in escrow.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use anyhow::{Context as _, ensure};
use letsbe_end_to_end::site::Site;
use letsbe_lab::content;
use letsbe_vault::escrow::{new_identity, recipient_of};
use tokio::process::Command;

use crate::server::{NAME, NODE, Server};

pub(crate) async fn comes_back_without_a_hub(server: &Server<'_>) -> anyhow::Result<()> {
    let (site, domain) = (server.site, server.site.domain(NAME));
    server.node(&["backup", "run"]).await?.succeeded()?;
    let good = content::inventory(&server.host).await?;
    let (identity, source) = (new_identity(), serde_json::to_string(&server.destination)?);
    let escrow = [NODE, "vault", "escrow", "--recipient", &recipient_of(&identity)?];
    let sealed = server.host.exec(&escrow).await?;
    let kept = [
        ("--source", private(site, "destination.json", &source)?),
        ("--age-identity", private(site, "key.txt", identity.expose())?),
        ("--sealed", private(site, "escrow.age", &format!("{sealed}\n"))?),
        ("--acme-roots", private(site, "roots.pem", &site.lab.acme.ca_pem)?),
        ("--issued-roots", private(site, "issued.pem", site.lab.issued_roots_pem())?),
        ("--key", site.key.clone()),
        ("--bundle", site.bundle.clone()),
    ];
    server.host.destroy().await?;
    for record in site.names(NAME) {
        site.lab.dns.remove_record(&record, "A").await?;
    }
    let host = site.server(NAME).await;
    let (address, email) = (host.address.to_string(), format!("owner@{NAME}.test"));
    let mut command = Command::new(&site.programs.cli);
    command.args(["--json", "provision", "--restore", "--tier", "build", "--docker", "distro"]);
    command.args(["--host", &address, "--domain", &domain, "--email", &email]);
    command.args(["--host-key", &host.host_key().await?]);
    command.args(["--tools", &content::TOOLS.join(",")]);
    command.args(["--registry-mirror", &site.lab.registry.mirror]);
    command.args(["--acme-directory", &site.lab.acme.directory]);
    command.args(kept.iter().flat_map(|(name, path)| [name.into(), path.as_os_str().to_owned()]));
    command.env("XDG_STATE_HOME", site.folder.path().join("remembered")).kill_on_drop(true);
    let ended = command.output().await?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    ensure!(ended.status.success(), "{said}");
    ensure!(!said.contains(identity.expose()), "the identity was printed");

    let back = content::inventory(&host).await?;
    ensure!(back == good, "{back:?} instead of {good:?}");
    content::pages_and_logins(&host, &domain, site.lab.issued_roots_pem(), &email).await?;
    // From now on it stores what it has where the lost one did.
    let again = Server { site, host, destination: server.destination.clone() };
    again.node(&["backup", "run", "--tool", "nocodb"]).await?.succeeded()?;
    Ok(())
}

/// A file that only its owner reads.
fn private(site: &Site, name: &str, content: &str) -> anyhow::Result<PathBuf> {
    let path = site.folder.path().join(name);
    fs::write(&path, content).with_context(|| name.to_owned())?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(path)
}
