//! JSON-lines files: one JSON value per line, appended. A torn last line is cut off; a line that damage made
//! unreadable is left out with a warning.
//!
//! A file with one writer is a [`JsonLines`]. One that several processes append to is written by [`append_shared`].

use std::{
    fs::{File, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use letsbe_types::Problem;
use serde::{Serialize, de::DeserializeOwned};

use crate::files;

/// A file that this process alone appends to.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl JsonLines {
    /// Opens a file, makes it if need be, and answers what is in it.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn open<T: DeserializeOwned>(path: &Path) -> Result<(Self, Vec<T>), Problem> {
        let content = files::read(path)?.unwrap_or_default();
        let lines = parse(&content);
        warn_of_damage(path, lines.damaged);
        Ok((Self::open_at(path, lines.whole as u64)?, lines.values))
    }

    /// Opens a file, or makes it, for who has read it in a way of its own: what follows after `whole` bytes is cut off.
    /// If these do not end with a line break, one is appended, so that the next line begins behind them.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open_at(path: &Path, whole: u64) -> Result<Self, Problem> {
        if let Some(folder) = path.parent() {
            files::make_folder(folder)?;
        }
        let attempt = || {
            let options =
                OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path);
            let mut file = options?;
            if file.metadata()?.len() > whole {
                file.set_len(whole)?;
                file.sync_all()?;
            }
            end_line(&mut file)?;
            let bytes = file.seek(SeekFrom::End(0))?;
            Ok(Self { path: path.to_owned(), file, bytes })
        };
        attempt().map_err(|error: std::io::Error| files::unusable(path, error))
    }

    /// Appends a line: it survives a kill of this program when this returns, but not a power cut ([`Self::sync`]).
    ///
    /// # Errors
    /// When it cannot be written; the file is then as it was.
    pub fn append(&mut self, value: &impl Serialize) -> Result<(), Problem> {
        let line = to_bytes([value]).map_err(|error| files::unusable(&self.path, error))?;
        self.attempt(|file| file.write_all(&line), line.len())
    }

    /// Appends a line that is text already, with its line break; it is on the disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written; the file is then as it was.
    pub fn append_line_durably(&mut self, line: &[u8]) -> Result<(), Problem> {
        self.attempt(|file| file.write_all(line).and_then(|()| file.sync_data()), line.len())
    }

    /// Appends a line; it is on the disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written; the file is then as it was.
    pub fn append_durably(&mut self, value: &impl Serialize) -> Result<(), Problem> {
        let line = to_bytes([value]).map_err(|error| files::unusable(&self.path, error))?;
        self.append_line_durably(&line)
    }

    fn attempt(
        &mut self,
        write: impl FnOnce(&mut File) -> std::io::Result<()>,
        length: usize,
    ) -> Result<(), Problem> {
        if let Err(error) = write(&mut self.file) {
            // Half a line must not stay in front of the next one.
            let _ = self.file.set_len(self.bytes).and_then(|()| self.file.seek(SeekFrom::Start(self.bytes)));
            return Err(files::unusable(&self.path, error));
        }
        self.bytes += length as u64;
        Ok(())
    }

    /// Has what was appended survive a power cut, too.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn sync(&self) -> Result<(), Problem> {
        self.file.sync_data().map_err(|error| files::unusable(&self.path, error))
    }

    /// Replaces the whole content.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn replace<T: Serialize>(&mut self, values: impl IntoIterator<Item = T>) -> Result<(), Problem> {
        self.bytes = write(&self.path, values)?;
        let attempt = || {
            let mut file = OpenOptions::new().write(true).open(&self.path)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        self.file = attempt().map_err(|error: std::io::Error| files::unusable(&self.path, error))?;
        Ok(())
    }

    /// Length of the file.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Reads the values of a file; none if it is not there.
///
/// # Errors
/// When it cannot be read.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Problem> {
    let content = files::read(path)?.unwrap_or_default();
    let lines = parse(&content);
    warn_of_damage(path, lines.damaged);
    Ok(lines.values)
}

/// Writes a file anew, atomically; answers its length.
///
/// # Errors
/// When it cannot be written.
pub fn write<T: Serialize>(path: &Path, values: impl IntoIterator<Item = T>) -> Result<u64, Problem> {
    let content = to_bytes(values).map_err(|error| files::unusable(path, error))?;
    files::write(path, &content)?;
    Ok(content.len() as u64)
}

