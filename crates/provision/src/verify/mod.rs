//! Step 11, the half that is seen from inside the server: nothing here changes anything.
//!
//! What can only be seen from outside (certificates, closed ports, refused logins) is checked by the provisioner.

mod answers;
mod containers;
mod heartbeat;
mod modes;

use std::sync::Arc;

use letsbe_catalog::Catalog;
use letsbe_host::Operation;
use letsbe_types::{Problem, job::DesiredServer};

use crate::stacks::Deployment;

/// The step of the verification.
const STEP: u8 = 11;

/// The checks.
///
/// # Errors
/// When the wishes do not fit the catalog.
pub fn operations(
    catalog: Arc<Catalog>,
    desired: &DesiredServer,
) -> Result<Vec<Box<dyn Operation>>, Problem> {
    let deployment = Arc::new(Deployment::new(catalog, desired)?);
    Ok(vec![
        Box::new(containers::ContainersHealthy { deployment: Arc::clone(&deployment) }),
        Box::new(containers::PortsOnLoopback),
        Box::new(answers::Answers { deployment: Arc::clone(&deployment), whose: answers::Whose::Tools }),
        Box::new(answers::Answers { deployment: Arc::clone(&deployment), whose: answers::Whose::Platform }),
        Box::new(heartbeat::HeartbeatAccepted),
        Box::new(modes::SecretsPrivate { deployment }),
    ])
}

/// A check that failed.
fn failed(code: &str, message: String, hint: &str) -> Problem {
    Problem::transient(code, message, hint)
}
