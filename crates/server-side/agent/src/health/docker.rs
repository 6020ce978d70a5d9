//! Docker as its socket tells it: which containers there are, and how they are.

use std::time::Duration;

use letsbe_types::{
    Code, Problem,
    tenant::{ContainerSign, ContainerState, limits},
};
use serde::{Deserialize, de::DeserializeOwned};

/// Where the engine listens.
const SOCKET: &str = "/var/run/docker.sock";
/// Folder of the stacks: a container whose compose file lies elsewhere is not ours.
const STACKS: &str = concat!(letsbe_types::server_home!(), "/stacks/");
const PATIENCE: Duration = Duration::from_secs(10);
/// No answer is longer.
const ANSWER_BYTES: usize = 8 << 20;

/// The engine.
pub(crate) struct Docker {
    http: reqwest::Client,
}

/// One container of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) id: String,
    /// Image with tag, as the compose file names it.
    pub(crate) image: String,
    image_id: String,
    pub(crate) sign: ContainerSign,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    image: String,
    #[serde(default, rename = "ImageID")]
    image_id: String,
    #[serde(default)]
    labels: std::collections::BTreeMap<String, String>,
}

impl Listed {
    fn is_ours(&self) -> bool {
        let label = |name: &str| self.labels.get(name).map_or("", String::as_str);
        label("com.docker.compose.project.working_dir").starts_with(STACKS)
            && !label("com.docker.compose.oneoff").eq_ignore_ascii_case("true")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    #[serde(default)]
    restart_count: u32,
    state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: String,
    #[serde(default, rename = "OOMKilled")]
    out_of_memory: bool,
    health: Option<Health>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    repo_digests: Option<Vec<String>>,
}

impl Docker {
    pub(crate) fn new() -> Result<Self, Problem> {
        let builder = reqwest::Client::builder().unix_socket(SOCKET).timeout(PATIENCE);
        Ok(Self { http: builder.pool_max_idle_per_host(1).build().map_err(silent)? })
    }

    /// The containers of our stacks, sorted by name.
    pub(crate) async fn containers(&self) -> Result<Vec<Container>, Problem> {
        let listed: Vec<Listed> = self.get("containers/json?all=1").await?;
        let mut containers = Vec::new();
        for listed in listed.into_iter().filter(Listed::is_ours).take(limits::LIST) {
            // One that is gone by now is no container any more.
            let Ok(inspected) = self.get::<Inspected>(&format!("containers/{}/json", listed.id)).await else {
                continue;
            };
            containers.push(container(listed, &inspected));
        }
        containers.sort_by(|left, right| left.sign.name.cmp(&right.sign.name));
        Ok(containers)
    }

    /// Whether a container runs the image with this digest.
    pub(crate) async fn runs(&self, container: &Container, digest: &str) -> bool {
        let image = self.get::<Image>(&format!("images/{}/json", container.image_id)).await;
        let digests = image.ok().and_then(|image| image.repo_digests).unwrap_or_default();
        digests.iter().any(|known| known.rsplit_once('@').is_some_and(|(_, known)| known == digest))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        let mut reply = self.http.get(format!("http://docker/{path}")).send().await.map_err(silent)?;
        let status = reply.status();
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await.map_err(silent)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES {
                return Err(silent("its answer is too long"));
            }
        }
        if !status.is_success() {
            return Err(silent(status));
        }
        serde_json::from_slice(&body).map_err(silent)
    }
}

fn container(listed: Listed, inspected: &Inspected) -> Container {
    let name = listed.names.first().map_or("", |name| name.trim_start_matches('/'));
    let sign = ContainerSign {
        name: name.chars().take(limits::NAME).collect(),
        state: state(&inspected.state),
        restarts: inspected.restart_count,
        restarts_last_hour: 0,
        out_of_memory: inspected.state.out_of_memory,
    };
    Container { id: listed.id, image: listed.image, image_id: listed.image_id, sign }
}

fn state(state: &State) -> ContainerState {
    let health = state.health.as_ref().map_or("none", |health| health.status.as_str());
    match (state.status.as_str(), health) {
        ("running", "starting") => ContainerState::Starting,
        ("running", "unhealthy") => ContainerState::Unhealthy,
        ("running", _) => ContainerState::Fine,
        ("restarting", _) => ContainerState::Restarting,
        _ => ContainerState::Stopped,
    }
}

pub(super) fn silent(error: impl std::fmt::Display) -> Problem {
    let message = format!("Docker does not answer: {error}");
    Problem::transient(Code::NODE042, message, "See `systemctl status docker` and `journalctl -u docker`.")
}

/// A container for tests, restarted so often.
#[cfg(test)]
pub(super) fn example(id: &str, restarts: u32) -> Container {
    let state = State { status: "running".to_owned(), out_of_memory: false, health: None };
    let listed = serde_json::json!({ "Id": id, "Names": ["/letsbe-ghost"], "Image": "ghost:6" });
    let listed = serde_json::from_value(listed).expect("a container");
    container(listed, &Inspected { restart_count: restarts, state })
}

#[cfg(test)]
mod tests {
    use letsbe_types::tenant::ContainerState::{Fine, Restarting, Starting, Stopped, Unhealthy};
    use serde_json::json;

    use super::{Inspected, Listed, container};

    #[test]
    fn containers_are_read_as_docker_tells_them() {
        for (status, health, expected) in [
            ("running", None, Fine),
            ("running", Some("healthy"), Fine),
            ("running", Some("none"), Fine),
            ("running", Some("starting"), Starting),
            ("running", Some("unhealthy"), Unhealthy),
            ("restarting", Some("unhealthy"), Restarting),
            ("exited", None, Stopped),
            ("created", None, Stopped),
            ("paused", None, Stopped),
            ("dead", None, Stopped),
        ] {
            let listed: Listed =
                serde_json::from_value(json!({ "Id": "1", "Names": ["/letsbe-ghost"], "Image": "ghost:6" }))
                    .unwrap();
            let state = json!({ "Status": status, "OOMKilled": true, "Health": health.map(|h| json!({ "Status": h })) });
            let inspected: Inspected =
                serde_json::from_value(json!({ "RestartCount": 3, "State": state })).unwrap();
            let found = container(listed, &inspected);
            assert_eq!(found.sign.state, expected, "{status} {health:?}");
            assert_eq!((found.sign.name.as_str(), found.sign.restarts), ("letsbe-ghost", 3));
            assert!(found.sign.out_of_memory);
        }
    }

    #[test]
    fn only_containers_of_our_stacks_are_ours() {
        let listed = |folder: &str, oneoff: &str| {
            let labels = json!({ "com.docker.compose.project.working_dir": folder, "com.docker.compose.oneoff": oneoff });
            serde_json::from_value::<Listed>(json!({ "Id": "1", "Labels": labels })).unwrap().is_ours()
        };
        assert!(listed("/opt/letsbe/stacks/ghost", "False"));
        assert!(!listed("/opt/letsbe/stacks/ghost", "True"));
        assert!(!listed("/home/somebody", "False"));
    }
}
