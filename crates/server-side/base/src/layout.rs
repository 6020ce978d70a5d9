//! Where things lie on this server. The root can be moved for tests.

use std::path::PathBuf;

use letsbe_types::ids::JobId;

/// All paths, under one root.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Default for Layout {
    fn default() -> Self {
        Self { root: PathBuf::from("/") }
    }
}

impl Layout {
    /// All paths under another root than `/`: a test's folder.
    #[must_use]
    pub fn under(root: &std::path::Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Folder of everything of ours.
    pub fn home(&self) -> PathBuf {
        self.root.join("opt/letsbe")
    }

    /// This program, as it is installed.
    pub fn program(&self) -> PathBuf {
        self.home().join("bin/letsbe-node")
    }

    /// Folder of the installed bundle.
    pub fn bundle(&self) -> PathBuf {
        self.home().join("bundle")
    }

    /// A file or folder of what this server remembers about itself.
    pub fn state(&self, name: &str) -> PathBuf {
        self.home().join("state").join(name)
    }

    /// Secrets that were made and are not in the vault yet.
    pub fn credentials(&self) -> PathBuf {
        self.root.join(letsbe_vault::CREDENTIALS_FILE.trim_start_matches('/'))
    }

    /// Who was shown what.
    pub fn audit_log(&self) -> PathBuf {
        self.root.join("var/log/letsbe/audit.log")
    }

    /// The journal of a run.
    pub fn journal(&self, job: JobId) -> PathBuf {
        self.state("runs").join(job.to_string()).join("events.jsonl")
    }

    /// Lives in memory only: a reboot removes it, and the secrets in it with it.
    pub fn request(&self, job: JobId) -> PathBuf {
        self.volatile(&format!("{job}.json"))
    }

    /// The nonce that a login from outside has to bring.
    pub fn pending_confirmation(&self) -> PathBuf {
        self.volatile("ssh-pending")
    }

    /// Everything lies under it.
    pub fn root(&self) -> PathBuf {
        self.root.clone()
    }

    /// Folder of a tool's stack.
    pub fn stack(&self, tool: &str) -> PathBuf {
        self.home().join("stacks").join(tool)
    }

    /// What the last backup wrote about itself (runbook 4.4).
    pub fn backup_status(&self) -> PathBuf {
        self.home().join("backups/backup-status.json")
    }

    /// The one certificate.
    pub fn certificate(&self) -> PathBuf {
        self.root.join("etc/letsencrypt/live/letsbe/fullchain.pem")
    }

    /// The agent's socket for `letsbe-node …` on this server.
    pub fn control_socket(&self) -> PathBuf {
        self.volatile("control.sock")
    }

    /// Folder of the socket that shows the containers; mounted into the tool that shows them to people.
    pub fn containers(&self) -> PathBuf {
        self.volatile("docker")
    }

    /// Folder of the sockets that the secrets proxy may use.
    pub fn guardian(&self) -> PathBuf {
        self.root.join(letsbe_types::link::FOLDER.trim_start_matches('/'))
    }

    /// A file or folder that a reboot removes.
    pub fn volatile(&self, name: &str) -> PathBuf {
        self.root.join("run/letsbe").join(name)
    }
}
