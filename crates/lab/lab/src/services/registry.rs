//! The image registry, which offers the images of the catalog.

use std::net::Ipv4Addr;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use super::{start, wait_for};
use crate::{
    docker::{self, DockerError},
    network::LabNetwork,
};

const LAST: u8 = 11;
const PORT: u16 = 5000;
/// Pushing is compressing: as many at once as a small machine has cores.
const PUSHES: usize = 2;
/// Holds what was pushed, for every lab of this machine and from run to run.
const VOLUME: &str = "letsbe-lab-registry";

/// An image registry with the catalog's images, which tenants' engines use as a mirror.
#[derive(Debug)]
pub struct Registry {
    /// Where it answers.
    pub address: Ipv4Addr,
    /// What goes into `registry-mirrors` of a tenant's engine.
    pub mirror: String,
    /// The same registry on this machine's loopback, which its own engine takes without TLS.
    push_to: String,
    container: String,
}

impl Registry {
    /// Starts the registry.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn start(network: &LabNetwork) -> Result<Self, DockerError> {
        let volume = format!("--volume={VOLUME}:/var/lib/registry");
        let options = [volume.as_str(), "--publish=127.0.0.1:0:5000"];
        let (container, address) =
            start(network, "registry", LAST, &options, &["/opt/lab/registry.sh"]).await?;
        let mirror = format!("http://{address}:{PORT}");
        let probe = format!("{mirror}/v2/");
        wait_for(&container, || async {
            let answer = reqwest::get(&probe).await.and_then(reqwest::Response::error_for_status);
            answer.map(drop).map_err(|error| format!("{error:?}"))
        })
        .await?;
        let push_to = docker::docker(&["container", "port", &container, "5000/tcp"]).await?;
        let push_to = push_to.lines().next().unwrap_or_default().to_owned();
        Ok(Self { address, mirror, push_to, container })
    }

    /// The network namespace that it runs in.
    ///
    /// # Errors
    /// When it does not run.
    pub(crate) async fn namespace(&self) -> Result<String, DockerError> {
        let process = docker::inspect(&self.container, "{{.State.Pid}}").await?;
        Ok(format!("/proc/{process}/ns/net"))
    }

    /// Offers local images under their references (`ghost:6`), skipping those that are there already. Gives the
    /// number that had to be pushed.
    ///
    /// # Errors
    /// When a push fails.
    pub async fn offer(&self, images: &[(String, String)]) -> Result<usize, DockerError> {
        let pushed: Vec<bool> = stream::iter(images)
            .map(|(reference, local)| self.offer_one(reference, local))
            .buffer_unordered(PUSHES)
            .try_collect()
            .await?;
        Ok(pushed.into_iter().filter(|pushed| *pushed).count())
    }

    async fn offer_one(&self, reference: &str, local: &str) -> Result<bool, DockerError> {
        let (repository, tag) = repository_and_tag(reference);
        let id = docker::docker(&["image", "inspect", "--format", "{{.Id}}", local]).await?;
        if self.offered_id(&repository, &tag).await.as_deref() == Some(id.as_str()) {
            return Ok(false);
        }
        let target = format!("{}/{repository}:{tag}", self.push_to);
        docker::docker(&["image", "tag", local, &target]).await?;
        let pushed = docker::docker(&["image", "push", "--quiet", &target]).await;
        docker::docker(&["image", "rm", "--no-prune", &target]).await?;
        pushed.map(|_| true)
    }

    /// The identity of the image that is offered under this tag.
    async fn offered_id(&self, repository: &str, tag: &str) -> Option<String> {
        let manifest: Value = reqwest::Client::new()
            .get(format!("{}/v2/{repository}/manifests/{tag}", self.mirror))
            .header("accept", "application/vnd.docker.distribution.manifest.v2+json")
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .ok()?
            .json()
            .await
            .ok()?;
        Some(manifest.pointer("/config/digest")?.as_str()?.to_owned())
    }
}

/// How a mirror is asked for a reference: official images live in `library`.
fn repository_and_tag(reference: &str) -> (String, String) {
    let (name, tag) = reference.rsplit_once(':').unwrap_or((reference, "latest"));
    let repository = if name.contains('/') { name.to_owned() } else { format!("library/{name}") };
    (repository, tag.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn official_images_live_in_library() {
        let cases = [
            ("ghost:6", ("library/ghost", "6")),
            ("nocodb/nocodb:0.301.3", ("nocodb/nocodb", "0.301.3")),
            ("redis", ("library/redis", "latest")),
        ];
        for (reference, (repository, tag)) in cases {
            assert_eq!(repository_and_tag(reference), (repository.to_owned(), tag.to_owned()));
        }
    }
}
