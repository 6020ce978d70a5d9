use proptest::prelude::*;

use crate::index::{Builder, Found};
use crate::numbers;

#[test]
fn a_form_of_any_length_is_found_at_every_place() {
    for len in 8..=14 {
        let form = &b"kT9vQ2xZ7mB4cR"[..len];
        let mut builder = Builder::default();
        builder.push(form, 7);
        let index = builder.build();
        for size in [len, 40, 64, 65, 150] {
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

proptest! {
    #[test]
    fn no_list_of_numbers_is_overlooked_at_a_glance(
        pieces in prop::collection::vec(("[0-9]{1,5}", "[ ,a-z]{1,26}"), 0..12),
        digits in "[01]{0,60}",
    ) {
        let text: String = pieces.iter().map(|(number, gap)| format!("{gap}{number}")).chain([digits]).collect();
        prop_assert!(numbers::digits_are_near(text.as_bytes()) || !numbers::has_enough(text.as_bytes()), "{text}");
    }
}
