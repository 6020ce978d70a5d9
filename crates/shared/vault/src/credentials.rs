//! Credentials of the tools: which are wanted, how they are made, and the file that keeps them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use letsbe_catalog::{Credential, CredentialMethod};
use letsbe_types::Secret;
use rand::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    EnvFile, EnvFileError,
    env_file::{BYTE_ORDER_MARK, written},
};

/// Where the credentials are kept on the tenant's server (mode 0600, runbook 3.2 step 9).
pub const CREDENTIALS_FILE: &str = letsbe_types::paths::CREDENTIALS;

/// Starts the lines of one tool. Names alone would be ambiguous: `a` + `B_C` is also `a-b` + `C`.
const SECTION: &str = "# tool: ";

/// A value that meets what a tool insists on is found within a few attempts; more means that none exists.
const ATTEMPTS_MAX: usize = 1_000;

/// Why a credential could not be made.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MakeError {
    /// This version makes no key pairs.
    #[error("{tool} wants the key pair {key}, and this version of letsbe-node makes no key pairs")]
    KeyPair {
        /// The tool.
        tool: String,
        /// The credential.
        key: String,
    },
    /// The method never yields what the tool insists on.
    #[error("{tool} insists on a form of {key} that its method does not yield; correct it in the catalog")]
    Impossible {
        /// The tool.
        tool: String,
        /// The credential.
        key: String,
    },
}

fn make(wanted: &Wanted, random: &mut impl CryptoRng) -> Result<Secret<String>, MakeError> {
    let Wanted { tool, credential } = wanted;
    let (tool, key) = (tool.clone(), credential.key.clone());
    for _ in 0..ATTEMPTS_MAX {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        random.fill_bytes(bytes.as_mut_slice());
        // Runbook 3.3: as `openssl rand -base64 32` and `openssl rand -hex 32` print them.
        let value = Secret::new(match credential.method {
            CredentialMethod::Base64 => STANDARD.encode(*bytes),
            CredentialMethod::Hex => hex::encode(*bytes),
            CredentialMethod::Ed25519 => return Err(MakeError::KeyPair { tool, key }),
        });
        if credential.accepts(value.expose()) {
            return Ok(value);
        }
    }
    Err(MakeError::Impossible { tool, key })
}

/// One credential that a tool needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The tool's name in the catalog.
    pub tool: String,
    /// Name and method, from the catalog.
    pub credential: Credential,
}

/// What was made by a merge: tool and key, never the value.
pub type Made = (String, String);

/// The credentials of all tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials(BTreeMap<String, BTreeMap<String, Secret<String>>>);

/// Why a credentials file was refused. Never quotes a line: it may hold a secret.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("line {line} of {CREDENTIALS_FILE} {why}")]
pub struct UnreadableCredentials {
    line: usize,
    why: &'static str,
}

impl Credentials {
    /// The credentials of a tool by key; `None` if it has none.
    #[must_use]
    pub fn of(&self, tool: &str) -> Option<&BTreeMap<String, Secret<String>>> {
        self.0.get(tool)
    }

    /// One credential.
    #[must_use]
    pub fn get(&self, tool: &str, key: &str) -> Option<&Secret<String>> {
        self.0.get(tool)?.get(key)
    }

