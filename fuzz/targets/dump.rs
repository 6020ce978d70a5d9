//! Whatever a dump is and however it is cut into pieces, it is counted the same, or refused the same.
#![no_main]

use letsbe_backup::DumpCounter;
use letsbe_catalog::DatabaseEngine::{Mariadb, Mongodb, Mysql, Postgresql};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, Vec<u8>)| {
    let (engine, size, dump) = input;
    let engine = [Postgresql, Mysql, Mariadb, Mongodb][usize::from(engine) % 4];
    let mut whole = DumpCounter::new(engine);
    whole.feed(&dump);
    let mut cut = DumpCounter::new(engine);
    for piece in dump.chunks(usize::from(size) + 1) {
        cut.feed(piece);
    }
    assert_eq!(whole.has_begun(), cut.has_begun());
    assert_eq!(whole.finish(), cut.finish());
});
