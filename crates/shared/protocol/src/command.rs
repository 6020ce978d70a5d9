//! Commands of the node program that our own programs give it, as argument vectors.
//!
//! The node program's own command line (`clap`) stands in its crate; a test there parses every command of this list.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

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
    /// Restores.
    Restore(RestoreCommand),
    /// Gives tools new secrets.
    Rotate(RotateCommand),
    /// Moves the AI runtime to another release; prints JSON.
    UpdateOpenClaw {
        /// The release.
        to: String,
        /// Whether also on a Friday.
        force: bool,
    },
    /// Prints, as JSON, what differs from what was provisioned.
    Drift,
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
    /// Backs up now; a person's options may follow.
    Run(BackupRun),
    /// The nightly backup: the command of a systemd unit.
    Nightly,
    /// Restores backups beside everything and compares them.
    Prove(ProofScope),
    /// Sets where copies go; reads the destination as JSON from standard input.
    SetDestination,
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

/// A backup that is made now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupRun {
    /// One tool or part of the platform; `None` is everything.
    pub tool: Option<String>,
    /// Whether the process itself makes it, and not a unit of its own.
    pub here: bool,
    /// What is printed at its end.
    pub output: Output,
}

/// What a command prints at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Output {
    /// Sentences; the last line is the summary.
    #[default]
    Text,
    /// JSON.
    Json,
}

/// Which backups are proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofScope {
    /// Those that are due.
    Due,
    /// Those of every tool and part of the platform.
    All,
    /// One tool's.
    Tool(String),
}

/// A command that restores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreCommand {
    /// A person's options follow.
    ByHand,
    /// A tool's newest backup of a day; prints JSON.
    OfDay {
        /// The tool.
        tool: String,
        /// The day: `2026-02-25`.
        date: String,
    },
    /// Ends what was interrupted.
    Resume,
}

/// A command that replaces secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotateCommand {
    /// Those of one tool; prints JSON.
    Tool(String),
    /// Those of every tool; prints JSON.
    All,
    /// Finishes what was interrupted.
    Resume,
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
            Self::Restore(command) => command.argv(),
            Self::Rotate(command) => command.argv(),
            Self::UpdateOpenClaw { to, force } => {
                let update = Argv::new("openclaw update").option("--to", to).output(Output::Json);
                update.flag("--force", *force)
            }
            Self::Drift => Argv::new("drift").output(Output::Json),
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
        self.as_line_of(NODE_PROGRAM.as_ref())
    }

    /// The same, with the program at another place.
    #[must_use]
    pub fn as_line_of(&self, program: &Path) -> String {
        std::iter::once(program.display().to_string()).chain(self.argv()).collect::<Vec<_>>().join(" ")
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
            Self::Run(BackupRun { tool, here, output }) => {
                let run = Argv::new("backup run").flag("--here", *here);
                run.option_if("--tool", tool.as_ref()).output(*output)
            }
            Self::Nightly => Argv::new("backup nightly"),
            Self::Prove(scope) => {
                let prove = Argv::new("backup prove").flag("--all", *scope == ProofScope::All);
                prove.option_if("--tool", if let ProofScope::Tool(tool) = scope { Some(tool) } else { None })
            }
            Self::SetDestination => Argv::new("backup destination set"),
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

impl RestoreCommand {
    fn argv(&self) -> Argv {
        let restore = Argv::new("restore");
        match self {
            Self::ByHand => restore,
            Self::OfDay { tool, date } => {
                restore.option("--tool", tool).option("--date", date).output(Output::Json)
            }
            Self::Resume => restore.word("--resume"),
        }
    }
}

impl From<RestoreCommand> for NodeCommand {
    fn from(command: RestoreCommand) -> Self {
        Self::Restore(command)
    }
}

impl RotateCommand {
    fn argv(&self) -> Argv {
        let rotate = Argv::new("rotate");
        match self {
            Self::Tool(tool) => rotate.option("--tool", tool).output(Output::Json),
            Self::All => rotate.word("--all").output(Output::Json),
            Self::Resume => rotate.word("--resume"),
        }
    }
}

impl From<RotateCommand> for NodeCommand {
    fn from(command: RotateCommand) -> Self {
        Self::Rotate(command)
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

    fn option_if(self, name: &str, value: Option<impl Display>) -> Self {
        if let Some(value) = value { self.option(name, value) } else { self }
    }

    fn flag(self, name: &str, is_given: bool) -> Self {
        if is_given { self.word(name) } else { self }
    }

    fn output(self, output: Output) -> Self {
        self.flag("--json", output == Output::Json)
    }

    fn wanted(self, wanted: &Wanted) -> Self {
        let node = self.option_if("--node-sha256", wanted.node_sha256.as_ref());
        node.option_if("--bundle-sha256", wanted.bundle_sha256.as_ref())
    }
}
