//! How `letsbe-node …` asks the agent on the same server: over a socket for root only.

use std::time::Duration;

use letsbe_types::{Code, Problem};
use reqwest::Method;
use serde_json::Value;

use crate::layout::Layout;

/// The agent answers within this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks the running agent.
///
/// # Errors
/// What the agent refused with; NODE071 when it does not answer.
pub async fn call(layout: &Layout, method: &str, path: &str, body: Option<Value>) -> Result<Value, Problem> {
    let silent = |why: String| {
        let hint = "See `systemctl status letsbe-agent` and `journalctl -u letsbe-agent`.";
        Problem::transient(Code::NODE071, format!("The agent does not answer: {why}"), hint)
    };
    let method: Method = method.parse().map_err(|_| silent(format!("{method} is no method")))?;
    let builder = reqwest::Client::builder().unix_socket(layout.control_socket()).timeout(PATIENCE);
    let client = builder.build().map_err(|error| silent(error.to_string()))?;
    let request = client.request(method, format!("http://agent{path}"));
    let request = match &body {
        Some(body) => request.json(body),
        None => request,
    };
    let reply = request.send().await.map_err(|error| silent(root_cause(&error)))?;
    let status = reply.status();
    let body = reply.bytes().await.map_err(|error| silent(root_cause(&error)))?;
    if status.is_success() {
        if body.is_empty() {
            return Ok(Value::Null);
        }
        return serde_json::from_slice(&body).map_err(|error| silent(error.to_string()));
    }
    Err(serde_json::from_slice::<Problem>(&body).unwrap_or_else(|_| silent(format!("it answered {status}"))))
}

/// The last of the causes is the one that helps: "Connection refused", "No such file or directory".
fn root_cause(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.last().map_or_else(|| error.to_string(), ToString::to_string)
}
