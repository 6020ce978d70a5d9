//! However a stream is cut, the result is the same, and no known value is in it.
#![no_main]

use std::sync::Arc;

use letsbe_redact::{KnownSecret, Redactor};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "Zk3vQ9xLm2Rt8WcYb5Hs1PdNf7Jg4UaE";

#[derive(arbitrary::Arbitrary, Debug)]
enum Piece {
    Bytes(Vec<u8>),
    Secret { from: u8, to: u8 },
}

fuzz_target!(|pieces: Vec<Piece>| {
    let known = KnownSecret { name: "tool/key".to_owned(), value: SECRET.into() };
    let redactor = Arc::new(Redactor::new([known]).expect("one secret"));
    let chunks: Vec<Vec<u8>> = pieces
        .into_iter()
        .map(|piece| match piece {
            Piece::Bytes(bytes) => bytes,
            Piece::Secret { from, to } => {
                let from = usize::from(from) % SECRET.len();
                SECRET.as_bytes()[from..from.max(usize::from(to) % (SECRET.len() + 1))].to_vec()
            }
        })
        .collect();
    let run = |chunks: &[&[u8]]| {
        let (mut stream, mut out) = (redactor.stream(), Vec::new());
        chunks.iter().for_each(|chunk| stream.push(chunk, &mut out));
        stream.finish(&mut out);
        out
    };
    let whole = chunks.concat();
    let cut: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
    let out = run(&cut);
    assert_eq!(out, run(&[&whole]));
    assert!(!out.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
});
