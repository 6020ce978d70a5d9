//! Whether everything that the configuration names is there.

use std::path::Path;

use letsbe_hub::config::HubConfig;

/// Says what stands in the way of serving. As JSON: `configuration`, `ready`, and `problems`, a sentence each.
pub(crate) fn check(config: &HubConfig, file: &Path, json: bool) -> anyhow::Result<()> {
    if json {
        let problems = config.unready();
        let told = serde_json::json!({
            "configuration": file.display().to_string(), "ready": problems.is_empty(), "problems": problems,
        });
        println!("{told}");
    }
    config.ready()?;
    if !json {
        println!("{}: everything that it names is there.", file.display());
    }
    Ok(())
}
