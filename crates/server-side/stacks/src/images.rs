//! `images.present`: every image is on the server before anything is started.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use letsbe_host::{Assessment, Change, Command, Machine, Operation};
use letsbe_types::{Problem, Secret, job::DesiredServer};

use super::{Group, Pins, reading};

/// Images pulled at the same time.
const PULLS_AT_ONCE: &str = "4";
/// Time for all pulls together.
const PULL_TIME: Duration = Duration::from_secs(1200);

pub(crate) struct ImagesPresent {
    pub(crate) name: &'static str,
    pub(crate) group: Arc<Group>,
}

#[async_trait]
impl Operation for ImagesPresent {
    fn name(&self) -> &'static str {
        self.name
    }

    fn step(&self) -> u8 {
        self.group.step
    }

    async fn assess(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Assessment, Problem> {
        let wanted = self.group.images(&Pins::read(machine).await?);
        let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
        let arguments = ["image", "inspect", "--format", "{{json .RepoTags}}"];
        let command = Command::new("docker", arguments.into_iter().chain(wanted.iter().copied()));
        // Exit code 1 only says that at least one is missing.
        let output = reading::run(machine, &command).await?;
        if output.stderr.contains("Cannot connect") {
            return Err(reading::docker_silent(&output));
        }
        Ok(decide(&wanted, &parse_tags(&output.stdout)))
    }
}

/// One JSON list of tags a line.
fn parse_tags(output: &str) -> BTreeSet<String> {
    output.lines().filter_map(|line| serde_json::from_str::<Vec<String>>(line).ok()).flatten().collect()
}

/// Docker shows the names of its default registry shortened.
fn shown(image: &str) -> &str {
    let image = image.strip_prefix("docker.io/").unwrap_or(image);
    image.strip_prefix("library/").unwrap_or(image)
}

fn decide(wanted: &BTreeSet<&str>, present: &BTreeSet<String>) -> Assessment {
    let missing: Vec<&str> = wanted.iter().copied().filter(|image| !present.contains(shown(image))).collect();
    if missing.is_empty() {
        return Assessment::converged(format!("all {} images are present", wanted.len()));
    }
    Assessment::needed(format!("missing images: {}", missing.join(", ")), vec![Change::Run(pull(&missing))])
}

/// Compose pulls the images of one file side by side; the file is handed over on standard input.
fn pull(images: &[&str]) -> Command {
    let service =
        |(index, image): (usize, &&str)| (format!("image{index}"), serde_json::json!({ "image": image }));
    let services: serde_json::Map<String, serde_json::Value> =
        images.iter().enumerate().map(service).collect();
    let file = serde_json::json!({ "services": services });
    Command::words("docker compose --project-name letsbe-images --file - pull --quiet")
        .env("COMPOSE_PARALLEL_LIMIT", PULLS_AT_ONCE)
        .with_input(Secret::new(file.to_string()))
        .within(PULL_TIME)
        .retried(3)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use letsbe_host::{Assessment, Change};

    use super::{decide, parse_tags};

    #[test]
    fn only_missing_images_are_pulled() {
        let wanted = BTreeSet::from(["docker.io/library/mysql:8.4", "ghost:6", "ghcr.io/x/y:1"]);
        let present = parse_tags("[\"mysql:8.4\",\"mysql:latest\"]\n[]\nnot json\n[\"ghcr.io/x/y:1\"]\n");
        let Assessment::Needed { because, changes } = decide(&wanted, &present) else { panic!("needed") };
        assert_eq!(because, "missing images: ghost:6");
        let [Change::Run(command)] = &changes[..] else { panic!("one command") };
        let input = command.input.as_ref().expect("input").expose();
        assert_eq!(input, r#"{"services":{"image0":{"image":"ghost:6"}}}"#);
        let all = wanted.iter().map(|image| super::shown(image).to_owned()).collect();
        assert!(matches!(decide(&wanted, &all), Assessment::Converged { .. }));
        // Another tag of the same image does not count.
        let other = BTreeSet::from(["ghost:5".to_owned()]);
        assert!(matches!(decide(&BTreeSet::from(["ghost:6"]), &other), Assessment::Needed { .. }));
    }
}
