//! Storing: whatever fails leaves no snapshot.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use letsbe_types::{Code, Problem};

use super::{
    NewItem, Repository, Stored, answers, problem,
    restic::{Call, not_understood},
};

impl Repository {
    /// Stores folders or files. A file that cannot be read is an error, and no snapshot stays.
    ///
    /// # Errors
    /// Also a full disk.
    pub async fn store_files(
        &self,
        item: &NewItem,
        paths: &[PathBuf],
        excludes: &[PathBuf],
    ) -> Result<Stored, Problem> {
        let doing = format!("storing the files of {}", item.tool);
        // restic skips what is not there, and calls it a success if something else is.
        if let Some(missing) = paths.iter().find(|path| path.symlink_metadata().is_err()) {
            let missing = format!("{} does not exist, skipping", missing.display());
            return Err(problem::unreadable(&self.location.name, &doing, &missing));
        }
        let call = backup(&doing, item)?
            .arguments(excludes.iter().flat_map(|path| ["--exclude".into(), pattern(path)]))
            .arguments(["--"])
            .arguments(paths);
        // A repository that rclone serves needs the network and more of the server.
        let call = if self.location.folder.is_some() { call.only(paths) } else { call };
        self.store(&doing, call).await
    }

    /// Stores what a command writes to its standard output as the file `name`. If the command fails, no snapshot
    /// stays.
    ///
    /// # Errors
    /// Also the command's failure (`REPO007`).
    pub async fn store_command(
        &self,
        item: &NewItem,
        name: &str,
        command: &[String],
    ) -> Result<Stored, Problem> {
        let doing = format!("storing {name} of {}", item.tool);
        let call = backup(&doing, item)?
            .arguments(["--stdin-filename", name, "--stdin-from-command", "--"])
            .arguments(command);
        self.store(&doing, call).await
    }

    /// Stores a small text as the file `name`.
    ///
    /// # Errors
    /// As [`Repository::store_files`].
    pub async fn store_text(&self, item: &NewItem, name: &str, text: &str) -> Result<Stored, Problem> {
        let doing = format!("storing {name} of {}", item.tool);
        let call = backup(&doing, item)?.arguments(["--stdin", "--stdin-filename", name]);
        self.store(&doing, call.input(text.as_bytes())).await
    }

    async fn store(&self, doing: &str, call: Call<'_>) -> Result<Stored, Problem> {
        let (ended, answer) = self.ask(call.long().answers(&[0, 3])).await?;
        let stored = answers::stored(&answer);
        if ended.code == Some(0) && problem::complaints(&ended.errors).is_empty() {
            return stored.ok_or_else(|| not_understood(doing));
        }
        if let Some(stored) = stored {
            self.forget(&[stored.snapshot]).await?;
        }
        Err(problem::unreadable(&self.location.name, doing, &ended.errors))
    }
}

/// `restic backup` of an item, up to what is to be stored.
fn backup<'a>(doing: &'a str, item: &NewItem) -> Result<Call<'a>, Problem> {
    let tags = [
        format!("set={}", item.set),
        format!("tool={}", item.tool),
        format!("kind={}", item.kind.as_str()),
        format!("item={}", item.item),
    ];
    if let Some(tag) = tags.iter().find(|tag| tag.contains(',')) {
        return Err(Problem::permanent(
            Code::REPO010,
            format!("{doing}: `{tag}` cannot be a tag in the repository: it has a comma"),
            "Give the folder or database a name without a comma.",
        ));
    }
    let time = item.taken_at.format("%Y-%m-%d %H:%M:%S").to_string();
    Ok(Call::new(doing, &["backup", "--json", "--no-scan", "--host", &item.identity, "--time", &time])
        .arguments(tags.iter().flat_map(|tag| ["--tag", tag])))
}

/// A path as a pattern that means only itself.
fn pattern(path: &Path) -> OsString {
    let mut pattern = String::new();
    for letter in path.to_string_lossy().chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.into()
}
