//! Proofs of backups, on their way to the Hub: made by other processes, told here, each once.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use letsbe_types::{Problem, backup::Proof, ids::SetId, tenant::TenantEventKind};
use serde::{Deserialize, Serialize};

use super::file_version::FileVersion;
use crate::context::Outbox;
use letsbe_base::{files, layout::Layout};
use letsbe_data::proof::evidence;

/// The last proof that was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct LastReported {
    set: SetId,
    began_at: DateTime<Utc>,
}

impl LastReported {
    fn of(proof: &Proof) -> Self {
        Self { set: proof.set, began_at: proof.began_at }
    }
}

/// Looks at the evidence.
pub(crate) struct Proofs {
    layout: Layout,
    kept: PathBuf,
    seen: Option<FileVersion>,
}

impl Proofs {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self { layout: layout.clone(), kept: layout.state("proofs-told.json"), seen: None }
    }

    /// Tells what is new. A kill in between tells a proof again; the Hub keeps it once.
    pub(crate) fn poll(&mut self, outbox: &dyn Outbox) -> Result<(), Problem> {
        let version = FileVersion::of(&[&evidence::path(&self.layout)]);
        if self.seen.as_ref() == Some(&version) {
            return Ok(());
        }
        let last: Option<LastReported> = files::read_json(&self.kept).unwrap_or_else(|problem| {
            tracing::warn!(%problem, "which proofs were told is not known");
            None
        });
        for proof in untold(evidence::read(&self.layout)?, last) {
            let told = LastReported::of(&proof);
            outbox.publish(TenantEventKind::Proven { proof })?;
            files::write_json(&self.kept, &told)?;
        }
        self.seen = Some(version);
        Ok(())
    }
}

/// What stands behind the last one that was told. If that is not there any more, nothing that is there was told.
fn untold(mut proofs: Vec<Proof>, last: Option<LastReported>) -> Vec<Proof> {
    let told = proofs.iter().rposition(|proof| Some(LastReported::of(proof)) == last);
    proofs.split_off(told.map_or(0, |told| told + 1))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use chrono::DateTime;
    use letsbe_types::{Code, Problem, backup::Proof, ids::SetId, tenant::TenantEventKind};

    use super::Proofs;
    use crate::context::Outbox;
    use letsbe_base::{jsonl, layout::Layout};
    use letsbe_data::proof::evidence;

    fn proof(tool: &str, number: u128) -> Proof {
        Proof {
            tool: tool.to_owned(),
            set: SetId(uuid::Uuid::from_u128(number)),
            taken_at: DateTime::UNIX_EPOCH,
            began_at: DateTime::UNIX_EPOCH,
            steps: Vec::new(),
            equal: Vec::new(),
            differences: Vec::new(),
            problem: None,
            outside: None,
        }
    }

    /// Takes so many events, and no more.
    struct Room(Mutex<(usize, Vec<String>)>);

    impl Outbox for Room {
        fn publish(&self, event: TenantEventKind) -> Result<(), Problem> {
            let TenantEventKind::Proven { proof } = event else { panic!("{event:?}") };
            let mut inner = self.0.lock().unwrap();
            if inner.0 == 0 {
                return Err(Problem::transient(Code::WORK001, "full", "wait"));
            }
            inner.0 -= 1;
            inner.1.push(proof.tool);
            Ok(())
        }
    }

    #[test]
    fn each_proof_is_told_once_over_restarts_and_failures() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let keep = |names: &[&str]| {
            let proofs = (0..).zip(names).map(|(number, name)| proof(name, number));
            jsonl::write(&evidence::path(&layout), proofs).unwrap();
        };
        let room = Room(Mutex::new((2, vec![])));
        let told = || std::mem::take(&mut room.0.lock().unwrap().1);
        Proofs::new(&layout).poll(&room).unwrap();
        assert_eq!(told(), [""; 0]);
        keep(&["a", "b", "c"]);
        let mut agent = Proofs::new(&layout);
        assert!(agent.poll(&room).is_err(), "two are kept, the third is not");
        assert_eq!(told(), ["a", "b"]);
        room.0.lock().unwrap().0 = 100;
        agent.poll(&room).unwrap();
        agent.poll(&room).unwrap();
        Proofs::new(&layout).poll(&room).unwrap();
        assert_eq!(told(), ["c"]);
        keep(&["a", "b", "c", "d"]);
        agent.poll(&room).unwrap();
        assert_eq!(told(), ["d"]);
        // The evidence begins anew, for example after the server was built again.
        keep(&["x", "y"]);
        agent.poll(&room).unwrap();
        assert_eq!(told(), ["x", "y"]);
    }
}
