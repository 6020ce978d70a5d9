//! Finds secrets by their values: knows each one, and looks for it in every form that a program may have put it in.
//!
//! A hit names the secret, the form and the place; it must never carry the value.

use std::{collections::BTreeSet, fmt, fmt::Write as _};

use aho_corasick::AhoCorasick;
use anyhow::Context as _;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use letsbe_types::Secret;

/// Shorter values stand everywhere by chance.
const SHORTEST: usize = 12;
/// Names of settings that hold secrets.
const TELLING: [&str; 5] = ["PASSWORD", "SECRET", "TOKEN", "_KEY", "SALT"];

/// A secret with a name that may be printed.
#[derive(Debug, Clone)]
pub struct Named {
    /// Where it lives, for example `the vault's ghost/database_password`.
    pub name: String,
    /// The value.
    pub value: Secret<String>,
}

/// A secret that was found where it must not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// The secret's name.
    pub secret: String,
    /// How it was written.
    pub form: &'static str,
    /// Where it was found.
    pub place: String,
}

impl fmt::Display for Hit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} stands in {} ({})", self.secret, self.place, self.form)
    }
}

/// Looks for many secrets in many forms at once.
pub struct Scanner {
    automaton: AhoCorasick,
    /// For each pattern: the secret's name and the form.
    meanings: Vec<(String, &'static str)>,
}

impl Scanner {
    /// A scanner for these secrets.
    ///
    /// # Errors
    /// When a secret is too short to be told from chance.
    pub fn new(secrets: &[Named]) -> anyhow::Result<Self> {
        let (mut patterns, mut meanings) = (Vec::new(), Vec::new());
        for secret in secrets {
            anyhow::ensure!(
                secret.value.expose().len() >= SHORTEST,
                "{} is too short to look for",
                secret.name
            );
            for (form, written) in forms(secret.value.expose()) {
                patterns.push(written);
                meanings.push((secret.name.clone(), form));
            }
        }
        Ok(Self { automaton: AhoCorasick::new(patterns).context("the scanner")?, meanings })
    }

    /// The secrets that stand in `content`.
    #[must_use]
    pub fn hits(&self, place: &str, content: &[u8]) -> BTreeSet<Hit> {
        let found = self.automaton.find_overlapping_iter(content);
        let meanings = found.map(|found| &self.meanings[found.pattern().as_usize()]);
        meanings.map(|(secret, form)| Hit { secret: secret.clone(), form, place: place.to_owned() }).collect()
    }
}

/// A value in every form it may take.
fn forms(value: &str) -> BTreeSet<(&'static str, String)> {
    let bytes = value.as_bytes();
    let json = serde_json::Value::from(value).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let mut forms = BTreeSet::from([
        ("plain", value.to_owned()),
        ("hex", hex::encode(bytes)),
        ("hex", hex::encode_upper(bytes)),
        ("percent-encoded", percent_encoded(value, "", false)),
        ("percent-encoded", percent_encoded(value, "", true)),
        ("percent-encoded", percent_encoded(value, "/", false)),
        ("percent-encoded", percent_encoded(value, "/+=", false)),
        ("JSON", json.replace('/', "\\/")),
        ("JSON", json),
        ("JSON", unicode_escaped(value, false)),
        ("JSON", unicode_escaped(value, true)),
    ]);
    for shift in 0..3 {
        forms.insert(("base64", inner_base64(&STANDARD_NO_PAD, bytes, shift)));
        forms.insert(("base64", inner_base64(&URL_SAFE_NO_PAD, bytes, shift)));
    }
    // What equals the value itself is already there as `plain`.
    forms.retain(|(form, written)| *form == "plain" || written != value);
    forms
}

/// The characters that `bytes` alone decide, when they stand `shift` bytes into a text that is encoded as a whole.
fn inner_base64(engine: &impl Engine, bytes: &[u8], shift: usize) -> String {
    let mut shifted = vec![0; shift];
    shifted.extend_from_slice(bytes);
    let encoded = engine.encode(&shifted);
    let (first, end) = ((shift * 8).div_ceil(6), shifted.len() * 8 / 6);
    encoded[first..end].to_owned()
}

fn percent_encoded(value: &str, kept: &str, upper: bool) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        let character = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-_.~".contains(character) || kept.contains(character) {
            text.push(character);
        } else if upper {
            let _ = write!(text, "%{byte:02X}");
        } else {
            let _ = write!(text, "%{byte:02x}");
        }
    }
    text
}

/// As JSON encoders write what could be mistaken for HTML.
fn unicode_escaped(value: &str, upper: bool) -> String {
    let mut text = String::new();
    for character in value.chars() {
        let code = u32::from(character);
        match character {
            '&' | '<' | '>' | '\'' | '"' | '+' | '=' if upper => {
                let _ = write!(text, "\\u{code:04X}");
            }
            '&' | '<' | '>' | '\'' | '"' | '+' | '=' => {
                let _ = write!(text, "\\u{code:04x}");
            }
            other => text.push(other),
        }
    }
    text
}

/// The secrets of a file of settings (`NAME=value`): those whose names say so, and those that look random.
#[must_use]
pub fn of_settings(file: &str, content: &str) -> Vec<Named> {
    let lines = content.lines().filter(|line| !line.trim_start().starts_with('#'));
    let settings = lines.filter_map(|line| line.split_once('='));
    settings
        .map(|(name, value)| (name.trim(), value.trim().trim_matches(['"', '\''])))
        .filter(|(name, value)| looks_random(value) || (is_telling(name) && value.len() >= SHORTEST))
        .map(|(name, value)| Named { name: format!("{file} {name}"), value: Secret::new(value.to_owned()) })
        .collect()
}

