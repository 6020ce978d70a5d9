//! A request to a tool and what must come back: probes, the first set-up, log-ins.

use std::{collections::BTreeMap, fmt};

use letsbe_types::Secret;
use serde::Deserialize;

use crate::{RenderContext, RenderError, Tool, template};

/// One HTTP request and what must come back. Paths, form fields and JSON strings are templates.
///
/// It is sent to `http://127.0.0.1:<port>` with `Host: <the tool's first vhost>` and `X-Forwarded-Proto: https`,
/// as nginx would; redirects are not followed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// `GET` or `POST`.
    #[serde(default = "get")]
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Body as an HTML form.
    #[serde(default)]
    pub form: Option<BTreeMap<String, String>>,
    /// Body as JSON.
    #[serde(default)]
    pub json: Option<serde_json::Value>,
    /// A message to the tool's socket.io: the event's name and its arguments, in place of `method`, `form` and `json`.
    /// `path` is the endpoint, `/socket.io/`; what comes back is the list of the acknowledgement's arguments, as JSON.
    #[serde(default)]
    pub emit: Option<Vec<serde_json::Value>>,
    /// More headers, for example a token from an earlier reply.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What must come back.
    #[serde(default)]
    pub expect: Expect,
    /// What later requests of the same set-up need from the reply.
    #[serde(default)]
    pub capture: Option<Capture>,
}

/// A value that a reply holds and that later requests use as a variable. It is treated as a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// Name of the variable.
    pub variable: String,
    /// RFC 6901 pointer to a text in the JSON body.
    pub pointer: String,
}

impl Exchange {
    /// What the reply gives to later requests: name and value, to be added to their credentials.
    ///
    /// # Errors
    /// When the reply does not hold it. The body is never quoted.
    pub fn captured(&self, body: &str) -> Result<Option<(String, Secret<String>)>, String> {
        let Some(Capture { variable, pointer }) = &self.capture else { return Ok(None) };
        let json = serde_json::from_str::<serde_json::Value>(body)
            .map_err(|_| "the reply is not JSON".to_owned())?;
        let value = json.pointer(pointer).and_then(serde_json::Value::as_str);
        let value = value.ok_or_else(|| format!("the reply has no text at {pointer}"))?;
        Ok(Some((variable.clone(), Secret::from(value))))
    }
}

fn get() -> String {
    "GET".to_owned()
}

/// What a reply must be. Every condition given must hold.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Acceptable status codes.
    #[serde(default = "ok")]
    pub status: Vec<u16>,
    /// Text that the body holds.
    #[serde(default)]
    pub contains: Option<String>,
    /// RFC 6901 pointer to a value that must exist in a JSON body.
    #[serde(default)]
    pub pointer: Option<String>,
    /// The value that must stand there.
    #[serde(default)]
    pub equals: Option<serde_json::Value>,
}

fn ok() -> Vec<u16> {
    vec![200]
}

impl Default for Expect {
    fn default() -> Self {
        Self { status: ok(), contains: None, pointer: None, equals: None }
    }
}

impl Expect {
    /// Compares a reply with what must come back.
    ///
    /// # Errors
    /// What differs, in words. The body is never quoted: it may hold a secret.
    pub fn check(&self, status: u16, body: &str) -> Result<(), String> {
        if !self.status.contains(&status) {
            return Err(format!("it answered with status {status}, expected {}", join(&self.status)));
        }
        if let Some(text) = &self.contains
            && !body.contains(text.as_str())
        {
            return Err(format!("the reply does not contain \"{text}\""));
        }
        let Some(pointer) = &self.pointer else { return Ok(()) };
        let Ok(json) = serde_json::from_str::<serde_json::Value>(body) else {
            return Err("the reply is not JSON".to_owned());
        };
        match (json.pointer(pointer), &self.equals) {
            (None, _) => Err(format!("the reply has nothing at {pointer}")),
            (Some(found), Some(wanted)) if found != wanted => {
                Err(format!("the reply has another value at {pointer} than {wanted}"))
            }
            _ => Ok(()),
        }
    }
}

fn join(codes: &[u16]) -> String {
    codes.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ")
}

/// An HTTP header.
pub type Header = (String, String);

/// How an exchange is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One HTTP request.
    Http,
    /// One event over socket.io, acknowledged; the body is the JSON list of its name and arguments.
    SocketIo,
}

/// An exchange ready to be sent.
#[derive(Clone)]
pub struct RenderedExchange {
    /// How it is sent.
    pub transport: Transport,
    /// `GET` or `POST`.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Headers: `Host`, `X-Forwarded-Proto` and, with a body, `Content-Type`.
    pub headers: Vec<Header>,
    /// Body; empty where there is none.
    pub body: Secret<String>,
    /// What must come back.
    pub expect: Expect,
}

