//! Secrets that can be told by their look: keys with known beginnings, tokens, passwords in addresses.

use aho_corasick::{AhoCorasick, MatchKind};

use crate::RedactError;

/// Something that looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// `jwt`, `private-key` …; none for a run that is merely random.
    pub(crate) kind: Option<&'static str>,
}

const PRIVATE_KEY_BYTES_MAX: usize = 32 * 1024;
const AUTHORITY_BYTES_MAX: usize = 1024;

/// A key that begins with a mark of its maker: then at least so many of these characters, a digit among them.
struct Token {
    kind: &'static str,
    mark: &'static str,
    of: fn(u8) -> bool,
    least: usize,
}

const fn token(kind: &'static str, mark: &'static str, of: fn(u8) -> bool, least: usize) -> Token {
    Token { kind, mark, of, least }
}

const TOKENS: &[Token] = &[
    token("aws", "AKIA", capital, 16),
    token("aws", "ASIA", capital, 16),
    token("github", "ghp_", word, 30),
    token("github", "gho_", word, 30),
    token("github", "ghu_", word, 30),
    token("github", "ghs_", word, 30),
    token("github", "ghr_", word, 30),
    token("github", "github_pat_", word, 30),
    token("gitlab", "glpat-", dashed, 20),
    token("slack", "xoxb-", dashed, 10),
    token("slack", "xoxp-", dashed, 10),
    token("slack", "xoxa-", dashed, 10),
    token("slack", "xoxr-", dashed, 10),
    token("slack", "xoxs-", dashed, 10),
    token("slack", "xoxe-", dashed, 10),
    token("slack", "xapp-", dashed, 10),
    token("stripe", "sk_live_", word, 16),
    token("stripe", "sk_test_", word, 16),
    token("stripe", "rk_live_", word, 16),
    token("stripe", "rk_test_", word, 16),
    token("stripe", "whsec_", word, 16),
    token("google", "AIza", dashed, 35),
    token("model", "sk-", dashed, 20),
    token("age", "AGE-SECRET-KEY-1", capital, 50),
];

const JWT: &str = "eyJ";
const PRIVATE_KEY: &str = "-----BEGIN ";
const ADDRESS: &str = "://";

fn capital(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn dashed(byte: u8) -> bool {
    word(byte) || byte == b'-'
}

/// Finds them. Ordinary text costs one search for the marks.
#[derive(Debug)]
pub(crate) struct Patterns {
    marks: AhoCorasick,
}

impl Patterns {
    pub(crate) fn new() -> Result<Self, RedactError> {
        let marks = TOKENS.iter().map(|token| token.mark).chain([JWT, PRIVATE_KEY, ADDRESS]);
        let marks = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(marks);
        Ok(Self { marks: marks.map_err(|error| RedactError::TooMuch(error.to_string()))? })
    }

    /// In order, and apart from each other.
    pub(crate) fn find(&self, text: &str) -> Vec<Shape> {
        let mut shapes: Vec<Shape> = Vec::new();
        for mark in self.marks.find_iter(text) {
            let done = shapes.last().map_or(0, |shape| shape.end);
            let start = mark.start();
            if start < done {
                continue;
            }
            let shape = match TOKENS.get(mark.pattern().as_usize()) {
                Some(token) => token_at(text.as_bytes(), start, token),
                None if text[start..].starts_with(JWT) => jwt_at(text.as_bytes(), start),
                None if text[start..].starts_with(ADDRESS) => password_at(text, mark.end()),
                None => private_key_at(text, start),
            };
            shapes.extend(shape);
        }
        shapes
    }
}

/// How many of the first bytes are of a class.
fn run(bytes: &[u8], of: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| of(**byte)).count()
}

fn begins_a_word(bytes: &[u8], start: usize) -> bool {
    start == 0 || !dashed(bytes[start - 1])
}

fn token_at(bytes: &[u8], start: usize, token: &Token) -> Option<Shape> {
    if !begins_a_word(bytes, start) {
        return None;
    }
    let body = &bytes[start + token.mark.len()..];
    let len = run(body, token.of);
    let body = &body[..len];
    // Keys are of random characters; names in code are not.
    let random = len >= token.least && body.iter().any(u8::is_ascii_digit);
    random.then(|| Shape { start, end: start + token.mark.len() + len, kind: Some(token.kind) })
}

/// Header, payload and signature in URL-safe base64; the signature may be missing.
fn jwt_at(bytes: &[u8], start: usize) -> Option<Shape> {
    if !begins_a_word(bytes, start) {
        return None;
    }
    let header = run(&bytes[start..], dashed);
    let dot = start + header;
    if header < 10 || bytes.get(dot) != Some(&b'.') {
        return None;
    }
    let payload = run(&bytes[dot + 1..], dashed);
    let mut end = dot + 1 + payload;
    if payload < 4 {
        return None;
    }
    if bytes.get(end) == Some(&b'.') {
        end += 1 + run(&bytes[end + 1..], dashed);
    }
    Some(Shape { start, end, kind: Some("jwt") })
}

/// Until its end line; without one, all that looks like its body.
fn private_key_at(text: &str, start: usize) -> Option<Shape> {
    let title = &text.as_bytes()[start + PRIVATE_KEY.len()..];
    let title_len = run(title, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    let title = &text[start + PRIVATE_KEY.len()..][..title_len];
    let body = start + PRIVATE_KEY.len() + title_len;
    if !(title.ends_with("PRIVATE KEY") || title.ends_with("PRIVATE KEY BLOCK"))
        || !text[body..].starts_with("-----")
    {
        return None;
    }
    let end_line = format!("-----END {title}-----");
    let in_reach = text.as_bytes()[body..].iter().take(PRIVATE_KEY_BYTES_MAX);
    let in_body = |byte: u8| {
        byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=-_:,\\\"()>|.".contains(&byte)
    };
    let unended = in_reach.take_while(|byte| in_body(**byte)).count();
    let reach = text.floor_char_boundary(body + PRIVATE_KEY_BYTES_MAX);
    let end = text[body..reach].find(&end_line);
    let end = end.map_or(body + unended, |at| body + at + end_line.len());
    Some(Shape { start, end, kind: Some("private-key") })
}

/// The password in `scheme://user:password@host`.
fn password_at(text: &str, start: usize) -> Option<Shape> {
    if !text[..start - ADDRESS.len()].ends_with(|letter: char| letter.is_ascii_alphanumeric()) {
        return None;
    }
    let outside = |byte: &&u8| !b"/?#\"'`<>\\".contains(byte) && !byte.is_ascii_whitespace();
    let len = text.as_bytes()[start..].iter().take(AUTHORITY_BYTES_MAX).take_while(outside).count();
    // Only the bytes above end an authority: it ends between characters, or in one that is cut at the limit.
    let authority = text.get(start..start + len)?;
    let (user, _) = authority.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    let is_variable = password.starts_with(['$', '{', '*', '%']) && !password.contains(char::is_alphanumeric)
        || password.starts_with("${")
        || password.starts_with("{{")
        || password.starts_with("$") && password[1..].bytes().all(word);
    if password.is_empty() || is_variable || password.starts_with(crate::MARK) {
        return None;
    }
    let start = start + name.len() + 1;
    Some(Shape { start, end: start + password.len(), kind: Some("connection") })
}
