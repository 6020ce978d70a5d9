//! Writes what the operations read on this machine as fixtures: `record DESIRED FOLDER CASE`. It changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Mutex,
};

use async_trait::async_trait;
use letsbe_host::{
    Command, CommandOutput, FileWrite, LocalMachine, Machine, MachineError, machine::FileState,
    server_operations,
};
use letsbe_types::job::DesiredServer;
use serde_json::{Value, json};

/// Passes everything on to the machine and remembers the answers.
#[derive(Default)]
struct Recorder(Mutex<BTreeMap<String, Value>>);

impl Recorder {
    fn remember(&self, table: &str, key: &str, value: Value) {
        let mut tables = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        tables.entry(table.to_owned()).or_insert_with(|| json!({}))[key] = value;
    }
}

#[async_trait]
impl Machine for Recorder {
    async fn run(&self, command: &Command) -> Result<CommandOutput, MachineError> {
        let output = LocalMachine.run(command).await;
        if let Ok(output) = &output {
            let value = json!({ "code": output.code, "stdout": output.stdout });
            self.remember("commands", &command.to_string(), value);
        }
        output
    }

    async fn read(&self, path: &Path) -> Result<Option<FileState>, MachineError> {
        let file = LocalMachine.read(path).await?;
        if let Some(file) = &file {
            let binary = file.content.contains('\0');
            let content = if binary { "(binary)" } else { &file.content };
            let value = json!({ "mode": format!("{:o}", file.mode), "uid": file.uid, "content": content });
            self.remember("files", &path.to_string_lossy(), value);
        }
        Ok(file)
    }

    async fn list(&self, folder: &Path) -> Result<Vec<String>, MachineError> {
        let names = LocalMachine.list(folder).await?;
        if !names.is_empty() {
            self.remember("folders", &folder.to_string_lossy(), json!(names));
        }
        Ok(names)
    }

    async fn write(&self, file: &FileWrite) -> Result<(), MachineError> {
        unreachable!("an assessment wrote {}", file.path.display())
    }

    async fn remove(&self, path: &Path) -> Result<(), MachineError> {
        unreachable!("an assessment removed {}", path.display())
    }

    async fn make_folder(&self, path: &Path, _: u32) -> Result<(), MachineError> {
        unreachable!("an assessment made {}", path.display())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [desired, folder, case] = &arguments[..] else {
        return Err("usage: record DESIRED FOLDER CASE".into());
    };
    let desired: DesiredServer = serde_json::from_str(&std::fs::read_to_string(desired)?)?;
    for operation in server_operations(&BTreeSet::new()) {
        let recorder = Recorder::default();
        let _ = operation.assess(&recorder, &desired).await;
        let tables = recorder.0.into_inner().unwrap_or_default();
        let folder = Path::new(folder).join(operation.name());
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("{case}.toml")), toml::to_string_pretty(&tables)?)?;
    }
    Ok(())
}
