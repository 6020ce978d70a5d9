//! What restic answers, read. Pure.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{Listed, Stored};
use crate::Snapshot;

#[derive(Deserialize)]
struct SnapshotLine {
    id: String,
    time: DateTime<Utc>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    paths: Option<Vec<String>>,
}

/// `restic snapshots --json`.
pub(super) fn snapshots(answer: &[u8]) -> Option<Vec<Snapshot>> {
    let lines: Vec<SnapshotLine> = serde_json::from_slice(answer).ok()?;
    let snapshot = |line: SnapshotLine| Snapshot {
        id: line.id,
        time: line.time,
        tags: line.tags.unwrap_or_default(),
        paths: line.paths.unwrap_or_default(),
    };
    Some(lines.into_iter().map(snapshot).collect())
}

/// The summary of `restic backup --json`.
pub(super) fn stored(answer: &[u8]) -> Option<Stored> {
    #[derive(Deserialize)]
    struct Summary {
        snapshot_id: String,
        total_files_processed: u64,
        total_bytes_processed: u64,
        #[serde(default)]
        data_added_packed: u64,
    }
    let summary: Summary = summary(answer)?;
    Some(Stored {
        snapshot: summary.snapshot_id,
        files: summary.total_files_processed,
        bytes: summary.total_bytes_processed,
        added_bytes: summary.data_added_packed,
    })
}

/// `restic version`: `restic 0.18.0 compiled with …`.
pub(super) fn version(answer: &[u8]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(answer).ok()?;
    let mut numbers = text.strip_prefix("restic ")?.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// What `restic restore --json` says at its end.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Restored {
    pub(super) total_files: u64,
    pub(super) files_restored: u64,
    pub(super) files_skipped: u64,
    pub(super) total_bytes: u64,
    pub(super) bytes_restored: u64,
    pub(super) bytes_skipped: u64,
}

impl Restored {
    /// Whether all of it was written.
    pub(super) const fn is_whole(&self) -> bool {
        self.total_files == self.files_restored + self.files_skipped
            && self.total_bytes == self.bytes_restored + self.bytes_skipped
    }
}

/// The last message of kind `summary`.
pub(super) fn summary<T: serde::de::DeserializeOwned>(answer: &[u8]) -> Option<T> {
    #[derive(Deserialize)]
    struct Kind {
        message_type: String,
    }
    answer.rsplit(|byte| *byte == b'\n').find_map(|line| {
        let kind: Kind = serde_json::from_slice(line).ok()?;
        (kind.message_type == "summary").then(|| serde_json::from_slice(line).ok())?
    })
}

#[derive(Deserialize)]
struct NodeLine {
    path: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    mode: u32,
    #[serde(default)]
    mtime: Option<DateTime<Utc>>,
}

/// A line of `restic ls --json`; `Ok(None)` for the line about the snapshot itself.
pub(super) fn node(line: &[u8]) -> Result<Option<Listed>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Kind {
        struct_type: String,
    }
    let kind: Kind = serde_json::from_slice(line)?;
    if kind.struct_type != "node" {
        return Ok(None);
    }
    let node: NodeLine = serde_json::from_slice(line)?;
    Ok(Some(Listed {
        path: node.path,
        kind: node.kind,
        size: node.size,
        mode: unix_mode(node.mode),
        modified_at: node.mtime,
        link: None,
    }))
}

/// What a tree of the repository tells of something in it.
#[derive(Debug, Deserialize)]
pub(super) struct InTree {
    name: String,
    /// Left out where it is 0.
    #[serde(default)]
    mode: u32,
    #[serde(default)]
    pub(super) uid: u32,
    #[serde(default)]
    pub(super) gid: u32,
    #[serde(default)]
    pub(super) mtime: Option<DateTime<Utc>>,
    #[serde(default, rename = "extended_attributes")]
    pub(super) attributes: Vec<Attribute>,
}

impl InTree {
    pub(super) fn unix_mode(&self) -> u32 {
        unix_mode(self.mode)
    }
}

/// An extended attribute.
#[derive(Debug, Deserialize)]
pub(super) struct Attribute {
    pub(super) name: String,
    #[serde(default)]
    value: Option<String>,
}

impl Attribute {
    /// `None` where it is not understood.
    pub(super) fn value(&self) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(self.value.as_deref().unwrap_or_default()).ok()
    }
}

