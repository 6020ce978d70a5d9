//! `letsbe-node drift`: what a provisioning run would change on this server now, and nothing is changed.

use chrono::{DateTime, Utc};
use letsbe_host::{Assessment, Engine, LocalMachine};
use letsbe_types::{
    Code, Problem,
    job::DesiredServer,
    tenant::{DriftSign, limits},
};

use crate::run;
use letsbe_base::{files, layout::Layout};

/// Steps above it are the verification: it has no wish of its own.
const LAST_STEP: u8 = 10;

/// `letsbe-node drift`: prints what differs from what was provisioned.
pub(crate) async fn print(layout: &Layout, json: bool) -> Result<(), Problem> {
    let path = layout.state("server.json");
    let desired: DesiredServer = files::read_json(&path)?.ok_or_else(|| {
        Problem::permanent(
            Code::NODE077,
            format!("{} does not exist", path.display()),
            "Provision the server again; step 10 records what it was made as.",
        )
    })?;
    let operations = run::operations(&layout.bundle(), &desired)?;
    let operations: Vec<_> =
        operations.into_iter().filter(|operation| operation.step() <= LAST_STEP).collect();
    let planned = Engine::new(&LocalMachine, &operations).plan(&desired).await;
    let assessed = planned.into_iter().map(|planned| (planned.operation, planned.assessment));
    let differing = differing(assessed);
    if !json {
        in_words(&differing).iter().for_each(|line| println!("{line}"));
        return Ok(());
    }
    let line = serde_json::to_string(&sign(differing, Utc::now()));
    println!("{}", line.map_err(|error| files::unusable(&path, error))?);
    Ok(())
}

/// An operation that would change something, and why.
type Differing = (&'static str, String);

/// The operations that would change something. One that cannot tell is told in the log, not called drift.
fn differing(
    assessed: impl IntoIterator<Item = (&'static str, Result<Assessment, Problem>)>,
) -> Vec<Differing> {
    let mut differing = Vec::new();
    for (name, assessment) in assessed {
        match assessment {
            Ok(Assessment::Needed { because, .. }) => differing.push((name, because)),
            Ok(_) => {}
            Err(problem) => tracing::warn!("{name} could not be looked at: {problem}"),
        }
    }
    differing
}

fn sign(differing: Vec<Differing>, checked_at: DateTime<Utc>) -> DriftSign {
    let operations = differing.into_iter().take(limits::LIST).map(|(name, _)| name.to_owned()).collect();
    DriftSign { checked_at, operations }
}

fn in_words(differing: &[Differing]) -> Vec<String> {
    if differing.is_empty() {
        return vec!["Nothing differs from what was provisioned.".to_owned()];
    }
    let count = match differing.len() {
        1 => "One thing differs".to_owned(),
        count => format!("{count} things differ"),
    };
    let lines = differing.iter().map(|(name, because)| format!("  {name}: {because}"));
    let first = format!("{count} from what was provisioned; `letsbe provision …` brings it back:");
    std::iter::once(first).chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use letsbe_host::{Assessment, Change};
    use letsbe_types::{Code, Problem};

    use super::{differing, in_words, sign};

    #[test]
    fn drift_is_what_would_be_changed_and_nothing_else() {
        let needed = Assessment::needed("it is gone", vec![Change::Remove("/x".into())]);
        let assessed = [
            ("a.fine", Ok(Assessment::converged("it is there"))),
            ("b.gone", Ok(needed)),
            ("c.skipped", Ok(Assessment::Skipped { why: "no Hub".to_owned() })),
            ("d.warned", Ok(Assessment::Warned { warning: "a blemish".to_owned() })),
            ("e.unknown", Err(Problem::transient(Code::NODE040, "no", "look"))),
        ];
        let found = differing(assessed);
        assert_eq!(in_words(&found)[1..], ["  b.gone: it is gone"]);
        assert_eq!(in_words(&[]), ["Nothing differs from what was provisioned."]);
        assert_eq!(sign(found, Utc::now()).operations, ["b.gone"]);
    }
}
