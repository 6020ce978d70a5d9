use std::sync::Arc;

use proptest::prelude::*;

use super::{DATABASE, HEX, known, redactor, redactor_for, value};
use crate::fold::folded;
use crate::forms::{encoded_forms, other_alphabets};
use crate::known::piece_bytes_min;
use crate::{Redactor, placeholder};

fn through(redactor: &Arc<Redactor>, chunks: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut stream = redactor.stream();
    let mut out = Vec::new();
    for chunk in chunks {
        stream.push(&chunk, &mut out);
    }
    stream.finish(&mut out);
    out
}

/// Cuts that are many and small.
fn cut(text: &[u8], lengths: &[usize]) -> Vec<Vec<u8>> {
    let mut rest = text;
    let mut lengths = lengths.iter().cycle();
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.len().min(*lengths.next().unwrap_or(&1)));
        chunks.push(chunk.to_vec());
        rest = after;
    }
    chunks
}

/// Text in which secrets stand whole, encoded, in pieces and nearly.
fn text(values: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let forms: Vec<Vec<u8>> = values
        .iter()
        .flat_map(|value| {
            encoded_forms(value)
                .into_iter()
                .map(|form| form.text.to_vec())
                .chain([value.clone().into_bytes()])
        })
        .chain(known().map(|(name, _)| placeholder(name).into_bytes()))
        .collect();
    let piece =
        (prop::sample::select(forms), any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4_u8);
    let piece = piece.prop_map(|(form, from, to, how)| match how {
        0 | 1 => form,
        2 => form[from.index(form.len())..].to_vec(),
        _ => form[..to.index(form.len())].to_vec(),
    });
    let between = prop_oneof![Just(String::new()), "[ -~]{0,12}"];
    prop::collection::vec((between, piece), 0..8).prop_map(|pieces| {
        pieces.into_iter().flat_map(|(text, piece)| [text.into_bytes(), piece].concat()).collect()
    })
}

fn known_values() -> Vec<String> {
    known().map(|(_, value)| value.to_owned()).to_vec()
}

/// Everything that something may begin with that is found: as it stands there, and by its letters.
fn beginnings() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut forms, mut letters) = (Vec::new(), Vec::new());
    for (name, value) in known() {
        forms.extend([value.as_bytes().to_vec(), placeholder(name).into_bytes()]);
        letters.push(folded(value));
        for (at, _) in value.char_indices() {
            let rest = &value[at..];
            if rest.len() >= piece_bytes_min(rest) {
                forms.push(rest.as_bytes().to_vec());
                letters.push(folded(rest));
            }
        }
        for form in encoded_forms(value) {
            let starts =
                form.pieces.into_iter().flat_map(|(first, step)| (first..form.text.len()).step_by(step));
            let pieces = starts.map(|at| form.text[at..].to_vec()).filter(|piece| piece.len() >= 16);
            forms.extend(pieces.filter(|_| value.len() >= 24));
            letters.extend(form.folds.then(|| folded(&String::from_utf8_lossy(&form.text))));
            forms.push(form.text.to_vec());
        }
        letters.extend(other_alphabets(value).iter().map(|form| folded(form)));
    }
    (forms, letters)
}

proptest! {
    #[test]
    fn random_chunking_equals_the_whole(
        text in text(known_values()), lengths in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let redactor = redactor();
        let whole = through(&redactor, [text.clone()]);
        prop_assert_eq!(&through(&redactor, cut(&text, &lengths)), &whole);
        prop_assert_eq!(&through(&redactor, cut(&text, &[1])), &whole);
    }

    #[test]
    fn a_stream_hides_what_the_whole_hides(
        (value, text) in value().prop_flat_map(|value| (Just(value.clone()), text(vec![value.trim().to_owned()]))),
        lengths in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let redactor = redactor_for([("tool/key", value.as_str())]);
        let out = through(&redactor, cut(&text, &lengths));
        let out = String::from_utf8_lossy(&out).replace(&placeholder("tool/key"), "\u{fffd}");
        prop_assert!(!out.contains(value.trim()), "{out}");
    }

    #[test]
    fn no_byte_is_held_back_without_a_matching_prefix(
        text in text(known_values()), lengths in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let redactor = redactor();
        let forms = beginnings();
        let mut stream = redactor.stream();
        let mut came = Vec::new();
        for chunk in cut(&text, &lengths) {
            came.extend_from_slice(&chunk);
            stream.push(&chunk, &mut Vec::new());
            let held = &came[came.len() - stream.held()..];
            let letters = crate::fold::Folded::of(held);
            let begins = forms.0.iter().any(|form| form.len() > held.len() && form.starts_with(held))
                || forms.1.iter().any(|form| form.len() > letters.bytes().len() && form.starts_with(letters.bytes()));
            let is_torn = held.len() < 4 && std::str::from_utf8(held).is_err();
            prop_assert!(held.is_empty() || is_torn || begins, "{}", String::from_utf8_lossy(held));
        }
    }

    #[test]
    fn bytes_without_secrets_pass_unchanged(bytes in prop::collection::vec(any::<u8>(), 0..400), length in 1..20_usize) {
        prop_assert_eq!(through(&redactor(), cut(&bytes, &[length])), bytes);
    }
}

#[test]
fn ordinary_text_passes_at_once_but_for_a_beginning() {
    let redactor = redactor_for([("n8n/key", HEX)]);
    let mut stream = redactor.stream();
    let mut out = Vec::new();
    stream.push(b"All containers run. ", &mut out);
    assert_eq!(out, b"All containers run. ");
    stream.push(&HEX.as_bytes()[..30], &mut out);
    assert_eq!(stream.held(), 30, "a beginning is held back");
    stream.push(b" is no end of it", &mut out);
    let text = String::from_utf8(out).expect("text");
    assert_eq!(
        text, "All containers run. SECRET_REF(n8n/key) is no end of it",
        "a long piece is a secret too"
    );
}

#[test]
fn a_stream_that_ends_in_a_beginning_loses_nothing() {
    let text = format!("it starts with {}", &DATABASE[..9]);
    assert_eq!(through(&redactor(), cut(text.as_bytes(), &[3])), text.as_bytes());
}
