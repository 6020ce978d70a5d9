//! Step 6: the runbook's commands work for the only user who may log in, as they are written there.
//!
//! Programs that need root are answered by the node program, which knows what may be asked of each. They lie in a folder
//! that is on this user's path only: root, and every operation, finds the real ones.

use async_trait::async_trait;
use letsbe_protocol::NodeCommand;
use letsbe_types::{Problem, job::DesiredServer, paths, server_home};

use super::{ADMIN, NODE_ON_PATH};
use crate::{
    change::{Change, FileWrite},
    facts::{ask, holds, system::parse_account, text_of},
    machine::Machine,
    operation::{Assessment, Converge},
};

/// Where they lie.
const FOLDER: &str = paths::AS_WRITTEN;
/// The programs that the node program answers for.
pub const AS_WRITTEN: [&str; 4] = ["certbot", "fail2ban-client", "iptables", "ufw"];
/// Docker's own program; only Compose in the folder of a stack is another's.
fn docker() -> String {
    let (stacks, as_written) = (paths::STACKS, as_written("docker"));
    format!(
        "#!/bin/sh
# Written by LetsBe. Compose in a stack's folder reads .env files of root's; everything else is Docker's own.
case \"$1:$PWD/\" in
compose:{stacks}/*) exec {as_written} \"$@\" ;;
esac
exec /usr/bin/docker \"$@\"
"
    )
}

fn as_written(program: &str) -> String {
    NodeCommand::AsWritten { program: program.to_owned() }.as_line()
}

/// bash reads it for interactive shells and for commands over SSH.
const BASHRC: &str = concat!(
    "# Written by LetsBe; lines of your own belong into ~/.bash_aliases.
PATH=",
    server_home!(),
    "/bin/as-written:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin
export PATH
case $- in
*i*)
    if [ -f ~/.bash_aliases ]; then . ~/.bash_aliases; fi
    if [ -f /usr/share/bash-completion/bash_completion ]; then . /usr/share/bash-completion/bash_completion; fi
    ;;
esac
"
);

/// The commands of `letsbe-admin`.
pub(super) struct AdminCommands;

/// What is there.
pub(super) struct Found {
    home: String,
    folder: bool,
    /// Files that are not as they should be.
    wrong: Vec<FileWrite>,
}

/// Root's files: the node program on the path, and one for each program.
fn files() -> Vec<FileWrite> {
    let started = |path: String, command: &str| {
        let text = format!("#!/bin/sh\n# Written by LetsBe.\nexec {command} \"$@\"\n");
        FileWrite::new(path, 0o755, text)
    };
    let mut files = vec![
        started(NODE_ON_PATH.to_owned(), paths::NODE_PROGRAM),
        FileWrite::new(format!("{FOLDER}/docker"), 0o755, docker()),
    ];
    files.extend(AS_WRITTEN.map(|name| started(format!("{FOLDER}/{name}"), &as_written(name))));
    files
}

#[async_trait]
impl Converge for AdminCommands {
    type Facts = Found;
    const NAME: &'static str = "admin.commands";
    const STEP: u8 = 6;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        let passwd = text_of(machine, "/etc/passwd").await?.unwrap_or_default();
        let home = parse_account(&passwd, ADMIN).map_or_else(|| format!("/home/{ADMIN}"), |it| it.home);
        let folder = ask(machine, &format!("stat -c %F|%a|%U:%G|%n {FOLDER}")).await?;
        let mut wrong = Vec::new();
        for file in files() {
            if !holds(machine, &file.path.to_string_lossy(), file.mode, file.content.expose()).await? {
                wrong.push(file);
            }
        }
        // It is the user's own file: who changes it changes his own path only.
        let bashrc = format!("{home}/.bashrc");
        if text_of(machine, &bashrc).await?.as_deref() != Some(BASHRC) {
            wrong.push(FileWrite::new(bashrc, 0o644, BASHRC).owned_by(&format!("{ADMIN}:{ADMIN}")));
        }
        let is_ours = format!("directory|755|root:root|{FOLDER}");
        Ok(Found { home, folder: folder.stdout.lines().any(|line| line == is_ours), wrong })
    }

    fn converge(&self, found: &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        let mut changes = Vec::new();
        let mut names: Vec<String> = found.wrong.iter().map(|file| file.path.display().to_string()).collect();
        if !found.folder {
            names.insert(0, FOLDER.to_owned());
            let owner = Some("root:root".to_owned());
            changes.push(Change::MakeFolder { path: FOLDER.into(), mode: 0o755, owner });
        }
        changes.extend(found.wrong.iter().cloned().map(Change::Write));
        if changes.is_empty() {
            let home = &found.home;
            return Ok(Assessment::converged(format!(
                "the runbook's commands are there for {ADMIN} ({home})"
            )));
        }
        Ok(Assessment::needed(format!("not as they should be: {}", names.join(", ")), changes))
    }
}
