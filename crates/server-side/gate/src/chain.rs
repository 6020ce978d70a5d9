//! The log: one line an entry, each with the hash of all before it. A line that was changed, taken out or moved breaks
//! the chain; lines that were cut from the end, and a chain that was made anew, show at the Hub, which is told the hashes.

use chrono::{DateTime, Utc};
use letsbe_types::tenant::{Autonomy, LogHead};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::class::Class;

/// Starts the hash of a line, which is always its last field.
const SEAL: &str = ",\"hash\":\"";
/// Bytes from the seal to the end of the line.
const SEAL_BYTES: usize = SEAL.len() + 64 + 2;

/// Which part of a call an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It was only shown what would be done.
    Planned,
    /// It waits for a person.
    Held,
    /// A person, or time, has decided.
    Decided,
    /// It is being done from here on.
    Begun,
    /// It is over.
    Ended,
    /// It was refused by the gate itself.
    Refused,
    /// It was answered from what the gate knows of an approval.
    Answered,
    /// Something about the log itself.
    Note,
}

/// How something ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Exit code, where a program ran.
    pub exit_code: Option<i32>,
    /// Bytes of output.
    pub bytes: u64,
    /// How long it took.
    pub milliseconds: u64,
    /// Code of the problem, if it could not be done.
    pub problem: Option<String>,
}

/// One entry. Holds no secret: what comes in is redacted before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// From 1, without gaps.
    pub number: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// Which part of the call.
    pub phase: Phase,
    /// Who asked.
    pub agent: String,
    /// For what.
    pub verb: String,
    /// About which tool.
    pub tool: Option<String>,
    /// With which arguments, as JSON.
    pub arguments: String,
    /// The class; absent in notes.
    pub class: Option<Class>,
    /// The autonomy level in force.
    pub autonomy: Option<Autonomy>,
    /// What was decided, and why.
    pub decision: String,
    /// What is done, in words.
    pub plan: String,
    /// The approval it is about.
    pub approval: Option<String>,
    /// Who decided.
    pub by: Option<String>,
    /// For an end: the number of its beginning.
    pub begun: Option<u64>,
    /// For an end: how.
    pub outcome: Option<Outcome>,
}

/// The end of a chain, to which the next entry is linked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    head: LogHead,
}

impl Chain {
    /// Goes on from here.
    #[must_use]
    pub const fn from_head(head: LogHead) -> Self {
        Self { head }
    }

    /// The last entry.
    #[must_use]
    pub fn head(&self) -> LogHead {
        self.head.clone()
    }

    /// The line of the next entry, with its end, and the chain that ends in it.
    ///
    /// # Errors
    /// When the entry cannot be written as JSON.
    pub fn seal(&self, mut entry: Entry) -> Result<(String, Self), serde_json::Error> {
        entry.number = self.head.entry + 1;
        let json = serde_json::to_string(&entry)?;
        let hash = link(&self.head.hash, &json);
        let open = json.strip_suffix('}').unwrap_or(&json);
        let line = format!("{open}{SEAL}{hash}\"}}\n");
        Ok((line, Self { head: LogHead { entry: entry.number, hash } }))
    }
}

/// Where a chain is broken.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("line {line} {why}")]
pub struct Broken {
    /// Number of the line, which is the number that its entry should have.
    pub line: u64,
    /// How.
    pub why: &'static str,
}

fn link(previous: &str, json: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(previous.as_bytes());
    hash.update(json.as_bytes());
    hex::encode(hash.finalize())
}

/// Checks that `line` (without its end) follows on `head`, and answers with the new head.
///
/// # Errors
/// When it does not.
pub fn verify(head: &LogHead, line: &str) -> Result<LogHead, Broken> {
    let number = head.entry + 1;
    let broken = |why| Broken { line: number, why };
    let cut = line.len().checked_sub(SEAL_BYTES).filter(|cut| line.is_char_boundary(*cut));
    let (open, seal) = line.split_at(cut.ok_or(broken("is no entry"))?);
    let hash =
        seal.strip_prefix(SEAL).and_then(|rest| rest.strip_suffix("\"}")).ok_or(broken("is no entry"))?;
    let json = format!("{open}}}");
    let entry: Entry = serde_json::from_str(&json).map_err(|_| broken("is no entry"))?;
    if entry.number != number {
        return Err(broken("has another number: a line is missing, or was moved"));
    }
    if link(&head.hash, &json) != hash {
        return Err(broken("does not follow on the line before it: one of them was changed"));
    }
    Ok(LogHead { entry: number, hash: hash.to_owned() })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use letsbe_types::tenant::LogHead;
    use proptest::prelude::*;

    use super::{Broken, Chain, Entry, Phase, verify};

    fn entry(text: &str) -> Entry {
        Entry {
            number: 0,
            at: DateTime::from_timestamp(1_790_000_000, 0).expect("a moment"),
            phase: Phase::Begun,
            agent: "it-admin".to_owned(),
            verb: "run".to_owned(),
            tool: Some("ghost".to_owned()),
            arguments: text.to_owned(),
            class: None,
            autonomy: None,
            decision: String::new(),
            plan: text.to_owned(),
            approval: None,
            by: None,
            begun: None,
            outcome: None,
        }
    }

    fn log(texts: &[String]) -> Vec<String> {
        let mut chain = Chain::default();
        let seal = |text: &String| {
            let (line, next) = chain.seal(entry(text)).expect("writes");
            chain = next;
            line.trim_end_matches('\n').to_owned()
        };
        texts.iter().map(seal).collect()
    }

    fn check(lines: &[String]) -> Result<LogHead, Broken> {
        lines.iter().try_fold(LogHead::default(), |head, line| verify(&head, line))
    }

    fn texts() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec(any::<String>(), 2..12)
    }

    proptest! {
        #[test]
        fn an_untouched_log_is_good_and_a_changed_byte_is_found_by_its_line(texts in texts(), at in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f) {
            let lines = log(&texts);
            prop_assert_eq!(check(&lines).expect("good").entry, lines.len() as u64);
            let line = at.index(lines.len());
            let mut bytes = lines[line].clone().into_bytes();
            let place = place.index(bytes.len());
            prop_assume!(bytes[place] != byte);
            bytes[place] = byte;
            let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
            let mut lines = lines;
            lines[line] = changed;
            prop_assert_eq!(check(&lines).expect_err("changed").line, line as u64 + 1);
        }

        #[test]
        fn a_missing_or_moved_line_is_found_by_its_number(texts in texts(), at in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
            let lines = log(&texts);
            let (at, to) = (at.index(lines.len()), to.index(lines.len()));
            let mut missing = lines.clone();
            missing.remove(at);
            if at + 1 < lines.len() {
                prop_assert_eq!(check(&missing).expect_err("missing").line, at as u64 + 1);
            } else {
                // Only the Hub, which knows the head, can see this.
                prop_assert_eq!(check(&missing).expect("shorter").entry, at as u64);
            }
            prop_assume!(at != to);
            let mut moved = lines;
            moved.swap(at, to);
            prop_assert_eq!(check(&moved).expect_err("moved").line, at.min(to) as u64 + 1);
        }

        #[test]
        fn no_line_makes_the_check_panic(line in any::<String>()) {
            prop_assert!(verify(&LogHead::default(), &line).is_err());
        }
    }
}
