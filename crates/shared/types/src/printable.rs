//! Text from elsewhere on its way to a terminal or a log.

/// Whether a character could steer a terminal, or make text look like another: control characters (ESC and the 8-bit
/// CSI among them), changes of direction, invisible ones, line and paragraph separators.
#[must_use]
pub fn steers_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Text from elsewhere, with a space for each character that could steer a terminal.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if steers_terminal(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn text_from_elsewhere_cannot_steer_a_terminal_or_turn_its_direction() {
        for (text, shown) in [
            ("a\u{1b}[31mb\r\nc", "a [31mb  c"),
            ("\u{9b}2J", " 2J"),
            ("user\u{202e}txt.exe", "user txt.exe"),
            ("pass\u{200b}word\u{feff}", "pass word "),
            ("Müller & Söhne – 20 €", "Müller & Söhne – 20 €"),
        ] {
            assert_eq!(harmless(text), shown);
        }
    }
}
