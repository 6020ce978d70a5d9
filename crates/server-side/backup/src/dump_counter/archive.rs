//! mongodump's archive: a magic number, a list of collections, then blocks of documents, each block with its
//! collection's name at its head. A block whose head says `EOF` ends its collection.

use std::collections::{BTreeMap, BTreeSet};

const MAGIC: [u8; 4] = 0x8199_e26d_u32.to_le_bytes();
const TERMINATOR: [u8; 4] = [0xff; 4];
/// A time series is listed by its name; its rows stand in a collection that is called so besides.
const BUCKETS: &str = "system.buckets.";
/// No document of MongoDB is larger than 16 MiB; what its tools put around one is little.
const DOCUMENT_MAX: usize = 17 << 20;

/// Reads an archive from pieces.
pub(super) struct Archive {
    place: Place,
    /// What has come of the present length or head.
    kept: Vec<u8>,
    /// Bytes of the present document that are passed over.
    skip: usize,
    collections: BTreeMap<String, u64>,
    open: BTreeSet<String>,
    /// The block's collection.
    current: Option<String>,
    broken: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Magic,
    /// The list of collections: the first document is about the archive itself.
    Prelude {
        first: bool,
    },
    /// A block's head is next.
    Head,
    /// Documents of a block.
    Documents,
}

impl Default for Archive {
    fn default() -> Self {
        Self {
            place: Place::Magic,
            kept: Vec::new(),
            skip: 0,
            collections: BTreeMap::new(),
            open: BTreeSet::new(),
            current: None,
            broken: None,
        }
    }
}

impl Archive {
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.broken.is_none() {
            if self.skip > 0 {
                let passed = self.skip.min(bytes.len());
                self.skip -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            let wanted = if self.kept.len() < 4 { 4 } else { self.wanted() };
            let taken = (wanted - self.kept.len()).min(bytes.len());
            self.kept.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.kept.len() == wanted
                && let Err(why) = self.step(wanted == 4)
            {
                self.broken = Some(why);
            }
        }
    }

    pub(super) fn finish(self) -> Result<BTreeMap<String, u64>, String> {
        if let Some(why) = self.broken {
            return Err(why.to_owned());
        }
        let at_rest = self.place == Place::Head && self.kept.is_empty() && self.skip == 0;
        if !at_rest || !self.open.is_empty() {
            return Err("the archive does not end as one of mongodump does: it was cut off".to_owned());
        }
        Ok(self.collections)
    }

    /// Length of the document that has begun.
    fn wanted(&self) -> usize {
        u32::from_le_bytes([self.kept[0], self.kept[1], self.kept[2], self.kept[3]]) as usize
    }

    /// Four bytes have come, or a whole document that matters.
    fn step(&mut self, four: bool) -> Result<(), &'static str> {
        if self.place == Place::Magic {
            if self.kept != MAGIC {
                return Err("the archive does not begin as one of mongodump does");
            }
            self.place = Place::Prelude { first: true };
            self.kept.clear();
            return Ok(());
        }
        if four {
            return self.length();
        }
        let document = std::mem::take(&mut self.kept);
        let about = About::read(&document).ok_or("a head in the archive is not understood")?;
        match self.place {
            Place::Prelude { first: true } => self.place = Place::Prelude { first: false },
            Place::Prelude { first: false } if about.is_view => {}
            Place::Prelude { first: false } => {
                if !about.is_series {
                    self.collections.insert(about.collection.clone(), 0);
                }
                self.open.insert(about.collection);
            }
            _ => {
                if about.is_end {
                    self.open.remove(about.collection.strip_prefix(BUCKETS).unwrap_or(&about.collection));
                }
                self.collections.entry(about.collection.clone()).or_default();
                self.current = Some(about.collection);
                self.place = Place::Documents;
            }
        }
        Ok(())
    }

    fn length(&mut self) -> Result<(), &'static str> {
        if self.kept == TERMINATOR {
            if self.place == Place::Head {
                return Err("a block of the archive has no head");
            }
            self.place = Place::Head;
            self.kept.clear();
            return Ok(());
        }
        let length = self.wanted();
        if !(5..=DOCUMENT_MAX).contains(&length) {
            return Err("a document in the archive has no possible length");
        }
        if self.place == Place::Documents {
            self.kept.clear();
            self.skip = length - 4;
            if let Some(collection) = &self.current {
                *self.collections.entry(collection.clone()).or_default() += 1;
            }
        }
        Ok(())
    }
}

