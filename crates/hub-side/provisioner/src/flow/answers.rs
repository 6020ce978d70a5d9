//! Answers to what a run asks its provisioner for (an SSH confirmation, the escrow's keys), each over a connection of
//! its own. Retried until the run accepts the answer or no longer needs it.

use std::time::Duration;

use letsbe_protocol::{NodeCommand, RunCommand};
use letsbe_types::{Code, Problem, crash, ids::JobId, job::ProvisionJob, recovery::HandedKeys};
use letsbe_vault::seal_keys;
use tokio::time::sleep;

use super::{Options, crash_points, node};
use crate::{
    report::EscrowKeyClient,
    ssh::{Session, Target},
};

/// How often the Hub is asked whether somebody has opened the escrow.
const KEYS_POLL: Duration = Duration::from_secs(2);

/// Proves that a login works, by one on a new connection; tries until it is stopped.
pub(super) async fn confirm(target: Target, nonce: String) {
    loop {
        let tried = async {
            let session = Session::connect(&target).await?;
            session.run(&node(&session, NodeCommand::ConfirmSsh { nonce: nonce.clone() }), b"").await
        };
        match tried.await {
            Ok(output) if output.code == 0 => {
                crash::point(&crash_points::flow::CONFIRMED);
                return;
            }
            Ok(output) => {
                tracing::warn!(code = output.code, "the confirmation was refused: {}", output.stderr)
            }
            Err(problem) => tracing::warn!(%problem, "the new SSH port does not let us in yet"),
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// Where the keys come from.
pub(super) enum KeySource {
    /// They are here, sealed for the server already.
    Sealed(HandedKeys),
    /// An operator uploads them to the Hub, sealed; the Hub cannot open them.
    Hub(EscrowKeyClient, String),
}

impl KeySource {
    /// Where a job's keys come from.
    ///
    /// # Errors
    /// The keys are not available here, or the recipient is not a valid age recipient.
    pub(super) fn of(job: &ProvisionJob, options: &Options, recipient: &str) -> Result<Self, Problem> {
        let recipient = recipient.to_owned();
        match (&options.keys, &job.report) {
            (Some(keys), _) => {
                let sealed = seal_keys(keys, &recipient)?;
                Ok(Self::Sealed(HandedKeys { recipient, sealed }))
            }
            (None, Some(target)) => Ok(Self::Hub(EscrowKeyClient::new(target, job.id)?, recipient)),
            (None, None) => Err(Problem::transient(
                Code::NODE080,
                format!("The server waits for the keys from the escrow, sealed to {recipient}"),
                "Give them with `--identity` and `--sealed`, or bring them by hand: `letsbe-node run keys`.",
            )),
        }
    }

    /// The sealed keys; `None` until they were provided.
    async fn sealed(&self) -> Result<Option<String>, Problem> {
        match self {
            Self::Sealed(keys) => Ok(Some(keys.sealed.clone())),
            Self::Hub(hub, recipient) => {
                let handed = hub.ask().await?.filter(|keys| keys.recipient == *recipient);
                Ok(handed.map(|keys| keys.sealed))
            }
        }
    }
}

/// Sends the keys to the run as soon as they are provided; retried until it is stopped. Keys that the run refused are
/// not sent again.
pub(super) async fn bring_keys(source: KeySource, target: Target, job: JobId) {
    let mut refused = None;
    loop {
        match source.sealed().await {
            Ok(Some(sealed)) if refused.as_ref() != Some(&sealed) => {
                match hand_over(&target, job, &sealed).await {
                    Ok(true) => {
                        crash::point(&crash_points::recovery::KEYS_HANDED);
                        return;
                    }
                    Ok(false) => refused = Some(sealed),
                    Err(problem) => tracing::warn!(%problem, "the keys could not be brought; trying again"),
                }
            }
            Ok(_) => {}
            Err(problem) => tracing::warn!(%problem, "the Hub was not asked for the keys; trying again"),
        }
        sleep(KEYS_POLL).await;
    }
}

/// Whether the run took the keys.
async fn hand_over(target: &Target, job: JobId, sealed: &str) -> Result<bool, Problem> {
    let session = Session::connect(target).await?;
    let program = node(&session, RunCommand::Keys { job });
    let output = session.run(&program, sealed.as_bytes()).await?;
    session.close().await;
    if output.code != 0 {
        tracing::warn!(code = output.code, "the run refused the keys: {}", output.stderr);
    }
    Ok(output.code == 0)
}

#[cfg(test)]
mod tests {
    use letsbe_vault::{
        EscrowKeys,
        escrow::{new_identity, recipient_of},
        open_escrow,
    };

    use super::KeySource;
    use crate::{flow::Options, job::tests::job};

    #[tokio::test]
    async fn keys_that_are_here_are_sealed_for_the_server_that_asked() {
        let (server, other) = (new_identity(), new_identity());
        let recipient = recipient_of(&server).expect("an identity");
        let keys = EscrowKeys { registry_key: "ab".repeat(32).as_str().into(), backup_key: "canary".into() };
        let options = Options { keys: Some(keys.clone()), ..Options::default() };
        assert!(!format!("{options:?}").contains("canary"));
        let source = KeySource::of(&job(), &options, &recipient).expect("here");
        let sealed = source.sealed().await.expect("here").expect("at once");
        assert!(!sealed.contains("canary"));
        assert_eq!(open_escrow(&sealed, &server).expect("opens"), keys);
        assert!(open_escrow(&sealed, &other).is_err());
        let nobody = KeySource::of(&job(), &Options::default(), &recipient).err().expect("nobody has them");
        assert!(nobody.code == "NODE080" && nobody.message.contains(&recipient));
    }
}
