//! The server is checked from outside, and the results are written to the run's journal, which numbers them.

use std::sync::Arc;

use letsbe_protocol::{NodeLine, RunCommand};
use letsbe_types::{Code, Problem, crash};
use tokio::task::JoinHandle;

use super::{Flow, crash_points, node, unexpected};
use crate::{external_checks, ssh::Session};

impl Flow<'_> {
    pub(super) fn check_early(
        &self,
        session: &Session,
    ) -> JoinHandle<Result<external_checks::Results, Problem>> {
        let (job, key) = (self.job.clone(), Arc::clone(&self.key));
        let host_key = session.host_key().to_owned();
        let options = external_checks::Options { full_scan: self.options.full_scan, try_root: false };
        tokio::spawn(async move { external_checks::verify(&job, &key, &host_key, options).await })
    }

    /// Checks from outside, and has the results written to the run's journal, which numbers them.
    pub(super) async fn verify(
        &mut self,
        session: &Session,
        early: Option<JoinHandle<Result<external_checks::Results, Problem>>>,
    ) -> Result<(), Problem> {
        let early = match early {
            Some(early) if !self.changed => early.await.ok().and_then(Result::ok),
            _ => None,
        };
        let (events, problem) = match early {
            Some((events, None)) => (events, None),
            _ => {
                let options =
                    external_checks::Options { full_scan: self.options.full_scan, try_root: self.changed };
                external_checks::verify(self.job, &self.key, session.host_key(), options).await?
            }
        };
        let mut input = Vec::new();
        for event in &events {
            serde_json::to_writer(&mut input, event).map_err(|error| {
                Problem::permanent(Code::NODE002, error.to_string(), "Report this as a bug.")
            })?;
            input.push(b'\n');
        }
        let record = RunCommand::Record { job: self.job.id };
        let output = session.run(&node(session, record), &input).await?;
        if output.code != 0 {
            return Err(unexpected("run record", &output));
        }
        for line in &output.lines {
            if let Ok(NodeLine::Event(event)) = serde_json::from_str(line) {
                self.pass_on(event).await;
            }
        }
        crash::point(&crash_points::flow::VERIFIED);
        problem.map_or(Ok(()), Err)
    }
}
