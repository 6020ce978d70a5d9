//! A text taken apart for a page: what stands between back-ticks is code, and what is typed can be copied. Pure.

/// Programs that people type.
const PROGRAMS: [&str; 9] =
    ["letsbe", "letsbe-hub", "letsbe-node", "sudo", "systemctl", "journalctl", "docker", "df", "ssh-keygen"];

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Words(&'a str),
    /// A name, a setting, a value.
    Code(&'a str),
    /// A whole command.
    Command(&'a str),
}

/// The parts of a text, in order. A back-tick without another one is a character like others.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, (code, after))) =
        rest.split_once('`').and_then(|(before, tail)| Some((before, tail.split_once('`')?)))
    {
        if !before.is_empty() {
            pieces.push(Piece::Words(before));
        }
        if !code.is_empty() {
            pieces.push(if is_typed(code) { Piece::Command(code) } else { Piece::Code(code) });
        }
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Words(rest));
    }
    pieces
}

/// Whether it is one command and no more than can be seen: whoever copies it, runs it.
fn is_typed(code: &str) -> bool {
    let plain = code.chars().all(|c| (c == ' ' || c.is_ascii_graphic()) && !";|&$<>".contains(c));
    plain && code.split_once(' ').is_some_and(|(program, _)| PROGRAMS.contains(&program))
}

#[cfg(test)]
mod tests {
    use super::{
        Piece::{Code, Command, Words},
        pieces,
    };

    #[test]
    fn code_and_commands_are_told_apart_and_nothing_is_lost() {
        for (text, expected) in [
            ("", &[][..]),
            ("plain", &[Words("plain")]),
            (
                "Look: `letsbe orders list`, then set `mail.staff`.",
                &[
                    Words("Look: "),
                    Command("letsbe orders list"),
                    Words(", then set "),
                    Code("mail.staff"),
                    Words("."),
                ],
            ),
            ("`letsbe`", &[Code("letsbe")]),
            ("one ` alone", &[Words("one ` alone")]),
            ("`a` and ` alone", &[Code("a"), Words(" and ` alone")]),
            ("`<b>`", &[Code("<b>")]),
            // What would run more than it seems to is shown, and not offered.
            ("`sudo a; sudo b`", &[Code("sudo a; sudo b")]),
            ("`docker ps\nrm -r x`", &[Code("docker ps\nrm -r x")]),
            ("`docker ps\rrm -r x`", &[Code("docker ps\rrm -r x")]),
            ("`sudo a $(b)`", &[Code("sudo a $(b)")]),
            ("`sudo a | b`", &[Code("sudo a | b")]),
            ("`sudo a & b`", &[Code("sudo a & b")]),
            ("`sudo a > b`", &[Code("sudo a > b")]),
            ("`sudo a\u{202e}b`", &[Code("sudo a\u{202e}b")]),
        ] {
            assert_eq!(pieces(text), expected, "{text}");
        }
    }
}
