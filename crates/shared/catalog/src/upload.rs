//! Where the owner of a tool puts files into it: over SFTP, and nowhere else on the server.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::{StateMethod, Tool};

/// The port of the SSH server that takes uploads and does nothing else.
pub const UPLOAD_PORT: u16 = 22023;
/// The only user who may log in there.
pub const UPLOAD_USER: &str = "letsbe-website";
/// That user's number and its group's: the same on every server, so that a backup's files are its own on another one. The
/// tool's containers run as it, so that they read whatever its owner uploads.
pub const UPLOAD_ID: u32 = 22023;

/// They are counted again and again.
const MOST_FILES: u64 = 200_000;

/// A folder of a tool that its owner uploads to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// The folder, one of `state`.
    pub path: String,
    /// Credential that is the password of [`UPLOAD_USER`].
    pub password: String,
    /// How much the folder may hold. It is part of what the tool needs of the disk.
    #[serde(default = "default_gb")]
    pub max_gb: u64,
    /// How many files and folders: each takes room of the disk that is not counted in bytes.
    #[serde(default = "default_files")]
    pub max_files: u64,
}

/// Of an entry that was written before there were bounds.
const fn default_gb() -> u64 {
    10
}

const fn default_files() -> u64 {
    100_000
}

/// What is wrong with an entry's upload, as field and reason.
pub(crate) fn check(tool: &Tool) -> Vec<(String, String)> {
    let Some(upload) = &tool.upload else { return Vec::new() };
    let mut found = Vec::new();
    let mut refuse = |field: &str, why: String| found.push((field.to_owned(), why));
    let is_kept = |path: &str| {
        let mut files = tool.state.iter().filter(|state| state.method == StateMethod::Files);
        files.any(|state| state.path.as_deref() == Some(path))
    };
    if !is_kept(&upload.path) {
        refuse("upload.path", "is no path among state that is copied as files".to_owned());
    }
    // An entry without a bound needed less of the disk.
    let most = tool.needs.disk_gb.max(default_gb());
    if upload.max_gb == 0 || upload.max_gb > most {
        refuse("upload.max_gb", format!("must be 1 to {}, its needs.disk_gb", tool.needs.disk_gb));
    }
    if !(1..=MOST_FILES).contains(&upload.max_files) {
        refuse("upload.max_files", format!("must be 1 to {MOST_FILES}"));
    }
    let password = tool.credentials.iter().find(|credential| credential.key == upload.password);
    match password {
        None => refuse("upload.password", format!("there is no credential \"{}\"", upload.password)),
        Some(one) if one.login.as_deref() != Some(UPLOAD_USER) => {
            refuse("upload.password", format!("its credential needs login = \"{UPLOAD_USER}\""));
        }
        Some(_) => {}
    }
    found
}

impl Tool {
    /// Ports that everybody may reach where this tool is: its mail server's, and the one for uploads.
    #[must_use]
    pub fn open_ports(&self) -> BTreeSet<u16> {
        let upload = self.upload.as_ref().map(|_| UPLOAD_PORT);
        self.mail_ports.iter().copied().chain(upload).collect()
    }

    /// Whether a credential lets its owner upload.
    #[must_use]
    pub fn is_upload_password(&self, key: &str) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.password == key)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use crate::{Catalog, Tool, Upload};

    #[test]
    fn one_tool_takes_uploads_and_its_containers_only_read_them() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog");
        let catalog = Catalog::load(Path::new(folder)).expect("the catalog is valid");
        let website = catalog.tools().find(|tool| tool.upload.is_some()).expect("one takes uploads");
        let other = Tool { name: "other".parse().expect("a name"), ..website.clone() };
        let found = crate::rules::across(&[website.clone(), other], &[]);
        let why = "tools/other/tool.toml: upload: static-website has one too";
        assert!(found.iter().any(|error| error.to_string().starts_with(why)), "{found:?}");

        for (mode, faults) in [(":ro", 0), ("", 1), (":rw", 1)] {
            let mount = format!("/opt/letsbe/data/static-website:/srv/site{mode}");
            let services = json!({ "web": { "image": "nginx:1.28-alpine", "volumes": [mount] } });
            let found = crate::state::mounted(website, services.as_object().expect("services"));
            let named = found.iter().filter(|(_, why)| why.contains("must be mounted read-only")).count();
            assert_eq!(named, faults, "{mode}: {found:?}");
        }
    }

    #[test]
    fn a_bound_of_uploads_is_there_and_is_no_more_than_the_tool_is_said_to_need() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog");
        let catalog = Catalog::load(Path::new(folder)).expect("the catalog is valid");
        let website = catalog.tools().find(|tool| tool.upload.is_some()).expect("one takes uploads");
        let most = website.needs.disk_gb;
        for (max_gb, max_files, wrong) in [
            (most, 200_000, None),
            (1, 1, None),
            (0, 1, Some("upload.max_gb")),
            (most + 1, 1, Some("upload.max_gb")),
            (1, 0, Some("upload.max_files")),
            (1, 200_001, Some("upload.max_files")),
        ] {
            let upload = website.upload.clone().map(|upload| Upload { max_gb, max_files, ..upload });
            let found = super::check(&Tool { upload, ..website.clone() });
            let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
            assert_eq!(fields, wrong.into_iter().collect::<Vec<_>>(), "{max_gb} {max_files}");
        }
    }

    #[test]
    fn an_entry_that_was_written_before_there_were_bounds_is_read_and_has_the_usual_ones() {
        let entry = json!({ "path": "/opt/letsbe/data/static-website", "password": "upload_password" });
        let upload: Upload = serde_json::from_value(entry).expect("read");
        assert_eq!((upload.max_gb, upload.max_files), (10, 100_000));

        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog");
        let catalog = Catalog::load(Path::new(folder)).expect("the catalog is valid");
        let website = catalog.tools().find(|tool| tool.upload.is_some()).expect("one takes uploads");
        let mut former = Tool { upload: Some(upload), ..website.clone() };
        former.needs.disk_gb = 2;
        assert_eq!(super::check(&former), []);
    }
}
