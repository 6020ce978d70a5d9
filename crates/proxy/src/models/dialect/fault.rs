//! Whose fault a refusal is, and how it is told.
//!
//! A status of 400 says little: providers refuse a dead key, an empty account or a model that they no longer have with
//! it. What is a provider's or ours is for the next provider; only what is the request's own reaches the caller.

use serde_json::{Map, Value, json};

use crate::limits::TOLD_BYTES;

/// Whose fault a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The request's own.
    Caller,
    /// The provider's, or that of our account there; in our words where more than a status is known.
    Provider(Option<&'static str>),
}

/// What can be wrong at a provider, and how it is said.
struct Sign {
    what: &'static str,
    /// Whole codes, types, states or reasons, in lower case.
    codes: &'static [&'static str],
    /// Parts of messages, in lower case and without what is quoted in them.
    phrases: &'static [&'static str],
}

const CREDIT: Sign = Sign {
    what: "our account there has no credit",
    codes: &[
        "insufficient_quota",
        "insufficient_balance",
        "insufficient_credits",
        "arrearage",
        "billing_not_active",
        "billing_hard_limit_reached",
        "billing_error",
        "billing_disabled",
        "payment_required",
        "quota_exceeded",
        "account_overdue",
        "exceeded_current_quota_error",
    ],
    phrases: &[
        "credit balance",
        "insufficient balance",
        "insufficient quota",
        "insufficient credits",
        "out of credits",
        "exceeded your current quota",
        "billing details",
        "billing account",
        "enable billing",
        "billing hard limit",
        "api usage limits",
        "good standing",
        "overdue",
    ],
};
const KEY: Sign = Sign {
    what: "our key there is not taken",
    codes: &[
        "api_key_invalid",
        "invalid_api_key",
        "invalid_key",
        "authentication_error",
        "invalid_authentication",
        "authentication_failed",
        "unauthorized",
        "unauthenticated",
        "permission_denied",
        "permission_error",
        "api_key_service_blocked",
        "service_disabled",
        "access_denied",
        "accessdenied",
    ],
    phrases: &["api key", "api_key", "apikey", "access token", "unauthorized", "not authorized"],
};
const CLOSED: Sign = Sign {
    what: "our account there is closed",
    codes: &[
        "account_deactivated",
        "account_suspended",
        "access_terminated",
        "organization_restricted",
        "user_suspended",
        "organization_disabled",
    ],
    phrases: &["suspended", "organization has been disabled", "account has been disabled", "deactivated"],
};
const REGION: Sign = Sign {
    what: "it does not serve this region",
    codes: &["unsupported_country_region_territory", "unsupported_country", "unsupported_region"],
    phrases: &[
        "location is not supported",
        "country, region",
        "in your region",
        "in your country",
        "region is not supported",
    ],
};
const MODEL: Sign = Sign {
    what: "it has no such model",
    codes: &[
        "model_not_found",
        "modelnotfound",
        "model_not_available",
        "model_not_active",
        "model_decommissioned",
        "model_terms_required",
        "model_not_supported",
        "model_not_allowed",
        "unknown_model",
        "invalid_model",
        "deploymentnotfound",
    ],
    phrases: &[
        "model does not exist",
        "model not found",
        "model not exist",
        "no such model",
        "unknown model",
        "invalid model",
        "not a valid model",
        "model is not supported",
        "decommissioned",
        "no endpoints found",
    ],
};
const BUSY: Sign = Sign {
    what: "it has too much to do",
    codes: &[
        "rate_limit_exceeded",
        "rate_limit_error",
        "resource_exhausted",
        "overloaded_error",
        "engine_overloaded_error",
        "capacity_exceeded",
        "server_error",
        "internal_error",
        "unavailable",
    ],
    phrases: &["rate limit", "tokens per minute", "overloaded", "over capacity", "temporarily unavailable"],
};
/// The first that is found counts.
const SIGNS: [Sign; 6] = [CREDIT, KEY, CLOSED, REGION, MODEL, BUSY];

/// Whose fault a refusal with this status is, and this body.
pub(crate) fn fault(status: u16, body: &[u8]) -> Fault {
    match status {
        // Our key, our account, our address or name of the model, the region; or the provider's trouble.
        401..=405 | 407..=410 | 421 | 423..=425 | 429 | 451 | 498 | 499 => {
            Fault::Provider(Said::in_body(body).sign())
        }
        400..=499 => {
            let said = Said::in_body(body);
            // Something before the model does not let us through.
            let page = (said.is_page && status != 413).then_some("it answers with a page");
            said.sign().or(page).map_or(Fault::Caller, |what| Fault::Provider(Some(what)))
        }
        _ => Fault::Provider(None),
    }
}

