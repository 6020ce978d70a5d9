//! A Hub that says what the test lets it say, and remembers what it was asked.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

/// A request: the method and the path with its query, and the body.
pub(crate) type Asked = (String, Value);

pub(crate) struct FakeHub {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeHub {
    /// It takes every log-in; `says` has the status and the data (or, for a refusal, the error) of all else; with
    /// status 0 it hangs up.
    pub(crate) fn new(says: impl Fn(&str, &Value) -> (u16, Value) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some((line, body, stream)) = stream.ok().and_then(read) else { continue };
                let (status, said) = match line.as_str() {
                    "POST /api/v1/admin/login" => (200, json!({"token": "canary-token"})),
                    line => says(line, &body),
                };
                kept.lock().unwrap().push((line, body));
                if status != 0 {
                    answer(stream, status, &said);
                }
            }
        });
        Self { address, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that was asked after the log-in.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().skip(1).map(|(line, _)| line.clone()).collect()
    }
}

fn read(stream: TcpStream) -> Option<(String, Value, TcpStream)> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).ok()?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().ok()?;
        }
        if header.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let line = line.rsplit_once(' ')?.0.to_owned();
    Some((line, serde_json::from_slice(&body).unwrap_or(Value::Null), reader.into_inner()))
}

fn answer(mut stream: TcpStream, status: u16, said: &Value) {
    let body = match status {
        200..300 => json!({"success": true, "data": said}),
        _ => json!({"success": false, "error": said}),
    };
    let body = body.to_string();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
}

/// An order of this domain that is live.
pub(crate) fn order(id: &str, domain: &str) -> Value {
    json!({
        "id": id, "state": "FULFILLED", "domain": domain, "email": "owner@acme.example", "tier": "build",
        "region": "eu", "tools": ["ghost"], "server": "netcup:1", "created_at": "2026-11-22T00:00:00Z",
        "updated_at": "2026-11-22T00:00:00Z", "problem": null, "attention": "live",
    })
}

/// A tenant of this domain that is fine.
pub(crate) fn tenant(id: &str, domain: &str) -> Value {
    json!({
        "id": id, "domain": domain, "tier": "build", "health": "fine", "troubles": [], "heard_at": null,
        "node_version": "0.1.0", "containers": 3, "containers_not_ok": 0, "disk_used_percent": 40, "tokens_used": 0,
        "token_pool": 1, "backup_at": null, "updates": 0, "approvals_pending": 0,
    })
}
