use proptest::prelude::*;

use crate::index::{Builder, Found};
use crate::numbers;
use crate::runs::{self, Alphabet, alphabet};

#[test]
fn a_form_of_any_length_is_found_at_every_place() {
    for len in (8..=14).chain(18..=24) {
        let form = &b"kT9vQ2xZ7mB4cR8wN1pL6sD3"[..len];
        let mut builder = Builder::default();
        builder.push(form, 7);
        let index = builder.build();
        for size in [len, 40, 64, 65, 150, 300] {
            for start in 0..=size - len {
                let mut text = vec![b'.'; size];
                text[start..start + len].copy_from_slice(form);
                let found: Vec<Found> = index.find(&text).collect();
                assert_eq!(found, [Found { start, end: start + len, what: 7 }], "{len} bytes of {size}");
                // The same where another one stands in front of it.
                let twice = [&text[..], &text].concat();
                assert_eq!(index.find(&twice).count(), 2, "{len} bytes of {size}, twice");
            }
        }
    }
}

static IN_RUN: Alphabet = alphabet(b"abc");

proptest! {
    #[test]
    fn every_long_run_is_found_and_no_other(text in "[abc]{0,6}([abc.]{1,3}[abc]{0,8}){0,12}", shortest in 1..7_usize) {
        let bytes = text.as_bytes();
        let mut runs = Vec::new();
        let mut start = 0;
        for run in bytes.split(|byte| *byte == b'.') {
            if run.len() >= shortest {
                runs.push(start..start + run.len());
            }
            start += run.len() + 1;
        }
        prop_assert_eq!(runs::find(bytes, &IN_RUN, shortest).collect::<Vec<_>>(), runs);
    }

    #[test]
    fn no_list_of_numbers_is_overlooked_at_a_glance(
        pieces in prop::collection::vec(("[0-9]{1,5}", "[ ,a-z]{1,26}"), 0..12),
        digits in "[01]{0,60}",
    ) {
        let text: String = pieces.iter().map(|(number, gap)| format!("{gap}{number}")).chain([digits]).collect();
        prop_assert!(numbers::digits_are_near(text.as_bytes()) || !numbers::has_enough(text.as_bytes()), "{text}");
    }
}
