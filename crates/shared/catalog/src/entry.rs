//! One folder of the catalog, read: `tool.toml`, `compose.yml` and the templates beside them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    CatalogError, Kind, Tool, ToolId,
    compose_file::{self, ComposeFile},
    former::{self, Former},
    rules,
    template::Shared,
    tool::ToolFiles,
};

/// The largest file that is read. Ours have some kilobytes.
const FILE_MAX: u64 = 1024 * 1024;

/// The text of a file: neither of a pipe that never ends, nor of more than there is memory for.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let about = fs::metadata(path)?;
    if !about.is_file() || about.len() > FILE_MAX {
        return Err(io::Error::other("it is no file, or larger than 1 MiB"));
    }
    let mut text = String::new();
    File::open(path)?.take(FILE_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// An entry's folder, and what is in it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The folder, as errors name it: `tools/ghost`.
    pub(crate) base: String,
    /// The folder.
    pub(crate) folder: PathBuf,
    /// `tool.toml` as it stands there.
    pub(crate) text: String,
    /// What it says besides, as former releases did.
    pub(crate) former: Former,
    /// The entry, where both files can be read.
    pub(crate) tool: Option<Tool>,
}

/// Reads files, and remembers what could not be read.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) errors: Vec<CatalogError>,
}

impl Reader {
    /// A file's text; errors name it as `name`.
    pub(crate) fn text(&mut self, path: &Path, name: &str) -> Option<String> {
        match read(path) {
            Ok(text) => Some(text),
            Err(error) => {
                self.errors.push(CatalogError::new(name, "file", format!("cannot be read: {error}")));
                None
            }
        }
    }

    /// Reads TOML; `prepare` sees it before it becomes a `T`.
    pub(crate) fn toml<T: DeserializeOwned>(
        &mut self,
        text: &str,
        name: &str,
        prepare: impl FnOnce(&mut DeTable<'_>),
    ) -> Option<T> {
        let read = DeTable::parse(text).and_then(|mut table| {
            prepare(table.get_mut());
            T::deserialize(toml::Deserializer::from(table))
        });
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                let place = format!("line {}", line_at(text, start));
                self.errors.push(CatalogError::new(name, place, error.message().trim()));
                None
            }
        }
    }

    /// Names of the folders in a folder, sorted; an absent folder is empty.
    pub(crate) fn folders(&mut self, folder: &Path, base: &str) -> Vec<String> {
        self.names(folder, base, Path::is_dir)
    }

    /// One that is there and cannot be read is an error: what it holds would be missing.
    fn names(&mut self, folder: &Path, base: &str, is_wanted: impl Fn(&Path) -> bool) -> Vec<String> {
        names(folder, is_wanted).unwrap_or_else(|error| {
            self.errors.push(CatalogError::new(base, "folder", format!("cannot be read: {error}")));
            Vec::new()
        })
    }

    /// The files directly in a folder, by name; an absent folder is empty.
    pub(crate) fn folder(&mut self, folder: &Path, base: &str) -> BTreeMap<String, String> {
        let names = self.names(folder, base, |path| !path.is_dir());
        let read = |name: String| {
            let text = self.text(&folder.join(&name), &format!("{base}/{name}"))?;
            Some((name, text))
        };
        names.into_iter().filter_map(read).collect()
    }

    /// Reads an entry and checks it by itself.
    pub(crate) fn entry(&mut self, folder: &Path, base: &str, kind: Kind, shared: &Shared) -> Option<Entry> {
        let file = format!("{base}/tool.toml");
        let text = self.text(&folder.join("tool.toml"), &file)?;
        let mut former = Former::default();
        let name = base.rsplit('/').next().unwrap_or(base);
        if let Err(error) = name.parse::<ToolId>() {
            self.errors.push(CatalogError::new(&file, "folder", error.to_string()));
            return None;
        }
        let tool = self.toml::<Tool>(&text, &file, |table| {
            former = former::of_entry(table);
            table.insert(word("name"), Spanned::new(0..0, DeValue::String(name.to_owned().into())));
        });
        let compose = self.text(&folder.join("compose.yml"), &format!("{base}/compose.yml"));
        let tool = tool.zip(compose).and_then(|(mut tool, compose)| {
            tool.kind = kind;
            let nginx = folder.join("nginx.conf");
            let nginx = if nginx.exists() { self.text(&nginx, &format!("{base}/nginx.conf")) } else { None };
            let other = self.folder(&folder.join("files"), &format!("{base}/files"));
            tool.files = ToolFiles { compose, nginx, other, shared: shared.clone() };
            self.completed(tool, base, &former)
        });
        Some(Entry { base: base.to_owned(), folder: folder.to_owned(), text, former, tool })
    }

    /// The entry with what its `compose.yml` says, checked.
    fn completed(&mut self, mut tool: Tool, base: &str, former: &Former) -> Option<Tool> {
        let file = format!("{base}/compose.yml");
        let blocks = compose_file::blocks(&tool.files.compose);
        if !blocks.is_empty() {
            self.errors.extend(blocks.into_iter().map(|(line, why)| CatalogError::new(&file, line, why)));
            return None;
        }
        let compose = match ComposeFile::read(&tool.files.compose) {
            Ok(compose) => compose,
            Err(why) => {
                self.errors.push(CatalogError::new(file, "syntax", why));
                return None;
            }
        };
        let (in_compose, in_tool) = compose.complete(&mut tool, former);
        let errors = |file: &str, found: Vec<(String, String)>| {
            found.into_iter().map(|(field, why)| CatalogError::new(file, field, why)).collect::<Vec<_>>()
        };
        let mut found = errors(&file, in_compose);
        found.extend(errors(&format!("{base}/tool.toml"), in_tool));
        found.extend(rules::alone(&tool, base, found.is_empty()));
        self.errors.extend(found);
        Some(tool)
    }
}

fn word(text: &'static str) -> Spanned<std::borrow::Cow<'static, str>> {
    Spanned::new(0..0, text.into())
}

/// The line of a byte of a text, from 1.
pub(crate) fn line_at(text: &str, start: usize) -> usize {
    text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1
}

/// Names of what is wanted in a folder, sorted; none where there is no folder.
fn names(folder: &Path, is_wanted: impl Fn(&Path) -> bool) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().into_string();
        let name = name.map_err(|name| io::Error::other(format!("{} is no UTF-8", name.display())))?;
        if !name.starts_with('.') && is_wanted(&entry.path()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
