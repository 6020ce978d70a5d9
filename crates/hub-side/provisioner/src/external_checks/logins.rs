//! Who may log in over SSH: not root, and nobody with a password.

use std::sync::Arc;

use letsbe_protocol::{ADMIN_PORT, ADMIN_USER};
use letsbe_types::{Code, job::Outcome};

use super::{Checks, failed, fine};
use crate::ssh::{Session, Target, offered_methods};

impl Checks<'_> {
    fn target(&self, user: &str) -> Target {
        let (address, key) = (self.job.address, Arc::clone(self.key));
        let host_key = self.host_key.to_owned();
        Target { address, port: ADMIN_PORT, user: user.to_owned(), key, host_key }
    }

    pub(super) async fn root_login(&self) -> Outcome {
        if !self.options.try_root {
            let why = "this run changed nothing, and each refused login counts at the server's fail2ban";
            return Outcome::Skipped { why: why.to_owned() };
        }
        match Session::connect(&self.target("root")).await {
            Err(problem) if problem.code == Code::SSH003 => {
                fine("root is refused, even with our key".to_owned())
            }
            Ok(_) => {
                let message = "root can log in over SSH".to_owned();
                failed(Code::OUT005, message, "Step 7 must forbid it; look for other sshd drop-in files.")
            }
            Err(problem) => Outcome::Failed { problem },
        }
    }

    pub(super) async fn password_login(&self) -> Outcome {
        match offered_methods(&self.target(ADMIN_USER)).await {
            Ok(methods) if methods == ["publickey"] => fine("only keys are accepted for a login".to_owned()),
            Ok(methods) => {
                let message = format!("SSH offers more than keys: {}", methods.join(", "));
                failed(Code::OUT006, message, "Step 7 must forbid it; look for other sshd drop-in files.")
            }
            Err(problem) => Outcome::Failed { problem },
        }
    }
}
