//! SSH, as little of it as is needed: connect with a pinned host key, run a program, upload a file.
//!
//! Nothing of the library beneath shows through, because its interface changes every few weeks.

use std::{
    borrow::Cow,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use letsbe_types::{Code, Problem, host_key::COMPARE};
use russh::{
    Disconnect, Preferred,
    client::{self, AuthResult},
    keys::{
        Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate,
        ssh_key::LineEnding,
    },
};
use russh_sftp::{
    client::SftpSession,
    protocol::{FileAttributes, OpenFlags},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

mod host_key;
mod quote;
mod running;

use self::quote::shell_line;

pub use self::host_key::{key_in_file, known_key, shown_key};
pub(crate) use self::running::too_much;
pub use self::running::{Output, Running};

/// Code of "the server cannot be reached, or the connection broke": the one worth a new connection.
pub const UNREACHABLE: Code = Code::SSH001;

/// Time for the TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for the key exchange and the login.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// A silent connection is asked for a sign of life this often; three unanswered ones end it.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Bytes handed to the upload at a time, which is also how often progress is reported.
const UPLOAD_CHUNK: usize = 256 << 10;

/// Whom to log in to, and as whom.
#[derive(Clone)]
pub struct Target {
    /// Where the server answers.
    pub address: IpAddr,
    /// Port of its SSH server.
    pub port: u16,
    /// The user.
    pub user: String,
    /// Our private key.
    pub key: Arc<PrivateKey>,
    /// The host key that it must show, in OpenSSH's one-line form. There is no connection without one.
    pub host_key: String,
}

/// Reads a private key in OpenSSH's form, without passphrase.
///
/// # Errors
/// When the file cannot be read or holds no usable key.
pub fn load_key(path: &Path) -> Result<Arc<PrivateKey>, Problem> {
    russh::keys::load_secret_key(path, None).map(Arc::new).map_err(|error| {
        Problem::permanent(
            Code::SSH005,
            format!("The private key {} cannot be used: {error}", path.display()),
            "Name a file with an unencrypted ed25519 or ECDSA key in OpenSSH's form.",
        )
    })
}

/// The public half of a key, in OpenSSH's one-line form.
///
/// # Errors
/// When the key cannot be written in that form.
pub fn public_line(key: &PrivateKey) -> Result<String, Problem> {
    one_line(key.public_key())
}

/// Makes a new ed25519 key pair: the private half in OpenSSH's form, the public half in its one-line form.
///
/// # Errors
/// When the key cannot be encoded.
pub fn generate_key() -> Result<(letsbe_types::Secret<String>, String), Problem> {
    let failed = |error: russh::keys::ssh_key::Error| {
        Problem::permanent(Code::SSH014, format!("No key could be made: {error}"), "Report this as a bug.")
    };
    let mut random = russh::keys::key::safe_rng();
    let key = PrivateKey::random(&mut random, russh::keys::Algorithm::Ed25519).map_err(failed)?;
    let private = key.to_openssh(LineEnding::LF).map_err(failed)?;
    let public = key.public_key().to_openssh().map_err(failed)?;
    Ok((letsbe_types::Secret::new(private.to_string()), public))
}

fn one_line(key: &PublicKey) -> Result<String, Problem> {
    key.to_openssh().map_err(|error| {
        Problem::permanent(
            Code::SSH005,
            format!("A public key cannot be written: {error}"),
            "Use another key.",
        )
    })
}

/// A logged-in connection.
pub struct Session {
    handle: client::Handle<HostKeyCheck>,
    target: Target,
}

struct HostKeyCheck {
    /// `None` accepts none: only the key is read.
    pinned: Option<PublicKey>,
    seen: Arc<Mutex<Option<PublicKey>>>,
}

impl client::Handler for HostKeyCheck {
    type Error = russh::Error;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = offered else { return Ok(false) };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        Ok(self.pinned.as_ref().is_some_and(|pinned| pinned.key_data() == key.key_data()))
    }
}

fn broken(target: &Target, what: impl std::fmt::Display) -> Problem {
    no_connection(&format!("{}@{} port {}", target.user, target.address, target.port), what)
}

fn no_connection(to: &str, what: impl std::fmt::Display) -> Problem {
    Problem::transient(
        UNREACHABLE,
        format!("SSH to {to}: {what}"),
        "Check that the server is up and that its SSH port is open.",
    )
}

/// What came of a key exchange.
struct Exchanged {
    /// The connection, or why there is none.
    outcome: Result<client::Handle<HostKeyCheck>, russh::Error>,
    /// The key that the server showed.
    seen: Option<PublicKey>,
}

/// Connects and exchanges keys, with host keys of this kind, and goes on only if the server shows `pinned`.
async fn exchange(
    address: IpAddr,
    port: u16,
    kind: Algorithm,
    pinned: Option<PublicKey>,
) -> Result<Exchanged, String> {
    let config = client::Config {
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: 3,
        nodelay: true,
        // A server has keys of several kinds.
        preferred: Preferred { key: Cow::Owned(vec![kind]), ..Preferred::default() },
        ..client::Config::default()
    };
    let connecting = tokio::net::TcpStream::connect((address, port));
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| "no answer".to_owned())?
        .map_err(|error| error.to_string())?;
    // Best effort: without it small messages are only slower.
    let _ = stream.set_nodelay(true);
    let seen = Arc::new(Mutex::new(None));
    let check = HostKeyCheck { pinned, seen: Arc::clone(&seen) };
    let handshake = client::connect_stream(Arc::new(config), stream, check);
    let outcome = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake)
        .await
        .map_err(|_| "the handshake took too long".to_owned())?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(Exchanged { outcome, seen })
}

