//! Changes as values: what a plan shows is exactly what a run does.

use std::{fmt, path::PathBuf, time::Duration};

use letsbe_protocol::NodeCommand;
use letsbe_types::{Secret, paths::NODE_PROGRAM, shell::quoted};
use serde::Serialize;

/// One change to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Run a program to its end; another exit code than 0 is a failure.
    Run(Command),
    /// Write a whole file, atomically.
    Write(FileWrite),
    /// Remove a file; fine if it is not there.
    Remove(PathBuf),
    /// Make a folder with its parents, and set its mode and owner.
    MakeFolder {
        /// Where.
        path: PathBuf,
        /// Unix mode, for example `0o700`.
        mode: u32,
        /// `user:group`; `None` leaves the owner.
        owner: Option<String>,
    },
    /// Ask somebody outside for what this server cannot do by itself, and wait for it.
    Ask {
        /// For what.
        question: Question,
        /// How long to wait.
        patience: Duration,
    },
}

/// What only somebody outside the server can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Prove that SSH answers on a new port. The change must have a timer of its own that reverts it after the
    /// patience.
    SshConfirmation {
        /// The new port.
        port: u16,
        /// The user to log in as.
        user: String,
    },
    /// Bring the keys from the escrow, for a server that is brought back.
    Keys,
}

/// A program with its arguments. Never a shell string, and never a secret: secrets go through standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Program name or path.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables added to the environment. Never secrets.
    pub environment: Vec<(String, String)>,
    /// Folder to run in.
    pub folder: Option<PathBuf>,
    /// What the program reads.
    pub input: Option<Secret<String>>,
    /// The program is killed after this time.
    pub timeout: Duration,
    /// A transient failure (network, lock) is tried again this many times, with growing pauses.
    pub retries: u32,
    /// A program that a signal ended is started again this many times: it goes on where it was.
    pub restarts: u32,
    /// Another exit code than 0 is no failure: what is read back decides.
    pub tolerated: bool,
}

impl Command {
    /// A command with a minute to finish.
    pub fn new<A: Into<String>>(program: &str, arguments: impl IntoIterator<Item = A>) -> Self {
        Self {
            program: program.to_owned(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            folder: None,
            input: None,
            timeout: Duration::from_secs(60),
            retries: 0,
            restarts: 0,
            tolerated: false,
        }
    }

    /// Splits a fixed text at white space: for commands whose words hold no spaces.
    #[must_use]
    pub fn words(text: &str) -> Self {
        let mut words = text.split_whitespace();
        Self::new(words.next().unwrap_or_default(), words)
    }

    /// The node program of this server, with a command of the protocol.
    #[must_use]
    pub fn node(command: impl Into<NodeCommand>) -> Self {
        Self::new(NODE_PROGRAM, command.into().argv())
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Runs in `folder`.
    #[must_use]
    pub fn in_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Feeds `input`.
    #[must_use]
    pub fn with_input(mut self, input: Secret<String>) -> Self {
        self.input = Some(input);
        self
    }

    /// Allows more time than a minute.
    #[must_use]
    pub const fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Goes on whatever the exit code.
    #[must_use]
    pub const fn tolerated(mut self) -> Self {
        self.tolerated = true;
        self
    }

    /// Tries again after failures.
    #[must_use]
    pub const fn retried(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Starts it again after a signal ended it; what it says itself is final.
    #[must_use]
    pub const fn restarted(mut self, restarts: u32) -> Self {
        self.restarts = restarts;
        self
    }
}

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileWrite {
    /// Where.
    pub path: PathBuf,
    /// Unix mode.
    pub mode: u32,
    /// `user:group`; `None` is root.
    pub owner: Option<String>,
    /// The whole content; masked in plans.
    pub content: Secret<String>,
}

impl FileWrite {
    /// A file owned by root.
    pub fn new(path: impl Into<PathBuf>, mode: u32, content: impl Into<String>) -> Self {
        Self { path: path.into(), mode, owner: None, content: Secret::new(content.into()) }
    }

    /// Sets the owner (`user:group`).
    #[must_use]
    pub fn owned_by(mut self, owner: &str) -> Self {
        self.owner = Some(owner.to_owned());
        self
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}={} ", quoted(value))?;
        }
        write!(f, "{}", quoted(&self.program))?;
        for argument in &self.arguments {
            write!(f, " {}", quoted(argument))?;
        }
        if self.input.is_some() {
            write!(f, " <‹input›")?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(command) => write!(f, "run {command}"),
            Self::Write(file) => {
                let lines = file.content.expose().lines().count();
                write!(f, "write {} (mode {:04o}, {lines} lines)", file.path.display(), file.mode)
            }
            Self::Remove(path) => write!(f, "remove {}", path.display()),
            Self::MakeFolder { path, mode, .. } => {
                write!(f, "make folder {} (mode {mode:04o})", path.display())
            }
            Self::Ask { question, patience } => {
                write!(f, "wait up to {} s until {question}", patience.as_secs())
            }
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SshConfirmation { port, user } => {
                write!(f, "{user} has logged in on port {port} from outside")
            }
            Self::Keys => f.write_str("the keys have come from the escrow"),
        }
    }
}

impl Serialize for Change {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
