//! A dump of MySQL or MariaDB: every row is one line that begins with `INSERT INTO`. A line break in a value is
//! written as `\n`, so no value begins a line; the bodies of routines and triggers do, and stand between `DELIMITER`s.

mod body;

use std::collections::BTreeMap;

use self::body::Body;

/// What a line must be known of: the longest name is 64 characters of four bytes, each of them quoted by another.
const HEAD: usize = 640;
const COMPLETED: &[u8] = b"-- Dump completed";
/// Comments before the data of the first table, and the one at the end of a dump without any.
const BEGUN: [&[u8]; 3] = [b"-- Table structure", b"-- Temporary", b"-- Dump"];

/// Where a line of a body begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// Between words.
    Code,
    /// In a text or a comment.
    Covered,
}

/// Reads lines from pieces.
#[derive(Default)]
pub(super) struct Lines {
    /// The beginning of a line that is not at its end yet, at most [`HEAD`] bytes.
    head: Vec<u8>,
    /// Whether that line was looked at; the rest of it says nothing.
    looked: bool,
    in_body: bool,
    /// The body of a routine, letter by letter: what stands in its texts and comments is neither a row nor its end.
    body: Body,
    /// Where in the body this line begins; `None` for a line outside.
    line: Option<Begins>,
    is_inside_line: bool,
    /// Whether backslashes are letters like others: what the dump sets for a routine.
    plain_backslashes: bool,
    begun: bool,
    completed: bool,
    tables: BTreeMap<Vec<u8>, u64>,
    /// The rows of one table come together: they are counted here first.
    current: (Vec<u8>, u64),
}

impl Lines {
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let end = memchr::memchr(b'\n', bytes);
            let (line, rest) = end.map_or((bytes, &[][..]), |at| (&bytes[..at], &bytes[at + 1..]));
            if !std::mem::replace(&mut self.is_inside_line, end.is_none()) {
                let begins = if self.body.is_covered() { Begins::Covered } else { Begins::Code };
                self.line = self.in_body.then_some(begins);
            }
            if self.line.is_some() {
                self.body.feed(line);
                if end.is_some() {
                    self.body.feed(b"\n");
                }
            }
            if !self.looked {
                if self.head.is_empty() && (end.is_some() || line.len() >= HEAD) {
                    self.look(&line[..line.len().min(HEAD)]);
                    self.looked = true;
                } else {
                    let missing = HEAD - self.head.len();
                    self.head.extend_from_slice(&line[..line.len().min(missing)]);
                    if end.is_some() || self.head.len() == HEAD {
                        self.look_at_head();
                    }
                }
            }
            if end.is_some() {
                self.looked = false;
            }
            bytes = rest;
        }
    }

    pub(super) const fn has_begun(&self) -> bool {
        self.begun
    }

    pub(super) fn finish(mut self) -> Result<BTreeMap<String, u64>, String> {
        if !self.head.is_empty() {
            self.look_at_head();
        }
        if !self.completed {
            return Err("the dump does not end with \"-- Dump completed\": it was cut off".to_owned());
        }
        self.keep_current();
        let text = |name: Vec<u8>| String::from_utf8_lossy(&name).into_owned();
        Ok(self.tables.into_iter().map(|(name, rows)| (text(name), rows)).collect())
    }

    fn look_at_head(&mut self) {
        let mut head = std::mem::take(&mut self.head);
        self.look(&head);
        head.clear();
        self.head = head;
        self.looked = true;
    }

    fn look(&mut self, line: &[u8]) {
        if !line.is_empty() {
            self.completed = line.starts_with(COMPLETED);
        }
        if self.line == Some(Begins::Covered) {
            return;
        }
        if let Some(delimiter) = line.strip_prefix(b"DELIMITER ") {
            self.in_body = delimiter != b";";
            self.body = Body::new(self.plain_backslashes);
        } else if !self.in_body {
            self.look_outside(line);
        }
    }

    fn look_outside(&mut self, line: &[u8]) {
        if let Some(name) = line.strip_prefix(b"INSERT INTO `") {
            self.row(name);
        } else if let Some(name) = line.strip_prefix(b"CREATE TABLE `").and_then(name) {
            self.begun = true;
            self.tables.entry(name).or_default();
        } else if BEGUN.iter().any(|comment| line.starts_with(comment)) {
            self.begun = true;
        } else if memchr::memmem::find(line, b"SET sql_mode ").is_some() {
            self.plain_backslashes = memchr::memmem::find(line, b"NO_BACKSLASH_ESCAPES").is_some();
        }
    }

    fn row(&mut self, line: &[u8]) {
        let same = !self.current.0.is_empty()
            && line.strip_prefix(self.current.0.as_slice()).is_some_and(|rest| rest.starts_with(b"` "))
            && !self.current.0.contains(&b'`');
        if !same {
            let Some(name) = name(line) else { return };
            self.begun = true;
            self.keep_current();
            self.current = (name, 0);
        }
        self.current.1 += 1;
    }

    fn keep_current(&mut self) {
        let (name, rows) = std::mem::take(&mut self.current);
        if rows > 0 {
            *self.tables.entry(name).or_default() += rows;
        }
    }
}

