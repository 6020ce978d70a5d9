//! Step 11, the half that is seen from inside the server: nothing here changes anything.
//!
//! What can only be seen from outside (certificates, closed ports, refused logins) is checked by the provisioner.

mod answers;
mod confined;
mod containers;
mod heartbeat;
mod modes;
mod proxy;

use std::sync::Arc;

use letsbe_host::Operation;
use letsbe_types::{Code, Problem};

use crate::{Deployment, backups};

/// The step of the verification.
const STEP: u8 = 11;

/// The checks of a deployment.
#[must_use]
pub fn operations(deployment: &Arc<Deployment>) -> Vec<Box<dyn Operation>> {
    let deployment = || Arc::clone(deployment);
    vec![
        Box::new(containers::ContainersHealthy { deployment: deployment() }),
        Box::new(containers::PortsOnLoopback { deployment: deployment() }),
        Box::new(answers::Answers { deployment: deployment(), whose: answers::Whose::Tools }),
        Box::new(answers::Answers { deployment: deployment(), whose: answers::Whose::Platform }),
        Box::new(proxy::ProxyReady { deployment: deployment() }),
        Box::new(confined::Confined),
        Box::new(heartbeat::HeartbeatAccepted),
        Box::new(backups::BackupsReady),
        Box::new(backups::RecoveryComplete),
        Box::new(modes::SecretsPrivate { deployment: deployment() }),
    ]
}

/// A check that failed.
fn failed(code: Code, message: String, hint: &str) -> Problem {
    Problem::transient(code, message, hint)
}
