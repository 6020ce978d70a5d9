//! Words for shells. Programs are started by argument vectors: only a remote shell, and a person who pastes a command,
//! need a line.

/// A word as any POSIX shell reads it as one and the same word.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@+%=".contains(c);
    if !word.is_empty() && word.chars().all(plain) && !assigns(word) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Whether a shell would take the word for `NAME=value`, or (zsh) for the path of a program.
fn assigns(word: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    word.split_once('=').is_some_and(|(before, _)| before.chars().all(name))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_read_another() {
        for plain in ["--to=a@b.example", "/opt/x_1", "50%", "a,b:c", "-"] {
            assert_eq!(quoted(plain), plain);
        }
        for (word, line) in
            [("A=b", "'A=b'"), ("=ls", "'=ls'"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'")]
        {
            assert_eq!(quoted(word), line);
        }
    }
}
