//! Programs inside a server, started from outside of it.
//!
//! They go through the kernel, not through the engine: `docker exec` costs thirty times as much, and tests look at a
//! server several times a second. They have the server's namespaces and rights; what they use counts for the test.

use std::{fs, sync::Arc};

use tokio::sync::Mutex;

use crate::docker::{self, DockerError};

/// What programs inside get of an environment.
const ENVIRONMENT: [&str; 2] =
    ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"];

/// What this machine may have and a server has not; see [`super::capabilities`].
const LESS: &str = "-sys_resource";

/// The way into a server, which is looked for anew when the server was switched off meanwhile.
#[derive(Debug, Clone, Default)]
pub(super) struct Inside {
    init: Arc<Mutex<Option<Init>>>,
}

/// The first process of a container.
#[derive(Debug, Clone)]
struct Init {
    container: String,
    process: u32,
}

impl Inside {
    /// Runs a command as root inside with this input, if there is one, and gives what it printed.
    ///
    /// # Errors
    /// When the server is off or the command fails.
    pub(super) async fn run<S: AsRef<str>>(
        &self,
        container: &str,
        command: &[S],
        input: Option<&[u8]>,
    ) -> Result<String, DockerError> {
        let process = self.process(container).await?.to_string();
        let way = ["--target", &process, "--all", "--", "setpriv", "--bounding-set", LESS];
        let way = way.into_iter().chain(["env", "--ignore-environment"]);
        let words = way.chain(ENVIRONMENT).chain(command.iter().map(AsRef::as_ref));
        docker::run("nsenter", &words.collect::<Vec<_>>(), input).await
    }

    async fn process(&self, container: &str) -> Result<u32, DockerError> {
        let mut known = self.init.lock().await;
        if let Some(init) = known.as_ref().filter(|init| init.is_there()) {
            return Ok(init.process);
        }
        let told = docker::inspect(container, "{{.State.Pid}} {{.Id}}").await?;
        let off = || DockerError::failed(format!("server {container}"), "it is switched off");
        let (process, id) = told.trim().split_once(' ').ok_or_else(off)?;
        let init = Init { process: process.parse().map_err(|_| off())?, container: id.to_owned() };
        if !init.is_there() {
            return Err(off());
        }
        Ok(known.insert(init).process)
    }
}

impl Init {
    /// The number may be another process's by now. The control group says which server it belongs to, and the number that
    /// it has inside whether it is the first one there and not one of a tool's container.
    fn is_there(&self) -> bool {
        let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", self.process));
        let is_first = read("status").is_ok_and(|status| {
            let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            // One number outside, one inside; one more in a container of a tool.
            inside.is_some_and(|numbers| numbers.split_whitespace().skip(1).eq(["1"]))
        });
        is_first && read("cgroup").is_ok_and(|groups| groups.contains(&self.container))
    }
}
