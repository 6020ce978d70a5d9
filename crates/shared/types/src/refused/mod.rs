//! Whose fault a model provider's refusal is, and how it is told: for a server's proxy and the Hub's relay alike.
//!
//! A status of 400 says little: providers refuse a dead key, an empty account or a model that they no longer have with
//! it. What is a provider's or ours is for the next provider; only what is the request's own reaches the caller.

mod signs;

use serde_json::{Map, Value, json};

use self::signs::{CREDIT, SIGNS, Sign, UNABLE};

/// Longest message that is made of a refusal without one.
const TOLD_BYTES: usize = 2000;

/// Whose fault a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request's own.
    Caller,
    /// The request is more than this model can do. Another one may; if none does, the refusal is the caller's.
    Model,
    /// The provider's, or that of our account there; in our words where more than a status is known.
    Provider(Option<&'static str>),
}

/// Whose fault a refusal with this status is, and this body.
#[must_use]
pub fn fault(status: u16, body: &[u8]) -> Fault {
    let said = Said::in_body(body);
    let sign = said.sign();
    // Of all statuses only these can be about the request: its address, its headers and our account are not the caller's.
    if !matches!(status, 400 | 413 | 415 | 422) {
        return Fault::Provider(sign.filter(|_| status < 500));
    }
    // Something before the model does not let us through.
    let page = (said.is_page && status != 413).then_some("it answers with a page");
    match sign.or(page) {
        Some(what) => Fault::Provider(Some(what)),
        None if status == 413 || said.is(&UNABLE) => Fault::Model,
        None => Fault::Caller,
    }
}

/// Whether waiting does not help: the account there has no credit.
#[must_use]
pub fn is_out_of_credit(body: &[u8]) -> bool {
    Said::in_body(body).sign() == Some(CREDIT.what)
}

/// What a refusal says.
#[derive(Default)]
struct Said {
    codes: Vec<String>,
    messages: Vec<String>,
    /// It names a field of the request.
    names_a_field: bool,
    is_page: bool,
}

impl Said {
    fn in_body(body: &[u8]) -> Self {
        let mut said = Self::default();
        match serde_json::from_slice(body) {
            Ok(value) => said.take("", &value),
            Err(_) => {
                let text = String::from_utf8_lossy(body);
                said.is_page = text.trim_start().starts_with('<');
                said.messages.push(without_quotes(&text));
            }
        }
        said
    }

    fn take(&mut self, key: &str, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.take(key, item)),
            // `input` is the request itself, said back.
            Value::Object(fields) => {
                fields
                    .iter()
                    .filter(|(key, _)| *key != "input")
                    .for_each(|(key, value)| self.take(key, value));
            }
            Value::String(text) => match letters(key).as_str() {
                "code" | "type" | "status" | "reason" | "errorcode" | "errortype" | "errcode" => {
                    self.codes.push(letters(text));
                    // `AccessDenied.Unpurchased`
                    self.codes.extend(text.split_once('.').map(|(kind, _)| letters(kind)));
                }
                name if MESSAGES.contains(&name) => self.messages.push(without_quotes(text)),
                "param" => self.names_a_field |= !text.is_empty() && text != "model",
                // OpenRouter: what the provider behind it said.
                "raw" => match serde_json::from_str(text) {
                    Ok(value @ (Value::Object(_) | Value::Array(_))) => self.take("", &value),
                    _ => self.messages.push(without_quotes(text)),
                },
                _ => {}
            },
            _ => {}
        }
    }

    fn sign(&self) -> Option<&'static str> {
        let by_phrase = |sign: &&Sign| !self.names_a_field && !self.is_page && self.says(sign);
        let found = SIGNS.iter().find(|sign| self.has_code(sign)).or_else(|| SIGNS.iter().find(by_phrase));
        found.map(|sign| sign.what)
    }

    /// Whether it is this, though it may name a field.
    fn is(&self, sign: &Sign) -> bool {
        self.has_code(sign) || self.says(sign)
    }

    fn has_code(&self, sign: &Sign) -> bool {
        sign.codes.iter().any(|code| self.codes.contains(&letters(code)))
    }

    fn says(&self, sign: &Sign) -> bool {
        let is_in = |message: &String| sign.phrases.iter().any(|phrase| message.contains(phrase));
        self.messages.iter().any(is_in)
    }
}

