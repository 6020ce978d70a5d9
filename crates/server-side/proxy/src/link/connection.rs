//! One connection to the agent.

use std::{io, path::Path, sync::Arc};

use letsbe_types::link::{LINE_BYTES, ToAgent, ToProxy, VaultContent};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use zeroize::Zeroizing;

use super::{InForce, Link, Verdict};

/// Holds a connection until it breaks, and says why it did.
pub(super) async fn hold(link: &Link, socket: &Path) -> io::Error {
    let stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error) => return error,
    };
    link.queue.restart();
    let (reading, writing) = stream.into_split();
    let ended = tokio::select! {
        ended = listen(link, reading) => ended,
        ended = speak(link, writing) => ended,
    };
    match ended {
        Ok(()) => io::ErrorKind::UnexpectedEof.into(),
        Err(error) => error,
    }
}

async fn speak(link: &Link, mut writing: OwnedWriteHalf) -> io::Result<()> {
    say(&mut writing, &ToAgent::Hello { version: env!("CARGO_PKG_VERSION").to_owned() }).await?;
    loop {
        let message = link.queue.next().await;
        say(&mut writing, &message).await?;
        link.queue.written();
    }
}

async fn say(writing: &mut OwnedWriteHalf, message: &ToAgent) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    writing.write_all(&line).await
}

async fn listen(link: &Link, reading: OwnedReadHalf) -> io::Result<()> {
    let mut reading = BufReader::new(reading);
    loop {
        // A line carries secrets; a buffer that grew would leave copies behind only until its memory is used again.
        let mut line = Zeroizing::new(Vec::new());
        let read = (&mut reading).take(LINE_BYTES as u64 + 1).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line of the agent is too long or cut"));
        }
        // The error is not passed on: it could quote the line.
        let message = serde_json::from_slice(&line)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a line of the agent cannot be read"))?;
        drop(line);
        take(link, message).await?;
    }
}

async fn take(link: &Link, message: ToProxy) -> io::Result<()> {
    match message {
        ToProxy::Vault(content) => apply(link, content).await,
        ToProxy::Granted { request } => {
            link.verdict(request, Verdict::Granted);
            Ok(())
        }
        ToProxy::Denied { request, left, renews_at } => {
            link.verdict(request, Verdict::Denied { left, renews_at });
            Ok(())
        }
    }
}

/// Puts secrets in force. While that takes, the last ones stay: the agent uses no new secret before it is told.
async fn apply(link: &Link, content: VaultContent) -> io::Result<()> {
    let version = content.version;
    let patience = link.connect_patience;
    let made = tokio::task::spawn_blocking(move || InForce::new(content, patience)).await;
    let made = made.map_err(io::Error::other)?.map_err(io::Error::other);
    match made {
        Ok(in_force) => {
            let secrets = in_force.secret_count;
            link.in_force.send_replace(Some(Arc::new(in_force)));
            link.queue.push_first(ToAgent::Applied { version });
            tracing::info!(version, secrets, "secrets are in force");
            Ok(())
        }
        Err(error) => {
            // The last secrets do not cover what the agent is about to use.
            link.in_force.send_replace(None);
            Err(error)
        }
    }
}