/// Connects up to the point where a login can be tried.
async fn open(target: &Target) -> Result<client::Handle<HostKeyCheck>, Problem> {
    let pinned = PublicKey::from_openssh(&target.host_key).map_err(|error| {
        Problem::permanent(
            Code::SSH013,
            format!("The recorded host key of {} is not readable: {error}", target.address),
            "Correct the recorded host key.",
        )
    })?;
    let kind = pinned.algorithm();
    let exchanged = exchange(target.address, target.port, kind, Some(pinned.clone())).await;
    let Exchanged { outcome, seen } = exchanged.map_err(|why| broken(target, why))?;
    match (outcome, seen) {
        (Ok(handle), Some(_)) => Ok(handle),
        (Err(russh::Error::UnknownKey), seen) => {
            let shown = seen.map_or_else(|| "a certificate".to_owned(), |key| fingerprint(&key));
            Err(other_host_key(target.address, &fingerprint(&pinned), &shown))
        }
        (Err(error), _) => Err(broken(target, error)),
        (Ok(_), None) => Err(broken(target, "the server showed no host key")),
    }
}

fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

fn other_host_key(address: IpAddr, recorded: &str, shown: &str) -> Problem {
    Problem::permanent(
        Code::SSH002,
        format!("{address} shows another host key than the recorded one: recorded {recorded}, now {shown}"),
        format!(
            "Nothing was sent. Somebody may sit between us and the server. Compare: {COMPARE}. Only if that shows the \
             new fingerprint, go on with it: `letsbe orders confirm-host-key`, or `letsbe provision --host-key`."
        ),
    )
}

impl Session {
    /// Connects and logs in with the key.
    ///
    /// # Errors
    /// `SSH001` (transient) when the server does not answer, `SSH002` when its host key is not the recorded one,
    /// `SSH003` when it refuses our key.
    pub async fn connect(target: &Target) -> Result<Self, Problem> {
        let mut handle = open(target).await?;
        let key = PrivateKeyWithHashAlg::new(Arc::clone(&target.key), None);
        let login = handle.authenticate_publickey(&target.user, key);
        let result = tokio::time::timeout(HANDSHAKE_TIMEOUT, login)
            .await
            .map_err(|_| broken(target, "the login took too long"))?
            .map_err(|error| broken(target, error))?;
        if !result.success() {
            return Err(Problem::permanent(
                Code::SSH003,
                format!("{} port {} refuses our key for {}", target.address, target.port, target.user),
                "Install the server with our key, or give the right key file.",
            ));
        }
        Ok(Self { handle, target: target.clone() })
    }

    /// The host key that it showed, in OpenSSH's one-line form.
    #[must_use]
    pub fn host_key(&self) -> &str {
        &self.target.host_key
    }

