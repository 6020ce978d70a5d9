//! What is packed into a text: encoded, compressed, or both, several times over. It is unpacked and looked through.

use std::borrow::Cow;
use std::io::Read as _;
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use data_encoding::BASE32_NOPAD;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::Redactor;
use crate::fold::Folded;
use crate::runs::{self, Alphabet, alphabet as bytes_of};
use crate::view::View;

/// Fewer characters hold no value of eight bytes.
const RUN_BYTES_MIN: usize = 16;
/// So often something packed is looked for in what was unpacked.
const DEPTH_MAX: u32 = 4;
/// A longer run is read from its beginning only, not from each place that it may begin at.
const SHIFTED_BYTES_MAX: usize = 64 * 1024;
/// Bytes that are unpacked in one request: out of something compressed, or out of what was unpacked itself.
const UNPACKED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Zeros are not told from a word, what is in front of them is.
const BEGINNING_BYTES: usize = 64;
/// Files of an archive that are looked at.
const FILES_MAX: usize = 256;
/// So much of the beginning tells text from other data.
const SAMPLE_BYTES: usize = 512;

static IN_RUN: Alphabet = bytes_of(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/-_\r\n");

/// Reads base64 however it was ended.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What something packed was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inside {
    /// It holds this known value.
    Value(u32),
    /// There is more of it than may be unpacked.
    TooMuch,
}

impl Inside {
    pub(crate) const fn value(self) -> Option<u32> {
        match self {
            Self::Value(what) => Some(what),
            Self::TooMuch => None,
        }
    }
}

/// How much may still be unpacked, and how deep.
struct Bounds {
    bytes: usize,
    depth: u32,
    /// The address that this stands in says that it is data: it may be compressed without saying so.
    in_address: bool,
}

impl Redactor {
    /// Every packed thing in a text that must not pass. What is unpacked on the way is counted.
    pub(crate) fn packed(&self, text: &[u8], unpacked: &mut usize) -> Vec<(Range<usize>, Inside)> {
        let bytes = UNPACKED_BYTES_MAX.saturating_sub(*unpacked);
        let mut bounds = Bounds { bytes, depth: 0, in_address: false };
        let packed = self.in_runs(text, &mut bounds);
        *unpacked = UNPACKED_BYTES_MAX - bounds.bytes;
        packed
    }

    fn in_runs(&self, text: &[u8], bounds: &mut Bounds) -> Vec<(Range<usize>, Inside)> {
        let runs = runs::find(text, &IN_RUN, RUN_BYTES_MIN);
        runs.filter_map(|run| {
            bounds.in_address = text[..run.start].ends_with(b";base64,");
            Some((run.clone(), self.in_run(&text[run], bounds)?))
        })
        .collect()
    }

    fn in_run(&self, run: &[u8], bounds: &mut Bounds) -> Option<Inside> {
        let run = if run.iter().any(u8::is_ascii_whitespace) {
            Cow::Owned(run.iter().filter(|byte| !byte.is_ascii_whitespace()).copied().collect())
        } else {
            Cow::Borrowed(run)
        };
        let beginning = &run[..run.len().min(BEGINNING_BYTES)];
        let is_encoded = || {
            bounds.in_address
                || may_be_encoded(beginning)
                || run.len() > beginning.len() && may_be_encoded(&run)
        };
        if run.len() < RUN_BYTES_MIN || !is_encoded() {
            return None;
        }
        if run.iter().all(u8::is_ascii_hexdigit) {
            return [&run[..], &run[1..]].into_iter().find_map(|run| {
                let bytes = hex::decode(&run[..run.len() / 2 * 2]).ok()?;
                self.inside(&bytes, bounds)
            });
        }
        if let Some(bytes) = base32(&run)
            && let Some(inside) = self.inside(&bytes, bounds)
        {
            return Some(inside);
        }
        let run = standard(run);
        let shifts = if run.len() > SHIFTED_BYTES_MAX { 1 } else { 4 };
        let mut bytes = Vec::new();
        (0..shifts).find_map(|shift| {
            let run = &run[shift..];
            let whole = if run.len() % 4 == 1 { run.len() - 1 } else { run.len() };
            bytes.clear();
            BASE64.decode_vec(&run[..whole], &mut bytes).ok()?;
            self.inside(&bytes, bounds)
        })
    }

    fn inside(&self, bytes: &[u8], bounds: &mut Bounds) -> Option<Inside> {
        if bounds.depth == DEPTH_MAX {
            return None;
        }
        if bounds.depth > 0 {
            let Some(left) = bounds.bytes.checked_sub(bytes.len()) else { return Some(Inside::TooMuch) };
            bounds.bytes = left;
        }
        bounds.depth += 1;
        let inside = self.unpacked(bytes, bounds);
        bounds.depth -= 1;
        inside
    }

