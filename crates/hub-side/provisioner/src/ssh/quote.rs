//! The one place where an argument vector becomes a line for a remote shell.

use letsbe_types::shell::quoted;

/// Joins arguments so that any POSIX shell splits them into exactly these words again.
pub(super) fn shell_line<S: AsRef<str>>(arguments: &[S]) -> String {
    arguments.iter().map(|argument| quoted(argument.as_ref())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::shell_line;

    fn split_by_a_real_shell(line: &str) -> Vec<String> {
        let script = format!("printf '%s\\0' {line}");
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.strip_suffix('\0').unwrap().split('\0').map(str::to_owned).collect()
    }

    #[test]
    fn awkward_words_survive() {
        let words =
            ["", " ", "'", "''", "\"", "\\", "$HOME", "`id`", "a\nb", "-n", "*", "~", "é", "!x", "#", "a=b"];
        assert_eq!(split_by_a_real_shell(&shell_line(&words)), words);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_words_survive(words in proptest::collection::vec("[^\0]{0,12}", 1..6)) {
            prop_assert_eq!(split_by_a_real_shell(&shell_line(&words)), words);
        }
    }
}