/// Names of fields that hold a message, by their letters.
const MESSAGES: [&str; 11] = [
    "message",
    "msg",
    "detail",
    "error",
    "errors",
    "errordescription",
    "errormessage",
    "errormsg",
    "errmsg",
    "statusmsg",
    "title",
];

/// A code or a name by its letters and digits alone: `invalid_api_key`, `InvalidApiKey` and `invalid-api-key` are one.
fn letters(text: &str) -> String {
    let kept = text.chars().take(TOLD_BYTES).filter(|sign| sign.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

/// A message in lower case without what it quotes: that may be the caller's own words.
fn without_quotes(text: &str) -> String {
    let text: Vec<char> = text.chars().take(TOLD_BYTES).collect();
    let is_letter = |at: usize| text.get(at).is_some_and(|sign| sign.is_alphanumeric());
    let mut kept = String::new();
    let mut at = 0;
    while let Some(&sign) = text.get(at) {
        let opens = matches!(sign, '"' | '`') || sign == '\'' && !(at > 0 && is_letter(at - 1));
        let close =
            || (at + 1..text.len()).find(|end| text[*end] == sign && !(sign == '\'' && is_letter(end + 1)));
        if let Some(end) = opens.then(close).flatten() {
            at = end + 1;
        } else {
            kept.extend(if matches!(sign, '-' | '_') { ' ' } else { sign }.to_lowercase());
            at += 1;
        }
    }
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is said of a field that a provider does not know.
const UNSUPPORTED: [&str; 17] = [
    "unsupported",
    "not supported",
    "unrecognized",
    "unknown",
    "unexpected",
    "extra_forbidden",
    "extra inputs",
    "extra fields",
    "not allowed",
    "does not support",
    "not recogni",
    "unrecognised",
    "not a valid",
    "invalid parameter",
    "does not accept",
    "deprecated",
    "not permitted",
];

/// Whether a provider refuses a body because it does not know this field.
#[must_use]
pub fn unsupported(status: u16, body: &[u8], field: &str) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    matches!(status, 400 | 422) && text.contains(field) && UNSUPPORTED.iter().any(|word| text.contains(word))
}

/// A provider's refusal in OpenAI's form, whatever form it came in; `None` if it says nothing to a program or a person.
#[must_use]
pub fn told(body: &[u8]) -> Option<Value> {
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(_) => plain(body)?,
    };
    let first = value.as_array().and_then(|items| items.first()).unwrap_or(&value);
    let first = first["errors"].as_array().and_then(|errors| errors.first()).unwrap_or(first);
    let mut error = match (&first["error"], first) {
        (Value::Object(error), _) => error.clone(),
        (Value::String(message), _) | (_, Value::String(message)) => {
            Map::from_iter([("message".to_owned(), json!(message))])
        }
        (_, Value::Object(fields)) => fields.clone(),
        _ => Map::new(),
    };
    if !error.get("message").is_some_and(Value::is_string) {
        let is_message = |(name, _): &(&String, &Value)| MESSAGES.contains(&letters(name).as_str());
        let message = error.iter().filter(is_message).find_map(|(_, value)| value.as_str());
        let whole = || value.to_string().chars().take(TOLD_BYTES).collect();
        let message = message.map_or_else(whole, str::to_owned);
        error.insert("message".to_owned(), json!(message));
    }
    for (name, usual) in
        [("type", json!("invalid_request_error")), ("param", Value::Null), ("code", Value::Null)]
    {
        error.entry(name).or_insert(usual);
    }
    Some(json!({ "error": error }))
}

/// A refusal that is a text, and no page.
fn plain(body: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(body);
    let text: String = text.trim().chars().filter(|sign| !sign.is_control()).take(TOLD_BYTES).collect();
    let says_something = !text.is_empty() && !text.starts_with('<') && !text.contains('\u{fffd}');
    says_something.then_some(Value::String(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::signs::{BUSY, CLOSED, CREDIT, KEY, MODEL, REGION, SPOILT};
    use super::{Fault, fault, is_out_of_credit, told, unsupported};

    #[test]
    fn a_status_that_is_never_the_callers_needs_no_look() {
        for status in [
            300, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 414, 417, 418, 424, 425, 426, 428,
            429, 431, 451, 498, 499, 500, 502, 503, 504, 529, 599,
        ] {
            assert!(matches!(fault(status, b""), Fault::Provider(_)), "{status}");
        }
        for status in [400, 415, 422] {
            assert_eq!(fault(status, b""), Fault::Caller, "{status}");
        }
        assert_eq!(fault(413, b""), Fault::Model, "another one takes longer bodies");
    }

    /// As providers say it, and what it means.
    #[test]
    fn a_refusal_is_looked_into_before_the_request_is_blamed() {
        let credit = CREDIT.what;
        for (body, what) in [
            (
                r#"[{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#,
                KEY.what,
            ),
            (
                r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key"}}"#,
                KEY.what,
            ),
            (r#"{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}"#, credit),
            (
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#,
                credit,
            ),
            (
                r#"{"error":{"code":"Arrearage","message":"Access denied, please make sure your account is in good standing."}}"#,
                credit,
            ),
            (r#"{"error":{"message":"This organization has been disabled."}}"#, CLOSED.what),
            (
                r#"{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}"#,
                REGION.what,
            ),
            (r#"{"error":{"message":"x/y is not a valid model ID","code":400}}"#, MODEL.what),
            (r#"{"object":"error","message":"The model `x` does not exist.","code":404}"#, MODEL.what),
            (
                r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"code\":\"model_not_found\"}}"}}}"#,
                MODEL.what,
            ),
            (
                r#"{"error":{"message":"Request too large: tokens per minute (TPM)","code":"rate_limit_exceeded"}}"#,
                BUSY.what,
            ),
            ("<html><h1>400 Bad Request</h1></html>", "it answers with a page"),
            (r#"{"code":"InvalidApiKey","message":"Invalid API-key provided."}"#, KEY.what),
            (r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}"#, KEY.what),
            (r#"{"code":"Client specified an invalid argument","error":"Incorrect API key: k."}"#, KEY.what),
            (r#"{"error_code":110,"error_msg":"Access token invalid or no longer valid"}"#, KEY.what),
            (r#"{"message":"The security token included in the request is invalid"}"#, KEY.what),
            (r#"{"error":{"message":"x","metadata":{"raw":"No API key was given"}}}"#, KEY.what),
            (r#"{"code":30001,"message":"Sorry, your account balance is insufficient"}"#, credit),
            (r#"{"error":{"message":"x","code":"AccountOverdueError"}}"#, credit),
            (r#"{"error":{"message":"Spend alert reached","code":"blocked_api_access"}}"#, credit),
            (r#"{"message":"Operation not allowed"}"#, CLOSED.what),
            (r#"{"code":"AccessDenied.Unpurchased","message":"Access to model denied."}"#, KEY.what),
            (r#"{"code":20012,"message":"Model does not exist. Please check it carefully."}"#, MODEL.what),
            (r#"{"message":"The provided model identifier is invalid."}"#, MODEL.what),
            (
                r#"{"message":"Invocation of model ID x with on-demand throughput isn\u2019t supported."}"#,
                MODEL.what,
            ),
            (r#"{"error":"model 'x' not found, try pulling it first"}"#, MODEL.what),
            (r#"{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"x"}"#, BUSY.what),
            (r#"{"error":{"message":"Failed to call a function.","code":"tool_use_failed"}}"#, SPOILT.what),
        ] {
            assert_eq!(fault(400, body.as_bytes()), Fault::Provider(Some(what)), "{body}");
        }
        for body in [
            r#"{"error":{"message":"Invalid value: 'x'","type":"invalid_request_error","param":"messages[0].role"}}"#,
            r#"{"error":{"message":"Invalid schema for function 'get_billing_details': 'api key' isn't a type","param":null}}"#,
            r#"{"error":{"message":"Unknown value: api key","param":"tools[0].function.name"}}"#,
            r#"{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required"}]}"#,
            r#"{"detail":[{"type":"missing","msg":"Field required","input":{"error":"no api key","code":"unauthorized"}}]}"#,
        ] {
            assert_eq!(fault(400, body.as_bytes()), Fault::Caller, "{body}");
        }
        assert!(is_out_of_credit(br#"{"error":{"code":"insufficient_quota"}}"#) && !is_out_of_credit(b"{}"));
    }

    #[test]
    fn what_another_model_may_be_able_to_do_is_told_apart() {
        for body in [
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","param":"messages"}}"#,
            r#"{"error":{"message":"prompt is too long: 215000 tokens > 200000 maximum"}}"#,
            r#"{"error":{"message":"The input token count (9) exceeds the maximum number of tokens allowed (8)."}}"#,
            r#"{"error":"registry.ollama.ai/library/x does not support tools"}"#,
            r#"{"error":{"message":"Unsupported value: 'temperature'","param":"temperature","code":"unsupported_value"}}"#,
            r#"{"message":"x is not a multimodal model"}"#,
            r#"{"error":{"message":"max_tokens is too large: 9. This model supports at most 8 completion tokens."}}"#,
        ] {
            assert_eq!(fault(400, body.as_bytes()), Fault::Model, "{body}");
        }
    }

    #[test]
    fn a_field_that_a_provider_does_not_know_is_told_by_its_name() {
        let newer = br#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","param":"max_tokens"}}"#;
        let strict = br#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#;
        assert!(unsupported(400, newer, "max_tokens") && !unsupported(400, newer, "stream_options"));
        assert!(unsupported(422, strict, "stream_options") && !unsupported(500, strict, "stream_options"));
        for said in [
            "property 'stream_options' is not recognized",
            "extra fields not permitted: stream_options",
            "stream_options is not a valid parameter",
            "invalid parameter: stream_options",
            "`stream_options` is deprecated",
        ] {
            assert!(unsupported(400, said.as_bytes(), "stream_options"), "{said}");
        }
        let too_large =
            br#"{"error":{"message":"max_tokens is too large: 9. This model supports at most 8"}}"#;
        assert!(!unsupported(400, too_large, "max_tokens"));
    }

    #[test]
    fn every_refusal_is_told_in_one_form() {
        for (body, message) in [
            (r#"{"error":{"message":"m","type":"t","param":"p","code":"c"}}"#, "m"),
            (r#"[{"error":{"code":400,"message":"m"}}]"#, "m"),
            (r#"{"error":"m"}"#, "m"),
            (r#"{"object":"error","message":"m"}"#, "m"),
            (r#"{"detail":"m"}"#, "m"),
            (r#"{"detail":[1]}"#, r#"{"detail":[1]}"#),
            (r#"{"success":false,"errors":[{"code":7,"message":"m"}]}"#, "m"),
            (r#"{"errors":["m"]}"#, "m"),
            (r#"{"error_code":1,"error_msg":"m"}"#, "m"),
            (r#""m""#, "m"),
            ("m\n", "m"),
        ] {
            let told = told(body.as_bytes()).unwrap();
            assert_eq!(told["error"]["message"], message, "{body}");
            for name in ["type", "param", "code"] {
                assert!(told["error"].get(name).is_some(), "{name}: {told}");
            }
        }
        assert_eq!(told(br#"{"error":{"message":"m"}}"#).unwrap()["error"]["param"], json!(null));
        for body in [&b"<html>"[..], b" <!doctype html>", b"", b"\x1f\x8b\x08"] {
            assert!(told(body).is_none(), "{body:?}");
        }
    }
}