/// Whether waiting does not help: the account there has no credit.
pub(crate) fn is_out_of_credit(body: &[u8]) -> bool {
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
            Value::Object(fields) => fields.iter().for_each(|(key, value)| self.take(key, value)),
            Value::String(text) => match key {
                "code" | "type" | "status" | "reason" => self.codes.push(text.to_lowercase()),
                "message" | "msg" | "detail" | "error" | "error_description" | "title" => {
                    self.messages.push(without_quotes(text));
                }
                "param" => self.names_a_field |= !text.is_empty() && text != "model",
                // OpenRouter: what the provider behind it said.
                "raw" => {
                    if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                        self.take("", &value);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn sign(&self) -> Option<&'static str> {
        let by_code = |sign: &&Sign| self.codes.iter().any(|code| sign.codes.contains(&code.as_str()));
        let by_phrase = |sign: &&Sign| {
            let is_in = |message: &String| sign.phrases.iter().any(|phrase| message.contains(phrase));
            !self.names_a_field && !self.is_page && self.messages.iter().any(is_in)
        };
        SIGNS.iter().find(by_code).or_else(|| SIGNS.iter().find(by_phrase)).map(|sign| sign.what)
    }
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
            kept.extend(sign.to_lowercase());
            at += 1;
        }
    }
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is said of a field that a provider does not know.
const UNSUPPORTED: [&str; 10] = [
    "unsupported",
    "not supported",
    "unrecognized",
    "unknown",
    "unexpected",
    "extra_forbidden",
    "extra inputs",
    "not permitted",
    "not allowed",
    "does not support",
];

/// Whether a provider refuses a body because it does not know this field.
pub(crate) fn unsupported(status: u16, body: &[u8], field: &str) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    matches!(status, 400 | 422) && text.contains(field) && UNSUPPORTED.iter().any(|word| text.contains(word))
}

/// A provider's refusal in OpenAI's form, whatever form it came in; `None` if it is no JSON.
pub(crate) fn told(body: &[u8]) -> Option<Value> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let first = value.as_array().and_then(|items| items.first()).unwrap_or(&value);
    let mut error = match (&first["error"], first) {
        (Value::Object(error), _) => error.clone(),
        (Value::String(message), _) => Map::from_iter([("message".to_owned(), json!(message))]),
        (_, Value::Object(fields)) => fields.clone(),
        _ => Map::new(),
    };
    if !error.get("message").is_some_and(Value::is_string) {
        let message = ["msg", "detail", "error_description", "title"]
            .iter()
            .find_map(|name| error.get(*name)?.as_str());
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        BUSY, CLOSED, CREDIT, Fault, KEY, MODEL, REGION, fault, is_out_of_credit, told, unsupported,
    };

    #[test]
    fn a_status_that_is_never_the_callers_needs_no_look() {
        for status in
            [300, 401, 402, 403, 404, 405, 408, 409, 410, 425, 429, 451, 498, 500, 502, 503, 504, 529, 599]
        {
            assert!(matches!(fault(status, b""), Fault::Provider(_)), "{status}");
        }
        for status in [400, 413, 415, 422, 431] {
            assert_eq!(fault(status, b""), Fault::Caller, "{status}");
        }
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
        ] {
            assert_eq!(fault(400, body.as_bytes()), Fault::Provider(Some(what)), "{body}");
        }
        for body in [
            r#"{"error":{"message":"Invalid value: 'x'","type":"invalid_request_error","param":"messages[0].role"}}"#,
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","code":"context_length_exceeded"}}"#,
            r#"{"error":{"message":"Invalid schema for function 'get_billing_details': 'api key' isn't a type","param":null}}"#,
            r#"{"error":{"message":"Unknown value: api key","param":"tools[0].function.name"}}"#,
            r#"{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required"}]}"#,
        ] {
            assert_eq!(fault(400, body.as_bytes()), Fault::Caller, "{body}");
        }
        assert!(is_out_of_credit(br#"{"error":{"code":"insufficient_quota"}}"#) && !is_out_of_credit(b"{}"));
    }

    #[test]
    fn a_field_that_a_provider_does_not_know_is_told_by_its_name() {
        let newer = br#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","param":"max_tokens"}}"#;
        let strict = br#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#;
        assert!(unsupported(400, newer, "max_tokens") && !unsupported(400, newer, "stream_options"));
        assert!(unsupported(422, strict, "stream_options") && !unsupported(500, strict, "stream_options"));
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
        ] {
            let told = told(body.as_bytes()).unwrap();
            assert_eq!(told["error"]["message"], message, "{body}");
            for name in ["type", "param", "code"] {
                assert!(told["error"].get(name).is_some(), "{name}: {told}");
            }
        }
        assert_eq!(told(br#"{"error":{"message":"m"}}"#).unwrap()["error"]["param"], json!(null));
        assert!(told(b"<html>").is_none());
    }
}
