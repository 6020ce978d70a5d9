//! What stands around the servers: an image registry, DNS, a certificate authority, a mail sink and an S3 service, each
//! a container with its own address in the lab's network.

mod acme;
mod dns;
mod mail;
mod registry;
mod storage;

pub use acme::Acme;
pub use dns::Dns;
pub use mail::{Mail, MailSink};
pub use registry::Registry;
pub use storage::{Account, Storage, Theft, Totals};

use std::{net::Ipv4Addr, time::Duration};

use crate::{
    docker::{self, DockerError},
    images,
    network::{ADDRESS_LABEL, LabNetwork},
    wait::eventually,
};

/// How long a service may take to answer.
const START: Duration = Duration::from_secs(60);

/// Starts a service from the image of all small ones at the address with this last number, or finds it running.
async fn start(
    network: &LabNetwork,
    name: &str,
    last: u8,
    options: &[&str],
    command: &[&str],
) -> Result<(String, Ipv4Addr), DockerError> {
    start_from("services", network, name, last, options, command).await
}

async fn start_from(
    folder: &str,
    network: &LabNetwork,
    name: &str,
    last: u8,
    options: &[&str],
    command: &[&str],
) -> Result<(String, Ipv4Addr), DockerError> {
    let container = format!("{}-{name}", network.name);
    let address = network.address(last);
    if docker::inspect(&container, "{{.State.Running}}").await.is_ok_and(|running| running == "true") {
        return Ok((container, address));
    }
    docker::remove_containers(std::slice::from_ref(&container)).await?;
    let image = images::ensure(folder).await?;
    let (at, label) = (format!("--ip={address}"), format!("--label={ADDRESS_LABEL}={address}"));
    let (on, labels) = (format!("--network={}", network.name), network.labels());
    let mut arguments = vec!["run", "--detach", "--init", "--name", &container, "--hostname", name];
    arguments.extend([on.as_str(), &at, &label]);
    arguments.extend(labels.iter().map(String::as_str));
    arguments.extend(options);
    arguments.push(&image);
    arguments.extend(command);
    docker::docker(&arguments).await?;
    Ok((container, address))
}

/// Waits for an answer of a service, and says what its container last said when there is none.
async fn wait_for<T, F, Fut>(container: &str, mut ask: F) -> Result<T, DockerError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, String>>,
{
    let look = || {
        let asked = ask();
        async { Ok(asked.await) }
    };
    match eventually(container, START, look).await {
        Ok(answer) => Ok(answer),
        Err(error) => {
            let log =
                docker::docker(&["container", "logs", "--tail", "5", container]).await.unwrap_or_default();
            Err(DockerError::failed(container, format!("{error}; it said: {log}")))
        }
    }
}
