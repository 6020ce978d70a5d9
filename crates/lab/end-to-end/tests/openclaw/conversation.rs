//! One turn: the user says something, the model answers what the test wants, OpenClaw does the rest.

use anyhow::{Context as _, ensure};
use letsbe_simulators::models::{Answer, Request};
use serde_json::Value;

use crate::Server;

/// What came of a turn.
pub(crate) struct Turn {
    /// What the provider was sent meanwhile.
    pub(crate) requests: Vec<Request>,
    /// What OpenClaw told the user.
    pub(crate) reply: String,
}

impl Server<'_> {
    /// The user says `message`; the model gives these answers, one per request.
    pub(crate) async fn say(&self, message: &str, answers: Vec<Answer>) -> anyhow::Result<Turn> {
        let before = self.fleet.models.requests().len();
        let wanted = answers.len();
        answers.into_iter().for_each(|answer| self.fleet.models.enqueue(answer));
        let words =
            ["docker", "exec", "letsbe-openclaw", "openclaw", "agent", "--agent", "it-admin", "--message"];
        let command: Vec<&str> = words.into_iter().chain([message, "--json"]).collect();
        let printed = self.host.exec(&command).await.context("OpenClaw's command line")?;
        let printed: Value = serde_json::from_str(&printed).context("what OpenClaw prints")?;
        ensure!(printed["status"] == "ok", "the turn did not end well: {printed}");
        let reply = printed["result"]["payloads"][0]["text"].as_str().unwrap_or_default().to_owned();
        let requests = self.fleet.models.requests().split_off(before);
        ensure!(requests.len() == wanted, "{} requests instead of {wanted}", requests.len());
        Ok(Turn { requests, reply })
    }

    /// The user says `message`; the model calls a tool of the gate, gets its answer and says goodbye.
    pub(crate) async fn call(&self, message: &str, tool: &str, arguments: Value) -> anyhow::Result<Value> {
        let answers = vec![Answer::call(&format!("gate__{tool}"), arguments), Answer::text("Understood.")];
        self.say(message, answers).await?.result()
    }
}

impl Turn {
    /// What the last request says that the last called tool answered.
    pub(crate) fn result(&self) -> anyhow::Result<Value> {
        let results = self.requests.last().context("no request")?.tool_results();
        let text = results.last().context("no tool was called")?;
        // The answer stands there twice: laid out, and as the text it came as.
        let first = text.find('{').context("no object")?;
        let mut values = serde_json::Deserializer::from_str(&text[first..]).into_iter();
        values.next().context("no object")?.with_context(|| text.clone())
    }

    /// Everything that the provider was sent, as text.
    pub(crate) fn sent(&self) -> String {
        self.requests.iter().map(|request| String::from_utf8_lossy(&request.body).into_owned()).collect()
    }
}

pub(crate) async fn hello(server: &Server<'_>) -> anyhow::Result<()> {
    let turn = server.say("Good morning!", vec![Answer::text("Good morning.")]).await?;
    ensure!(turn.reply.contains("Good morning."), "{}", turn.reply);
    let request = &turn.requests[0];
    ensure!(request.model() == "lab-large", "the provider was asked for {}", request.model());
    let relay_key = server.secrets.get("models", "lab").context("the server's key at the relay")?;
    let key = server.fleet.hub.model_key();
    ensure!(relay_key.expose() != key.expose(), "the vault has the provider's key");
    let bearer = format!("Bearer {}", key.expose());
    ensure!(request.header("authorization") == Some(&bearer), "the provider is not asked with the Hub's key");
    let tools = request.tools();
    for tool in ["gate__run", "gate__logs", "gate__restart", "gate__approval_status"] {
        ensure!(tools.iter().any(|known| known == tool), "the model does not see {tool}: {tools:?}");
    }
    let own = ["session_status", "sessions_list", "sessions_history"];
    let foreign: Vec<&String> =
        tools.iter().filter(|tool| !tool.starts_with("gate__") && !own.contains(&tool.as_str())).collect();
    ensure!(foreign.is_empty(), "the model sees other tools: {foreign:?}");
    ensure!(turn.sent().contains("You look after the server of"), "the agent does not know its role");
    Ok(())
}
