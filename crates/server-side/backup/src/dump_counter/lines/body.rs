//! The body of a routine or trigger, as the client of MySQL and MariaDB reads it: where a text or a comment is open.

/// What is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Open {
    #[default]
    Code,
    /// A text or a quoted name, up to this quote.
    Quote(u8),
    /// `/* …`, unless it is one that the server carries out.
    Comment,
    /// `-- …` or `# …`.
    Line,
}

/// A body, read byte by byte.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    open: Open,
    /// The three bytes before, as far as they belong to what is open.
    before: [u8; 3],
    /// Whether the next byte of a text means nothing.
    is_escaped: bool,
    plain_backslashes: bool,
}

impl Body {
    pub(super) fn new(plain_backslashes: bool) -> Self {
        Self { plain_backslashes, ..Self::default() }
    }

    /// Whether what comes next is in a text or a comment.
    pub(super) fn is_covered(&self) -> bool {
        self.open != Open::Code
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.next(*byte));
    }

    fn next(&mut self, byte: u8) {
        if std::mem::take(&mut self.is_escaped) {
            return;
        }
        let [first, second, third] = self.before;
        self.before = [second, third, byte];
        let open = match (self.open, byte) {
            // A doubled quote closes the text and opens it again, which is the same.
            (Open::Quote(quote), _) if byte == quote => Open::Code,
            (Open::Quote(quote), b'\\') if quote != b'`' && !self.plain_backslashes => {
                self.is_escaped = true;
                return;
            }
            (Open::Comment, b'/') if third == b'*' => Open::Code,
            (Open::Line, b'\n') => Open::Code,
            // `/*!`, `/*+` and `/*M!` are carried out.
            (Open::Code, b'!' | b'+' | b'M') if [second, third] == *b"/*" => Open::Code,
            (Open::Code, _) if [second, third] == *b"/*" => Open::Comment,
            (Open::Code, _) if [first, second, third] == *b"/*M" && byte != b'!' => Open::Comment,
            (Open::Code, b'\'' | b'"' | b'`') => Open::Quote(byte),
            (Open::Code, b'#') => Open::Line,
            (Open::Code, b' ' | b'\t') if [second, third] == *b"--" => Open::Line,
            (open, _) => open,
        };
        if open != self.open {
            self.open = open;
            self.before = [0, 0, if open == Open::Comment { byte } else { 0 }];
        }
    }
}
