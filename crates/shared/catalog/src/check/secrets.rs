//! Secrets that were written into an entry. They are made on the tenant's server; what stands in the catalog is the same
//! on all of them, and is read by everybody. A value is never quoted.

use serde_json::Value;

use crate::{Exchange, Tool};

/// Names of what holds a secret, by their end.
const SECRET_NAMES: [&str; 5] = ["password", "passwd", "passphrase", "secret", "credentials"];
/// Names that may hold something else: what is short is no secret.
const KEY_NAMES: [&str; 4] = ["token", "key", "salt", "pass"];
/// Fewer letters are no key.
const KEY_LETTERS: usize = 8;
/// What secrets begin with, wherever they stand.
const BEGINNINGS: [&str; 8] =
    ["AGE-SECRET-KEY-", "AKIA", "ghp_", "github_pat_", "glpat-", "rk_live_", "sk_live_", "xoxb-"];
/// Letters that must follow, so that a word is not taken for one.
const FOLLOWING: usize = 12;
/// What a private key is headed by.
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

const WRITE: &str = "holds a secret in the clear: declare it in `credentials` and write `{{ its_key }}` in `env` or `secret_files`";

/// File, field and what to write.
pub(super) fn in_the_clear(tool: &Tool) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut refuse = |file: &str, field: String| found.push((file.to_owned(), field, WRITE.to_owned()));
    for (file, lines) in &tool.env {
        for (name, _) in lines.iter().filter(|(name, value)| is_secret(name, value)) {
            refuse("tool.toml", format!("env.\"{file}\".{name}"));
        }
    }
    for (name, _) in tool.secret_files.iter().filter(|(_, text)| !text.contains("{{")) {
        refuse("tool.toml", format!("secret_files.{name}"));
    }
    for (field, exchange) in exchanges(tool) {
        if carries_secret(exchange) {
            refuse("tool.toml", field);
        }
    }
    if let Ok(document) = serde_saphyr::from_str::<Value>(&tool.files.compose) {
        let services = document["services"].as_object().into_iter().flatten();
        for (name, service) in services {
            for variable in variables(&service["environment"]) {
                refuse("compose.yml", format!("services.{name}.environment.{variable}"));
            }
            for field in ["command", "entrypoint"] {
                if words(&service[field]).iter().any(|word| is_argument(word)) {
                    refuse("compose.yml", format!("services.{name}.{field}"));
                }
            }
        }
    }
    let texts = tool.files.other.iter().map(|(name, text)| (format!("files/{name}"), text));
    let texts = texts.chain([("compose.yml".to_owned(), &tool.files.compose)]);
    for (file, text) in texts.chain(tool.files.nginx.iter().map(|text| ("nginx.conf".to_owned(), text))) {
        let lines = text.lines().enumerate().filter(|(_, line)| looks_secret(line));
        lines.for_each(|(index, _)| refuse(&file, format!("line {}", index + 1)));
    }
    found
}

/// Whether a value of this name is a secret that was written down.
fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let plain = ["", "true", "false", "yes", "no", "none", "null", "0", "1"];
    // A variable's value, a path and an address are none.
    let is_none = value.contains("{{") || value.starts_with(['/', '$', '{']) || plain.contains(&value);
    if is_none {
        return looks_secret(value);
    }
    let ends = |names: &[&str]| names.iter().any(|end| name.ends_with(end));
    // What is called "key" alone is the name of something.
    let is_key =
        name != "key" && ends(&KEY_NAMES) && value.len() >= KEY_LETTERS && !value.contains([' ', '/']);
    ends(&SECRET_NAMES) || is_key || looks_secret(value)
}

/// Whether a text holds what programs know as a secret by its form.
fn looks_secret(text: &str) -> bool {
    let follows = |rest: &str| rest.bytes().take_while(u8::is_ascii_alphanumeric).count() >= FOLLOWING;
    let begins = BEGINNINGS.iter().any(|start| {
        text.match_indices(start).any(|(place, _)| {
            let before = text[..place].chars().next_back();
            before.is_none_or(|letter| !letter.is_alphanumeric()) && follows(&text[place + start.len()..])
        })
    });
    begins || text.contains(PRIVATE_KEY) || text.split_whitespace().any(has_login)
}

