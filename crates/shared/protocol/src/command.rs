//! Commands of the node program that our own programs give it, as argument vectors.
//!
//! The node program's own command line (`clap`) stands in its crate; a test there parses every command of this list.

use std::{fmt::Display, path::PathBuf};

use letsbe_types::{ids::JobId, paths::NODE_PROGRAM};

use crate::bundle::Bundle;

/// A command of the node program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeCommand {
    /// Provisioning runs.
    Run(RunCommand),
    /// Confirms that the new SSH port can be reached.
    ConfirmSsh {
        /// The number from the request.
        nonce: String,
    },
    /// Puts SSH back to how it was before an unconfirmed change.
    RevertSsh,
    /// Installs an uploaded program and bundle.
    Install {
        /// The folder they were uploaded to.
        from: PathBuf,
        /// What must be there.
        wanted: Wanted,
    },
    /// Writes the manual pages and the completion.
    InstallManual,
    /// Registers with the Hub; reads its address and the token from standard input.
    Register,
    /// The agent: the command of its systemd unit.
    Agent,
    /// Sets a tool up for the first time; reads the desired server from standard input.
    SetupTool {
        /// Its name in the catalog.
        tool: String,
    },
    /// Bounds what is uploaded: the command of a systemd unit.
    WatchUploads {
        /// The folder that is uploaded to.
        folder: PathBuf,
        /// How many bytes it may hold.
        bytes: u64,
        /// How many files and folders.
        files: u64,
    },
    /// Puts secrets into the vault; reads them from standard input.
    VaultSeed,
    /// Backups.
    Backup(BackupCommand),
    /// Restores; the options of a person follow.
    Restore,
    /// A command of the runbook in the name of the program it begins with; that program's arguments follow.
    AsWritten {
        /// The program.
        program: String,
    },
}

/// A command about a provisioning run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunCommand {
    /// Starts a run, or joins it; reads the desired server from standard input.
    Start {
        /// The run.
        job: JobId,
        /// First event to print.
        from: u64,
        /// The caller's clock, in seconds since 1970.
        clock: i64,
        /// What must be installed.
        wanted: Wanted,
    },
    /// Carries a run out: the command of the run's systemd unit.
    Execute {
        /// The run.
        job: JobId,
    },
    /// Prints a run's events, and follows it to its end.
    Attach {
        /// The run.
        job: JobId,
        /// First event to print.
        from: u64,
    },
    /// Appends events to a run that has ended; reads them from standard input.
    Record {
        /// The run.
        job: JobId,
    },
    /// Restores a part of a lost server; reads the desired server from standard input.
    Recover {
        /// Which part.
        part: RecoveredPart,
    },
    /// Accepts the escrow's keys, sealed to this run; reads them from standard input.
    Keys {
        /// The run.
        job: JobId,
    },
    /// Prints what a run would change; reads the desired server from standard input.
    Plan {
        /// Another bundle than the installed one: a folder or a tar file.
        bundle: Option<PathBuf>,
        /// What must be installed.
        wanted: Wanted,
    },
}

/// A command about backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupCommand {
    /// Backs everything up; the options of a person follow.
    Run,
    /// The nightly backup: the command of a systemd unit.
    Nightly,
    /// Unpauses every container that a backup paused.
    Resume,
    /// Writes a database's dump to standard output: restic runs this.
    Dump {
        /// The tool.
        tool: String,
        /// Its database.
        database: String,
        /// The folder that facts about the dump are written to.
        facts: PathBuf,
    },
}

/// What must be installed on the server, as SHA-256 in hex; `None` is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The node program.
    pub node_sha256: Option<String>,
    /// The bundle's tar file.
    pub bundle_sha256: Option<String>,
}

impl From<&Bundle> for Wanted {
    fn from(bundle: &Bundle) -> Self {
        Self {
            node_sha256: Some(bundle.node_sha256.clone()),
            bundle_sha256: Some(bundle.bundle_sha256.clone()),
        }
    }
}

/// A part of a lost server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveredPart {
    /// Vault, certificates and the platform's records: before a tool is started.
    Platform,
    /// The tools' data, and the AI runtime's.
    Tools,
}