/// What a head says.
struct About {
    collection: String,
    is_view: bool,
    is_series: bool,
    is_end: bool,
}

impl About {
    fn read(document: &[u8]) -> Option<Self> {
        let mut about = Self { collection: String::new(), is_view: false, is_series: false, is_end: false };
        let mut rest = document.get(4..document.len().checked_sub(1)?)?;
        while let Some((kind, after)) = rest.split_first() {
            let end = memchr::memchr(0, after)?;
            let (key, value) = (&after[..end], &after[end + 1..]);
            let length = match kind {
                0x01 | 0x09 | 0x11 | 0x12 => 8,
                0x02 => 4 + size(value)?,
                0x03 | 0x04 => size(value)?,
                0x08 => 1,
                0x0a => 0,
                0x10 => 4,
                _ => return None,
            };
            let value = value.get(..length)?;
            match (kind, key) {
                (0x02, b"collection") => about.collection = text(value)?,
                (0x02, b"type") => {
                    let kind = text(value)?;
                    (about.is_view, about.is_series) = (kind == "view", kind == "timeseries");
                }
                (0x08, b"EOF") => about.is_end = value == [1],
                _ => {}
            }
            rest = &after[end + 1 + length..];
        }
        Some(about)
    }
}

fn size(value: &[u8]) -> Option<usize> {
    usize::try_from(i32::from_le_bytes(value.get(..4)?.try_into().ok()?)).ok()
}

fn text(value: &[u8]) -> Option<String> {
    String::from_utf8(value.get(4..value.len().checked_sub(1)?)?.to_vec()).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Archive, MAGIC, TERMINATOR};

    fn document(elements: &[u8]) -> Vec<u8> {
        let length = u32::try_from(elements.len() + 5).expect("small").to_le_bytes();
        [&length, elements, &[0]].concat()
    }

    fn string(key: &str, value: &str) -> Vec<u8> {
        let length = u32::try_from(value.len() + 1).expect("small").to_le_bytes();
        [&[2], key.as_bytes(), &[0], &length, value.as_bytes(), &[0]].concat()
    }

    fn head(collection: &str, end: bool) -> Vec<u8> {
        let flag = [&[8], b"EOF".as_slice(), &[0, u8::from(end)]].concat();
        let crc = [&[0x12], b"CRC".as_slice(), &[0; 9]].concat();
        document(&[string("db", "shop"), string("collection", collection), flag, crc].concat())
    }

    /// Written by hand after mongo-tools' `common/archive`.
    pub(in crate::dump_counter) fn example() -> Vec<u8> {
        let about = |collection: &str, kind: &str| {
            document(&[string("db", "shop"), string("collection", collection), string("type", kind)].concat())
        };
        let row = |text: &str| document(&string("text", text));
        let end = TERMINATOR.to_vec();
        [
            MAGIC.to_vec(),
            document(&string("version", "0.1")),
            about("orders", "collection"),
            about("empty", "collection"),
            about("open orders", "view"),
            about("weather", "timeseries"),
            end.clone(),
            head("orders", false),
            row("one"),
            row("ÿÿÿÿ"),
            end.clone(),
            head("empty", true),
            end.clone(),
            head("orders", false),
            row("three"),
            end.clone(),
            head("system.buckets.weather", false),
            row("a bucket"),
            end.clone(),
            head("system.buckets.weather", true),
            end.clone(),
            head("orders", true),
            end,
        ]
        .concat()
    }

    #[test]
    fn documents_are_counted_by_collection_and_views_are_none() {
        let mut archive = Archive::default();
        archive.feed(&example());
        let told = archive.finish().expect("whole");
        let told: Vec<_> = told.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
        assert_eq!(told, [("empty", 0), ("orders", 3), ("system.buckets.weather", 1)]);
    }

    #[test]
    fn a_collection_that_does_not_come_to_its_end_is_missed() {
        let whole = example();
        let mut archive = Archive::default();
        archive.feed(&whole[..whole.len() - head("orders", true).len() - 4]);
        assert!(archive.finish().expect_err("cut off").contains("cut off"));
    }
}
