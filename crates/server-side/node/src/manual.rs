//! The manual pages and the completion of this program, where `man` and bash find them: written by the run that brings
//! the program, and read back like all else.

use std::{
    fs,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use clap::CommandFactory as _;
use letsbe_host::{Assessment, Change, Command, Converge, Machine, facts::holds, operations::NODE};
use letsbe_manual::Bash;
use letsbe_types::{Problem, job::DesiredServer};

use crate::Arguments;
use letsbe_base::{files, layout::Layout};

/// Where `man` looks, on every system, for what no package brought.
const PAGES: &str = "usr/local/share/man/man1";
/// Where bash looks for the completion of a program when its name is typed first.
const COMPLETIONS: &str = "usr/local/share/bash-completion/completions";
const MODE: u32 = 0o644;
const PROGRAM: &str = "letsbe-node";

/// The files, below a root.
fn all(root: &Path) -> Vec<(PathBuf, String)> {
    let program = Arguments::command();
    let completion = letsbe_manual::completions(&program, Bash);
    let pages = letsbe_manual::pages(program).into_iter();
    let mut files: Vec<_> = pages.map(|page| (root.join(PAGES).join(page.file), page.text)).collect();
    files.push((root.join(COMPLETIONS).join(PROGRAM), completion));
    files
}

/// Those of these names that are pages of ours, of a command that is no more.
fn gone<'a>(names: impl IntoIterator<Item = &'a str>, files: &[(PathBuf, String)]) -> Vec<&'a str> {
    let is_ours = |name: &str| {
        let command = name.strip_suffix(".1").and_then(|name| name.strip_prefix(PROGRAM));
        command.is_some_and(|command| command.is_empty() || command.starts_with('-'))
    };
    let is_there = |name: &str| files.iter().any(|(path, _)| path.file_name().is_some_and(|it| it == name));
    names.into_iter().filter(|name| is_ours(name) && !is_there(name)).collect()
}

/// `letsbe-node install-manual`: writes them, and removes pages of commands that are no more. A run asks for it; nothing about it is its caller's choice.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn install(layout: &Layout) -> Result<(), Problem> {
    let all = all(&layout.root());
    for (path, text) in &all {
        if let Some(folder) = path.parent() {
            // Also with a tighter umask: everybody reads a manual.
            files::make_open_folder(folder)?;
        }
        files::write_readable(path, text.as_bytes())?;
    }
    let pages = layout.root().join(PAGES);
    let entries = fs::read_dir(&pages).into_iter().flatten().flatten();
    let names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    gone(names.iter().map(String::as_str), &all)
        .into_iter()
        .try_for_each(|name| files::remove(&pages.join(name)).map(drop))
}

/// `manual.installed`: they are there, as this program has them.
pub(crate) struct ManualInstalled {
    layout: Layout,
}

impl ManualInstalled {
    pub(crate) const fn new(layout: Layout) -> Self {
        Self { layout }
    }
}

