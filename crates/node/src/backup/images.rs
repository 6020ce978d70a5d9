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
pub(super) async fn of(
    machine: &dyn Machine,
    containers: &[(String, String)],
) -> Result<BTreeMap<String, Image>, Problem> {
    let mut images = BTreeMap::new();
    for (service, container) in containers {
        let format = "{{.Config.Image}}\t{{.Image}}";
        let inspect = ["inspect", "--type", "container", "--format", format, container];
        let output = machine.run(&Command::new("docker", inspect)).await.map_err(silent)?;
        match output.stdout.trim().split_once('\t') {
            Some((name, id)) if output.success() => {
                images.insert(service.clone(), Image { name: name.to_owned(), id: id.to_owned() });
            }
            _ if output.stderr.to_lowercase().contains("no such") => {}
            _ => return Err(silent(output.tail())),
        }
    }
    Ok(images)
}
