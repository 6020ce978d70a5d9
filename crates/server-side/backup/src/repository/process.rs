//! Runs one program to its end: bounded output, a limit of time, and giving up on a far side that stays away.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use letsbe_types::Problem;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, Command},
    time::{Instant, sleep_until, timeout},
};

use super::{children, confine::Reach, stall};

/// Standard error beyond this is dropped.
const ERRORS: usize = 1 << 20;

/// How long restic may try the same again. By itself it takes 15 minutes, and says nothing to whoever waits.
pub(super) const RETRYING: Duration = Duration::from_mins(3);

/// How a program ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Exit code; `None` when a signal ended it.
    pub(super) code: Option<i32>,
    /// What it said on standard error, bounded. For deciding; may hold what nobody should read.
    pub(super) errors: String,
}

/// Why a program was ended by us, or never began.
#[derive(Debug)]
pub(super) enum Stopped {
    /// It could not be started.
    NotStarted(std::io::Error),
    /// It took longer than allowed.
    TooLong(Duration),
    /// It tried the same again and again, or stood still.
    Unreachable,
    /// Whoever reads its output had enough.
    Refused(Problem),
}

/// Runs `command` (of [`children::command`]) with `input`, giving standard output to `sink` piece by piece.
pub(super) async fn run(
    command: Command,
    input: &[u8],
    limit: Duration,
    sink: &mut (dyn FnMut(&[u8]) -> Result<(), Problem> + Send),
) -> Result<Ended, Stopped> {
    let bounds = Bounds { reach: None, retrying: RETRYING, still: None };
    run_within(bounds, command, input, limit, sink).await
}

/// What a program may, beside its limit of time.
pub(super) struct Bounds<'a> {
    /// It may open only this, if something is said.
    pub(super) reach: Option<&'a Reach>,
    /// So long it may try the same again.
    pub(super) retrying: Duration,
    /// So long it may neither read nor write, if something is said.
    pub(super) still: Option<Duration>,
}

/// The same within these bounds.
pub(super) async fn run_within(
    bounds: Bounds<'_>,
    mut command: Command,
    input: &[u8],
    limit: Duration,
    sink: &mut (dyn FnMut(&[u8]) -> Result<(), Problem> + Send),
) -> Result<Ended, Stopped> {
    command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = children::spawn(command, bounds.reach.cloned()).map_err(Stopped::NotStarted)?;
    let ended = timeout(limit, drive(&mut child, input, &bounds, sink)).await;
    let stopped = match ended {
        Ok(Ok((status, errors))) => {
            let never_began = children::never_began(status.code(), &errors);
            return never_began.map_or_else(
                || Ok(Ended { code: status.code(), errors }),
                |why| Err(Stopped::NotStarted(why)),
            );
        }
        Ok(Err(stopped)) => stopped,
        Err(_) => Stopped::TooLong(limit),
    };
    // Killed, not asked: whoever holds the lease removes the lock that it leaves.
    let _ = child.kill().await;
    Err(stopped)
}

async fn drive(
    child: &mut Child,
    input: &[u8],
    bounds: &Bounds<'_>,
    sink: &mut (dyn FnMut(&[u8]) -> Result<(), Problem> + Send),
) -> Result<(ExitStatus, String), Stopped> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let process = child.id();
    let still = async {
        match bounds.still {
            Some(patience) => stall::of(process, patience).await,
            None => std::future::pending().await,
        }
    };
    let ended =
        async { tokio::try_join!(feed(stdin, input), pass(stdout, sink), watch(stderr, bounds.retrying)) };
    let ((), (), errors) = tokio::select! {
        ended = ended => ended?,
        () = still => return Err(Stopped::Unreachable),
    };
    let status = child.wait().await.map_err(Stopped::NotStarted)?;
    Ok((status, String::from_utf8_lossy(&errors).into_owned()))
}

async fn feed(stdin: Option<ChildStdin>, input: &[u8]) -> Result<(), Stopped> {
    if let Some(mut stdin) = stdin {
        // A program that ends without reading it says why by its exit code.
        let _ = stdin.write_all(input).await;
    }
    Ok(())
}

async fn pass(
    stream: Option<impl AsyncRead + Unpin>,
    sink: &mut (dyn FnMut(&[u8]) -> Result<(), Problem> + Send),
) -> Result<(), Stopped> {
    let Some(mut stream) = stream else { return Ok(()) };
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return Ok(()),
            Ok(length) => sink(&buffer[..length]).map_err(Stopped::Refused)?,
        }
    }
}

