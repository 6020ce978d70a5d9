//! Releases that stacks were moved to after their catalog entry was written.
//!
//! A pin is the tag of a tool's updated image. It holds until the catalog names a later one, so that a provisioning
//! run never moves a stack back.

use std::collections::BTreeMap;

use letsbe_catalog::Tool;
use letsbe_host::{FileWrite, Machine};
use letsbe_types::{Code, Problem, paths};

use super::reading;

/// Tag by stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins(BTreeMap<String, String>);

impl Pins {
    /// The pins of a server.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged: a stack could be moved back unnoticed.
    pub async fn read(machine: &dyn Machine) -> Result<Self, Problem> {
        let Some(state) = reading::file(machine, paths::PINS).await? else { return Ok(Self::default()) };
        serde_json::from_str(&state.content).map(Self).map_err(|error| {
            Problem::permanent(
                Code::CLAW001,
                format!("{} is damaged: {error}", paths::PINS),
                "It holds a JSON object like {\"openclaw\":\"2026.10\"}. Correct it, or remove it to go back to the \
                 catalog's releases.",
            )
        })
    }

    /// The file with these pins.
    #[must_use]
    pub fn file(&self) -> FileWrite {
        FileWrite::new(paths::PINS, 0o644, format!("{}\n", serde_json::json!(self.0)))
    }

    /// The tag that a stack is held at, if any.
    #[must_use]
    pub fn get(&self, stack: &str) -> Option<&str> {
        self.0.get(stack).map(String::as_str)
    }

    /// The same pins, with this stack held at `tag` (or at nothing).
    #[must_use]
    pub fn with(&self, stack: &str, tag: Option<&str>) -> Self {
        let mut pins = self.0.clone();
        match tag {
            Some(tag) => pins.insert(stack.to_owned(), tag.to_owned()),
            None => pins.remove(stack),
        };
        Self(pins)
    }

    /// The image that a service of a tool runs: the catalog's, or the pinned release of it.
    #[must_use]
    pub fn image(&self, tool: &Tool, image: &str) -> String {
        let pinned = self.get(tool.name.as_str()).filter(|_| image == tool.update.image);
        match (image.rsplit_once(':'), pinned) {
            (Some((name, tag)), Some(pinned)) if is_later(pinned, tag) => format!("{name}:{pinned}"),
            _ => image.to_owned(),
        }
    }

    /// A compose file of a tool with the pinned release in it.
    pub(crate) fn applied(&self, tool: &Tool, compose: &str) -> String {
        let line = |image: &str| format!("image: {image}\n");
        compose.replace(&line(&tool.update.image), &line(&self.image(tool, &tool.update.image)))
    }
}

/// Whether a release (`2026.10`, `v2026.10.1`) comes after another one: number by number.
#[must_use]
pub fn is_later(release: &str, than: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        let parts = text.trim_start_matches('v').split(['.', '-']);
        parts.map_while(|part| part.parse().ok()).collect()
    };
    numbers(release) > numbers(than)
}

#[cfg(test)]
mod tests {
    use super::{Pins, is_later};

    #[test]
    fn releases_are_compared_number_by_number() {
        for (release, than, later) in [
            ("2026.10", "2026.9", true),
            ("v2026.9.1", "2026.9", true),
            ("2026.9", "2026.9", false),
            ("2026.9", "2026.10", false),
            ("latest", "2026.9", false),
        ] {
            assert_eq!(is_later(release, than), later, "{release} {than}");
        }
    }

    #[test]
    fn a_pinned_stack_is_not_moved_back_and_a_later_catalog_wins() {
        let catalog = super::super::tests::catalog();
        let tool = catalog.platform().find(|tool| tool.name.as_str() == "openclaw").expect("OpenClaw");
        let image = |pin: &str| Pins::default().with("openclaw", Some(pin)).image(tool, &tool.update.image);
        let (name, tag) = tool.update.image.rsplit_once(':').expect("a tag");
        assert_eq!(image("2099.1"), format!("{name}:2099.1"));
        assert_eq!(image("2020.1"), format!("{name}:{tag}"));
        let pins = Pins::default().with("openclaw", Some("2099.1"));
        let compose = format!("    image: {}\n    container_name: x\n", tool.update.image);
        assert_eq!(
            pins.applied(tool, &compose),
            format!("    image: {name}:2099.1\n    container_name: x\n")
        );
        assert_eq!(Pins::default().with("ghost", Some("99")).applied(tool, &compose), compose);
        assert_eq!(pins.with("openclaw", None), Pins::default());
    }
}
