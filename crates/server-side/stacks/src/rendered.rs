//! `stacks.rendered`: the files of the stacks are what the catalog renders.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use letsbe_host::{Assessment, Change, FileWrite, Machine, Operation, machine::FileState};
use letsbe_types::{Problem, job::DesiredServer};

use super::{Group, reading};

pub(crate) struct StacksRendered {
    pub(crate) name: &'static str,
    pub(crate) group: Arc<Group>,
    /// Folders that containers mount; Docker would make them itself, but not with our mode.
    pub(crate) folders: &'static [&'static str],
}

#[async_trait]
impl Operation for StacksRendered {
    fn name(&self) -> &'static str {
        self.name
    }

    fn step(&self) -> u8 {
        self.group.step
    }

    async fn assess(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Assessment, Problem> {
        let stacks = self.group.desired(machine).await?;
        let wanted: Vec<&FileWrite> = stacks.iter().flat_map(|stack| &stack.files).collect();
        let mut missing = Vec::new();
        for folder in self.folders {
            let path = std::path::Path::new(folder);
            let parent = path.parent().unwrap_or(path);
            let names = machine.list(parent).await.map_err(|error| reading::unreadable(&error))?;
            if !names.iter().any(|name| path.ends_with(name)) {
                missing.push(*folder);
            }
        }
        Ok(decide(&wanted, &on_disk(machine, &wanted).await?, &missing))
    }
}

/// The present state of files that are wanted.
pub(crate) async fn on_disk(
    machine: &dyn Machine,
    wanted: &[&FileWrite],
) -> Result<BTreeMap<PathBuf, FileState>, Problem> {
    let mut found = BTreeMap::new();
    for file in wanted {
        if let Some(state) = reading::file(machine, &file.path).await? {
            found.insert(file.path.clone(), state);
        }
    }
    Ok(found)
}

/// Whether a file is what it should be.
pub(crate) fn is_written(wanted: &FileWrite, found: Option<&FileState>) -> bool {
    found.is_some_and(|state| state.mode == wanted.mode && state.content == *wanted.content.expose())
}

/// Writes the files that differ in content or mode. `missing` folders are made first.
fn decide(wanted: &[&FileWrite], found: &BTreeMap<PathBuf, FileState>, missing: &[&str]) -> Assessment {
    let differing: Vec<&FileWrite> =
        wanted.iter().copied().filter(|file| !is_written(file, found.get(&file.path))).collect();
    if differing.is_empty() && missing.is_empty() {
        return Assessment::converged(format!("{} files are as the catalog renders them", wanted.len()));
    }
    let make = |path: &&str| Change::MakeFolder { path: path.into(), mode: 0o755, owner: None };
    let mut changes: Vec<Change> = missing.iter().map(make).collect();
    changes.extend(differing.iter().map(|file| Change::Write((*file).clone())));
    let names: Vec<String> = differing
        .iter()
        .map(|file| file.path.strip_prefix(super::paths::STACKS).unwrap_or(&file.path).display().to_string())
        .collect();
    Assessment::needed(format!("not as rendered: {}", names.join(", ")), changes)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::PathBuf};

    use letsbe_host::{Assessment, Change, FileWrite, machine::FileState};

    use super::decide;

    #[test]
    fn files_that_differ_in_content_or_mode_are_written_and_no_others() {
        let file = |name: &str, mode| {
            FileWrite::new(format!("/opt/letsbe/stacks/{name}"), mode, format!("text of {name}"))
        };
        let (same, open, changed, missing) =
            (file("a/same", 0o644), file("a/.env", 0o600), file("b/changed", 0o644), file("b/new", 0o644));
        let state = |content: &str, mode| FileState { content: content.to_owned(), mode, uid: 0 };
        let found = BTreeMap::from([
            (same.path.clone(), state("text of a/same", 0o644)),
            (open.path.clone(), state("text of a/.env", 0o644)),
            (changed.path.clone(), state("", 0o644)),
        ]);
        let wanted = [&same, &open, &changed, &missing];
        let Assessment::Needed { because, changes } = decide(&wanted, &found, &[]) else { panic!("needed") };
        assert_eq!(because, "not as rendered: a/.env, b/changed, b/new");
        let written: Vec<PathBuf> = changes
            .iter()
            .map(
                |change| {
                    if let Change::Write(file) = change { file.path.clone() } else { panic!("{change}") }
                },
            )
            .collect();
        assert_eq!(written, [open.path.clone(), changed.path.clone(), missing.path.clone()]);
        assert!(matches!(decide(&[&same], &found, &[]), Assessment::Converged { .. }));
        assert!(matches!(
            decide(&[&same], &found, &["/opt/letsbe/nginx/webroot"]),
            Assessment::Needed { .. }
        ));
        assert!(!because.contains("text of"), "contents are never quoted");
    }
}
