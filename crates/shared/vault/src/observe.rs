//! What the `.env` files of a tool say that the vault does not know: credentials that were changed by hand, and
//! secrets that somebody added. Pure.
//!
//! It must never take a value of a rotation for a hand edit, nor a public setting for a secret.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use letsbe_types::Secret;

use crate::{EnvFile, Origin, Vault};

/// Words in the names of variables that hold secrets.
const TELLING: [&str; 7] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "KEY", "SALT", "CREDENTIAL"];
/// Parameters of addresses that hold passwords.
const PARAMETERS: [&str; 4] = ["p", "password", "pass", "pwd"];
/// Shorter values stand in ordinary text by chance: `yes`, `3600`. Of those that are taken in, the redactor knows which
/// it can look for.
const SECRET_BYTES_MIN: usize = 6;

/// A tool's files, and what its catalog entry says of them.
pub struct ToolFiles<'a> {
    /// The tool.
    pub tool: &'a str,
    /// Keys of its credentials.
    pub credentials: BTreeSet<&'a str>,
    /// File → variable → template, as in the catalog; empty for a tool that is not in it.
    pub templates: &'a BTreeMap<String, BTreeMap<String, String>>,
    /// What is known of the server and no secret, by the name that templates use.
    pub public: &'a BTreeMap<String, String>,
    /// The files by name.
    pub files: &'a BTreeMap<String, EnvFile>,
}

/// A value that the vault should take in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The secret's key: a credential's, or `env.<file>.<VARIABLE>`.
    pub key: String,
    /// The value.
    pub value: Secret<String>,
    /// File and variable it was seen in.
    pub variable: String,
}

/// One place where a credential stands.
struct Place {
    key: String,
    value: Secret<String>,
    variable: String,
}

impl Vault {
    /// Takes in what was observed in a tool's files. Answers the keys of what is new.
    pub fn take_in(&mut self, files: &ToolFiles<'_>, now: DateTime<Utc>) -> Vec<String> {
        let observed = observe(self, files);
        for Observed { key, value, variable } in &observed {
            let origin = Origin::Observed { variable: variable.clone() };
            self.put(files.tool, key, value.clone(), origin, now);
        }
        // A value may stand in two variables: it is one secret all the same.
        let mut keys: Vec<String> = Vec::new();
        for Observed { key, .. } in observed {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }
}

/// What the vault does not know yet. With nothing changed, the answer after it was taken in is empty.
#[must_use]
pub fn observe(vault: &Vault, files: &ToolFiles<'_>) -> Vec<Observed> {
    let (mut places, mut found) = (Vec::new(), Vec::new());
    for (name, file) in files.files {
        let templates = files.templates.get(name);
        for (variable, value) in file.variables() {
            if value.expose().is_empty() {
                continue;
            }
            let template = templates.and_then(|templates| templates.get(variable));
            match template.map_or(Reading::Free, |template| read(template, value, files)) {
                Reading::Public => {}
                Reading::Credential(key, value) => {
                    places.push(Place { key, value, variable: format!("{name} {variable}") });
                }
                Reading::Several => found.extend(added(name, variable, value.clone())),
                Reading::Free => {
                    found.extend(secret_in(variable, value).and_then(|value| added(name, variable, value)));
                }
            }
        }
    }
    found.retain(|observed| !is_known(vault, files.tool, observed));
    found.extend(changed(vault, files.tool, &places));
    found
}

fn added(file: &str, variable: &str, value: Secret<String>) -> Option<Observed> {
    (value.expose().len() >= SECRET_BYTES_MIN).then(|| Observed {
        key: format!("env.{file}.{variable}"),
        value,
        variable: format!("{file} {variable}"),
    })
}

/// Whether this secret has the value already, or the value is one of another secret.
fn is_known(vault: &Vault, tool: &str, observed: &Observed) -> bool {
    match vault.entry(tool, &observed.key) {
        Some(entry) => entry.present == observed.value,
        None => vault.every_value().any(|(_, value)| *value == observed.value),
    }
}

/// Credentials that were changed by hand: each may stand in several places, of which one was edited first.
fn changed(vault: &Vault, tool: &str, places: &[Place]) -> Vec<Observed> {
    let keys: BTreeSet<&str> = places.iter().map(|place| place.key.as_str()).collect();
    keys.into_iter()
        .flat_map(|key| {
            let of = || places.iter().filter(move |place| place.key == key);
            let entry = vault.entry(tool, key);
            let unknown = of().filter(|place| entry.is_none_or(|entry| !entry.knows(&place.value)));
            // The rotation decides what is in force; another value must leave nowhere all the same.
            if entry.is_some_and(|entry| entry.pending.is_some()) {
                let observed = unknown.filter_map(Place::by_its_variable);
                return observed.filter(|observed| !is_known(vault, tool, observed)).collect();
            }
            let mut edited: Vec<Observed> = unknown.map(Place::credential).collect();
            // An old value that stands everywhere was put back; in one place of several it was merely left.
            let left_nowhere = of().all(|place| entry.is_some_and(|entry| place.value != entry.present));
            if edited.is_empty() && left_nowhere {
                edited.extend(of().next().map(Place::credential));
            }
            edited
        })
        .collect()
}

impl Place {
    fn credential(&self) -> Observed {
        let Self { key, value, variable } = self;
        Observed { key: key.clone(), value: value.clone(), variable: variable.clone() }
    }