/// The entry of this name in an answer of `restic cat tree`.
pub(super) fn in_tree(answer: &[u8], name: &str) -> Option<InTree> {
    #[derive(Deserialize)]
    struct Tree {
        nodes: Vec<InTree>,
    }
    let tree: Tree = serde_json::from_slice(answer).ok()?;
    tree.nodes.into_iter().find(|node| unquoted(&node.name).as_deref() == Some(name.as_bytes()))
}

/// A name in a tree: quoted as Go quotes it (`strconv.Quote`), without the quotes around it.
fn unquoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let escaped = letters.next()?;
        let mut number = |digits: usize| {
            let digits: String = letters.by_ref().take(digits).collect();
            u32::from_str_radix(&digits, 16).ok()
        };
        let letter = match escaped {
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => {
                bytes.push(number(2)?.try_into().ok()?);
                continue;
            }
            'u' => char::from_u32(number(4)?)?,
            'U' => char::from_u32(number(8)?)?,
            other => other,
        };
        bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(bytes)
}

/// The target of the link `path` in a line of `restic ls --long`: `Lrwxrwxrwx … 2026-11-22 04:33:14 /path -> target`.
pub(super) fn target<'a>(line: &'a str, path: &str) -> Option<&'a str> {
    let line = line.strip_prefix('L')?;
    let at = line.find(" /")?;
    line[at + 1..].strip_prefix(path)?.strip_prefix(" -> ")
}

/// restic writes modes as Go does: the special bits lie elsewhere.
fn unix_mode(go: u32) -> u32 {
    let bit = |from: u32, to: u32| if go & (1 << from) == 0 { 0 } else { to };
    (go & 0o777) | bit(23, 0o4000) | bit(22, 0o2000) | bit(20, 0o1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_of_links_are_found_behind_their_paths() {
        let line = "Lrwxrwxrwx     0     0      0 2026-11-22 04:33:14 /a -> b -> /c d";
        assert_eq!(target(line, "/a -> b"), Some("/c d"));
        assert_eq!(target(line, "/a"), Some("b -> /c d"));
        assert_eq!(target(line, "/b"), None);
        assert_eq!(target(&line[1..], "/a"), None);
    }

    #[test]
    fn an_entry_of_a_tree_is_found_by_a_name_that_go_quotes_and_without_a_mode() {
        let names = ["data", "a\tb", "a\"\\b", "\u{7f}\u{1}", "ä\u{200b}\u{e0001}", "a\nb"];
        let quoted = ["data", r"a\tb", r#"a\"\\b"#, r"\x7f\x01", r"ä\u200b\U000e0001", r"a\nb"];
        let node = |name: &&str| serde_json::json!({"name": name, "type": "dir", "uid": name.len()});
        let nodes: Vec<_> = quoted.iter().map(node).collect();
        let answer = serde_json::json!({ "nodes": nodes }).to_string();
        for (name, quoted) in names.iter().zip(quoted) {
            let found = in_tree(answer.as_bytes(), name).expect(quoted);
            assert_eq!((found.uid as usize, found.unix_mode()), (quoted.len(), 0), "{quoted}");
        }
        assert!(in_tree(answer.as_bytes(), "other").is_none());
    }

    #[test]
    fn modes_keep_their_special_bits() {
        assert_eq!(unix_mode(2_147_484_141), 0o755);
        assert_eq!(unix_mode(420), 0o644);
        assert_eq!(unix_mode((1 << 31) | (1 << 20) | 0o777), 0o1777);
        assert_eq!(unix_mode((1 << 23) | (1 << 22) | 0o755), 0o6755);
    }

    #[test]
    fn a_summary_is_found_behind_other_messages() {
        let answer = b"{\"message_type\":\"status\"}\n{\"message_type\":\"summary\",\"snapshot_id\":\"ab\",\
            \"total_files_processed\":2,\"total_bytes_processed\":9,\"data_added_packed\":4}\n";
        let wanted = Stored { snapshot: "ab".to_owned(), files: 2, bytes: 9, added_bytes: 4 };
        assert_eq!(stored(answer), Some(wanted));
        assert_eq!(stored(b"{\"message_type\":\"status\"}\n"), None);
    }
}