    fn unpacked(&self, bytes: &[u8], bounds: &mut Bounds) -> Option<Inside> {
        if let Some(found) = self.known.exact.find(bytes).next() {
            return Some(Inside::Value(found.what));
        }
        // Marks first: what is compressed may be full of zeros too.
        if matches!(bytes, [0x1F, 0x8B, 8, ..] | [b'P', b'K', 3, 4, ..] | [0x78, 1 | 0x9C | 0xDA, ..]) {
            return self.in_compressed(bytes, bounds);
        }
        let sample = &bytes[..bytes.len().min(SAMPLE_BYTES)];
        let zeros = sample.iter().filter(|byte| **byte == 0).count();
        if zeros * 4 >= sample.len() && !sample.is_empty() {
            // UTF-16, or UTF-32.
            let narrow: Vec<u8> = bytes.iter().filter(|byte| **byte != 0).copied().collect();
            return self.inside(&narrow, bounds);
        }
        let printable = sample.iter().filter(|byte| **byte >= b' ' || byte.is_ascii_whitespace()).count();
        let is_text = printable * 10 >= sample.len() * 9
            && String::from_utf8_lossy(sample).matches('\u{FFFD}').count() * 10 <= sample.len();
        if is_text { self.in_text(bytes, bounds) } else { self.in_compressed(bytes, bounds) }
    }

    fn in_text(&self, bytes: &[u8], bounds: &mut Bounds) -> Option<Inside> {
        let view = View::of(bytes);
        let read = view.as_ref().map_or(bytes, View::bytes);
        let letters = Folded::of(read);
        let found = self
            .known
            .folded
            .find(letters.bytes())
            .find(|found| crate::known::is_spelled(&letters.places(read, found.start..found.end)));
        let found = found.or_else(|| self.known.exact.find(read).next());
        let found = found.or_else(|| self.known.shortest(read).next());
        let found = found.or_else(|| self.in_numbers(read).first().copied());
        match found {
            Some(found) => Some(Inside::Value(found.what)),
            None => self.in_runs(read, bounds).first().map(|(_, inside)| *inside),
        }
    }

    fn in_compressed(&self, bytes: &[u8], bounds: &mut Bounds) -> Option<Inside> {
        match bytes {
            [0x1F, 0x8B, 8, ..] => self.inflated(MultiGzDecoder::new(bytes), bounds),
            [b'P', b'K', 3, 4, ..] => self.in_archive(bytes, bounds),
            [0x78, second, ..] if (0x7800 + u32::from(*second)) % 31 == 0 => {
                self.inflated(ZlibDecoder::new(bytes), bounds)
            }
            _ if bounds.in_address => self.inflated(DeflateDecoder::new(bytes), bounds),
            _ => None,
        }
    }

    fn inflated(&self, decoder: impl std::io::Read, bounds: &mut Bounds) -> Option<Inside> {
        let mut bytes = Vec::new();
        // What came before an error is looked at too.
        let _ = decoder.take(bounds.bytes as u64 + 1).read_to_end(&mut bytes);
        if bytes.len() > bounds.bytes {
            return Some(Inside::TooMuch);
        }
        self.inside(&bytes, bounds)
    }

    /// The files of a ZIP archive, which office documents are too.
    fn in_archive(&self, bytes: &[u8], bounds: &mut Bounds) -> Option<Inside> {
        const HEADER: usize = 30;
        let starts = bytes.windows(4).enumerate().filter(|(_, four)| *four == b"PK\x03\x04");
        for (count, (start, _)) in starts.enumerate() {
            if count == FILES_MAX {
                return Some(Inside::TooMuch);
            }
            let Some(header) = bytes.get(start..start + HEADER) else { continue };
            let length = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
            let content = bytes.get(start + HEADER + length(26) + length(28)..).unwrap_or_default();
            let inside = match length(8) {
                8 => self.inflated(DeflateDecoder::new(content), bounds),
                _ => None,
            };
            if inside.is_some() {
                return inside;
            }
        }
        None
    }
}

/// Words, names and paths are not: encoded text has digits, or changes between small and capital letters all the time.
fn may_be_encoded(run: &[u8]) -> bool {
    let count = |test: fn(&&u8) -> bool| run.iter().filter(test).count();
    let digits = count(|byte| byte.is_ascii_digit());
    let capitals = count(|byte| byte.is_ascii_uppercase());
    let changes =
        || run.windows(2).filter(|pair| pair[0].is_ascii_lowercase() != pair[1].is_ascii_lowercase()).count();
    digits * 24 >= run.len() || capitals == run.len() || capitals > 0 && changes() * 5 >= run.len()
}

/// In the alphabet that is not for addresses.
fn standard(run: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if !run.iter().any(|byte| matches!(byte, b'-' | b'_')) {
        return run;
    }
    let mut run = run.into_owned();
    for byte in &mut run {
        match byte {
            b'-' => *byte = b'+',
            b'_' => *byte = b'/',
            _ => {}
        }
    }
    Cow::Owned(run)
}

fn base32(run: &[u8]) -> Option<Vec<u8>> {
    let is_digit = |byte: &u8| byte.is_ascii_alphabetic() || (b'2'..=b'7').contains(byte);
    if !run.iter().all(is_digit) {
        return None;
    }
    let upper = run.to_ascii_uppercase();
    // Eight characters are five bytes; these counts leave no whole byte.
    (0..4).find_map(|cut| {
        let run = &upper[..upper.len() - cut];
        BASE32_NOPAD.decode(run).ok()
    })
}