    fn by_its_variable(&self) -> Option<Observed> {
        let (file, variable) = self.variable.split_once(' ')?;
        added(file, variable, self.value.clone())
    }
}

/// What a value means by its template.
enum Reading {
    /// It is as the template says, and holds no secret.
    Public,
    /// This credential has this value.
    Credential(String, Secret<String>),
    /// It holds a secret that cannot be told from the rest of it.
    Several,
    /// It is not what the template says.
    Free,
}

fn read(template: &str, value: &Secret<String>, files: &ToolFiles<'_>) -> Reading {
    let Some(parts) = parts(template) else { return Reading::Free };
    let mut sides = [Some(String::new()), Some(String::new())];
    let mut keys = Vec::new();
    for part in parts {
        let text = match part {
            Part::Variable(name) if files.credentials.contains(name) => {
                keys.push(name);
                continue;
            }
            Part::Variable(name) => files.public.get(name).map(String::as_str),
            Part::Text(text) => Some(text),
        };
        let side = &mut sides[usize::from(!keys.is_empty())];
        *side = side.take().zip(text).map(|(before, text)| before + text);
    }
    let [before, after] = sides;
    let rendered = before.zip(after);
    match (keys.as_slice(), rendered) {
        ([], Some((whole, _))) if whole == *value.expose() => Reading::Public,
        ([key], Some((before, after))) => {
            let inner = value.expose().strip_prefix(&before).and_then(|rest| rest.strip_suffix(&after));
            match inner.filter(|inner| !inner.is_empty()) {
                Some(inner) => Reading::Credential((*key).to_owned(), Secret::from(inner)),
                None => Reading::Several,
            }
        }
        ([], _) => Reading::Free,
        _ => Reading::Several,
    }
}

enum Part<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// A template of texts and plain variables; `None` for one that does more.
fn parts(template: &str) -> Option<Vec<Part<'_>>> {
    if template.contains("{%") || template.contains("{#") {
        return None;
    }
    let (mut parts, mut rest) = (Vec::new(), template);
    while let Some((text, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}")?;
        let name = name.trim();
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return None;
        }
        parts.extend([Part::Text(text), Part::Variable(name)]);
        rest = after;
    }
    parts.push(Part::Text(rest));
    Some(parts)
}

/// The secret in a variable that no template explains.
fn secret_in(variable: &str, value: &Secret<String>) -> Option<Secret<String>> {
    if let Some(password) = password_of_address(value.expose()) {
        // One that is too short to be looked for is looked for with all that is around it.
        let long = password.expose().len() >= SECRET_BYTES_MIN;
        return Some(if long { password } else { value.clone() });
    }
    let name = variable.to_ascii_uppercase();
    TELLING.iter().any(|word| name.contains(word)).then(|| value.clone())
}

/// The password in an address: before its `@`, or a parameter.
fn password_of_address(value: &str) -> Option<Secret<String>> {
    let (scheme, rest) = value.split_once("://")?;
    if value.contains(char::is_whitespace)
        || scheme.is_empty()
        || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let by_user = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
    let (_, query) = rest.split_once('?').unwrap_or_default();
    let parameters = query.split('&').filter_map(|pair| pair.split_once('='));
    let by_parameter =
        parameters.filter(|(name, _)| PARAMETERS.contains(&name.to_ascii_lowercase().as_str()));
    let mut passwords = by_user.into_iter().chain(by_parameter).map(|(_, password)| password);
    passwords.find(|password| !password.is_empty()).map(|password| Secret::new(percent_decoded(password)))
}

/// RFC 3986; what is no code stays as it is.
fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|digits| hex::decode(digits).ok());
        bytes.push(code.as_ref().map_or(*first, |code| code[0]));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
