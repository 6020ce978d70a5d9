//! One event over socket.io by long polling, as a page of Uptime Kuma would send it.

use anyhow::Context as _;
use reqwest::Client;
use serde_json::Value;

/// A tool tells some events of its own before it answers.
const POLLS: usize = 16;

/// The acknowledgement of an event: a list of arguments.
pub(crate) async fn emit(client: &Client, site: &str, event: &Value) -> anyhow::Result<Value> {
    let open = format!("{site}/socket.io/?EIO=4&transport=polling");
    let opened = client.get(&open).send().await?.error_for_status()?.text().await?;
    let opened: Value = serde_json::from_str(opened.strip_prefix('0').context("no line")?)?;
    let line = format!("{open}&sid={}", opened["sid"].as_str().context("no id")?);
    let say =
        async |packet: String| anyhow::Ok(client.post(&line).body(packet).send().await?.error_for_status()?);
    say("40".to_owned()).await?;
    heard(client, &line, "40").await?;
    say(format!("421{event}")).await?;
    let answer = heard(client, &line, "431").await?;
    Ok(serde_json::from_str(&answer)?)
}

async fn heard(client: &Client, line: &str, beginning: &str) -> anyhow::Result<String> {
    for _ in 0..POLLS {
        let packets = client.get(line).send().await?.error_for_status()?.text().await?;
        if let Some(rest) = packets.split('\u{1e}').find_map(|packet| packet.strip_prefix(beginning)) {
            return Ok(rest.to_owned());
        }
    }
    anyhow::bail!("no answer")
}
