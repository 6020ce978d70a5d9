//! A folder that the real rclone serves over WebDAV on this machine: a far side of the kind that a destination may be.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use letsbe_types::{
    Secret,
    backup::{Destination, RcloneDestination},
};

/// The server; it ends with this.
pub(crate) struct Webdav {
    child: Child,
    address: String,
}

impl Webdav {
    /// Serves a folder.
    pub(crate) fn of(folder: &Path) -> Self {
        let mut command = Command::new("rclone");
        command.args(["serve", "webdav", "--addr", "127.0.0.1:0", "--dir-cache-time", "1ns", "--config", ""]);
        command.arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("rclone is installed: `make setup`");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let from = line.find("http://")?;
            Some(line[from..].trim_end_matches(']').trim_end_matches('/').to_owned())
        });
        // Whatever it says later must not fill its pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.expect("rclone tells its address") }
    }

    /// `http://…`
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A folder on it as a destination.
    pub(crate) fn destination(&self, path: &str) -> Destination {
        Destination::Rclone(RcloneDestination {
            remote: "far".to_owned(),
            path: path.to_owned(),
            configuration: Secret::new(format!(
                "[far]\ntype = webdav\nvendor = other\nurl = {}\n",
                self.address()
            )),
        })
    }
}

impl Drop for Webdav {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
