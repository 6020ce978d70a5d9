//! Flipped bytes and missing packs are found, and named with the sets that they touch.

use anyhow::{Context as _, ensure};

use crate::server::Server;

const DATA: &str = "/opt/letsbe/backups/repository/data";

pub(crate) async fn found_and_named(server: &Server<'_>) -> anyhow::Result<()> {
    let clean = server.node(&["backup", "check", "--data", "--json"]).await?.succeeded()?.json()?;
    ensure!(clean["damage"].as_array().is_some_and(Vec::is_empty), "{clean}");
    let largest = format!("find {DATA} -type f -printf '%s %p\\n' | sort -n | tail -n 1 | cut -d' ' -f2");
    let pack = server.shell(&largest).await?.trim().to_owned();
    let name = pack.rsplit('/').next().context("a pack")?.to_owned();
    server.shell(&format!("cp {pack} /root/pack && chmod u+w {pack}")).await?;
    server.shell(&format!("printf 'XXXX' | dd of={pack} bs=1 seek=5000 conv=notrunc status=none")).await?;
    let flipped = server.node(&["backup", "check", "--data", "--json"]).await?;
    server.shell(&format!("rm -f {pack}")).await?;
    let missing = server.node(&["backup", "check", "--data", "--json"]).await?;
    server.shell(&format!("cp /root/pack {pack} && rm /root/pack")).await?;
    for (what, called) in [("flipped bytes", flipped), ("a missing pack", missing)] {
        let said = format!("{}{}", called.stdout, called.stderr);
        ensure!(
            called.code != 0 && said.contains(&name[..8]),
            "{what}: the pack {name} is not named: {said}"
        );
        ensure!(said.contains("wordpress"), "{what}: what it touches is not named: {said}");
    }
    server.node(&["backup", "check", "--data"]).await?.succeeded()?;
    Ok(())
}