/// `postgres://user:password@host`, without a variable for the password.
fn has_login(word: &str) -> bool {
    let Some((_, rest)) = word.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((login, _)) = host.rsplit_once('@') else { return false };
    login.split_once(':').is_some_and(|(_, password)| {
        !password.is_empty() && !password.contains('{') && !password.contains('$')
    })
}

/// `--password=…` with a value.
fn is_argument(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, value)| is_secret(name.trim_start_matches('-'), value))
}

fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Variables of a service that hold a secret.
fn variables(environment: &Value) -> Vec<String> {
    let pairs: Vec<(String, String)> = match environment {
        Value::Object(all) => {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            all.iter().map(|(name, value)| (name.clone(), text(value))).collect()
        }
        Value::Array(all) => {
            let pairs = all.iter().filter_map(Value::as_str).filter_map(|pair| pair.split_once('='));
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        }
        _ => Vec::new(),
    };
    pairs.into_iter().filter(|(name, value)| is_secret(name, value)).map(|(name, _)| name).collect()
}

/// Everything that is sent to a tool, with its field.
fn exchanges(tool: &Tool) -> Vec<(String, &Exchange)> {
    let numbered = |name: &str, list: &'_ [Exchange]| -> Vec<String> {
        (0..list.len()).map(|index| format!("{name}[{index}]")).collect()
    };
    let mut all = vec![("health.probe".to_owned(), &tool.health.probe)];
    all.extend(numbered("functional", &tool.functional).into_iter().zip(&tool.functional));
    if let Some(setup) = &tool.setup {
        all.extend(setup.fresh_when.iter().map(|exchange| ("setup.fresh_when".to_owned(), exchange)));
        for (name, list) in
            [("requests", &setup.requests), ("then", &setup.then), ("done_when", &setup.done_when)]
        {
            all.extend(numbered(&format!("setup.{name}"), list).into_iter().zip(list));
        }
    }
    all
}

fn carries_secret(exchange: &Exchange) -> bool {
    let in_form = exchange.form.iter().flatten().any(|(name, value)| is_secret(name, value));
    let in_header = exchange.headers.iter().any(|(name, value)| is_secret(name, value));
    let mut values = exchange.json.iter().chain(exchange.emit.iter().flatten());
    in_form || in_header || values.any(|value| holds_secret("", value))
}

fn holds_secret(name: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => is_secret(name, text),
        Value::Array(items) => items.iter().any(|item| holds_secret(name, item)),
        Value::Object(fields) => fields.iter().any(|(name, value)| holds_secret(name, value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_argument, is_secret};

    #[test]
    fn a_value_that_was_written_down_is_told_from_one_that_is_filled_in() {
        for (name, value, wanted) in [
            ("DB_PASSWORD", "changeme", true),
            ("DB_PASSWORD", "{{ database_password }}", false),
            ("DB_PASSWORD_FILE", "/run/secrets/db", false),
            ("ADMIN_PASSWORD", "/run/x", false),
            ("APP_SECRET", "x", true),
            ("APP_KEY", "base64:0123456789", true),
            ("SORT_KEY", "name", false),
            ("key", "cover_image", false),
            ("pw_weak", "1", false),
            ("DATABASE_URL", "postgres://app:hunter2@db/app", true),
            ("DATABASE_URL", "postgres://app:{{ database_password }}@db/app", false),
            ("DATABASE_URL", "postgres://db/app", false),
            ("NOTES", "ghp_0123456789abcdef", true),
            ("PASSWORD_LOGIN", "true", false),
            ("ALLOW_PASSWORD", "true", false),
        ] {
            assert_eq!(is_secret(name, value), wanted, "{name}={value}");
        }
        assert!(is_argument("--requirepass=hunter2x") && !is_argument("--port=80"));
    }
}
