//! Journals of the agent: one JSON value per line, appended, so that what was written survives a kill.
//!
//! A torn last line is cut off; a line that damage made unreadable is left out and told.

use std::{
    fs::{File, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use letsbe_types::Problem;
use serde::{Serialize, de::DeserializeOwned};

use letsbe_base::files;

/// An open journal.
pub(crate) struct Lines {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Lines {
    /// Opens a journal, makes it if need be, and answers what is in it.
    pub(crate) fn open<T: DeserializeOwned>(path: &Path) -> Result<(Self, Vec<T>), Problem> {
        if let Some(folder) = path.parent() {
            files::make_folder(folder)?;
        }
        let content = files::read(path)?.unwrap_or_default();
        let (values, good, damaged) = parse(&content);
        if damaged > 0 {
            tracing::warn!(path = %path.display(), damaged, "damaged lines are left out");
        }
        let attempt = || {
            let mut file =
                OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
            if good < content.len() {
                file.set_len(good as u64)?;
            }
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        let file = attempt().map_err(|error: std::io::Error| files::unusable(path, error))?;
        Ok((Self { path: path.to_owned(), file, bytes: good as u64 }, values))
    }

    /// Appends a line: it survives a kill of this program when this returns, but not a power cut. Answers its length.
    pub(crate) fn append(&mut self, value: &impl Serialize) -> Result<u64, Problem> {
        let mut line = serde_json::to_vec(value).map_err(|error| files::unusable(&self.path, error))?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // Half a line must not stay in front of the next one.
            let _ = self.file.set_len(self.bytes).and_then(|()| self.file.seek(SeekFrom::End(0)));
            return Err(files::unusable(&self.path, error));
        }
        self.bytes += line.len() as u64;
        Ok(line.len() as u64)
    }

    /// Has what was appended survive a power cut, too.
    pub(crate) fn sync(&self) -> Result<(), Problem> {
        self.file.sync_data().map_err(|error| files::unusable(&self.path, error))
    }

    /// Replaces the whole content.
    pub(crate) fn replace<T: Serialize>(
        &mut self,
        values: impl IntoIterator<Item = T>,
    ) -> Result<(), Problem> {
        let content = to_bytes(values).map_err(|error| files::unusable(&self.path, error))?;
        files::write(&self.path, &content)?;
        let attempt = || {
            let mut file = OpenOptions::new().write(true).open(&self.path)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        self.file = attempt().map_err(|error: std::io::Error| files::unusable(&self.path, error))?;
        self.bytes = content.len() as u64;
        Ok(())
    }

    /// Length of the journal.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Values as lines.
pub(crate) fn to_bytes<T: Serialize>(
    values: impl IntoIterator<Item = T>,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut content = Vec::new();
    for value in values {
        serde_json::to_writer(&mut content, &value)?;
        content.push(b'\n');
    }
    Ok(content)
}

/// The values, how many bytes to keep, and how many lines in them are damaged.
pub(crate) fn parse<T: DeserializeOwned>(content: &[u8]) -> (Vec<T>, usize, usize) {
    let good = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (mut values, mut damaged) = (Vec::new(), 0);
    for line in content[..good].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(value) => values.push(value),
            Err(_) => damaged += 1,
        }
    }
    (values, good, damaged)
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn a_torn_last_line_is_cut_off_and_a_damaged_one_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.jsonl");
        let (mut lines, read) = Lines::open::<u32>(&path).unwrap();
        assert!(read.is_empty());
        for number in 1..=3 {
            lines.append(&number).unwrap();
        }
        std::fs::write(&path, "1\n2\nx\n4\n{\"torn").unwrap();
        let (mut lines, read) = Lines::open::<u32>(&path).unwrap();
        assert_eq!(read, [1, 2, 4]);
        lines.append(&5).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\nx\n4\n5\n");
        lines.replace([7, 8]).unwrap();
        lines.append(&9).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "7\n8\n9\n");
        assert_eq!(lines.bytes(), 6);
    }
}
