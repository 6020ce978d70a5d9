//! `server.recorded`: what this server is stays on it, so that rotation, updates and the search for drift need no Hub.

use async_trait::async_trait;
use letsbe_host::{Assessment, Change, Converge, FileWrite, Machine, machine::FileState};
use letsbe_types::{Problem, job::DesiredServer};

use super::{paths, reading, rendered::is_written};

pub(crate) struct ServerRecorded;

#[async_trait]
impl Converge for ServerRecorded {
    /// The record.
    type Facts = Option<FileState>;
    const NAME: &'static str = "server.recorded";
    const STEP: u8 = 10;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        reading::file(machine, paths::SERVER_RECORD).await
    }

    fn converge(&self, facts: &Self::Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        let file = record(desired);
        if is_written(&file, facts.as_ref()) {
            return Ok(Assessment::converged("what this server is stands in its record"));
        }
        let because = if facts.is_some() { "the record is outdated" } else { "there is no record" };
        Ok(Assessment::needed(format!("{because} of what this server is"), vec![Change::Write(file)]))
    }
}

/// Without the way to the Hub and the models' keys: the agent and the vault have them.
fn record(desired: &DesiredServer) -> FileWrite {
    let desired = DesiredServer { hub: None, models: None, backups: None, restore: None, ..desired.clone() };
    let text = serde_json::to_string_pretty(&desired).unwrap_or_default() + "\n";
    FileWrite::new(paths::SERVER_RECORD, 0o600, text)
}

#[cfg(test)]
mod tests {
    use letsbe_host::{Assessment, Change, Converge as _, machine::FileState};
    use letsbe_types::job::DesiredServer;

    use super::ServerRecorded;
    use crate::tests::desired;

    #[test]
    fn the_record_holds_the_wishes_without_tokens_and_keys() {
        let wanted = desired();
        let Ok(Assessment::Needed { changes, .. }) = ServerRecorded.converge(&None, &wanted) else {
            panic!("needed")
        };
        let [Change::Write(file)] = changes.as_slice() else { panic!("one write") };
        let content = file.content.expose().clone();
        assert!(file.mode == 0o600 && !content.contains("canary"), "{content}");
        let read: DesiredServer = serde_json::from_str(&content).expect("reads back");
        assert_eq!(read, DesiredServer { hub: None, models: None, ..wanted.clone() });
        for (mode, content, converged) in
            [(0o600, content.as_str(), true), (0o644, content.as_str(), false), (0o600, "{}", false)]
        {
            let facts = Some(FileState { content: content.to_owned(), mode, uid: 0 });
            let assessment = ServerRecorded.converge(&facts, &wanted).expect("decides");
            assert_eq!(matches!(assessment, Assessment::Converged { .. }), converged);
        }
    }
}