/// Collects standard error, and gives up when the program only tries again.
async fn watch(stream: Option<impl AsyncRead + Unpin>, patience: Duration) -> Result<Vec<u8>, Stopped> {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else { return Ok(kept) };
    let mut buffer = vec![0; 1 << 14];
    let mut retrying_since: Option<Instant> = None;
    loop {
        let read = async {
            match retrying_since {
                None => Some(stream.read(&mut buffer).await),
                Some(since) => tokio::select! {
                    read = stream.read(&mut buffer) => Some(read),
                    () = sleep_until(since + patience) => None,
                },
            }
        };
        match read.await {
            None => return Err(Stopped::Unreachable),
            Some(Ok(0) | Err(_)) => return Ok(kept),
            Some(Ok(length)) => {
                let piece = &buffer[..length];
                kept.extend_from_slice(&piece[..length.min(ERRORS - kept.len())]);
                retrying_since = retrying(&String::from_utf8_lossy(piece), retrying_since, Instant::now());
            }
        }
    }
}

/// Since when a program does nothing but try again, after it said `text`.
fn retrying(text: &str, since: Option<Instant>, now: Instant) -> Option<Instant> {
    let (success, retry) =
        (text.rfind("operation successful after"), text.rfind("returned error, retrying after"));
    match (success, retry) {
        (None, None) => since,
        (Some(success), Some(retry)) if retry > success => Some(now),
        (Some(_), _) => None,
        (None, Some(_)) => since.or(Some(now)),
    }
}

/// Cuts a stream into pieces at a byte. A piece is kept to its last `limit` bytes.
pub(super) struct Pieces {
    delimiter: u8,
    limit: usize,
    open: Vec<u8>,
}

impl Pieces {
    pub(super) const fn new(delimiter: u8, limit: usize) -> Self {
        Self { delimiter, limit, open: Vec::new() }
    }

    /// What came behind the last whole piece.
    pub(super) fn rest(&self) -> &[u8] {
        &self.open
    }

    /// Takes the next bytes, and gives every piece that they complete.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        mut piece: impl FnMut(&[u8]) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        for part in bytes.split_inclusive(|byte| *byte == self.delimiter) {
            self.open.extend_from_slice(part);
            if self.open.len() > self.limit {
                self.open.drain(..self.open.len() - self.limit);
            }
            if part.last() == Some(&self.delimiter) {
                piece(&self.open[..self.open.len() - 1])?;
                self.open.clear();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::Code;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_do_not_depend_on_how_the_stream_was_cut(
            text in "[a-c\n]{0,60}", cuts in proptest::collection::vec(1_usize..9, 0..20),
        ) {
            let mut pieces = Pieces::new(b'\n', 1000);
            let mut found = Vec::new();
            let mut rest = text.as_bytes();
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                pieces.feed(now, |piece| { found.push(piece.to_vec()); Ok(()) }).unwrap();
                rest = later;
            }
            let mut wanted: Vec<Vec<u8>> = text.split('\n').map(|line| line.as_bytes().to_vec()).collect();
            wanted.pop();
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn retries_count_from_the_first_one_until_one_succeeds() {
        let (first, later) = (Instant::now(), Instant::now() + Duration::from_secs(9));
        let retry = "List(data) returned error, retrying after 1s: dial\n";
        let success = "List(data) operation successful after 1 retries\n";
        assert_eq!(retrying("scanned", None, first), None);
        assert_eq!(retrying(retry, None, first), Some(first));
        assert_eq!(retrying(retry, Some(first), later), Some(first));
        assert_eq!(retrying("other", Some(first), later), Some(first));
        assert_eq!(retrying(success, Some(first), later), None);
        assert_eq!(retrying(&format!("{success}{retry}"), Some(first), later), Some(later));
    }

    #[tokio::test]
    async fn a_program_that_only_tries_again_is_given_up_and_one_that_gets_through_is_not() {
        // Patience is long where something comes to pass, and bounds the test where nothing does.
        for (said, gives_up, patience) in [
            ("Save(x) returned error, retrying after 1s: dial\n", true, Duration::from_mins(1)),
            (
                "Save(x) returned error, retrying after 1s: dial\nSave(x) operation successful after 1 retries\n",
                false,
                Duration::from_millis(300),
            ),
        ] {
            let (mut program, ours) = tokio::io::duplex(1 << 10);
            program.write_all(said.as_bytes()).await.unwrap();
            let watched = timeout(patience, watch(Some(ours), Duration::from_millis(50))).await;
            assert_eq!(matches!(watched, Ok(Err(Stopped::Unreachable))), gives_up, "{said}: {watched:?}");
            drop(program);
        }
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_is_ended_and_output_that_is_refused_too() {
        let mut command = children::command("sleep".as_ref());
        command.arg("600");
        let stopped = run(command, b"", Duration::from_millis(50), &mut |_| Ok(())).await.unwrap_err();
        assert!(matches!(stopped, Stopped::TooLong(_)), "{stopped:?}");
        let refused = &mut |_: &[u8]| Err(Problem::permanent(Code::WORK001, "enough", "none"));
        let stopped =
            run(children::command("yes".as_ref()), b"", Duration::from_mins(1), refused).await.unwrap_err();
        assert!(matches!(stopped, Stopped::Refused(_)), "{stopped:?}");
    }
}