impl NodeCommand {
    /// The arguments, without the program.
    #[must_use]
    pub fn argv(&self) -> Vec<String> {
        let argv = match self {
            Self::Run(command) => command.argv(),
            Self::ConfirmSsh { nonce } => Argv::new("confirm-ssh").word(nonce),
            Self::RevertSsh => Argv::new("revert-ssh"),
            Self::Install { from, wanted } => {
                Argv::new("install").option("--from", from.display()).wanted(wanted)
            }
            Self::InstallManual => Argv::new("install-manual"),
            Self::Register => Argv::new("register"),
            Self::Agent => Argv::new("agent"),
            Self::SetupTool { tool } => Argv::new("setup-tool").word(tool),
            Self::WatchUploads { folder, bytes, files } => {
                let watch = Argv::new("watch-uploads").option("--folder", folder.display());
                watch.option("--bytes", bytes).option("--files", files)
            }
            Self::VaultSeed => Argv::new("vault seed"),
            Self::Backup(command) => command.argv(),
            Self::Restore => Argv::new("restore"),
            Self::AsWritten { program } => Argv::new("as-written").word(program),
        };
        argv.0
    }

    /// The installed program, and the arguments.
    #[must_use]
    pub fn command_line(&self) -> Vec<String> {
        std::iter::once(NODE_PROGRAM.to_owned()).chain(self.argv()).collect()
    }

    /// The command line as one text, for a unit's `ExecStart=` or a script; for commands whose words have no spaces.
    #[must_use]
    pub fn as_line(&self) -> String {
        self.command_line().join(" ")
    }
}

impl RunCommand {
    fn argv(&self) -> Argv {
        match self {
            Self::Start { job, from, clock, wanted } => {
                let start = Argv::new("run start").option("--job", job).option("--from", from);
                start.option("--clock", clock).wanted(wanted)
            }
            Self::Execute { job } => Argv::new("run execute").option("--job", job),
            Self::Attach { job, from } => Argv::new("run attach").option("--job", job).option("--from", from),
            Self::Record { job } => Argv::new("run record").option("--job", job),
            Self::Recover { part: RecoveredPart::Platform } => Argv::new("run recover platform"),
            Self::Recover { part: RecoveredPart::Tools } => Argv::new("run recover tools"),
            Self::Keys { job } => Argv::new("run keys").option("--job", job),
            Self::Plan { bundle: Some(bundle), wanted } => {
                Argv::new("run plan").option("--bundle", bundle.display()).wanted(wanted)
            }
            Self::Plan { bundle: None, wanted } => Argv::new("run plan").wanted(wanted),
        }
    }
}

impl From<RunCommand> for NodeCommand {
    fn from(command: RunCommand) -> Self {
        Self::Run(command)
    }
}

impl BackupCommand {
    fn argv(&self) -> Argv {
        match self {
            Self::Run => Argv::new("backup run"),
            Self::Nightly => Argv::new("backup nightly"),
            Self::Resume => Argv::new("backup resume"),
            Self::Dump { tool, database, facts } => {
                let dump = Argv::new("backup dump").option("--tool", tool).option("--database", database);
                dump.option("--facts", facts.display())
            }
        }
    }
}

impl From<BackupCommand> for NodeCommand {
    fn from(command: BackupCommand) -> Self {
        Self::Backup(command)
    }
}

/// An argument vector that is being written.
struct Argv(Vec<String>);

impl Argv {
    fn new(verbs: &str) -> Self {
        Self(verbs.split(' ').map(str::to_owned).collect())
    }

    fn word(mut self, word: &str) -> Self {
        self.0.push(word.to_owned());
        self
    }

    fn option(self, name: &str, value: impl Display) -> Self {
        self.word(name).word(&value.to_string())
    }

    fn wanted(self, wanted: &Wanted) -> Self {
        let hashes = [("--node-sha256", &wanted.node_sha256), ("--bundle-sha256", &wanted.bundle_sha256)];
        let named = hashes.into_iter().filter_map(|(name, hash)| Some((name, hash.as_ref()?)));
        named.fold(self, |argv, (name, hash)| argv.option(name, hash))
    }
}