/// A private key in PEM, line by line. Left out are the first half, which says what kind of key it is, and lines
/// that its public half (a certificate in PEM, or OpenSSH's one line) repeats.
#[must_use]
pub fn of_private_key(file: &str, content: &str, public: &str) -> Vec<Named> {
    let body: Vec<&str> = content.lines().filter(|line| !line.starts_with('-') && !line.is_empty()).collect();
    let public = decoded(public);
    let told = |line: &str| {
        let bytes = lenient(line);
        public.windows(bytes.len().max(1)).any(|window| window == bytes)
    };
    let lines = body.iter().enumerate().skip(body.len() / 2);
    lines
        .filter(|(_, line)| line.len() >= SHORTEST && !told(line))
        .map(|(number, line)| Named {
            name: format!("{file} line {}", number + 2),
            value: Secret::new((*line).to_owned()),
        })
        .collect()
}

/// The bytes of a certificate in PEM, or of a public key in OpenSSH's one line.
fn decoded(public: &str) -> Vec<u8> {
    if public.starts_with('-') {
        lenient(&public.lines().filter(|line| !line.starts_with('-')).collect::<String>())
    } else {
        lenient(public.split_whitespace().nth(1).unwrap_or_default())
    }
}

/// Decodes as many whole groups of four characters as there are.
fn lenient(text: &str) -> Vec<u8> {
    let text = text.trim_end_matches('=');
    STANDARD_NO_PAD.decode(&text[..text.len() - text.len() % 4]).unwrap_or_default()
}

fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    TELLING.iter().any(|word| name.contains(word))
}

fn looks_random(value: &str) -> bool {
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
    value.len() >= 24
        && value.bytes().all(alphabet)
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    /// With characters that every encoding treats in its own way.
    const CANARY: &str = "c4n+ry/of\"the<mine>&Zz0?9==";

    fn canary(value: &str) -> Scanner {
        Scanner::new(&[Named { name: "canary".to_owned(), value: Secret::new(value.to_owned()) }]).unwrap()
    }

    fn forms_found(text: &str) -> BTreeSet<&'static str> {
        canary(CANARY).hits("here", text.as_bytes()).into_iter().map(|hit| hit.form).collect()
    }

    #[test]
    fn a_canary_is_found_in_every_form() {
        let cases = [
            ("plain", format!("x{CANARY}y")),
            ("hex", hex::encode(format!("x{CANARY}y"))),
            ("hex", hex::encode_upper(format!("x{CANARY}y"))),
            ("percent-encoded", "p=c4n%2Bry%2Fof%22the%3Cmine%3E%26Zz0%3F9%3D%3D&".to_owned()),
            ("percent-encoded", "p=c4n%2bry%2fof%22the%3cmine%3e%26Zz0%3f9%3d%3d&".to_owned()),
            ("JSON", serde_json::json!({ "a": CANARY }).to_string()),
            ("JSON", serde_json::json!({ "a": CANARY }).to_string().replace('/', "\\/")),
            ("JSON", r#""c4n\u002bry/of\u0022the\u003cmine\u003e\u0026Zz0?9\u003d\u003d""#.to_owned()),
        ];
        for (form, text) in cases {
            assert_eq!(forms_found(&text), BTreeSet::from([form]), "{text}");
        }
    }

    #[test]
    fn base64_is_found_wherever_the_canary_begins() {
        for before in ["", "a", "ab", "abc", "abcd"] {
            for after in ["", "z", "zz"] {
                let text = format!("{before}{CANARY}{after}");
                for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                    assert_eq!(forms_found(&encoded), BTreeSet::from(["base64"]), "{text}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_secret_is_no_hit_and_a_hit_never_tells_the_value() {
        assert_eq!(forms_found("c4n+ry/of\"the<mine>&Zz0?9=, almost"), BTreeSet::new());
        let hits = canary(CANARY).hits("the log", CANARY.as_bytes());
        let hit = hits.first().unwrap();
        assert_eq!(hit.to_string(), "canary stands in the log (plain)");
        assert!(!format!("{hit:?}").contains(CANARY));
    }

    #[test]
    fn a_value_that_is_too_short_is_refused_and_not_passed_over() {
        let short = Named { name: "short".to_owned(), value: Secret::new("abc".to_owned()) };
        assert_eq!(Scanner::new(&[short]).err().unwrap().to_string(), "short is too short to look for");
    }

    #[test]
    fn secrets_of_settings_and_keys() {
        let settings = "# A_KEY=0123456789abc\nURL=https://blog.example.test/with/4-long-path\nDB_PASSWORD='correct horse'\n\
                        NAME=wordpress\nX=0a1b2c3d4e5f60718293a4b5c6d7e8f9\nDEBUG_KEY=no\n";
        let names = |named: Vec<Named>| named.into_iter().map(|named| named.name).collect::<Vec<_>>();
        assert_eq!(names(of_settings("f", settings)), ["f DB_PASSWORD", "f X"]);
        assert_eq!(of_settings("f", settings)[0].value.expose(), "correct horse");
        let line = "0123456789abcdef";
        let key =
            format!("-----BEGIN KEY-----\n{line}\n{line}\n{line}\n{line}\n{line}\nxy=\n-----END KEY-----\n");
        assert_eq!(names(of_private_key("k", &key, "")), ["k line 5", "k line 6"]);
        assert_eq!(names(of_private_key("k", &key, &format!("ssh-x AAAA{line} root@host"))), [] as [&str; 0]);
    }
}
