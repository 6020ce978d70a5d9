//! Words for shells. Programs are started by argument vectors: only a remote shell, and a person who pastes a command,
//! need a line.

/// A word as any POSIX shell reads it as one and the same word.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
