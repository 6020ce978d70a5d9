//! The session beside a dump of PostgreSQL.

use std::{collections::BTreeMap, process::Stdio};

use letsbe_backup::{is_last_count, parse_counts, parse_snapshot, snapshot_statements};
use letsbe_host::Command;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout},
};

use super::ending;

/// No more of what a session prints is kept.
const COUNTS: usize = 16 << 20;

/// A session of PostgreSQL that keeps its snapshot for the dump, and counts the rows in it.
pub(super) struct Session {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Session {
    pub(super) fn open(command: &Command) -> Result<Self, String> {
        let mut process = command.process();
        process.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut child = process.spawn().map_err(|error| format!("{}: {error}", command.program))?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("its client has no output")?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    async fn line(&mut self) -> Result<String, String> {
        // A name may be of bytes that are no text: a database without an encoding has such.
        let mut line = Vec::new();
        let length = self.output.read_until(b'\n', &mut line).await.map_err(|error| error.to_string())?;
        if length == 0 {
            return Err("its client ended before it had counted".to_owned());
        }
        let line = String::from_utf8_lossy(&line);
        Ok(line.strip_suffix('\n').unwrap_or(&line).to_owned())
    }

    pub(super) async fn snapshot(&mut self) -> Result<String, String> {
        let input = self.input.as_mut().ok_or("its client takes no input")?;
        // If the client is gone, reading tells.
        let _ = input.write_all(snapshot_statements().as_bytes()).await;
        let _ = input.flush().await;
        let line = self.line().await?;
        parse_snapshot(&line).map(str::to_owned).ok_or_else(|| format!("it answered {line:?} for a snapshot"))
    }

    /// Rows by table, as of the snapshot. Its transaction stays open.
    pub(super) async fn counts(&mut self) -> Result<BTreeMap<String, u64>, String> {
        let mut text = String::new();
        loop {
            let line = self.line().await?;
            if text.len() + line.len() > COUNTS {
                return Err("it has too many tables to count".to_owned());
            }
            text.push_str(&line);
            text.push('\n');
            if is_last_count(&line) {
                return parse_counts(&text);
            }
        }
    }

    pub(super) async fn close(mut self) -> Result<(), String> {
        drop(self.input.take());
        let status = self.child.wait().await.map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(ending(status, "the counting failed")) }
    }
}
