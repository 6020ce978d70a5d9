//! JSON as programs really write it, made into what every reader takes.

pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A body without a byte order mark, and without halves of characters.
pub(crate) fn readable(mut body: Vec<u8>) -> Vec<u8> {
    if body.starts_with(BYTE_ORDER_MARK) {
        body.drain(..BYTE_ORDER_MARK.len());
    }
    replace_halves(&mut body);
    body
}

/// Programs that cut texts by UTF-16 (JavaScript, Java, .NET) leave half a character behind, as an escape that stands
/// for nothing: `\ud83d`. It becomes the sign for that, which is as long.
pub(super) fn replace_halves(text: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        at += found;
        let is_low = |unit: Option<u16>| matches!(unit, Some(0xdc00..=0xdfff));
        at += match unit(&text[at..]) {
            Some(0xd800..=0xdbff) if text.get(at + 6..).is_some_and(|next| is_low(unit(next))) => 12,
            Some(0xd800..=0xdfff) => {
                text[at..at + 6].copy_from_slice(b"\\ufffd");
                6
            }
            Some(_) => 6,
            // Any other escape, among them a backslash itself.
            None => 2,
        };
    }
}

/// The number of an escape that the text begins with.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let digits =
        std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::readable;

    #[test]
    fn half_a_character_becomes_the_sign_for_one_that_is_missing() {
        for (text, wanted) in [
            (r#""a\ud83d""#, "a\u{fffd}"),
            (r#""\uDE00b""#, "\u{fffd}b"),
            (r#""\ud83d\ude00""#, "\u{1f600}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\ud83d\n""#, "\u{fffd}\n"),
            (r#""\\ud83d""#, r"\ud83d"),
            (r#""\\\ud83d""#, "\\\u{fffd}"),
            (r#""\u0041""#, "A"),
            ("\u{feff}\"x\"", "x"),
        ] {
            let read: Value = serde_json::from_slice(&readable(text.as_bytes().to_vec())).expect(text);
            assert_eq!(read, wanted, "{text}");
        }
        for cut in [r#""\"#, r#""\u"#, r#""\ud83"#, r#""\ud83d\u"#, r#""\u+123""#] {
            assert!(serde_json::from_slice::<Value>(&readable(cut.into())).is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn what_can_be_read_stays_as_it_is(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let json = Value::from(text).to_string().into_bytes();
            prop_assert_eq!(readable(json.clone()), json);
            prop_assert!(readable(bytes.clone()).len() <= bytes.len());
        }
    }
}