    /// All credentials, sorted by tool and key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Secret<String>)> {
        self.0.iter().flat_map(|(tool, keys)| {
            keys.iter().map(move |(key, value)| (tool.as_str(), key.as_str(), value))
        })
    }

    /// Which of `wanted` are not there.
    #[must_use]
    pub fn missing<'a>(&self, wanted: &'a [Wanted]) -> Vec<&'a Wanted> {
        wanted.iter().filter(|wanted| self.get(&wanted.tool, &wanted.credential.key).is_none()).collect()
    }

    /// Sets a value that is not there yet; an existing one stays.
    pub fn insert_missing(&mut self, tool: &str, key: &str, value: Secret<String>) -> bool {
        match self.0.entry(tool.to_owned()).or_default().entry(key.to_owned()) {
            std::collections::btree_map::Entry::Occupied(_) => false,
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(value);
                true
            }
        }
    }

    /// The file's text: `TOOL_KEY=value`, a section per tool. The catalog's keys are in lower case.
    #[must_use]
    pub fn to_file(&self) -> Secret<String> {
        let mut text =
            String::from("# Made once by letsbe-node. Changing a line here does not change the tool.\n");
        for (tool, keys) in &self.0 {
            let _ = writeln!(text, "\n{SECTION}{tool}");
            for (key, value) in keys {
                let value = written(value.expose()).unwrap_or_else(|| value.expose().clone());
                let _ = writeln!(text, "{}_{}={value}", prefix(tool), key.to_ascii_uppercase());
            }
        }
        Secret::new(text)
    }

    /// Reads a file that [`Credentials::to_file`] wrote, also after somebody edited it: each line as docker compose reads
    /// one of an `.env` file.
    ///
    /// # Errors
    /// A line that does not belong there. The caller must stop: making new credentials over a damaged file would
    /// lock the tools out of their databases.
    pub fn from_file(text: &str) -> Result<Self, UnreadableCredentials> {
        let mut all = Self::default();
        let mut seen = BTreeSet::new();
        let mut section: Option<&str> = None;
        for (index, line) in text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).lines().enumerate() {
            let refuse = |why| UnreadableCredentials { line: index + 1, why };
            let line = line.trim();
            if let Some(tool) = line.strip_prefix(SECTION) {
                section = Some(tool.trim());
                continue;
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let tool = section.ok_or_else(|| refuse("stands before the first tool's section"))?;
            let (name, value) = assignment(line).map_err(refuse)?;
            let Some(key) = name.strip_prefix(&prefix(tool)).and_then(|rest| rest.strip_prefix('_')) else {
                return Err(refuse("does not start with the name of its section's tool"));
            };
            let key = key.to_ascii_lowercase();
            if key.is_empty() || value.expose().is_empty() {
                return Err(refuse("has an empty name or value"));
            }
            if !seen.insert((tool, key.clone())) {
                return Err(refuse("repeats a name"));
            }
            all.insert_missing(tool, &key, value);
        }
        Ok(all)
    }
}

/// Name and value of a line. A value that [`Credentials::to_file`] could not write again is refused.
fn assignment(line: &str) -> Result<(String, Secret<String>), &'static str> {
    let file = EnvFile::parse(line.as_bytes()).map_err(|error| match error {
        EnvFileError::Line { why, .. } => why,
        _ => "is not NAME=value",
    })?;
    let [(name, value)] = file.assigned().collect::<Vec<_>>()[..] else {
        return Err("is not one NAME=value");
    };
    let value = value.ok_or("has a variable in its value; put the value into single quotes")?;
    if value.expose().contains(char::REPLACEMENT_CHARACTER) {
        return Err("has a value that is no text in UTF-8");
    }
    written(value.expose())
        .ok_or("has a value with a quote or a line break, or with a backslash at its end")?;
    Ok((name.to_owned(), value.clone()))
}

fn prefix(tool: &str) -> String {
    tool.to_ascii_uppercase().replace('-', "_")
}

