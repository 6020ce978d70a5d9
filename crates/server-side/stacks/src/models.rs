//! `models.configured`: which models the AI runtime may use, and how many tokens a month. No secrets: the providers'
//! keys go to the vault.

use async_trait::async_trait;
use letsbe_host::{Assessment, Change, Converge, FileWrite, Machine, machine::FileState};
use letsbe_types::{Problem, job::DesiredServer, link::ModelsConfiguration};
use serde_json::json;

use super::{paths, reading, rendered::is_written};

pub(crate) struct ModelsConfigured;

#[async_trait]
impl Converge for ModelsConfigured {
    type Facts = Vec<Option<FileState>>;
    const NAME: &'static str = "models.configured";
    const STEP: u8 = 10;

    async fn probe(&self, machine: &dyn Machine, desired: &DesiredServer) -> Result<Self::Facts, Problem> {
        let mut found = Vec::new();
        for file in files(desired) {
            found.push(reading::file(machine, &file.path).await?);
        }
        Ok(found)
    }

    fn converge(&self, facts: &Self::Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        if desired.models.is_none() && facts.iter().all(Option::is_some) {
            // The server's own record of its wishes holds no models: whoever works with it must not take them away.
            return Ok(Assessment::Skipped { why: "nothing is said about models: they stay".to_owned() });
        }
        let wanted = files(desired);
        let pairs = wanted.into_iter().zip(facts);
        let changes: Vec<Change> = pairs
            .filter(|(file, found)| match desired.models {
                Some(_) => !is_written(file, found.as_ref()),
                None => found.is_none(),
            })
            .map(|(file, _)| Change::Write(file))
            .collect();
        if changes.is_empty() {
            let named = desired.models.as_ref().map_or(0, |access| access.models.models.len());
            return Ok(Assessment::converged(format!("the AI runtime may name {named} models")));
        }
        Ok(Assessment::needed("the models are not those of the order", changes))
    }
}

/// Without models an empty configuration is written: the secrets proxy then knows that there are none.
fn files(desired: &DesiredServer) -> [FileWrite; 2] {
    let none = ModelsConfiguration::default();
    let (models, pool) =
        desired.models.as_ref().map_or((&none, 0), |access| (&access.models, access.token_pool));
    [
        FileWrite::new(paths::MODELS, 0o644, format!("{:#}\n", json!(models))),
        FileWrite::new(paths::TOKEN_POOL, 0o644, format!("{pool}\n")),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use letsbe_host::{Assessment, Change, Converge as _, machine::FileState};
    use letsbe_types::{job::DesiredServer, link::ModelsConfiguration};
    use serde_json::json;

    use super::ModelsConfigured;

    fn desired(models: serde_json::Value) -> DesiredServer {
        let models = serde_json::from_value(models).expect("valid");
        DesiredServer { models, ..super::super::tests::desired() }
    }

    fn written(desired: &DesiredServer) -> Vec<FileState> {
        let Ok(Assessment::Needed { changes, .. }) = ModelsConfigured.converge(&vec![None, None], desired)
        else {
            panic!("needed")
        };
        let state = |change: Change| {
            let Change::Write(file) = change else { panic!("{change}") };
            FileState { content: file.content.expose().clone(), mode: file.mode, uid: 0 }
        };
        changes.into_iter().map(state).collect()
    }

    #[test]
    fn models_are_written_without_their_keys_and_stay_where_nothing_is_said_about_them() {
        let access = json!({
            "models": {
                "providers": [{ "name": "lab", "base_url": "http://10.0.0.1/v1", "key": "models/lab" }],
                "models": [{ "name": "default", "output_tokens_max": 9,
                    "chain": [{ "provider": "lab", "model": "m" }] }],
            },
            "keys": { "lab": "canary-key" },
            "token_pool": 1234,
        });
        let with = desired(access);
        let files = written(&with);
        assert!(files.iter().all(|file| !file.content.contains("canary")));
        assert_eq!(files[1].content, "1234\n");
        let read: ModelsConfiguration = serde_json::from_str(&files[0].content).expect("reads");
        assert_eq!(Some(read), with.models.as_ref().map(|access| access.models.clone()));
        let found = files.into_iter().map(Some).collect();
        assert!(matches!(ModelsConfigured.converge(&found, &with), Ok(Assessment::Converged { .. })));
        let without = desired(json!(null));
        assert!(matches!(ModelsConfigured.converge(&found, &without), Ok(Assessment::Skipped { .. })));
        // What is there stays, whatever else is missing.
        let found: Vec<Option<FileState>> = found;
        for missing in [0, 1] {
            let mut found = found.clone();
            found[missing] = None;
            let Ok(Assessment::Needed { changes, .. }) = ModelsConfigured.converge(&found, &without) else {
                panic!("needed")
            };
            let [Change::Write(file)] = changes.as_slice() else { panic!("{changes:?}") };
            assert_eq!(file.path, Path::new([super::paths::MODELS, super::paths::TOKEN_POOL][missing]));
        }
        let files = written(&without);
        assert_eq!(serde_json::from_str::<ModelsConfiguration>(&files[0].content).expect("reads").models, []);
    }
}
