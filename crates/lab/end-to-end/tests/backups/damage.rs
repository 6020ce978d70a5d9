//! Flipped bytes and missing packs are found, and named with the sets that they touch.

use anyhow::{Context as _, ensure};

use crate::server::Server;

const DATA: &str = "/opt/letsbe/backups/repository/data";

pub(crate) async fn found_and_named(server: &Server<'_>) -> anyhow::Result<()> {
    let clean = server.node(&["backup", "check", "--data", "--json"]).await?.succeeded()?.json()?;
    ensure!(clean["damage"].as_array().is_some_and(Vec::is_empty), "{clean}");
    // WordPress's upload fills the largest ones.
    let largest = format!("find {DATA} -type f -printf '%s %p\\n' | sort -n | tail -n 2 | cut -d' ' -f2");
    let packs = server.shell(&largest).await?;
    let (flipped, missing) = packs.trim().split_once('\n').context("two packs")?;
    server.shell(&format!("cp {flipped} /root/flipped && mv {missing} /root/missing")).await?;
    let flip = format!("chmod u+w {flipped} && dd of={flipped} bs=1 seek=5000 conv=notrunc status=none");
    server.shell(&format!("printf 'XXXX' | {{ {flip}; }}")).await?;
    let called = server.node(&["backup", "check", "--data", "--json"]).await?;
    server.shell(&format!("mv -f /root/flipped {flipped} && mv /root/missing {missing}")).await?;
    // Behind what it found it says why it ends so.
    let mut told = serde_json::Deserializer::from_str(&called.stdout).into_iter::<serde_json::Value>();
    let told = told.next().context("nothing was said")??;
    let damage = told["damage"].as_array().with_context(|| told.to_string())?;
    for (pack, word) in [(flipped, "is not what was stored"), (missing, "is missing")] {
        let name = pack.rsplit('/').next().context("a pack")?;
        let named = |what: &&serde_json::Value| {
            what["what"].as_str().is_some_and(|what| what.contains(name) && what.contains(word))
        };
        let found = damage.iter().find(named).with_context(|| format!("{name} {word}: {told}"))?;
        ensure!(found["sets"].to_string().contains("wordpress"), "what it touches is not named: {found}");
    }
    called.refused("BAK017").map(drop)
}
