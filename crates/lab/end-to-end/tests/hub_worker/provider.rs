//! The real pool, changed in what only costs time or makes a rare moment certain.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use letsbe_servers::{
    Begun, Capabilities, InstallRequest, ProviderError, ServerProvider, ServerView, TaskId, TaskState,
};
use letsbe_types::ids::ServerId;
use tokio::sync::Barrier;

const LOOK: Duration = Duration::from_millis(10);

/// Tells of a task when it is over, not each time that it is asked.
pub(crate) struct PromptPool {
    pool: Arc<dyn ServerProvider>,
    /// The first two readers of the list get it at the same moment.
    readers: Option<(AtomicU32, Barrier)>,
}

impl PromptPool {
    pub(crate) fn new(pool: Arc<dyn ServerProvider>) -> Self {
        Self { pool, readers: None }
    }

    pub(crate) fn read_together(pool: Arc<dyn ServerProvider>) -> Self {
        Self { pool, readers: Some((AtomicU32::new(0), Barrier::new(2))) }
    }
}

#[async_trait]
impl ServerProvider for PromptPool {
    fn name(&self) -> &'static str {
        self.pool.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.pool.capabilities()
    }

    async fn list(&self) -> Result<Vec<ServerView>, ProviderError> {
        let list = self.pool.list().await;
        if let Some((reads, both)) = &self.readers
            && reads.fetch_add(1, Ordering::SeqCst) < 2
        {
            both.wait().await;
        }
        list
    }

    async fn server(&self, id: &ServerId) -> Result<ServerView, ProviderError> {
        self.pool.server(id).await
    }

    async fn find_install(
        &self,
        id: &ServerId,
        requested_at: DateTime<Utc>,
    ) -> Result<Option<TaskId>, ProviderError> {
        self.pool.find_install(id, requested_at).await
    }

    async fn start_install(&self, id: &ServerId, request: &InstallRequest) -> Result<Begun, ProviderError> {
        self.pool.start_install(id, request).await
    }

    async fn task(&self, id: &ServerId, task: &TaskId) -> Result<TaskState, ProviderError> {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            match self.pool.task(id, task).await {
                Ok(TaskState::Running(_)) => {}
                over => return over,
            }
        }
    }
}