/// Appends a line to a file that other processes append to as well; it is on the disk when this returns. The folder
/// must be there. Behind what a crash tore, the line begins anew.
///
/// # Errors
/// When it cannot be written.
pub fn append_shared(path: &Path, value: &impl Serialize) -> Result<(), Problem> {
    let line = to_bytes([value]).map_err(|error| files::unusable(path, error))?;
    let attempt = || {
        let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
        file.lock()?;
        end_line(&mut file)?;
        file.write_all(&line)?;
        file.sync_all()?;
        // A child that was forked at this moment has the file open too.
        file.unlock()
    };
    attempt().map_err(|error: std::io::Error| files::unusable(path, error))
}

/// Appends a line break if the file does not end with one.
fn end_line(file: &mut File) -> std::io::Result<()> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut last = [b'\n'];
    if end > 0 {
        file.read_exact_at(&mut last, end - 1)?;
    }
    if last == [b'\n'] { Ok(()) } else { file.write_all(b"\n") }
}

fn warn_of_damage(path: &Path, damaged: usize) {
    if damaged > 0 {
        tracing::warn!(path = %path.display(), damaged, "damaged lines are left out");
    }
}

/// How many bytes a value takes as a line.
pub fn length(value: &impl Serialize) -> u64 {
    to_bytes([value]).map_or(0, |line| line.len() as u64)
}

fn to_bytes<T: Serialize>(values: impl IntoIterator<Item = T>) -> Result<Vec<u8>, serde_json::Error> {
    let mut content = Vec::new();
    for value in values {
        serde_json::to_writer(&mut content, &value)?;
        content.push(b'\n');
    }
    Ok(content)
}

struct Lines<T> {
    values: Vec<T>,
    /// Bytes up to the end of the last whole line.
    whole: usize,
    /// Whole lines that cannot be read.
    damaged: usize,
}

fn parse<T: DeserializeOwned>(content: &[u8]) -> Lines<T> {
    let whole = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut lines = Lines { values: Vec::new(), whole, damaged: 0 };
    for line in content[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(value) => lines.values.push(value),
            Err(_) => lines.damaged += 1,
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{JsonLines, append_shared, read};

    #[test]
    fn a_torn_last_line_is_cut_off_and_a_damaged_one_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.jsonl");
        let (mut lines, read) = JsonLines::open::<u32>(&path).unwrap();
        assert!(read.is_empty());
        for number in 1..=3 {
            lines.append(&number).unwrap();
        }
        std::fs::write(&path, "1\n2\nx\n4\n{\"torn").unwrap();
        let (mut lines, read) = JsonLines::open::<u32>(&path).unwrap();
        assert_eq!(read, [1, 2, 4]);
        lines.append(&5).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\nx\n4\n5\n");
        lines.replace([7, 8]).unwrap();
        lines.append(&9).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "7\n8\n9\n");
        assert_eq!(lines.bytes(), 6);
    }

    #[test]
    fn what_is_behind_the_part_that_was_read_is_cut_off_and_a_line_begins_behind_what_has_no_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.jsonl");
        std::fs::write(&path, "1\n\0\0\0\n").unwrap();
        let mut lines = JsonLines::open_at(&path, 2).unwrap();
        lines.append_durably(&2).unwrap();
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), lines.bytes()), ("1\n2\n", 4));
        std::fs::write(&path, "1\nrubbish").unwrap();
        let mut lines = JsonLines::open_at(&path, 9).unwrap();
        lines.append_line_durably(b"3\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\nrubbish\n3\n");
        assert_eq!(read::<u32>(&path).unwrap(), [1, 3]);
    }

    #[test]
    fn a_line_that_could_not_be_written_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.jsonl");
        let mut lines = JsonLines::open_at(&path, 0).unwrap();
        lines.append(&1).unwrap();
        let half = |file: &mut std::fs::File| {
            std::io::Write::write_all(file, b"{\"half")?;
            Err(std::io::Error::other("the disk is full"))
        };
        assert!(lines.attempt(half, 9).is_err());
        lines.append(&2).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\n");
    }

    #[test]
    fn several_writers_of_one_file_write_whole_lines_also_behind_a_torn_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shared.log");
        std::fs::write(&path, "0\n{\"torn").unwrap();
        std::thread::scope(|threads| {
            for number in 1..=8 {
                let path = &path;
                threads.spawn(move || append_shared(path, &number).unwrap());
            }
        });
        let mut read = read::<u32>(&path).unwrap();
        read.sort_unstable();
        assert_eq!(read, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("0\n{\"torn\n"));
    }
}
