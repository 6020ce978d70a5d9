//! The node program and its bundle on their way to the server: what differs is sent, and installed there.

use std::path::Path;

use letsbe_protocol::{
    Installed, NodeLine,
    bundle::{self, Bundle},
};
use letsbe_types::Problem;

use super::{Flow, Progress, node, unexpected};
use crate::ssh::Session;

impl Flow<'_> {
    /// Uploads what differs from `there`, and has it installed.
    pub(super) async fn install(
        &self,
        session: &Session,
        bundle: &Bundle,
        there: &Installed,
    ) -> Result<(), Problem> {
        let root = session.user() == "root";
        let home = if root { "/opt/letsbe" } else { "/home/letsbe-admin" };
        let folder = Path::new(home).join("incoming");
        let incoming = folder.to_string_lossy().into_owned();
        let made = session.run(&["mkdir", "-p", "-m", "700", &incoming], b"").await?;
        if made.code != 0 {
            return Err(unexpected("mkdir", &made));
        }
        let with_node = self.upload(session, bundle, &folder, there).await?;
        let mut program = node(session, &["install"]);
        if root && with_node {
            program[0] = folder.join(bundle::NODE_FILE).to_string_lossy().into_owned();
        }
        for (name, value) in [
            ("--from", &incoming),
            ("--node-sha256", &bundle.node_sha256),
            ("--bundle-sha256", &bundle.bundle_sha256),
        ] {
            program.extend([name.to_owned(), value.clone()]);
        }
        let output = session.run(&program, b"").await?;
        let refusal = output.lines.iter().find_map(|line| match serde_json::from_str(line) {
            Ok(NodeLine::Refused { problem }) => Some(problem),
            _ => None,
        });
        match refusal {
            Some(problem) => Err(problem),
            None if output.code == 0 => Ok(()),
            None => Err(unexpected("install", &output)),
        }
    }

    /// Uploads what differs; answers whether the node program was among it.
    pub(super) async fn upload(
        &self,
        session: &Session,
        bundle: &Bundle,
        folder: &Path,
        there: &Installed,
    ) -> Result<bool, Problem> {
        let with_node = there.node_sha256.as_ref() != Some(&bundle.node_sha256);
        if with_node {
            let file = bundle::NODE_FILE;
            let mut tell = |sent, total| (self.watcher)(Progress::Uploading { file, sent, total });
            session.upload(&bundle.node, &folder.join(file), 0o755, &mut tell).await?;
        }
        if there.bundle_sha256.as_ref() != Some(&bundle.bundle_sha256) {
            let file = bundle::TAR_FILE;
            let mut tell = |sent, total| (self.watcher)(Progress::Uploading { file, sent, total });
            session.upload(bundle.tar.path(), &folder.join(file), 0o644, &mut tell).await?;
        }
        Ok(with_node)
    }
}
