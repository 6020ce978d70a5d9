//! What a tool's containers run: kept with its sets, so that data never meets an older program.

use std::collections::BTreeMap;

use letsbe_backup::Image;
use letsbe_host::{Command, Machine};
use letsbe_types::Problem;

use super::hold::silent;

/// Image by service. A container that is not there runs nothing.
///
/// # Errors
/// When Docker does not answer.
pub(crate) async fn of(
    machine: &dyn Machine,
    containers: &[(String, String)],
) -> Result<BTreeMap<String, Image>, Problem> {
    let mut images = BTreeMap::new();
    for (service, container) in containers {
        let label = "{{index .Config.Labels \"org.opencontainers.image.version\"}}";
        let format = &format!("{{{{.Config.Image}}}}\t{{{{.Image}}}}\t{label}");
        let inspect = ["inspect", "--type", "container", "--format", format, container];
        let output = machine.run(&Command::new("docker", inspect)).await.map_err(silent)?;
        let mut words = output.stdout.trim().split('\t');
        match (words.next(), words.next()) {
            (Some(name), Some(id)) if output.success() => {
                let version = words.next().filter(|version| !version.is_empty()).map(str::to_owned);
                let image = Image { name: name.to_owned(), id: id.to_owned(), version };
                images.insert(service.clone(), image);
            }
            _ if output.stderr.to_lowercase().contains("no such") => {}
            _ => return Err(silent(output.tail())),
        }
    }
    Ok(images)
}
