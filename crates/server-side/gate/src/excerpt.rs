//! Output of a program in bounded memory: its beginning and its end are kept.

use std::collections::VecDeque;

/// Keeps the first and the last bytes of what it is given.
#[derive(Debug)]
pub struct Excerpt {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
    seen: u64,
}

impl Excerpt {
    /// Keeps at most `most` bytes: half of them from the beginning, half from the end.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), half: most / 2, seen: 0 }
    }

    /// Takes more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.seen += bytes.len() as u64;
        let (first, rest) = bytes.split_at(bytes.len().min(self.half - self.head.len()));
        self.head.extend_from_slice(first);
        let rest = &rest[rest.len().saturating_sub(self.half)..];
        let over = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    /// All bytes that were given.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    /// What was kept, with a line where something is missing. What is not UTF-8 is replaced.
    #[must_use]
    pub fn into_text(self) -> String {
        self.into_parts().shown(0)
    }

    /// What was kept, in its parts.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        let left_out = self.seen - (self.head.len() + self.tail.len()) as u64;
        let (mut head, mut tail) = (self.head, Vec::from(self.tail));
        if left_out == 0 {
            head.append(&mut tail);
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Parts { head: text(head), left_out, tail: text(tail) }
    }
}

/// An excerpt's beginning and end, to be looked through before they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The beginning; everything, if nothing is left out.
    pub head: String,
    /// Bytes between the two.
    pub left_out: u64,
    /// The end.
    pub tail: String,
}

impl Parts {
    /// One text, with a line where something is missing. `margin` bytes on both sides of that place are left out, too:
    /// what the cut goes through cannot be recognised any more.
    #[must_use]
    pub fn shown(self, margin: usize) -> String {
        let Self { mut head, left_out, tail } = self;
        if left_out == 0 {
            return head;
        }
        head.truncate(head.floor_char_boundary(head.len().saturating_sub(margin)));
        let tail = &tail[tail.ceil_char_boundary(margin.min(tail.len()))..];
        format!("{head}\n[… {} bytes left out …]\n{tail}", left_out + 2 * margin as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Excerpt;

    #[test]
    fn beginning_and_end_are_kept() {
        let mut excerpt = Excerpt::new(8);
        for byte in b'a'..=b'z' {
            excerpt.push(&[byte]);
        }
        assert_eq!(excerpt.into_text(), "abcd\n[… 18 bytes left out …]\nwxyz");
    }

    #[test]
    fn what_stands_beside_a_cut_is_not_shown() {
        let mut excerpt = Excerpt::new(16);
        excerpt.push("abcdefé".as_bytes());
        excerpt.push(&[b'.'; 90]);
        excerpt.push("üvwxyz.".as_bytes());
        assert_eq!(excerpt.into_parts().shown(1), "abcdef\n[… 92 bytes left out …]\nvwxyz.");
        let mut whole = Excerpt::new(16);
        whole.push(b"abcdefgh12345678");
        assert_eq!(whole.into_parts().shown(4), "abcdefgh12345678");
    }

    proptest! {
        #[test]
        fn an_excerpt_does_not_depend_on_the_chunks(bytes in proptest::collection::vec(any::<u8>(), 0..400), most in 0_usize..64, size in 1_usize..50) {
            let (mut whole, mut parts) = (Excerpt::new(most), Excerpt::new(most));
            whole.push(&bytes);
            bytes.chunks(size).for_each(|chunk| parts.push(chunk));
            prop_assert_eq!(whole.seen(), bytes.len() as u64);
            let text = parts.into_text();
            prop_assert_eq!(whole.into_text(), text.clone());
            if bytes.len() <= most / 2 * 2 {
                prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
            }
        }
    }
}
