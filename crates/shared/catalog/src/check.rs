//! `letsbe catalog check`: everything that keeps a catalog from being read, and what people get wrong besides.

mod advice;
mod lines;
mod secrets;

use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use self::lines::Lines;
use crate::{
    CatalogError, Kind, Tool, ToolId,
    entry::{Entry, Reader},
    load::Folder,
    rules,
};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The catalog is refused, or a secret stands where everybody reads it.
    Error,
    /// It is read, and will make trouble.
    Warning,
    /// It could be said better.
    Note,
}

/// One thing that is to be changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// How bad it is; the worst come first.
    pub severity: Severity,
    /// The file, below the folder as it was named.
    pub file: PathBuf,
    /// Line in the file, from 1, where one is known.
    pub line: Option<usize>,
    /// The field, or the place where the field should be.
    pub field: String,
    /// What is wrong and what to write. Never a value: it may be a secret.
    pub message: String,
}

/// An entry that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedTool {
    /// Name.
    pub name: ToolId,
    /// Name for people.
    pub title: String,
    /// What it does.
    pub description: String,
    /// SPDX expression of its licence.
    pub licence: String,
    /// Its images.
    pub images: Vec<String>,
    /// Its ports on the server's loopback interface.
    pub ports: Vec<u16>,
    /// Memory that it needs, in MiB.
    pub ram_mb: u64,
    /// Disk that it needs, in GiB.
    pub disk_gb: u64,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// The entries that could be read.
    pub tools: Vec<CheckedTool>,
    /// What is to be changed, worst first.
    pub findings: Vec<Finding>,
}

impl CheckReport {
    /// How many findings of this severity there are.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// Why a folder cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotChecked {
    /// It holds neither.
    #[error(
        "{} holds neither tiers.toml (then it is a catalog) nor tool.toml (then it is a tool)",
        .0.display()
    )]
    NoCatalog(PathBuf),
    /// A tool by itself.
    #[error(
        "{} is a tool outside a catalog: name the catalog that it is for with --catalog <folder>",
        .0.display()
    )]
    Outside(PathBuf),
}

/// Checks a catalog, or one tool's folder. A tool is compared with the others of the catalog that it lies in, or of
/// `catalog`.
///
/// # Errors
/// When the folder is neither.
pub fn check_folder(folder: &Path, catalog: Option<&Path>) -> Result<CheckReport, NotChecked> {
    if folder.join("tiers.toml").is_file() {
        return Ok(report(Folder::read(folder), |_| true, |file| folder.join(file)));
    }
    if !folder.join("tool.toml").is_file() {
        return Err(NotChecked::NoCatalog(folder.to_owned()));
    }
    let whole = folder.canonicalize().map_err(|_| NotChecked::NoCatalog(folder.to_owned()))?;
    let name = whole.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let around = whole.parent().and_then(Path::parent).filter(|root| root.join("tiers.toml").is_file());
    let root = match (catalog, around) {
        (Some(catalog), _) if catalog.join("tiers.toml").is_file() => catalog.to_owned(),
        (Some(catalog), _) => return Err(NotChecked::NoCatalog(catalog.to_owned())),
        (None, Some(around)) => around.to_owned(),
        (None, None) => return Err(NotChecked::Outside(folder.to_owned())),
    };
    let mut read = Folder::read(&root);
    let is_it = |entry: &Entry| entry.folder.canonicalize().is_ok_and(|path| path == whole);
    let base = match read.entries.iter().find(|entry| is_it(entry)) {
        Some(entry) => entry.base.clone(),
        None => add(&mut read, folder, &name),
    };
    let shown = |file: &str| folder.join(file.strip_prefix(&base).unwrap_or(file).trim_start_matches('/'));
    Ok(report(read, |file| file.strip_prefix(&base).is_some_and(|rest| rest.starts_with('/')), shown))
}

/// Adds a tool to a catalog that it is not in, and answers the name of its folder in errors.
fn add(read: &mut Folder, folder: &Path, name: &str) -> String {
    let base = format!("tools/{name}");
    if let Some(other) = read.entries.iter().find(|entry| entry.base.rsplit('/').next() == Some(name)) {
        let why = format!("\"{name}\" is the name of {} already: rename the folder", other.base);
        read.errors.push(CatalogError::new(format!("{base}/tool.toml"), "folder", why));
    }
    // What was found in another one of that name is not about this one.
    read.entries.retain(|entry| entry.base != base);
    read.errors.retain(|error| !error.file.starts_with(&format!("{base}/")) || error.field == "folder");
    let mut reader = Reader::default();
    read.entries.extend(reader.entry(folder, &base, Kind::Tool, &read.shared));
    read.errors.append(&mut reader.errors);
    base
}

/// What is to be said of the files that are `asked` for.
fn report(read: Folder, asked: impl Fn(&str) -> bool, shown: impl Fn(&str) -> PathBuf) -> CheckReport {
    let Folder { entries, mut errors, .. } = read;
    let tools: Vec<&Tool> = entries.iter().filter_map(|entry| entry.tool.as_ref()).collect();
    let (platform, sold): (Vec<Tool>, Vec<Tool>) =
        tools.iter().copied().cloned().partition(|tool| tool.kind == Kind::Platform);
    errors.extend(rules::across(&sold, &platform));
    let mut findings: Vec<(Severity, CatalogError)> =
        errors.into_iter().map(|error| (Severity::Error, error)).collect();
    for entry in &entries {
        findings.extend(advice::of(entry));
    }
    let mut lines = Lines::default();
    let finding = |(severity, error): (Severity, CatalogError)| {
        let file = shown(&error.file);
        let line = lines.of(&file, &error.field);
        Finding { severity, file, line, field: error.field, message: error.why }
    };
    let mut findings: Vec<Finding> =
        findings.into_iter().filter(|(_, error)| asked(&error.file)).map(finding).collect();
    findings.sort();
    findings.dedup();
    let of_asked = entries.iter().filter(|entry| asked(&format!("{}/tool.toml", entry.base)));
    CheckReport { tools: of_asked.filter_map(|entry| entry.tool.as_ref()).map(checked).collect(), findings }
}

fn checked(tool: &Tool) -> CheckedTool {
    CheckedTool {
        name: tool.name.clone(),
        title: tool.title.clone(),
        description: tool.description.clone(),
        licence: tool.licence.clone(),
        images: tool.images.clone(),
        ports: tool.ports.iter().map(|port| port.host).collect(),
        ram_mb: tool.needs.ram_mb,
        disk_gb: tool.needs.disk_gb,
    }
}
