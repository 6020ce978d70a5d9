//! Step 1, first of all: this server is the one that was meant.

use async_trait::async_trait;
use letsbe_types::{Code, Problem, job::DesiredServer, paths::STATE};

use crate::{
    change::{Change, FileWrite},
    facts::text_of,
    machine::Machine,
    operation::{Assessment, Converge},
};

/// Plants the identity, and refuses a server that carries another one.
pub(super) struct Identity;

#[async_trait]
impl Converge for Identity {
    type Facts = Option<String>;
    const NAME: &'static str = "identity.planted";
    const STEP: u8 = 1;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        text_of(machine, format!("{STATE}/identity")).await
    }

    fn converge(&self, found: &Self::Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        let wanted = desired.identity.0.trim();
        match found.as_deref().map(str::trim) {
            Some(found) if found == wanted => Ok(Assessment::converged("the identity is planted")),
            // An empty file is what a full disk leaves behind; it names nobody.
            None | Some("") => Ok(Assessment::needed(
                "the server carries no identity",
                vec![Change::Write(FileWrite::new(
                    format!("{STATE}/identity"),
                    0o600,
                    format!("{wanted}\n"),
                ))],
            )),
            Some(_) => Err(Problem::permanent(
                Code::HOST001,
                "the server carries another identity than the one of this order",
                "It may be another customer's server. Check its address; never remove the identity by hand \
                 unless the server was released and its disk wiped.",
            )),
        }
    }
}
