//! Programs that end with this process, whatever ends it: one that went on by itself would hold its lock against the next
//! try.
//!
//! The kernel ends a child when the *thread* that started it ends (prctl(2), `PR_SET_PDEATHSIG`), not the process: whoever
//! started it may end long before its work does. So each child has a thread of its own, which lives as long as the child.

use std::{ffi::OsString, io, path::Path, sync::mpsc, thread};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::{
    process::{Child, Command},
    runtime::Handle,
};

use super::confine::{self, Reach};

/// Of util-linux, which every Debian has: asks the kernel to end it with its parent, and becomes the program.
const SETPRIV: &str = "setpriv";
/// Its exit codes where it could not become the program.
const NO_PROGRAM: [i32; 2] = [126, 127];

/// The program as a command that ends with whoever starts it. To be started by [`spawn`] only.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new(SETPRIV);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Starts a command of [`command`]; within `reach`, where something is said.
pub(super) fn spawn(mut command: Command, reach: Option<Reach>) -> io::Result<Child> {
    let handle = Handle::current();
    let (tell, told) = mpsc::sync_channel(1);
    let start = move || {
        let _guard = handle.enter();
        if let Some(reach) = reach
            && !confine::restrict(&reach).map_err(io::Error::other)?
        {
            tracing::warn!("this kernel cannot confine programs (Landlock): the backup runs without");
        }
        command.spawn().map_err(named)
    };
    thread::Builder::new().name("child".to_owned()).spawn(move || {
        let started = start();
        let pid = started.as_ref().ok().and_then(Child::id).and_then(|id| i32::try_from(id).ok());
        let _ = tell.send(started);
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            // The child's end is left for whoever takes its exit code.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
        }
    })?;
    told.recv().unwrap_or_else(|_| Err(io::Error::other("the thread that starts it failed")))
}

/// What is not there is [`SETPRIV`]: whether the program is, only setpriv finds out.
fn named(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::NotFound {
        return error;
    }
    io::Error::new(error.kind(), format!("{SETPRIV}, of the package util-linux, is not there ({error})"))
}

/// Why the program never began, if so it was.
pub(super) fn never_began(code: Option<i32>, errors: &str) -> Option<io::Error> {
    let said = errors.lines().next()?;
    let could_not = code.is_some_and(|code| NO_PROGRAM.contains(&code));
    (could_not && said.starts_with("setpriv: ")).then(|| io::Error::other(said.to_owned()))
}

/// An option of restic's that restic gives no meaning: who started it, for whoever finds its lock. Command lines can be read by
/// everybody, and stay when the process that started it is gone.
pub(super) fn started_by(process: &letsbe_types::process::Process) -> OsString {
    format!("{STARTED_BY}{process}").into()
}

/// Begins the option.
pub(super) const STARTED_BY: &str = "letsbe.started-by=";

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_child_goes_on_when_the_thread_that_asked_for_it_has_ended() {
        let handle = Handle::current();
        for reach in [None, Some(Reach::default())] {
            let handle = handle.clone();
            let asked = thread::spawn(move || {
                let _guard = handle.enter();
                let mut cat = command("/usr/bin/cat".as_ref());
                cat.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
                let child = spawn(cat, reach).unwrap();
                // By now it has asked the kernel for its end.
                let name = format!("/proc/{}/comm", child.id().unwrap());
                while std::fs::read_to_string(&name).unwrap().trim() != "cat" {
                    thread::yield_now();
                }
                child
            });
            let mut child = asked.join().unwrap();
            let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            to.write_all(b"still here").await.unwrap();
            drop(to);
            let mut said = String::new();
            from.read_to_string(&mut said).await.unwrap();
            assert_eq!((said.as_str(), child.wait().await.unwrap().success()), ("still here", true));
        }
    }

    #[tokio::test]
    async fn a_server_without_setpriv_is_told_which_package_has_it() {
        let mut cat = command("/usr/bin/cat".as_ref());
        cat.env("PATH", "/nowhere");
        let said = spawn(cat, None).unwrap_err().to_string();
        assert!(said.starts_with("setpriv, of the package util-linux, is not there"), "{said}");
    }

    #[test]
    fn a_program_that_could_not_be_started_is_told_from_one_that_failed() {
        for (code, errors, wanted) in [
            (Some(127), "setpriv: failed to execute /x: No such file or directory", true),
            (Some(126), "setpriv: failed to execute /x: Permission denied", true),
            (Some(1), "setpriv: failed to execute /x", false),
            (Some(127), "Fatal: something", false),
            (None, "", false),
        ] {
            assert_eq!(never_began(code, errors).is_some(), wanted, "{code:?} {errors}");
        }
    }
}