/// A name up to its closing backtick; two of them are one of its own.
fn name(quoted: &[u8]) -> Option<Vec<u8>> {
    let mut name = Vec::new();
    let mut bytes = quoted.iter().peekable();
    while let Some(byte) = bytes.next() {
        if *byte == b'`' && bytes.next_if(|next| **next == b'`').is_none() {
            return Some(name);
        }
        name.push(*byte);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn rows_are_counted_by_table_and_neither_texts_nor_bodies_are_rows() {
        let mut lines = Lines::default();
        lines.feed(include_bytes!("examples/mariadb.sql"));
        let tables = lines.finish().expect("whole");
        let told: Vec<String> = tables.into_iter().map(|(name, rows)| format!("{name}={rows}")).collect();
        assert_eq!(told, ["a`b ünï=2", "empty=0", "posts=3"]);
    }

    #[test]
    fn what_looks_like_the_end_of_a_body_within_its_texts_and_comments_is_none() {
        let bodies = [
            "RETURN 'text\nDELIMITER ;\nINSERT INTO `fake` VALUES (1);\n'",
            "RETURN 'it''s \\' \nDELIMITER ;\nINSERT INTO `fake` VALUES (1);\n'",
            "RETURN \"a\nDELIMITER ;\nINSERT INTO `fake` VALUES (1);\n\"",
            "/* a;;\nDELIMITER ;\nINSERT INTO `fake` VALUES (1);\n*/ RETURN 1",
            "-- it's one line\nRETURN 1 # 'another\n",
            "/*!50003 RETURN */ 'a;;\nDELIMITER ;\nINSERT INTO `fake` VALUES (1);\n'",
            "RETURN 1 - -1 / 2 * `it's`",
        ];
        for body in bodies {
            let dump = format!(
                "CREATE TABLE `t` (\nDELIMITER ;;\nCREATE FUNCTION f() RETURNS TEXT\n{body} ;;\nDELIMITER ;\n\
                 INSERT INTO `t` VALUES (1);\n-- Dump completed\n"
            );
            for size in [1, 2, 7, 4096] {
                let mut lines = Lines::default();
                dump.as_bytes().chunks(size).for_each(|piece| lines.feed(piece));
                let tables = lines.finish().expect(body);
                assert_eq!(tables, [("t".to_owned(), 1)].into(), "{body:?} by {size}");
            }
        }
    }

    #[test]
    fn a_backslash_is_a_letter_where_the_dump_says_so() {
        let dump = "/*!50003 SET sql_mode              = 'NO_BACKSLASH_ESCAPES' */ ;\nDELIMITER ;;\nCREATE FUNCTION f() \
                    RETURNS TEXT RETURN 'a\\' ;;\nDELIMITER ;\nINSERT INTO `t` VALUES (1);\n-- Dump completed\n";
        let mut lines = Lines::default();
        lines.feed(dump.as_bytes());
        assert_eq!(lines.finish().expect("whole")["t"], 1);
    }

    #[test]
    fn a_line_of_a_hundred_megabytes_needs_no_memory_of_its_size() {
        let mut lines = Lines::default();
        lines.feed(b"CREATE TABLE `t` (\nINSERT INTO `t` VALUES (0x");
        let piece = vec![b'A'; 1 << 20];
        for _ in 0..100 {
            lines.feed(&piece);
        }
        assert!(lines.head.capacity() <= 2 * super::HEAD);
        lines.feed(b");\n-- Dump completed\n");
        assert_eq!(lines.finish().expect("whole")["t"], 1);
    }
}
