//! The copy outside: made, kept in bounds, and read back before it counts.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Utc;
use letsbe_backup::{BackupSet, Item, Manifest, Repository, sets};
use letsbe_types::{Code, Problem, backup::RepositoryCheck, crash, ids::SetId};

use super::{points, retention::Retention};
use letsbe_base::{layout::Layout, output::Progress};

const DAY: i64 = 24 * 3600;
/// So much of the data outside is read back in one night.
const SHARE_BYTES: u64 = 1 << 30;
const PARTS_MOST: u64 = 256;

/// The complete sets that the far side lacks, wholly or in part.
fn lacking<'a>(local: &'a [BackupSet], far: &[BackupSet]) -> Vec<&'a BackupSet> {
    let far: BTreeMap<SetId, &BackupSet> = far.iter().map(|set| (set.id, set)).collect();
    let has = |set: &BackupSet| {
        far.get(&set.id).is_some_and(|there| set.items.keys().all(|item| there.items.contains_key(item)))
    };
    local.iter().filter(|set| set.is_complete() && !has(set)).collect()
}

/// Copies every complete set that the far side lacks, lets go there what goes, and reads back what was copied.
///
/// # Errors
/// When the far side cannot be reached or does not have, after all, what was copied.
pub(super) async fn copy(
    layout: &Layout,
    (local, far): (&Repository, &Repository),
    here: &[BackupSet],
    keeping: &Retention,
    progress: Progress,
) -> Result<RepositoryCheck, Problem> {
    far.reach().await?;
    far.ensure(Some(local)).await?;
    far.unlock().await?;
    let lacking = lacking(here, &sets(&far.snapshots().await?)).into_iter().cloned().collect::<Vec<_>>();
    if !lacking.is_empty() {
        progress.print(&format!("copying {} sets outside", lacking.len()));
        let of = |wanted: fn(&Item) -> bool| -> Vec<String> {
            let items = lacking.iter().flat_map(|set| &set.items);
            items.filter(|(item, _)| wanted(item)).map(|(_, snapshot)| snapshot.clone()).collect()
        };
        let items = of(|item| *item != Item::Manifest);
        if !items.is_empty() {
            local.copy_to(far, &items).await?;
        }
        crash::point(&points::ITEMS_COPIED);
        // Last, as when the set was made: with its manifest a set is complete.
        local.copy_to(far, &of(|item| *item == Item::Manifest)).await?;
        crash::point(&points::MANIFESTS_COPIED);
    }
    let kept_here: BTreeSet<SetId> = here.iter().map(|set| set.id).collect();
    let there = keeping.apply(layout, "remote", far, &kept_here).await?;
    let now = Utc::now();
    let (part, parts) = share(far.size().await?, u64::try_from(now.timestamp() / DAY).unwrap_or_default());
    read_back(far, &lacking, &there, (part, parts)).await?;
    crash::point(&points::READ_BACK);
    progress.print(&format!("the copy outside was read back, part {part} of {parts} of its data too"));
    Ok(RepositoryCheck { at: now, part, parts, damage: Vec::new() })
}

/// Which part of the data outside is read today, and of how many: about a gigabyte, so that what it costs is bounded. restic
/// knows 256 parts.
fn share(size: u64, day: u64) -> (u32, u32) {
    let parts = size.div_ceil(SHARE_BYTES).clamp(1, PARTS_MOST);
    let small = |number: u64| u32::try_from(number).unwrap_or(1);
    (small(day % parts + 1), small(parts))
}

/// Whether the far side has what was copied, whole, as it says itself.
async fn read_back(
    far: &Repository,
    copied: &[BackupSet],
    there: &[BackupSet],
    share: (u32, u32),
) -> Result<(), Problem> {
    if let [set, ..] = lacking(copied, there).as_slice() {
        return Err(not_there(&format!("the set of {} of {} is not complete", set.tool, set.taken_at)));
    }
    if let [damage, ..] = far.check(Some(share)).await?.as_slice() {
        return Err(not_there(&damage.what));
    }
    for set in copied {
        let far_set = there.iter().find(|other| other.id == set.id);
        let Some(far_set) = far_set else { return Err(not_there("a set is missing")) };
        manifest(far, far_set).await?;
    }
    Ok(())
}