    /// The user that is logged in.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.target.user
    }

    /// Starts a program and hands it `input`; its lines are read from the answer.
    ///
    /// # Errors
    /// `SSH001` when the connection broke.
    pub async fn start<S: AsRef<str>>(&self, arguments: &[S], input: &[u8]) -> Result<Running, Problem> {
        let failed = |error: russh::Error| broken(&self.target, error);
        let channel = self.handle.channel_open_session().await.map_err(failed)?;
        channel.exec(true, shell_line(arguments)).await.map_err(failed)?;
        channel.data_bytes(input.to_vec()).await.map_err(failed)?;
        channel.eof().await.map_err(failed)?;
        Ok(Running::new(channel, self.target.clone()))
    }

    /// Runs a program to its end.
    ///
    /// # Errors
    /// `SSH001` when the connection broke. Any exit code is an answer, not an error.
    pub async fn run<S: AsRef<str>>(&self, arguments: &[S], input: &[u8]) -> Result<Output, Problem> {
        let mut running = self.start(arguments, input).await?;
        let mut lines = Vec::new();
        while let Some(line) = running.next_line().await? {
            lines.push(line);
        }
        Ok(Output { code: running.code().unwrap_or(-1), lines, stderr: running.stderr() })
    }

    /// Uploads a file: to a temporary name first, so that a broken upload is never mistaken for the file.
    ///
    /// # Errors
    /// When the file cannot be read, or the server refuses it.
    pub async fn upload(
        &self,
        local: &Path,
        remote: &Path,
        mode: u32,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<(), Problem> {
        let unreadable = |error: std::io::Error| {
            Problem::permanent(
                Code::SSH006,
                format!("{}: {error}", local.display()),
                "Check the bundle folder.",
            )
        };
        let mut source = tokio::fs::File::open(local).await.map_err(unreadable)?;
        let total = source.metadata().await.map_err(unreadable)?.len();
        let refused = |error: String| {
            let what = format!("upload to {}: {error}", remote.display());
            Problem { code: Code::SSH007.into(), ..broken(&self.target, what) }
        };
        let channel =
            self.handle.channel_open_session().await.map_err(|error| broken(&self.target, error))?;
        channel.request_subsystem(true, "sftp").await.map_err(|error| broken(&self.target, error))?;
        let sftp =
            SftpSession::new(channel.into_stream()).await.map_err(|error| refused(error.to_string()))?;
        let partial = text(&remote.with_added_extension("partial"));
        let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::WRITE;
        let attributes = FileAttributes { permissions: Some(mode), ..FileAttributes::empty() };
        let mut sink = sftp
            .open_with_flags_and_attributes(&partial, flags, attributes.clone())
            .await
            .map_err(|error| refused(error.to_string()))?;
        let mut buffer = vec![0; UPLOAD_CHUNK];
        let mut sent = 0;
        loop {
            let count = source.read(&mut buffer).await.map_err(unreadable)?;
            if count == 0 {
                break;
            }
            sink.write_all(&buffer[..count]).await.map_err(|error| refused(error.to_string()))?;
            sent += count as u64;
            progress(sent, total);
        }
        sink.shutdown().await.map_err(|error| refused(error.to_string()))?;
        // The server's umask may have taken bits away at creation, and SFTP's rename never replaces a file.
        sftp.set_metadata(&partial, attributes).await.map_err(|error| refused(error.to_string()))?;
        let _ = sftp.remove_file(text(remote)).await;
        sftp.rename(partial, text(remote)).await.map_err(|error| refused(error.to_string()))?;
        // The file is in place; a failure to close the session changes nothing.
        let _ = sftp.close().await;
        Ok(())
    }

    /// Says goodbye. Dropping the session does as well, less politely.
    pub async fn close(self) {
        let _ = self.handle.disconnect(Disconnect::ByApplication, "", "en").await;
    }
}

fn text(path: &Path) -> String {
    PathBuf::from(path).to_string_lossy().into_owned()
}

/// The login methods a server offers to a user before any proof, for example `publickey`.
///
/// # Errors
/// `SSH001` when the server does not answer, `SSH002` when its host key is not the recorded one.
pub async fn offered_methods(target: &Target) -> Result<Vec<String>, Problem> {
    let mut handle = open(target).await?;
    let asked = tokio::time::timeout(HANDSHAKE_TIMEOUT, handle.authenticate_none(&target.user));
    let result = asked.await.map_err(|_| broken(target, "the login took too long"))?;
    match result.map_err(|error| broken(target, error))? {
        AuthResult::Success => Ok(vec!["none".to_owned()]),
        AuthResult::Failure { remaining_methods, .. } => {
            Ok(remaining_methods.iter().map(|method| <&str>::from(method).to_owned()).collect())
        }
    }
}
