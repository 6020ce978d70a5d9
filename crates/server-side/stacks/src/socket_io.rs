//! One event over socket.io (protocol 5 on Engine.IO 4), by long polling: a handful of plain HTTP requests.

use letsbe_catalog::Header;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use super::http::{in_words, text};

/// Packets of one reply are divided by this.
const DIVIDER: char = '\u{1e}';
/// More replies are not waited for; a tool tells some events of its own before it acknowledges ours.
const MOST_POLLS: usize = 64;

/// Opens a line, emits the event (a JSON list of its name and arguments), and answers the acknowledgement's arguments
/// as a JSON list.
///
/// # Errors
/// What went wrong, in words; nothing of what was said is quoted.
pub(super) async fn call(
    client: &Client,
    endpoint: &str,
    headers: &[Header],
    event: &str,
) -> Result<String, String> {
    let url = format!("{endpoint}?EIO=4&transport=polling");
    let opened = send(client.get(&url), headers).await?;
    let opened = opened.split(DIVIDER).find_map(|packet| packet.strip_prefix('0'));
    let opened = opened.ok_or("it opens no socket.io line")?;
    let opened: Value = serde_json::from_str(opened).map_err(|_| "its socket.io line has no description")?;
    let id = opened["sid"].as_str().filter(|id| id.chars().all(is_plain)).ok_or("its line has no id")?;
    let mut line = Line { client, url: format!("{url}&sid={id}"), headers };

    line.post("40").await?;
    line.wait_for("40").await?;
    line.post(&format!("420{event}")).await?;
    let acknowledged = line.wait_for("430").await;
    // Whether it takes leave makes no difference: a line that is left falls silent by itself.
    let _ = line.post("1").await;
    acknowledged
}

const fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')
}

struct Line<'a> {
    client: &'a Client,
    url: String,
    headers: &'a [Header],
}

impl Line<'_> {
    async fn post(&mut self, packet: &str) -> Result<(), String> {
        let request = self.client.post(&self.url).header("Content-Type", "text/plain;charset=UTF-8");
        send(request.body(packet.to_owned()), self.headers).await.map(drop)
    }

    /// What follows in the first packet that begins so.
    async fn wait_for(&mut self, beginning: &str) -> Result<String, String> {
        for _ in 0..MOST_POLLS {
            let packets = send(self.client.get(&self.url), self.headers).await?;
            for packet in packets.split(DIVIDER) {
                match packet {
                    _ if packet.starts_with(beginning) => return Ok(packet[beginning.len()..].to_owned()),
                    "1" | "41" => return Err("it ends the socket.io line".to_owned()),
                    "2" => self.post("3").await?,
                    _ if packet.starts_with("44") => return Err("it refuses the socket.io line".to_owned()),
                    _ => {}
                }
            }
        }
        Err("it does not acknowledge the event".to_owned())
    }
}

async fn send(request: RequestBuilder, headers: &[Header]) -> Result<String, String> {
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    let mut response = request.send().await.map_err(|error| in_words(&error))?;
    let body = text(&mut response).await.map_err(|error| in_words(&error))?;
    match response.status() {
        status if status.is_success() => Ok(body),
        status => Err(format!("its socket.io answers with status {}", status.as_u16())),
    }
}