/// Adds what is wanted and not there. Existing values are never changed, nor are unwanted ones removed.
///
/// # Errors
/// When one cannot be made.
pub fn merge_missing(
    existing: &Credentials,
    wanted: &[Wanted],
    random: &mut impl CryptoRng,
) -> Result<(Credentials, Vec<Made>), MakeError> {
    let mut merged = existing.clone();
    let mut made = Vec::new();
    for wanted in existing.missing(wanted) {
        let key = &wanted.credential.key;
        if merged.get(&wanted.tool, key).is_none() {
            merged.insert_missing(&wanted.tool, key, make(wanted, random)?);
            made.push((wanted.tool.clone(), key.clone()));
        }
    }
    Ok((merged, made))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng as _, rngs::StdRng};

    use letsbe_catalog::{Credential, CredentialCategory, CredentialMethod as Method};

    use super::{Credentials, Wanted, merge_missing};

    fn wanted(tool: &str, key: &str, method: Method) -> Wanted {
        let (key, category) = (key.to_owned(), CredentialCategory::AdminPassword);
        let mixed = method == Method::Base64;
        Wanted {
            tool: tool.to_owned(),
            credential: Credential { key, category, method, login: None, mixed, rotation: None },
        }
    }

    #[test]
    fn methods_have_the_form_that_openssl_gives() {
        let list = [wanted("ghost", "a", Method::Base64), wanted("ghost", "b", Method::Hex)];
        let (made, names) =
            merge_missing(&Credentials::default(), &list, &mut StdRng::seed_from_u64(7)).expect("makes");
        let text = |key| made.get("ghost", key).expect("made").expose().clone();
        assert_eq!(names.len(), 2);
        assert!(text("a").len() == 44 && text("a").ends_with('='), "base64 of 32 bytes");
        assert!(text("b").len() == 64 && text("b").bytes().all(|b| b.is_ascii_hexdigit()));
        let pair = [wanted("gitea", "KEY", Method::Ed25519)];
        assert!(merge_missing(&made, &pair, &mut StdRng::seed_from_u64(7)).is_err());
        let mixed_hex = [Wanted {
            credential: Credential { mixed: true, ..list[1].credential.clone() },
            ..list[1].clone()
        }];
        assert!(merge_missing(&Credentials::default(), &mixed_hex, &mut StdRng::seed_from_u64(7)).is_err());
    }

    #[test]
    fn a_damaged_file_is_refused_without_quoting_it() {
        for (text, line) in [
            ("GHOST_A=secret-1\n", 1),
            ("# tool: ghost\nsecret-1\n", 2),
            ("# tool: ghost\nODOO_A=secret-1\n", 2),
            ("# tool: ghost\nGHOST_A=\n", 2),
            ("# tool: ghost\nGHOST_=secret-1\n", 2),
            ("# tool: ghost\nGHOST_A=secret-1\nGHOST_A=secret-2\n", 3),
            ("# tool: ghost\nGHOST_A=secret-1\nexport GHOST_A='secret-2'\n", 3),
            ("# tool: ghost\nGHOST_A='secret-1\nsecret-2'\n", 2),
            ("# tool: ghost\nGHOST_A='secret-1' GHOST_B=secret-2\n", 2),
            ("# tool: ghost\nGHOST_A=secret-1$ELSEWHERE\n", 2),
            ("# tool: ghost\nGHOST_A=\"secret-1\\nsecret-2\"\n", 2),
            ("# tool: ghost\nGHOST_A=secret-1\u{fffd}\n", 2),
            ("# tool: ghost\nGHOST_A=''\n", 2),
            ("# tool: ghost\nGHOST_A=# secret-1\nGHOST_B\n", 3),
        ] {
            let error = Credentials::from_file(text).expect_err(text).to_string();
            assert!(error.contains(&format!("line {line} ")) && !error.contains("secret-"), "{error}");
        }
    }

    #[test]
    fn a_file_that_somebody_edited_is_read_with_its_quotes_and_comments_and_written_again() {
        for (line, value) in [
            ("GHOST_A=plain+/=", "plain+/="),
            ("export GHOST_A=plain", "plain"),
            ("  GHOST_A = plain  ", "plain"),
            ("GHOST_A='single $x # kept'", "single $x # kept"),
            ("GHOST_A=\"double\\t\"", "double\t"),
            ("GHOST_A=plain # since May", "plain"),
            ("GHOST_A=a#b;c=d", "a#b;c=d"),
            ("GHOST_A=Sommer$2026!", "Sommer$2026!"),
            ("# GHOST_A=old\n  # GHOST_A=older\nGHOST_A=new", "new"),
            ("GHOST_A=ä€", "ä€"),
        ] {
            for text in [
                format!("# tool: ghost\n{line}\n"),
                format!("# tool: ghost\n{line}"),
                format!("\u{feff}# made\r\n\r\n# tool: ghost\r\n{}\r\n", line.replace('\n', "\r\n")),
            ] {
                let read = Credentials::from_file(&text).expect(&text);
                assert_eq!(read.get("ghost", "a").expect("there").expose(), value, "{text:?}");
                assert_eq!(Credentials::from_file(read.to_file().expose()), Ok(read), "{text:?}");
            }
        }
    }

    fn lists() -> impl Strategy<Value = Vec<Vec<Wanted>>> {
        // Names that collide when joined (`a` + `B_C`, `a-b` + `C`) are among them.
        let one = ("(a|b|a-b|a-b-c)", "(a|b|c|b_c|db_password)", any::<bool>())
            .prop_map(|(tool, key, hex)| wanted(&tool, &key, if hex { Method::Hex } else { Method::Base64 }));
        proptest::collection::vec(proptest::collection::vec(one, 0..8), 1..6)
    }

    proptest! {
        #[test]
        fn no_sequence_of_merges_changes_a_value_and_the_file_keeps_all(lists in lists(), seed in any::<u64>()) {
            let mut random = StdRng::seed_from_u64(seed);
            let mut kept = Credentials::default();
            for list in &lists {
                let (merged, made) = merge_missing(&kept, list, &mut random).expect("makes");
                for (tool, key, value) in kept.iter() {
                    prop_assert_eq!(merged.get(tool, key), Some(value));
                }
                prop_assert_eq!(merged.iter().count(), kept.iter().count() + made.len());
                prop_assert!(merged.missing(list).is_empty());
                prop_assert_eq!(merge_missing(&merged, list, &mut random), Ok((merged.clone(), vec![])));
                let read = Credentials::from_file(merged.to_file().expose());
                prop_assert_eq!(read.as_ref(), Ok(&merged));
                kept = merged;
            }
            let mut values: Vec<_> = kept.iter().map(|(_, _, value)| value.expose()).collect();
            let all = values.len();
            values.sort();
            values.dedup();
            prop_assert_eq!(values.len(), all, "two credentials are the same");
        }
    }
}
