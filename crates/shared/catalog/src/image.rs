//! The name of a container image.

/// `registry/path/name:tag@digest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Image<'a> {
    pub(crate) name: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) digest: Option<&'a str>,
}

impl<'a> Image<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let (text, digest) = match text.split_once('@') {
            Some((text, digest)) => (text, Some(digest)),
            None => (text, None),
        };
        // A colon before a slash stands before a registry's port.
        match text.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
            Some((name, tag)) => Self { name, tag: Some(tag), digest },
            None => Self { name: text, tag: None, digest },
        }
    }

    /// The last part of its name.
    pub(crate) fn short_name(&self) -> &'a str {
        self.name.rsplit('/').next().unwrap_or(self.name)
    }

    /// Whether it says which release is meant.
    pub(crate) fn is_pinned(&self) -> bool {
        self.tag.is_some_and(|tag| !tag.is_empty() && tag != "latest")
    }
}

/// The numbers that a version or a tag begins with: 31 of `31-apache`.
pub(crate) fn numbers(version: &str) -> Vec<u64> {
    let version = version.trim_start_matches('v');
    let version = version.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Image, numbers};

    #[test]
    fn an_image_is_taken_apart() {
        for (text, name, tag, digest, pinned) in [
            ("ghost:6", "ghost", Some("6"), None, true),
            ("ghost", "ghost", None, None, false),
            ("a/ghost:latest", "a/ghost", Some("latest"), None, false),
            ("host:5000/ghost", "host:5000/ghost", None, None, false),
            ("host:5000/ghost:6@sha256:ab", "host:5000/ghost", Some("6"), Some("sha256:ab"), true),
        ] {
            let image = Image::of(text);
            assert_eq!((image.name, image.tag, image.digest), (name, tag, digest), "{text}");
            assert_eq!(image.is_pinned(), pinned, "{text}");
            assert_eq!(image.short_name(), name.rsplit('/').next().unwrap(), "{text}");
        }
        assert_eq!(
            (numbers("31-apache"), numbers("v4.18.0-ce"), numbers("alpine")),
            (vec![31], vec![4, 18, 0], vec![])
        );
    }
}
