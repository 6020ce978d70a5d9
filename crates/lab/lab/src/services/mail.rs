//! The mail sink: takes every mail, and shows what came.

use std::net::Ipv4Addr;

use serde::Deserialize;
use tokio::{io::AsyncReadExt, net::TcpStream};

use super::{start, wait_for};
use crate::{
    docker::{self, DockerError},
    network::LabNetwork,
};

const LAST: u8 = 14;
/// SMTP, as between mail servers; the sink takes mails without a login.
const PORT: u16 = 25;

/// A mail server that keeps everything and sends nothing on.
#[derive(Debug)]
pub struct MailSink {
    /// Where it answers.
    pub address: Ipv4Addr,
    /// Its port.
    pub port: u16,
    container: String,
}

/// A mail that was received.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mail {
    /// The sender that the SMTP client named.
    pub from: String,
    /// The recipients that the SMTP client named, with commas between them.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text (or the HTML, when there is no text).
    pub text: String,
    /// The whole mail.
    pub raw: String,
}

impl MailSink {
    /// Starts the sink.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn start(network: &LabNetwork) -> Result<Self, DockerError> {
        let (container, address) =
            start(network, "mail", LAST, &[], &["python3", "/opt/lab/smtp-sink.py"]).await?;
        wait_for(&container, || async {
            let mut stream = TcpStream::connect((address, PORT)).await.map_err(|error| error.to_string())?;
            let mut greeting = [0; 3];
            stream.read_exact(&mut greeting).await.map_err(|error| error.to_string())?;
            if &greeting == b"220" { Ok(()) } else { Err("no greeting".to_owned()) }
        })
        .await?;
        Ok(Self { address, port: PORT, container })
    }

    /// The mails received so far, oldest first.
    ///
    /// # Errors
    /// When the sink does not run.
    pub async fn received(&self) -> Result<Vec<Mail>, DockerError> {
        let json = docker::exec(&self.container, &["python3", "/opt/lab/mails.py"]).await?;
        serde_json::from_str(&json)
            .map_err(|error| DockerError::failed("reading the mails", error.to_string()))
    }
}
