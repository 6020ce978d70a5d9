//! Checks the repository, and names what is damaged and which snapshots that touches.

use std::collections::{BTreeMap, BTreeSet};

use letsbe_types::Problem;
use serde::Deserialize;

use super::{
    Damage, Repository, answers, problem,
    process::Pieces,
    restic::{Call, not_understood},
};

/// Blobs that are looked for in one call.
const BLOBS: usize = 2000;

/// An entry of what `restic find` answers at most, with a path in it and what could not be searched before it.
const ENTRY: usize = 1 << 20;

/// What a check found, before it is known whom it touches.
#[derive(Debug, Default, PartialEq, Eq)]
struct Findings {
    /// Pack by id: what is wrong with it.
    packs: BTreeMap<String, &'static str>,
    /// Trees (by the beginning of their ids) that cannot be loaded.
    trees: BTreeSet<String>,
    /// Snapshots (by the beginning of their ids) that cannot be loaded.
    snapshots: BTreeSet<String>,
    /// Anything else, in restic's words.
    others: BTreeSet<String>,
}

/// What a pack holds.
#[derive(Debug, Default)]
struct Blobs {
    data: Vec<String>,
    trees: Vec<String>,
}

impl Repository {
    /// Checks the structure, and reads part `part` of `parts` of the data (1-based); `None` reads no data.
    ///
    /// # Errors
    /// When the check itself could not be made; damage is an answer.
    pub async fn check(&self, part: Option<(u32, u32)>) -> Result<Vec<Damage>, Problem> {
        let doing = "checking the repository";
        let mut call = Call::new(doing, &["check", "--json"]).long().answers(&[0, 1]);
        if let Some((part, parts)) = part {
            call = call.arguments(["--read-data-subset".to_owned(), format!("{part}/{parts}")]);
        }
        let (ended, answer) = self.ask(call).await?;
        if ended.code == Some(0) {
            return Ok(Vec::new());
        }
        let Some(summary) = answers::summary::<Summary>(&answer) else {
            return Err(problem::of(&self.location, doing, &ended));
        };
        let mut findings = findings(&ended.errors);
        for pack in summary.broken_packs.unwrap_or_default() {
            findings.packs.entry(pack).or_insert(CHANGED);
        }
        self.attribute(findings).await
    }

    /// Which snapshots the findings touch. Where that cannot be told, all are named: better than too few.
    async fn attribute(&self, findings: Findings) -> Result<Vec<Damage>, Problem> {
        let all = self.snapshots().await.map(|all| all.into_iter().map(|snapshot| snapshot.id).collect());
        let all: BTreeSet<String> = all.unwrap_or_default();
        let packs: Vec<String> = findings.packs.keys().cloned().collect();
        let held = self.held_by(&packs).await.unwrap_or_default();
        let mut damage = Vec::new();
        for (pack, wrong) in findings.packs {
            let touched = match held.get(&pack) {
                Some(blobs) => self.touched(blobs).await.unwrap_or_else(|_| all.clone()),
                None => all.clone(),
            };
            damage.push(named(format!("pack {pack} {wrong}"), touched));
        }
        for tree in findings.trees {
            let blobs = Blobs { trees: vec![tree.clone()], ..Blobs::default() };
            let touched = self.touched(&blobs).await.unwrap_or_else(|_| all.clone());
            // The pack that holds it is named already, and tells more.
            if !damage.iter().any(|known| touched.iter().all(|id| known.snapshots.contains(id))) {
                damage.push(named(format!("list of a folder {tree} cannot be read"), touched));
            }
        }
        for snapshot in findings.snapshots {
            let touched = all.iter().filter(|id| id.starts_with(&snapshot)).cloned().collect();
            damage.push(named(format!("snapshot {snapshot} cannot be read"), touched));
        }
        damage.extend(findings.others.into_iter().map(|what| named(what, all.clone())));
        Ok(damage)
    }

    /// What packs hold, by the index: it is there when a pack is not.
    async fn held_by(&self, packs: &[String]) -> Result<BTreeMap<String, Blobs>, Problem> {
        #[derive(Deserialize)]
        struct Index {
            packs: Vec<Pack>,
        }
        #[derive(Deserialize)]
        struct Pack {
            id: String,
            blobs: Vec<Blob>,
        }
        #[derive(Deserialize)]
        struct Blob {
            id: String,
            #[serde(rename = "type")]
            kind: String,
        }
        let doing = "looking up what damaged packs hold";
        let mut held: BTreeMap<String, Blobs> = BTreeMap::new();
        if packs.is_empty() {
            return Ok(held);
        }
        let (_, ids) = self.ask(Call::new(doing, &["--no-lock", "list", "index"])).await?;
        for id in String::from_utf8_lossy(&ids).lines() {
            let (_, index) = self.ask(Call::new(doing, &["--no-lock", "cat", "index", id])).await?;
            let index: Index = serde_json::from_slice(&index).map_err(|_| not_understood(doing))?;
            for pack in index.packs.into_iter().filter(|pack| packs.contains(&pack.id)) {
                let blobs = held.entry(pack.id).or_default();
                for blob in pack.blobs {
                    if blob.kind == "tree" { &mut blobs.trees } else { &mut blobs.data }.push(blob.id);
                }
            }
        }
        Ok(held)
    }

