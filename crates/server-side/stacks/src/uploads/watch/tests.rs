//! In which order it does what.

use std::{path::Path, sync::Mutex, time::Instant};

use async_trait::async_trait;
use letsbe_host::{Command, CommandOutput, FileWrite, Machine, MachineError, machine::FileState};

use super::{Bound, COUNTING, Disk, Full, Watch};

const RESTART: &str = "run systemctl try-restart --quiet letsbe-sftp.service";
const CLOSED: [&str; 3] = ["write full.txt", "write full.conf", RESTART];
const COUNTED: [&str; 2] = ["write counting", "remove counting"];
const OPENED: [&str; 3] = ["remove full.conf", "remove full.txt", RESTART];

/// A server that has one file, and remembers what is done to it.
#[derive(Default)]
struct Remembering {
    file: Option<&'static str>,
    done: Mutex<Vec<String>>,
}

impl Remembering {
    fn add(&self, kind: &str, path: &Path) {
        let name = path.file_name().expect("a file").to_string_lossy();
        self.done.lock().expect("whole").push(format!("{kind} {name}"));
    }
}

#[async_trait]
impl Machine for Remembering {
    async fn run(&self, command: &Command) -> Result<CommandOutput, MachineError> {
        self.done.lock().expect("whole").push(format!("run {command}"));
        Ok(CommandOutput::default())
    }

    async fn read(&self, path: &Path) -> Result<Option<FileState>, MachineError> {
        let is_there = self.file.is_some_and(|file| Path::new(file) == path);
        Ok(is_there.then(|| FileState { content: String::new(), mode: 0o644, uid: 0 }))
    }

    async fn list(&self, _: &Path) -> Result<Vec<String>, MachineError> {
        Ok(Vec::new())
    }

    async fn write(&self, file: &FileWrite) -> Result<(), MachineError> {
        self.add("write", &file.path);
        Ok(())
    }

    async fn remove(&self, path: &Path) -> Result<(), MachineError> {
        self.add("remove", path);
        Ok(())
    }

    async fn make_folder(&self, _: &Path, _: u32) -> Result<(), MachineError> {
        Ok(())
    }
}

fn roomy(_: &Path) -> std::io::Result<Disk> {
    Ok(Disk { free: 100 << 30, all: 160 << 30, free_files: 9_000_000, all_files: 10_000_000 })
}

fn low(folder: &Path) -> std::io::Result<Disk> {
    Ok(Disk { free: 1 << 30, ..roomy(folder)? })
}

#[tokio::test]
async fn uploads_are_closed_before_a_count_on_a_low_disk_and_after_one_that_its_watch_did_not_outlive() {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, disk, wanted, done) in [
        (None, roomy as fn(&Path) -> _, None, COUNTED.to_vec()),
        (None, low, Some(Full::Disk), CLOSED.to_vec()),
        (Some(COUNTING), roomy, None, [&CLOSED[..], &COUNTED, &OPENED].concat()),
    ] {
        let machine = Remembering { file, ..Remembering::default() };
        let bound = Bound { bytes: 1000, files: 1000 };
        let mut watch = Watch { disk, ..Watch::new(folder.path(), bound) };
        assert_eq!(watch.look(&machine, Instant::now()).await.expect("it looks"), wanted, "{file:?}");
        assert_eq!(*machine.done.lock().expect("whole"), done, "{file:?} {wanted:?}");
    }
}
