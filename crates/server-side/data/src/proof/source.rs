//! What proofs read: the local repository, or the copy outside.

use std::{collections::BTreeMap, path::PathBuf};

use chrono::Utc;
use letsbe_backup::Repository;
use letsbe_types::{Code, Problem, backup::Proof};

use crate::{
    backup::{self, no_copies, repositories::Repositories, status},
    restore::sandbox::folders,
};
use letsbe_base::{files, layout::Layout, server::TenantServer};

/// A repository, open while this lives.
pub(super) struct Source {
    pub(super) repository: Repository,
    /// Where the copy outside is; `None` is the local repository.
    pub(super) place: Option<String>,
    /// What the newest set of each tool holds, in bytes.
    bytes: BTreeMap<String, u64>,
    /// The program's own copies of what is outside, gone with this.
    cache: Option<PathBuf>,
    /// Keeps the key.
    _open: Repositories,
}

impl Source {
    /// The local repository.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) async fn local(server: &TenantServer) -> Result<Self, Problem> {
        let open = Repositories::open(server).await?;
        let repository = open.local.clone();
        Ok(Self { repository, place: None, bytes: BTreeMap::new(), cache: None, _open: open })
    }

    /// The copy outside, read without what this server keeps of it: another server would have none of that.
    ///
    /// # Errors
    /// No destination; it leads inside; what opens it cannot be written to memory.
    pub(super) async fn outside(server: &TenantServer) -> Result<Self, Problem> {
        let open = Repositories::unasked(server)?;
        let (Some(far), Some(destination)) = (&open.remote, &open.destination) else {
            return Err(no_copies());
        };
        backup::leads::resolve(destination).await?;
        let cache = backup::folder(&server.layout).join("proof-cache");
        folders::remove(&cache)?;
        files::make_folder(&cache)?;
        let (repository, place) = (far.clone().with_cache(&cache), destination.place());
        let tools = status::read(&server.layout)?.map(|status| status.tools).unwrap_or_default();
        let bytes = tools.into_iter().map(|(name, tool)| (name, tool.bytes)).collect();
        Ok(Self { repository, place: Some(place), bytes, cache: Some(cache), _open: open })
    }

    /// What a proof of a tool brings here, at most: what its newest set holds, before deduplication and compression.
    pub(super) fn bytes(&self, tool: &str) -> u64 {
        self.bytes.get(tool).copied().unwrap_or_default()
    }

    /// A far side that is away says nothing of the backup. One that answers, and does not give what it should have, does.
    pub(super) async fn judged(&self, proof: Proof) -> Proof {
        let unread = proof.problem.as_ref().is_some_and(|problem| problem.code == Code::REPO001);
        if !unread || self.repository.reach_now().await.is_err() {
            return proof;
        }
        let mut differences = proof.differences;
        differences.push("it could not be read whole, though the far side answers".to_owned());
        Proof { problem: None, differences, ..proof }
    }

    /// Tells the status that there are copies of these tools there.
    ///
    /// # Errors
    /// When the status cannot be written.
    pub(super) fn found<'a>(
        &self,
        layout: &Layout,
        tools: impl Iterator<Item = &'a String>,
    ) -> Result<(), Problem> {
        let Some(place) = &self.place else { return Ok(()) };
        let now = Utc::now();
        status::update(layout, |status| {
            for tool in tools {
                if let Some(backup) = status.tools.get_mut(tool) {
                    backup.found_outside(place, now);
                }
            }
        })
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // What is left is removed before the next proof.
        if let Some(Err(problem)) = self.cache.as_deref().map(folders::remove) {
            tracing::warn!("what a proof read from outside is left: {problem}");
        }
    }
}
