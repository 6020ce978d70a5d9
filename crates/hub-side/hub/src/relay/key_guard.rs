//! Keeps the provider's key out of what a provider answers. What could be its beginning waits for what follows.

use letsbe_types::Secret;

/// So many characters of the key in a row are too many for a text.
const PIECE: usize = 8;

/// The key was in the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HasKey;

/// Looks for a key in a stream.
pub(super) struct KeyGuard {
    key: Secret<String>,
    held: Vec<u8>,
}

impl KeyGuard {
    /// For this key.
    pub(super) const fn new(key: Secret<String>) -> Self {
        Self { key, held: Vec::new() }
    }

    /// What may go on of what came.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, HasKey> {
        let key = self.key.expose().as_bytes();
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        if all.windows(key.len().max(1)).any(|window| window == key) {
            return Err(HasKey);
        }
        let longest = all.len().min(key.len().saturating_sub(1));
        let begun = (1..=longest).rev().find(|length| all.ends_with(&key[..*length])).unwrap_or(0);
        self.held = all.split_off(all.len() - begun);
        Ok(all)
    }

    /// The rest: it was not the key.
    pub(super) fn finish(self) -> Vec<u8> {
        self.held
    }

    /// Whether a text quotes a piece of the key, as providers do in their errors.
    pub(super) fn is_quoted_in(&self, text: &str) -> bool {
        let (key, text) = (self.key.expose().to_ascii_lowercase(), text.to_ascii_lowercase());
        let piece = PIECE.min(key.len().max(1));
        key.as_bytes().windows(piece).any(|piece| text.as_bytes().windows(piece.len()).any(|at| at == piece))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{HasKey, KeyGuard};

    const KEY: &str = "sk-aab-sk-aac";

    fn passed(pieces: &[&[u8]]) -> Result<Vec<u8>, HasKey> {
        let mut guard = KeyGuard::new(KEY.into());
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(guard.push(piece)?);
        }
        out.extend(guard.finish());
        Ok(out)
    }

    proptest! {
        #[test]
        fn however_a_stream_is_cut_the_key_is_found_and_all_else_passes(
            text in "[skab\\- ]{0,60}",
            at in 0_usize..60,
            with_key: bool,
            mut cuts in prop::collection::vec(0_usize..80, 0..6),
        ) {
            let mut text = text;
            if with_key {
                text.insert_str(at.min(text.len()), KEY);
            }
            let bytes = text.as_bytes();
            cuts.iter_mut().for_each(|cut| *cut = (*cut).min(bytes.len()));
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            let wanted = if text.contains(KEY) { Err(HasKey) } else { Ok(bytes.to_vec()) };
            prop_assert_eq!(passed(&pieces), wanted);
        }
    }

    #[test]
    fn nothing_waits_that_is_no_beginning_of_the_key() {
        let mut guard = KeyGuard::new(KEY.into());
        assert_eq!(guard.push(b"data: one\n\n").unwrap(), b"data: one\n\n");
        assert_eq!(guard.push(b"two sk-").unwrap(), b"two ");
        assert_eq!(guard.push(b"no").unwrap(), b"sk-no");
    }

    #[test]
    fn a_quoted_piece_of_the_key_is_seen() {
        let guard = KeyGuard::new("sk-or-v1-0123456789abcdef".into());
        for (text, quoted) in [
            ("Incorrect API key provided: sk-or-v1-****cdef", true),
            ("Bearer SK-OR-V1-0123456789ABCDEF is not valid", true),
            ("key …6789abcdef", true),
            ("max_tokens is too large", false),
            ("", false),
        ] {
            assert_eq!(guard.is_quoted_in(text), quoted, "{text}");
        }
    }
}