/// The manifest of a set, as a repository has it.
///
/// # Errors
/// When it cannot be read, or is that of another set.
pub(crate) async fn manifest(repository: &Repository, set: &BackupSet) -> Result<Manifest, Problem> {
    let snapshot = set.items.get(&Item::Manifest).ok_or_else(|| not_there("a set has no manifest"))?;
    let text = repository.read(snapshot, "/manifest.json").await?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| not_there(&format!("the manifest of {} cannot be read: {error}", set.tool)))?;
    if manifest.set != set.id || manifest.tool != set.tool {
        return Err(not_there(&format!("the manifest of {} is that of another set", set.tool)));
    }
    Ok(manifest)
}

fn not_there(why: &str) -> Problem {
    Problem::transient(
        Code::BAK012,
        format!("What was stored could not be read back: {why}"),
        "`letsbe-node backup check` says what is damaged. The next run stores and copies again what is missing.",
    )
}

/// Whether a repository holds the sets that were just made, complete.
///
/// # Errors
/// BAK012 when one is not there as it was made.
pub(super) fn found<'a>(all: &'a [BackupSet], made: &Manifest) -> Result<&'a BackupSet, Problem> {
    let set = all.iter().find(|set| set.id == made.set && set.is_complete());
    let set = set.ok_or_else(|| not_there(&format!("the set of {} is not listed", made.tool)))?;
    let listed: BTreeSet<String> = set.items.keys().map(ToString::to_string).collect();
    match made.items.keys().find(|item| !listed.contains(*item)) {
        Some(item) => Err(not_there(&format!("{item} of {} is not listed", made.tool))),
        None => Ok(set),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::Utc;
    use letsbe_backup::{BackupSet, Item, SetKind};
    use letsbe_types::ids::SetId;

    use super::{lacking, share};

    fn set(id: SetId, items: &[Item]) -> BackupSet {
        let items: BTreeMap<Item, String> =
            items.iter().map(|item| (item.clone(), item.to_string())).collect();
        BackupSet { id, tool: "ghost".to_owned(), taken_at: Utc::now(), kind: SetKind::Nightly, items }
    }

    #[test]
    fn every_complete_set_that_the_far_side_lacks_in_part_is_copied() {
        let database = Item::Database("ghost".to_owned());
        let both = [database.clone(), Item::Manifest];
        let (a, b, c) = (SetId::generate(), SetId::generate(), SetId::generate());
        let local = [set(a, &both), set(b, &both), set(c, std::slice::from_ref(&database))];
        let names = |far: &[BackupSet]| lacking(&local, far).iter().map(|set| set.id).collect::<Vec<_>>();
        assert_eq!(names(&[]), [a, b], "an incomplete set is not copied");
        assert_eq!(names(&[set(a, &both)]), [b]);
        assert_eq!(names(&[set(a, &[Item::Manifest]), set(b, &[database])]), [a, b]);
        assert!(names(&[set(a, &both), set(b, &both)]).is_empty());
    }

    #[test]
    fn nights_in_a_row_read_all_that_is_outside_and_each_a_bounded_part_of_it() {
        for (size, parts) in [(0, 1), (1, 1), (1 << 30, 1), ((1 << 30) + 1, 2), (7 << 30, 7), (1 << 50, 256)]
        {
            let read: std::collections::BTreeSet<_> =
                (0..parts).map(|day| share(size, 20_000 + day)).collect();
            assert_eq!(read.len() as u64, parts, "{size}");
            assert!(read.iter().all(|(part, of)| u64::from(*of) == parts && (1..=*of).contains(part)));
        }
    }
}
