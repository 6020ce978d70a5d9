//! A program on the server, and what is read of it: to a bound, because the server may be hostile.

use std::net::IpAddr;

use letsbe_types::{Code, Problem, harmless};
use russh::{ChannelMsg, client};

use super::{Target, broken};

/// What is kept of a program's error output.
const STDERR_BYTES_MAX: usize = 16 << 10;
/// The longest line that is read of a program: an event with a long message.
const LINE_BYTES_MAX: usize = 64 << 10;
/// The most that is read of one program: many thousand events.
const OUTPUT_BYTES_MAX: usize = 16 << 20;

/// What a program left behind.
#[derive(Debug)]
pub struct Output {
    /// Exit code; -1 if a signal ended it.
    pub code: i64,
    /// Standard output, line by line.
    pub lines: Vec<String>,
    /// Error output, cut off if long.
    pub stderr: String,
}

/// A program that runs on the server.
pub struct Running {
    channel: russh::Channel<client::Msg>,
    target: Target,
    line: Vec<u8>,
    received: usize,
    stderr: Vec<u8>,
    code: Option<i64>,
}

/// The problem of a server that prints more than any of our programs does. It may be hostile.
pub(crate) fn too_much(address: IpAddr, what: &str) -> Problem {
    Problem::permanent(
        Code::SSH010,
        format!("{address} prints {what}"),
        "No program of ours does that: look at what runs on the server. It may be somebody else's.",
    )
}

impl Running {
    pub(super) const fn new(channel: russh::Channel<client::Msg>, target: Target) -> Self {
        Self { channel, target, line: Vec::new(), received: 0, stderr: Vec::new(), code: None }
    }

    /// The next line of its output; `None` when it has ended. Safe to cancel.
    ///
    /// # Errors
    /// `SSH001` when the connection broke before the program ended, `SSH010` when it prints too much.
    pub async fn next_line(&mut self) -> Result<Option<String>, Problem> {
        loop {
            if let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.line.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            if self.line.len() > LINE_BYTES_MAX {
                let what = format!("a line that is longer than {} KiB", LINE_BYTES_MAX >> 10);
                return Err(too_much(self.target.address, &what));
            }
            match self.channel.wait().await {
                Some(ChannelMsg::Data { data }) => {
                    self.count(data.len())?;
                    self.line.extend_from_slice(&data);
                }
                Some(ChannelMsg::ExtendedData { data, .. }) => {
                    self.count(data.len())?;
                    let room = STDERR_BYTES_MAX.saturating_sub(self.stderr.len());
                    self.stderr.extend_from_slice(&data[..data.len().min(room)]);
                }
                Some(ChannelMsg::ExitStatus { exit_status }) => self.code = Some(exit_status.into()),
                Some(ChannelMsg::ExitSignal { .. }) => self.code = Some(-1),
                Some(ChannelMsg::Failure) => return Err(broken(&self.target, "the command was refused")),
                Some(_) => {}
                None if self.code.is_none() => return Err(broken(&self.target, "the connection broke")),
                None if self.line.is_empty() => return Ok(None),
                None => self.line.push(b'\n'),
            }
        }
    }

    fn count(&mut self, bytes: usize) -> Result<(), Problem> {
        self.received = self.received.saturating_add(bytes);
        if self.received > OUTPUT_BYTES_MAX {
            let what = format!("more than {} MiB", OUTPUT_BYTES_MAX >> 20);
            return Err(too_much(self.target.address, &what));
        }
        Ok(())
    }

    /// Its exit code, once it has ended; -1 if a signal ended it.
    #[must_use]
    pub const fn code(&self) -> Option<i64> {
        self.code
    }

    /// Its error output, without characters that could steer a terminal.
    #[must_use]
    pub fn stderr(&self) -> String {
        harmless(String::from_utf8_lossy(&self.stderr).trim())
    }
}
