//! A model provider with an OpenAI-compatible interface, whose side of the wire can be read afterwards.
//!
//! ```text
//! let sim = ModelSim::start("127.0.0.1:0".parse()?).await?;   // sim.base_url() = http://127.0.0.1:…/v1
//! sim.enqueue(Answer::text("Hello"));                         // the next answer …
//! sim.enqueue(Answer::pieces(["Hel", "lo"]));                 // … in pieces, when it is streamed
//! sim.enqueue(Answer::call("disk_usage", json!({})));         // … a tool call
//! sim.script(|request| match request.tool_results().last() {  // when the queue is empty
//!     Some(result) => Answer::text(format!("It said {result}")),
//!     None => Answer::call("list_containers", json!({})),
//! });
//! sim.faults(|faults| faults.next.push_back(Fault::Status { status: 429, retry_after: Some(1) }));
//! sim.requests()  // every request: method, path, headers, body as they came
//! sim.wire()      // every byte that arrived, on all connections
//! ```
//!
//! It must never be part of what runs at a customer, and never answer with anything that nobody asked it to say.

pub mod dialects;
mod events;
mod serve;
mod shapes;
mod wire;

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

/// A running provider; it ends when this is dropped.
#[derive(Debug)]
pub struct ModelSim {
    /// Where it answers.
    pub address: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// For example `POST`.
    pub method: String,
    /// For example `/v1/chat/completions`.
    pub path: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What the model says.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Text and tool calls, in the form that the request asks for.
    Message(Message),
    /// Exactly this.
    Raw {
        /// HTTP status.
        status: u16,
        /// Content type.
        content_type: String,
        /// The body.
        body: Vec<u8>,
    },
}

/// Text and tool calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// The text; each piece is an event of its own when the answer is streamed.
    pub text: Vec<String>,
    /// Tools that the model wants called.
    pub tool_calls: Vec<ToolCall>,
    /// Tokens read and written; counted roughly when nobody says it.
    pub usage: Option<(u64, u64)>,
}

/// A tool that the model wants called.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub arguments: Value,
}

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed without an answer.
    Drop,
    /// No answer at all.
    Hang,
    /// The answer begins this late.
    SlowFirstByte(Duration),
    /// Only a status, with an error in the provider's form.
    Status {
        /// For example 429.
        status: u16,
        /// Seconds of `Retry-After`.
        retry_after: Option<u64>,
    },
    /// The connection is cut after so many events of a stream (a whole answer: after half of it).
    CutAfter(usize),
    /// After so many events of a stream nothing more comes (a whole answer: after half of it).
    StallAfter(usize),
    /// After so many events of a stream there are comments only, without an end.
    CommentsAfter(usize),
    /// Before a whole answer there are blank lines for so long; the head comes at once.
    BlankLinesFirst(Duration),
    /// It streams to who wants a whole answer, and the reverse, and this goes wrong as well.
    Swapped(Box<Self>),
    /// Status 200, and something that is no answer.
    Malformed,
    /// It speaks this dialect of [`dialects`].
    Dialect(&'static str),
    /// Usage that cannot be.
    WrongUsage,
    /// No usage.
    NoUsage,
}

/// What goes wrong.
#[derive(Debug, Default)]
pub struct Faults {
    /// For one request each.
    pub next: VecDeque<Fault>,
    /// For every request for which nothing stands in `next`.
    pub always: Option<Fault>,
}

type Script = dyn Fn(&Request) -> Answer + Send + Sync;

#[derive(Default)]
struct State {
    script: Mutex<Option<Arc<Script>>>,
    queue: Mutex<VecDeque<Answer>>,
    faults: Mutex<Faults>,
    requests: Mutex<Vec<Request>>,
    wire: Arc<Mutex<Vec<u8>>>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("requests", &locked(&self.requests).len()).finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ModelSim {
    /// Starts a provider; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(listen: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::default());
        let server = tokio::spawn(serve::serve(listener, Arc::clone(&state)));
        Ok(Self { address, state, server })
    }

    /// The base address for a provider's configuration.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What is answered when the queue is empty. Without a script it is "ok".
    pub fn script(&self, script: impl Fn(&Request) -> Answer + Send + Sync + 'static) {
        *locked(&self.state.script) = Some(Arc::new(script));
    }

    /// One more answer for the queue.
    pub fn enqueue(&self, answer: Answer) {
        locked(&self.state.queue).push_back(answer);
    }

    /// Changes what goes wrong.
    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut locked(&self.state.faults));
    }

    /// The requests so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.state.requests).clone()
    }

    /// Every byte that arrived, on all connections.
    #[must_use]
    pub fn wire(&self) -> Vec<u8> {
        locked(&self.state.wire).clone()
    }
}

impl Drop for ModelSim {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Request {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body; null when it is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The model that is asked.
    #[must_use]
    pub fn model(&self) -> String {
        self.json()["model"].as_str().unwrap_or_default().to_owned()
    }

    /// Messages of a chat, or input items of a response.
    #[must_use]
    pub fn messages(&self) -> Vec<Value> {
        let body = self.json();
        ["messages", "input"].iter().find_map(|key| body[key].as_array().cloned()).unwrap_or_default()
    }

    /// The text of what the user said last.
    #[must_use]
    pub fn last_user_text(&self) -> String {
        let messages = self.messages();
        let last = messages.iter().rev().find(|message| message["role"] == "user");
        last.map(|message| text_of(&message["content"])).unwrap_or_default()
    }

    /// What called tools answered, oldest first.
    #[must_use]
    pub fn tool_results(&self) -> Vec<String> {
        let result = |message: &Value| {
            if message["role"] == "tool" {
                Some(text_of(&message["content"]))
            } else if message["type"] == "function_call_output" {
                Some(text_of(&message["output"]))
            } else {
                None
            }
        };
        self.messages().iter().filter_map(result).collect()
    }

    /// Names of the tools that the model may call.
    #[must_use]
    pub fn tools(&self) -> Vec<String> {
        let tools = self.json()["tools"].as_array().cloned().unwrap_or_default();
        let name =
            |tool: &Value| tool["function"]["name"].as_str().or(tool["name"].as_str()).map(str::to_owned);
        tools.iter().filter_map(name).collect()
    }
}

/// The text of a content: a string, or parts with texts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

impl Answer {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::pieces([text.into()])
    }

    /// A text in pieces.
    #[must_use]
    pub fn pieces(pieces: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let text = pieces.into_iter().map(Into::into).collect();
        Self::Message(Message { text, ..Message::default() })
    }

    /// A call of one tool.
    #[must_use]
    pub fn call(name: &str, arguments: Value) -> Self {
        let tool_calls = vec![ToolCall { name: name.to_owned(), arguments }];
        Self::Message(Message { tool_calls, ..Message::default() })
    }

    /// The same with this usage; what is raw stays as it is.
    #[must_use]
    pub fn using(self, input: u64, output: u64) -> Self {
        match self {
            Self::Message(message) => Self::Message(Message { usage: Some((input, output)), ..message }),
            raw @ Self::Raw { .. } => raw,
        }
    }
}
