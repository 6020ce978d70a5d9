//! A text reduced to its letters and digits, see [`letters`]: without what stands between them, without case, style and
//! marks. Whoever writes a value in groups, letter by letter or in another alphabet's letters writes this.

use std::ops::Range;

use crate::letters::{self, ASCII, BYTES, Letter};

/// So many bytes are folded together, and their place is remembered: a byte counts them.
const BLOCK: usize = 240;

/// The letters of a text, and from time to time where they stand in it.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    bytes: Vec<u8>,
    /// From how many letters on the text goes on where.
    marks: Vec<(usize, usize)>,
}

impl Folded {
    /// What is not UTF-8 is no letter.
    pub(crate) fn of(text: &[u8]) -> Self {
        let marks = Vec::with_capacity(text.len() / BLOCK + 1);
        let mut folded = Self { bytes: Vec::with_capacity(text.len()), marks };
        if let Ok(text) = std::str::from_utf8(text) {
            folded.push(text, 0);
            return folded;
        }
        let mut start = 0;
        for chunk in text.utf8_chunks() {
            folded.push(chunk.valid(), start);
            start += chunk.valid().len() + chunk.invalid().len();
        }
        folded
    }

    /// Nothing, with the room that it had.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.marks.clear();
    }

    /// The letters of a text that begins at `start`.
    pub(crate) fn push(&mut self, text: &str, start: usize) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            self.marks.push((self.bytes.len(), start + at));
            let end = bytes.len().min(at + BLOCK);
            while at < end {
                let block = &bytes[at..end];
                if block.is_ascii() {
                    self.push_ascii(block);
                    at = end;
                    continue;
                }
                let plain = block.iter().take_while(|byte| byte.is_ascii()).count();
                self.push_ascii(&block[..plain]);
                at += plain;
                if let Some(letter) = text[at..].chars().next() {
                    push(letter, &mut self.bytes);
                    at += letter.len_utf8();
                }
            }
        }
    }

    fn push_ascii(&mut self, block: &[u8]) {
        let mut letters = [0; 256];
        let mut count: u8 = 0;
        let mut take = |byte: u8| {
            let letter = BYTES[usize::from(byte)];
            letters[usize::from(count)] = letter;
            count = count.wrapping_add(u8::from(letter != 0));
        };
        let (fours, rest) = block.as_chunks();
        for [a, b, c, d] in fours {
            take(*a);
            take(*b);
            take(*c);
            take(*d);
        }
        rest.iter().for_each(|byte| take(*byte));
        self.bytes.extend_from_slice(&letters[..usize::from(count)]);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each letter of a stretch stands in the text.
    pub(crate) fn places(&self, text: &[u8], range: Range<usize>) -> Vec<Range<usize>> {
        let after = self.marks.partition_point(|(letters, _)| *letters <= range.start);
        let (mut letters, start) = self.marks.get(after.saturating_sub(1)).copied().unwrap_or((0, 0));
        let mut places = Vec::with_capacity(range.len());
        let mut buffer = Vec::new();
        let mut at = start;
        for chunk in text[start..].utf8_chunks() {
            for character in chunk.valid().chars() {
                if letters >= range.end {
                    return places;
                }
                buffer.clear();
                push(character, &mut buffer);
                let place = at..at + character.len_utf8();
                let inside = (letters..letters + buffer.len()).filter(|letter| range.contains(letter));
                places.extend(inside.map(|_| place.clone()));
                letters += buffer.len();
                at = place.end;
            }
            at += chunk.invalid().len();
        }
        places
    }
}

fn push(character: char, bytes: &mut Vec<u8>) {
    if character.is_ascii() {
        let letter = ASCII[character as usize];
        return bytes.extend((letter != 0).then_some(letter));
    }
    match letters::letter(character) {
        Letter::Nothing => {}
        Letter::Ascii(byte) => bytes.push(byte),
        Letter::Other(letter) => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        Letter::Several(text) => bytes.extend_from_slice(text.as_bytes()),
    }
}

/// The letters of a text.
pub(crate) fn folded(text: &str) -> Vec<u8> {
    Folded::of(text.as_bytes()).bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::folded;

    proptest! {
        #[test]
        fn a_text_has_the_letters_of_its_characters(
            pieces in prop::collection::vec(("[ -~\n]{0,300}", "\\PC{0,3}"), 0..6),
        ) {
            let text: String = pieces.iter().flat_map(|(ascii, any)| [ascii.as_str(), any]).collect();
            let each: Vec<u8> = text.chars().flat_map(|letter| folded(&letter.to_string())).collect();
            prop_assert_eq!(folded(&text), each);
        }
    }
}
