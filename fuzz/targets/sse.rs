//! However a stream of events is cut, the result is the same.
#![no_main]

use std::sync::Arc;

use letsbe_redact::{KnownSecret, Redactor, SseRedactor};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, Vec<u16>)| {
    let (stream, mut cuts) = input;
    let known = KnownSecret { name: "tool/key".to_owned(), value: "Zk3vQ9xLm2Rt8WcYb5Hs1PdNf7Jg4UaE".into() };
    let redactor = Arc::new(Redactor::new([known]).expect("one secret"));
    cuts.iter_mut().for_each(|cut| *cut %= u16::try_from(stream.len() % 65_535 + 1).expect("small"));
    cuts.sort_unstable();
    let run = |cuts: &[u16]| {
        let (mut redactor, mut out) = (SseRedactor::new(Arc::clone(&redactor)), Vec::new());
        let mut from = 0;
        for cut in cuts.iter().map(|cut| usize::from(*cut)).chain([stream.len()]) {
            redactor.push(&stream[from..cut], &mut out).ok()?;
            from = cut;
        }
        redactor.finish(&mut out);
        Some(out)
    };
    assert_eq!(run(&cuts), run(&[]));
});