impl fmt::Debug for RenderedExchange {
    /// Headers and body may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Fills in an exchange of `tool`. Each value is encoded for the place where it stands (form or JSON).
///
/// # Errors
/// When a template names an unknown variable.
///
/// In a set-up, what [`Exchange::captured`] took from earlier replies belongs into `credentials`.
pub fn render_exchange(
    tool: &Tool,
    exchange: &Exchange,
    context: &RenderContext,
    credentials: &BTreeMap<String, Secret<String>>,
) -> Result<RenderedExchange, RenderError> {
    let file = format!("{}/tool.toml", tool.name);
    let public = context.variables(tool);
    let mut variables = public.clone();
    variables.extend(credentials.iter().map(|(key, value)| (key.clone(), value.expose().clone().into())));
    let mut headers = vec![
        ("Host".to_owned(), context.hostname(tool).to_string()),
        ("X-Forwarded-Proto".to_owned(), "https".to_owned()),
    ];
    for (name, text) in &exchange.headers {
        headers.push((name.clone(), template::render(&file, text, &variables)?));
    }
    let body = match (&exchange.emit, &exchange.form, &exchange.json) {
        (Some(event), ..) => {
            let list = serde_json::Value::Array(event.clone());
            render_json(&file, &list, &variables)?.to_string()
        }
        (None, Some(form), _) => {
            headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
            let mut pairs = Vec::new();
            for (name, text) in form {
                let value = template::render(&file, text, &variables)?;
                pairs.push(format!("{}={}", form_encode(name), form_encode(&value)));
            }
            pairs.join("&")
        }
        (None, None, Some(json)) => {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
            render_json(&file, json, &variables)?.to_string()
        }
        (None, None, None) => String::new(),
    };
    Ok(RenderedExchange {
        transport: if exchange.emit.is_some() { Transport::SocketIo } else { Transport::Http },
        method: exchange.method.clone(),
        // A path ends up in access logs: no credential may stand in it.
        path: template::render(&file, &exchange.path, &public)?,
        headers,
        body: Secret::new(body),
        expect: exchange.expect.clone(),
    })
}

fn render_json(
    file: &str,
    value: &serde_json::Value,
    variables: &template::Variables,
) -> Result<serde_json::Value, RenderError> {
    use serde_json::Value;
    Ok(match value {
        Value::String(text) => Value::String(template::render(file, text, variables)?),
        Value::Array(items) => Value::Array(
            items.iter().map(|item| render_json(file, item, variables)).collect::<Result<_, _>>()?,
        ),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, field)| Ok((key.clone(), render_json(file, field, variables)?)))
                .collect::<Result<_, RenderError>>()?,
        ),
        other => other.clone(),
    })
}

fn form_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => encoded.push(byte as char),
            b' ' => encoded.push('+'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
        encoded
    })
}

/// The templates inside an exchange, for the check of used variables.
pub(crate) fn templates(exchange: &Exchange) -> Vec<String> {
    fn walk(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) => found.push(text.clone()),
            serde_json::Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            serde_json::Value::Object(fields) => fields.values().for_each(|field| walk(field, found)),
            _ => {}
        }
    }
    let mut found = vec![exchange.path.clone()];
    found.extend(exchange.headers.values().cloned());
    found.extend(exchange.form.iter().flat_map(|form| form.values().cloned()));
    exchange.json.iter().chain(exchange.emit.iter().flatten()).for_each(|json| walk(json, &mut found));
    found
}

#[cfg(test)]
mod tests {
    use super::{Exchange, Expect, form_encode};

    #[test]
    fn replies_are_compared() {
        let expect = |text: &str| toml::from_str::<Expect>(text).expect(text);
        let table = [
            ("", 200, "", None),
            ("", 302, "", Some("it answered with status 302, expected 200")),
            ("status = [200, 302]", 302, "", None),
            ("contains = \"Ghost\"", 200, "<p>Ghost", None),
            ("contains = \"Ghost\"", 200, "<p>", Some("the reply does not contain \"Ghost\"")),
            ("pointer = \"/a/0\"\nequals = true", 200, r#"{"a":[true]}"#, None),
            (
                "pointer = \"/a\"\nequals = true",
                200,
                r#"{"a":1}"#,
                Some("the reply has another value at /a than true"),
            ),
            ("pointer = \"/b\"", 200, r#"{"a":1}"#, Some("the reply has nothing at /b")),
            ("pointer = \"/b\"", 200, "no", Some("the reply is not JSON")),
        ];
        for (given, status, body, wanted) in table {
            assert_eq!(expect(given).check(status, body).err().as_deref(), wanted, "{given} {status} {body}");
        }
    }

    #[test]
    fn a_token_is_taken_from_a_reply() {
        let text = "path = \"/\"\ncapture = { variable = \"token\", pointer = \"/token\" }";
        let exchange = toml::from_str::<Exchange>(text).expect("exchange");
        let (name, value) = exchange.captured(r#"{"token":"t1"}"#).expect("reply").expect("capture");
        assert_eq!((name.as_str(), value.expose().as_str()), ("token", "t1"));
        for (body, why) in [("{}", "the reply has no text at /token"), ("<p>", "the reply is not JSON")] {
            assert_eq!(exchange.captured(body).expect_err(body), why);
        }
    }

    #[test]
    fn form_values_are_encoded() {
        assert_eq!(form_encode("a+/= ü&b"), "a%2B%2F%3D+%C3%BC%26b");
    }
}
