//! Watches a dump on its way into the repository: bytes, hash, and rows where the dump tells them.

mod archive;
mod lines;

use std::collections::BTreeMap;

use letsbe_catalog::DatabaseEngine;
use sha2::{Digest as _, Sha256};

use self::{archive::Archive, lines::Lines};

/// What a dump of PostgreSQL in its custom format begins with.
const CUSTOM: &[u8] = b"PGDMP";
/// It ends with a length of zero, or the offset of a table without data: four zeros at least.
const CUSTOM_END: [u8; 4] = [0; 4];

/// Counts what passes by.
pub struct DumpCounter {
    hash: Sha256,
    bytes: u64,
    format: Format,
}

enum Format {
    Custom(Ends),
    Lines(Lines),
    Archive(Archive),
}

/// The first and last bytes of a stream.
#[derive(Default)]
struct Ends {
    first: Vec<u8>,
    last: [u8; CUSTOM_END.len()],
}

impl DumpCounter {
    /// Nothing has passed yet.
    #[must_use]
    pub fn new(engine: DatabaseEngine) -> Self {
        let format = match engine {
            DatabaseEngine::Postgresql => {
                Format::Custom(Ends { last: [1; CUSTOM_END.len()], ..Ends::default() })
            }
            DatabaseEngine::Mysql | DatabaseEngine::Mariadb => Format::Lines(Lines::default()),
            DatabaseEngine::Mongodb => Format::Archive(Archive::default()),
        };
        Self { hash: Sha256::new(), bytes: 0, format }
    }

    /// The next piece of the dump.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        match &mut self.format {
            Format::Custom(ends) => ends.feed(bytes),
            Format::Lines(lines) => lines.feed(bytes),
            Format::Archive(archive) => archive.feed(bytes),
        }
    }

    /// Whether the dump's own transaction has begun for certain: data has come. The first lines of a dump of MySQL
    /// are written before it begins. MongoDB has no such transaction: each collection is as of its own moment.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        match &self.format {
            Format::Custom(_) | Format::Archive(_) => self.bytes > 0,
            Format::Lines(lines) => lines.has_begun(),
        }
    }

    /// Bytes, SHA-256 in hex, and rows by table where the dump tells them (MySQL and MariaDB write one `INSERT` a
    /// line, MongoDB one document after the other; PostgreSQL's are empty here and counted by a session); an error
    /// when the dump does not end as a whole one does.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn finish(self) -> Result<(u64, String, BTreeMap<String, u64>), String> {
        if self.bytes == 0 {
            return Err("the dump is empty".to_owned());
        }
        let tables = match self.format {
            Format::Custom(ends) => ends.finish().map(|()| BTreeMap::new()),
            Format::Lines(lines) => lines.finish(),
            Format::Archive(archive) => archive.finish(),
        };
        Ok((self.bytes, hex::encode(self.hash.finalize()), tables?))
    }
}

impl Ends {
    fn feed(&mut self, bytes: &[u8]) {
        let missing = CUSTOM.len().saturating_sub(self.first.len()).min(bytes.len());
        self.first.extend_from_slice(&bytes[..missing]);
        let fresh = bytes.len().min(self.last.len());
        self.last.rotate_left(fresh);
        let keep = self.last.len() - fresh;
        self.last[keep..].copy_from_slice(&bytes[bytes.len() - fresh..]);
    }

    fn finish(&self) -> Result<(), String> {
        if self.first != CUSTOM {
            Err("the dump does not begin as one of pg_dump does".to_owned())
        } else if self.last != CUSTOM_END {
            Err("the dump does not end as one of pg_dump does: it was cut off".to_owned())
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use letsbe_catalog::DatabaseEngine::{self, Mariadb, Mongodb, Mysql, Postgresql};
    use proptest::prelude::*;

    use super::DumpCounter;

    const SQL: &[u8] = include_bytes!("examples/mariadb.sql");

    fn archive() -> Vec<u8> {
        super::archive::tests::example()
    }

    fn told(engine: DatabaseEngine, dump: &[u8], cuts: &[usize]) -> (bool, Result<String, String>) {
        let mut counter = DumpCounter::new(engine);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (dump.len() + 1)).collect();
        cuts.sort_unstable();
        let mut from = 0;
        for to in cuts.into_iter().chain([dump.len()]) {
            counter.feed(&dump[from..to]);
            from = to;
        }
        (counter.has_begun(), counter.finish().map(|told| format!("{told:?}")))
    }

    proptest! {
        #[test]
        fn however_a_dump_is_cut_into_pieces_the_tally_is_the_same(
            cuts in prop::collection::vec(any::<usize>(), 0..40),
        ) {
            let custom = [b"PGDMP\x01\x0e\x00\x04rows".as_slice(), &[0; 5]].concat();
            for (engine, dump) in [(Mariadb, SQL), (Mongodb, &archive()), (Postgresql, &custom)] {
                let whole = told(engine, dump, &[]);
                prop_assert!(whole.1.is_ok(), "{:?}", whole.1);
                prop_assert_eq!(&told(engine, dump, &cuts), &whole);
            }
        }

        #[test]
        fn a_dump_that_was_cut_off_is_refused(at in any::<usize>()) {
            // The last line's end is not missed.
            let sql = SQL.trim_ascii_end();
            for (engine, dump) in [(Mysql, sql), (Mongodb, &archive())] {
                let (_, ending) = told(engine, &dump[..at % (dump.len() - 18)], &[]);
                prop_assert!(ending.is_err(), "{ending:?}");
            }
        }
    }

    #[test]
    fn every_byte_at_a_time_gives_the_same_too() {
        let cuts: Vec<usize> = (0..SQL.len()).collect();
        assert_eq!(told(Mariadb, SQL, &cuts), told(Mariadb, SQL, &[]));
    }

    #[test]
    fn what_is_no_dump_or_an_empty_one_is_refused() {
        for (engine, dump, why) in [
            (Mysql, b"".as_slice(), "is empty"),
            (Postgresql, b"", "is empty"),
            (Mongodb, b"", "is empty"),
            (Mysql, b"-- MySQL dump 10.13\nmysqldump: Got error: 1045\n", "cut off"),
            (Postgresql, b"pg_dump: error: \0\0\0\0\0", "does not begin"),
            (Postgresql, b"PGDMP\x01\x0e\x00\x04 and then", "cut off"),
            (Mongodb, b"\x6d\xe2\x99\x81", "cut off"),
            (Mongodb, b"Failed: error connecting", "does not begin"),
        ] {
            let ending = told(engine, dump, &[]).1.expect_err("refused");
            assert!(ending.contains(why), "{ending}");
        }
    }

    #[test]
    fn a_transaction_has_begun_with_the_first_table_and_not_with_the_head() {
        let at = SQL.windows(18).position(|window| window == b"-- Table structure").expect("a table");
        assert!(!told(Mariadb, &SQL[..at], &[]).0);
        assert!(told(Mariadb, &SQL[..at + 60], &[]).0);
        assert!(!told(Postgresql, b"", &[]).0 && told(Postgresql, b"P", &[]).0);
    }
}