#[async_trait]
impl Converge for ManualInstalled {
    /// How many files there are, and how many are not as they should be, or should not be there.
    type Facts = (usize, usize);
    const NAME: &'static str = "manual.installed";
    const STEP: u8 = 6;
    const OPTIONAL: bool = true;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        let files = all(&self.layout.root());
        let mut wrong = 0;
        for (path, text) in &files {
            // One that cannot be read is not as it should be: no reason to stop a run.
            if !holds(machine, &path.to_string_lossy(), MODE, text).await.unwrap_or(false) {
                wrong += 1;
            }
        }
        let there = machine.list(&self.layout.root().join(PAGES)).await.unwrap_or_default();
        wrong += gone(there.iter().map(String::as_str), &files).len();
        Ok((files.len(), wrong))
    }

    fn converge(&self, facts: &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        Ok(match facts {
            (all, 0) => Assessment::converged(format!("{all} files: manual pages and completions")),
            (all, wrong) => Assessment::needed(
                format!("{wrong} of {all} manual pages and completions are not this release's"),
                vec![Change::Run(Command::new(NODE, ["install-manual"]))],
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use letsbe_host::{Assessment, Converge as _, LocalMachine};
    use letsbe_types::job::DesiredServer;

    use super::{COMPLETIONS, ManualInstalled, PAGES, all, install};
    use letsbe_base::layout::Layout;

    fn desired() -> DesiredServer {
        serde_json::from_value(serde_json::json!({
            "identity": "i", "domain": "acme.example", "owner_email": "owner@acme.example",
            "timezone": "Europe/Berlin", "tier": "lite", "tools": [], "docker": "distro", "admin_keys": [],
            "registry_mirrors": [], "hub": null,
            "certificates": { "directory_url": null, "directory_roots_pem": null, "issued_roots_pem": null,
                              "contact": "ssl@acme.example" }
        }))
        .unwrap()
    }

    async fn assess(layout: &Layout) -> Assessment {
        let operation = ManualInstalled::new(layout.clone());
        let facts = operation.probe(&LocalMachine, &desired()).await.unwrap();
        operation.converge(&facts, &desired()).unwrap()
    }

    #[tokio::test]
    async fn pages_and_completion_are_installed_read_back_and_mended_when_one_is_missing_or_changed() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let Assessment::Needed { changes, .. } = assess(&layout).await else { panic!("nothing is there") };
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].to_string(), "run /opt/letsbe/bin/letsbe-node install-manual");
        install(&layout).unwrap();
        assert!(matches!(assess(&layout).await, Assessment::Converged { .. }));
        let page = folder.path().join(PAGES).join("letsbe-node-backup-list.1");
        std::fs::write(&page, "an older release's").unwrap();
        assert!(matches!(assess(&layout).await, Assessment::Needed { .. }));
        install(&layout).unwrap();
        std::fs::remove_file(&page).unwrap();
        assert!(matches!(assess(&layout).await, Assessment::Needed { .. }));
    }

    #[tokio::test]
    async fn a_page_of_a_command_that_is_no_more_is_removed_and_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        install(&layout).unwrap();
        let pages = folder.path().join(PAGES);
        let others = ["letsbe-hub-serve.1", "letsbe-nodes.1", "letsbe-node-odd.5", "zoo.1"];
        for name in others.into_iter().chain(["letsbe-node-no-more.1"]) {
            std::fs::write(pages.join(name), "").unwrap();
        }
        assert!(matches!(assess(&layout).await, Assessment::Needed { .. }));
        install(&layout).unwrap();
        assert!(matches!(assess(&layout).await, Assessment::Converged { .. }));
        assert!(!pages.join("letsbe-node-no-more.1").exists());
        assert!(others.iter().all(|name| pages.join(name).exists()));
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_stops_no_run() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        std::fs::create_dir(folder.path().join("usr")).unwrap();
        std::os::unix::fs::symlink("local", folder.path().join("usr/local")).unwrap();
        assert!(matches!(assess(&layout).await, Assessment::Needed { .. }), "not even read");
        assert!(install(&layout).is_err() && ManualInstalled::OPTIONAL);
    }

    #[test]
    fn what_programs_ask_of_each_other_is_in_no_page() {
        for (path, text) in all("/".as_ref()) {
            for hidden in ["as\\-written", "as-written", "confirm\\-ssh", "confirm-ssh", "setup-tool"] {
                assert!(!text.contains(hidden), "{}: {hidden}", path.display());
            }
        }
    }

    #[test]
    fn man_finds_the_pages_and_bash_completes_the_commands() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        install(&layout).unwrap();
        for page in ["letsbe-node", "letsbe-node-restore-temp-list"] {
            let man = folder.path().join("usr/local/share/man");
            let shown = Command::new("man").args(["--manpath", man.to_str().unwrap(), page]).output();
            let shown = shown.expect("man: `apt-get install man-db`");
            let said = String::from_utf8_lossy(&shown.stderr);
            assert!(shown.status.success() && said.is_empty(), "{page}: {said}");
            assert!(String::from_utf8_lossy(&shown.stdout).contains("SYNOPSIS"), "{page}");
        }
        // As at the first tab: bash-completion looks for a file of the program's name.
        let load = "source /usr/share/bash-completion/bash_completion; \
                    if declare -F _comp_load >/dev/null; then _comp_load letsbe-node; else _completion_loader letsbe-node; fi; \
                    complete -p letsbe-node";
        let share = folder.path().join("usr/local/share");
        let loaded = Command::new("bash").args(["-c", load]).env("XDG_DATA_DIRS", share).output().unwrap();
        let loaded = String::from_utf8_lossy(&loaded.stdout).into_owned();
        assert!(loaded.contains("-F "), "bash-completion: `apt-get install bash-completion`: {loaded}");
        let script = folder.path().join(COMPLETIONS).join("letsbe-node");
        let completed = |words: &[&str]| {
            // What bash itself does at a tab: the function that `complete -F` names, with the words typed so far.
            let test = "source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(( $# - 1 )); \
                        function=$(complete -p letsbe-node | sed 's/.* -F \\([^ ]*\\) .*/\\1/'); \
                        \"$function\" letsbe-node \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"; \
                        printf '%s\\n' \"${COMPREPLY[@]}\"";
            let typed =
                Command::new("bash").args(["-c", test, "bash"]).arg(&script).args(words).output().unwrap();
            String::from_utf8(typed.stdout).unwrap()
        };
        assert_eq!(completed(&["letsbe-node", "fire"]), "firewall\n");
        assert!(completed(&["letsbe-node", "restore", "temp", ""]).contains("remove"));
        assert!(completed(&["letsbe-node", "disk", "--"]).contains("--json"));
        assert_eq!(completed(&["letsbe-node", "as-wr"]).trim(), "");
    }
}
