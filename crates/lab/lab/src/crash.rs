//! Where `letsbe-node` can be killed, by its own word.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;

use crate::hosts::Host;

/// The names of all crash points of a piece of work (`backup`, `restore` …) of the program that is on a server.
///
/// # Errors
/// When the program does not know this work, or is a release build.
pub async fn points(host: &Host, work: &str) -> anyhow::Result<BTreeSet<String>> {
    let told = host.exec(&["/opt/letsbe/bin/letsbe-node", "crash-points"]).await?;
    let mut lists: BTreeMap<String, BTreeSet<String>> = serde_json::from_str(&told)?;
    lists.remove(work).with_context(|| format!("the node has no crash points for {work:?}: {told}"))
}
