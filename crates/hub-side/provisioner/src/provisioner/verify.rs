//! The server is looked at from outside, and what was seen is written to the run's journal, which numbers it.

use std::sync::Arc;

use letsbe_protocol::NodeLine;
use letsbe_types::{Problem, crash};
use tokio::task::JoinHandle;

use super::{Flow, node, points, unexpected};
use crate::{outside, ssh::Session};

impl Flow<'_> {
    pub(super) fn check_early(&self, session: &Session) -> JoinHandle<Result<outside::Results, Problem>> {
        let (job, key) = (self.job.clone(), Arc::clone(&self.key));
        let host_key = session.host_key().to_owned();
        let options = outside::Options { full_scan: self.options.full_scan, try_root: false };
        tokio::spawn(async move { outside::verify(&job, &key, &host_key, options).await })
    }

    /// Checks from outside, and has the results written to the run's journal, which numbers them.
    pub(super) async fn verify(
        &mut self,
        session: &Session,
        early: Option<JoinHandle<Result<outside::Results, Problem>>>,
    ) -> Result<(), Problem> {
        let early = match early {
            Some(early) if !self.changed => early.await.ok().and_then(Result::ok),
            _ => None,
        };
        let (events, problem) = match early {
            Some((events, None)) => (events, None),
            _ => {
                let options = outside::Options { full_scan: self.options.full_scan, try_root: self.changed };
                outside::verify(self.job, &self.key, session.host_key(), options).await?
            }
        };
        let mut input = Vec::new();
        for event in &events {
            serde_json::to_writer(&mut input, event)
                .map_err(|error| Problem::permanent("NODE002", error.to_string(), "Report this as a bug."))?;
            input.push(b'\n');
        }
        let output = session
            .run(&node(session, &["run", "record", "--job", &self.job.id.to_string()]), &input)
            .await?;
        if output.code != 0 {
            return Err(unexpected("run record", &output));
        }
        for line in &output.lines {
            if let Ok(NodeLine::Event(event)) = serde_json::from_str(line) {
                self.pass_on(event).await;
            }
        }
        crash::point(&points::flow::VERIFIED);
        problem.map_or(Ok(()), Err)
    }
}