    /// Snapshots that need any of these blobs, and those that cannot be searched for them.
    async fn touched(&self, blobs: &Blobs) -> Result<BTreeSet<String>, Problem> {
        let mut touched = BTreeSet::new();
        for (kind, ids) in [("--blob", &blobs.data), ("--tree", &blobs.trees)] {
            for some in ids.chunks(BLOBS) {
                self.find(kind, some, &mut touched).await?;
            }
        }
        Ok(touched)
    }

    async fn find(&self, kind: &str, ids: &[String], found: &mut BTreeSet<String>) -> Result<(), Problem> {
        let options = ["--no-lock", "--no-cache", "find", "--json", kind];
        let call = Call::new("looking for what damage touches", &options).arguments(ids).long();
        // Entries hold no other objects, so each ends with the first brace behind its snapshot.
        let mut entries = Pieces::new(b'}', ENTRY);
        self.run(call, &mut |bytes| {
            entries.feed(bytes, |entry| {
                found.extend(snapshots_of(entry));
                Ok(())
            })
        })
        .await?;
        found.extend(snapshots_of(entries.rest()));
        Ok(())
    }
}

const MISSING: &str = "is missing";
const CHANGED: &str = "is not what was stored";

/// The end of `restic check --json`.
#[derive(Deserialize)]
struct Summary {
    #[serde(default)]
    broken_packs: Option<Vec<String>>,
}

fn named(what: String, snapshots: BTreeSet<String>) -> Damage {
    Damage { what, snapshots: snapshots.into_iter().collect() }
}

/// What `restic check --json` writes to standard error.
fn findings(errors: &str) -> Findings {
    #[derive(Deserialize)]
    struct Line {
        message_type: String,
        message: String,
    }
    let mut findings = Findings::default();
    let lines = errors.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    for line in lines.filter(|line| line.message_type == "error") {
        let message = line.message.trim_end();
        if let Some(pack) = id_behind(message, "pack ", 64) {
            let wrong = if message.ends_with("does not exist") { MISSING } else { CHANGED };
            findings.packs.insert(pack, wrong);
        } else if let Some(tree) = id_behind(message, "error for tree ", 8) {
            findings.trees.insert(tree);
        } else if let Some(snapshot) = id_behind(message, "error: failed to load snapshot ", 8) {
            findings.snapshots.insert(snapshot);
        } else if let Some(words) = message.strip_prefix("error: ") {
            findings.others.insert(words.chars().filter(|letter| !letter.is_control()).take(200).collect());
        }
    }
    if findings == Findings::default() {
        findings.others.insert("restic found errors that it did not name".to_owned());
    }
    findings
}

/// The id of `length` letters right behind `words` at the beginning of a message.
fn id_behind(message: &str, words: &str, length: usize) -> Option<String> {
    let id = message.strip_prefix(words)?.get(..length)?;
    id.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| id.to_owned())
}

/// Snapshots that a piece of what `restic find --json` writes names: the one of an entry, and before it, as text, those
/// that could not be searched. In a JSON text only a key can look like the first, and no line begins like the second:
/// quotes and line breaks in values are escaped.
fn snapshots_of(piece: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(piece);
    ["\"snapshot\":\"", "\n ... which belongs to snapshot "]
        .iter()
        .flat_map(|words| text.match_indices(words))
        .filter_map(|(at, words)| id_behind(&text[at..], words, 64))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str) -> String {
        serde_json::json!({ "message_type": "error", "message": message }).to_string() + "\n"
    }

    #[test]
    fn findings_are_read_from_what_restic_says_and_advice_is_not_one() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let errors = [
            "Load(<data/aaaa>, 0, 0) failed: open\n".to_owned(),
            line(&format!("pack {a}: does not exist\n")),
            line(&format!("pack {b} contains 2 errors: [blob x: failed]\n")),
            line("error for tree 0123abcd:\n"),
            line("  id 0123 not found in repository\n"),
            line("error: failed to load snapshot 0a175c80: LoadRaw: invalid data returned\n"),
            line("error: error loading index 55395c2f: invalid data returned\n"),
            line("\nThe repository is damaged and must be repaired.\n"),
        ]
        .concat();
        let found = findings(&errors);
        assert_eq!(found.packs, BTreeMap::from([(a, MISSING), (b, CHANGED)]));
        assert_eq!(found.trees, BTreeSet::from(["0123abcd".to_owned()]));
        assert_eq!(found.snapshots, BTreeSet::from(["0a175c80".to_owned()]));
        assert_eq!(found.others.len(), 1);
    }

    #[test]
    fn errors_without_a_name_are_still_a_finding() {
        assert_eq!(findings("").others.len(), 1);
    }

    #[test]
    fn snapshots_are_read_from_entries_and_from_what_could_not_be_searched() {
        let (one, two) = ("c".repeat(64), "d".repeat(64));
        let entry = format!("[{{\"path\":\"/x\",\"snapshot\":\"{one}\",\"time\":\"2026\"");
        assert_eq!(snapshots_of(entry.as_bytes()), [one]);
        let text = format!("Unable to load tree 00\n ... which belongs to snapshot {two}\n[]\n");
        assert_eq!(snapshots_of(text.as_bytes()), [two]);
    }

    #[test]
    fn a_path_cannot_look_like_a_snapshot() {
        let id = "d".repeat(64);
        let path = format!("/\"snapshot\":\"{id}\"\n ... which belongs to snapshot {id}");
        let hostile = serde_json::json!({ "path": path }).to_string();
        assert_eq!(snapshots_of(hostile.as_bytes()), [] as [String; 0]);
    }
}
