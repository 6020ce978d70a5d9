//! Watches the tools' `.env` files and `credentials.env`: what people change there, the vault takes in.
//!
//! It must never make a vault, take in a file that is still being written, or change a file.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use letsbe_catalog::{RenderContext, Tool};
use letsbe_types::{Problem, job::DesiredServer};
use letsbe_vault::{ENV_FILE_BYTES_MAX, EnvFile, Given, ToolFiles, Vault};
use tokio::sync::Notify;

use letsbe_base::{
    bundle, files as disk,
    layout::Layout,
    vault::{files, inbox, random},
};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(2);
/// More files of one tool are not looked at.
const FILES_MAX: usize = 64;

/// What was taken in, by name, and which files could not be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TakenIn {
    /// `tool/key`.
    pub names: Vec<String>,
    /// File and why.
    pub unreadable: Vec<String>,
}

impl TakenIn {
    /// Logs it.
    pub fn report(&self) {
        for name in &self.names {
            tracing::info!("taken into the vault: {name}");
        }
        for file in &self.unreadable {
            tracing::warn!("not taken into the vault: {file}");
        }
    }
}

/// Inode, size and time of the last change: what differs after a file was written.
type Stamps = BTreeMap<PathBuf, (u64, u64, i64, i64)>;

/// What was seen, and what of it was taken in.
#[derive(Default)]
struct Watch {
    seen: Stamps,
    done: Option<Stamps>,
}

impl Watch {
    /// Whether there is something new that nobody has written to since the last look.
    fn is_due(&mut self, now: Stamps) -> bool {
        let settled = self.seen == now;
        self.seen = now;
        settled && self.done.as_ref() != Some(&self.seen)
    }

    fn done(&mut self) {
        self.done = Some(self.seen.clone());
    }
}

/// Takes in what is changed by hand, until the agent ends. `changed` is told each time the vault has something new.
pub async fn watch(layout: Layout, changed: Arc<Notify>) {
    watch_every(INTERVAL, layout, changed).await;
}

async fn watch_every(interval: Duration, layout: Layout, changed: Arc<Notify>) {
    let (mut watch, mut told) = (Watch::default(), None);
    let mut clock = tokio::time::interval(interval);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        if !watch.is_due(stamps(&layout)) {
            continue;
        }
        let place = layout.clone();
        let taken = tokio::task::spawn_blocking(move || take_in(&place, Utc::now())).await;
        match taken {
            Ok(Ok(taken)) => {
                taken.report();
                told = None;
                watch.done();
                if !taken.names.is_empty() {
                    changed.notify_one();
                }
            }
            // Tried again at the next look; told once.
            Ok(Err(problem)) if told.as_ref() != Some(&problem) => {
                tracing::error!("{problem} {}", problem.hint);
                told = Some(problem);
            }
            Ok(Err(_)) => {}
            Err(error) => tracing::error!("the tools' files could not be looked through: {error}"),
        }
    }
}

/// Everything that decides about what is taken in: the files, what this server is, and a rotation that ends.
fn stamps(layout: &Layout) -> Stamps {
    let paths = tools(layout).into_iter().flat_map(|tool| env_files(&layout.stack(&tool)));
    let fixed = [layout.credentials(), layout.state("server.json"), files(layout).sealed];
    let stamp = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).ok()?;
        let stamp = (metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec());
        Some((path, stamp))
    };
    paths.chain(fixed).filter_map(stamp).collect()
}

/// Names of the folders with stacks.
fn tools(layout: &Layout) -> BTreeSet<String> {
    names(&layout.stack("")).into_iter().filter(|name| layout.stack(name).is_dir()).collect()
}

fn env_files(folder: &Path) -> Vec<PathBuf> {
    let names = names(folder).into_iter().filter(|name| name.ends_with(".env"));
    names.take(FILES_MAX).map(|name| folder.join(name)).collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Takes in everything that the files say and the vault does not know. Without a vault nothing is done.
pub fn take_in(layout: &Layout, now: DateTime<Utc>) -> Result<TakenIn, Problem> {
    let files = files(layout);
    if Vault::open(&files)?.is_none() {
        return Ok(TakenIn::default());
    }
    let catalog = bundle::catalog(&layout.bundle())?;
    let server: Option<DesiredServer> = disk::read_json(&layout.state("server.json"))?;
    let (mut taken, no_templates) = (TakenIn::default(), BTreeMap::new());
    // Files are read while nobody else changes the vault: what a rotation writes is compared with its own state.
    Vault::update(&files, &mut random(), |vault| {
        take_in_credentials(layout, vault, &mut taken, now);
        for name in tools(layout) {
            let tool = catalog.tools().chain(catalog.platform()).find(|tool| tool.name.as_str() == name);
            let Some(read) = read_files(&layout.stack(&name), &mut taken) else { continue };
            let public = tool.zip(server.as_ref()).map(|(tool, server)| public(tool, server));
            let observed = ToolFiles {
                tool: &name,
                credentials: tool
                    .iter()
                    .flat_map(|tool| &tool.credentials)
                    .map(|it| it.key.as_str())
                    .collect(),
                templates: tool.map_or(&no_templates, |tool| &tool.env),
                public: &public.unwrap_or_default(),
                files: &read,
            };
            let keys = vault.take_in(&observed, now);
            taken.names.extend(keys.into_iter().map(|key| format!("{name}/{key}")));
        }
        Ok(())
    })?;
    Ok(taken)
}

/// What step 9 has made and step 10 has not yet moved; the file stays where it is.
fn take_in_credentials(layout: &Layout, vault: &mut Vault, taken: &mut TakenIn, now: DateTime<Utc>) {
    match inbox(layout) {
        Ok(None) => {}
        Ok(Some(inbox)) => {
            taken.names.extend(vault.unseeded(&inbox, &Given::default()));
            vault.seed(&inbox, &Given::default(), &mut random(), now);
        }
        Err(problem) => taken.unreadable.push(problem.message),
    }
}

/// A tool's files; `None` if one of them cannot be read: it may be half of what it will be.
fn read_files(folder: &Path, taken: &mut TakenIn) -> Option<BTreeMap<String, EnvFile>> {
    let mut all = BTreeMap::new();
    for path in env_files(folder) {
        let name = path.file_name()?.to_str()?.to_owned();
        match read_file(&path) {
            Ok(file) => drop(all.insert(name, file)),
            Err(why) => {
                taken.unreadable.push(format!("{}: {why}", path.display()));
                return None;
            }
        }
    }
    Some(all)
}

fn read_file(path: &Path) -> Result<EnvFile, String> {
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let limit = ENV_FILE_BYTES_MAX as u64 + 1;
    file.take(limit).read_to_end(&mut content).map_err(|error| error.to_string())?;
    if content.iter().all(u8::is_ascii_whitespace) {
        return Err("it is empty".to_owned());
    }
    EnvFile::parse(&content).map_err(|error| error.to_string())
}

/// What templates may use that is no secret.
fn public(tool: &Tool, server: &DesiredServer) -> BTreeMap<String, String> {
    let context = RenderContext {
        domain: server.domain.clone(),
        owner_email: server.owner_email.clone(),
        acme_email: server.certificates.contact.clone(),
        timezone: server.timezone.clone(),
        tenant: server.identity.0.clone(),
        ipv6: false,
        values: BTreeMap::new(),
    };
    let hostname = context.hostname(tool).as_str().to_owned();
    let all = [
        ("hostname", hostname),
        ("domain", context.domain.as_str().to_owned()),
        ("owner_email", context.owner_email.as_str().to_owned()),
        ("acme_email", context.acme_email.as_str().to_owned()),
        ("timezone", context.timezone),
        ("tenant", context.tenant),
    ];
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

    use chrono::{DateTime, Utc};
    use letsbe_catalog::{RenderContext, Tool, render_stack};
    use letsbe_types::Secret;
    use letsbe_vault::{Origin, Vault};
    use tokio::sync::Notify;

    use super::{take_in, watch_every};
    use letsbe_base::{bundle, files as disk, layout::Layout, vault};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    /// A server with the catalog, a vault, and Ghost's files.
    fn server(folder: &Path) -> Layout {
        let layout = Layout::under(folder);
        disk::make_folder(&layout.bundle()).unwrap();
        let catalog = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog");
        std::os::unix::fs::symlink(catalog, layout.bundle().join("catalog")).unwrap();
        Vault::update(&vault::files(&layout), &mut vault::random(), |vault| {
            vault.put("ghost", "database_password", "old-password".into(), Origin::Made, now());
            Ok(())
        })
        .unwrap();
        write(&layout, "db.env", "MYSQL_PASSWORD=old-password\n");
        layout
    }

    fn write(layout: &Layout, name: &str, content: &str) {
        disk::write(&layout.stack("ghost").join(name), content.as_bytes()).unwrap();
    }

    fn present(layout: &Layout, key: &str) -> Option<String> {
        let vault = Vault::open(&vault::files(layout)).unwrap()?;
        Some(vault.entry("ghost", key)?.present.expose().clone())
    }

    #[test]
    fn a_hand_edit_is_taken_in_and_half_a_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let layout = server(folder.path());
        assert_eq!(take_in(&layout, now()).unwrap(), super::TakenIn::default());
        for half in ["", " \n", "MYSQL_PASSWORD='new-passw", "MYSQL_PASSWORD=new-password\nMYSQL_ROOT_PA"] {
            write(&layout, "db.env", half);
            let taken = take_in(&layout, now()).unwrap();
            assert!(taken.names.is_empty() && taken.unreadable.len() == 1, "{half:?}: {taken:?}");
            assert!(!taken.unreadable[0].contains("new-passw"), "{taken:?}");
        }
        write(
            &layout,
            "db.env",
            "# mine\r\nexport MYSQL_PASSWORD = \"new-password\"\r\nSMTP_PASSWORD=by-hand-1\r\n",
        );
        let taken = take_in(&layout, now()).unwrap();
        assert_eq!(taken.names, ["ghost/env.db.env.SMTP_PASSWORD", "ghost/database_password"]);
        assert_eq!(present(&layout, "database_password").as_deref(), Some("new-password"));
        assert_eq!(take_in(&layout, now()).unwrap(), super::TakenIn::default(), "nothing is new twice");
    }

    #[test]
    fn files_as_the_catalog_renders_them_hold_nothing_new() {
        let folder = tempfile::tempdir().unwrap();
        let layout = server(folder.path());
        let catalog = bundle::catalog(&layout.bundle()).unwrap();
        let context = RenderContext {
            domain: "example.com".parse().unwrap(),
            owner_email: "owner@example.com".parse().unwrap(),
            acme_email: "ssl@example.com".parse().unwrap(),
            timezone: "Europe/Berlin".to_owned(),
            tenant: "tenant-1".to_owned(),
            ipv6: false,
            values: BTreeMap::new(),
        };
        let tools = || catalog.tools().chain(catalog.platform());
        let made = |tool: &Tool| -> BTreeMap<String, Secret<String>> {
            let value = |key: &str| Secret::new(format!("{}+made/for-{key}==", tool.name));
            tool.credentials.iter().map(|it| (it.key.clone(), value(&it.key))).collect()
        };
        for tool in tools() {
            for file in render_stack(tool, &context, &made(tool)).unwrap().env {
                let path = layout.stack(tool.name.as_str()).join(file.name);
                disk::write(&path, file.contents.expose().as_bytes()).unwrap();
            }
        }
        Vault::update(&vault::files(&layout), &mut vault::random(), |vault| {
            for tool in tools() {
                for (key, value) in made(tool) {
                    vault.put(tool.name.as_str(), &key, value, Origin::Made, now());
                }
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(take_in(&layout, now()).unwrap(), super::TakenIn::default());
        for (tool, key, entry) in Vault::open(&vault::files(&layout)).unwrap().unwrap().entries() {
            let read = |path| std::fs::read_to_string(path).unwrap();
            for path in super::env_files(&layout.stack(tool)) {
                let content = read(path.clone());
                let by_hand = format!("by-hand-{}", path.display());
                let edited = content.replace(entry.present.expose(), &by_hand);
                if edited != content {
                    disk::write(&path, edited.as_bytes()).unwrap();
                    let taken = take_in(&layout, now()).unwrap();
                    assert_eq!(taken.names, [format!("{tool}/{key}")], "{}", path.display());
                    disk::write(&path, content.as_bytes()).unwrap();
                    take_in(&layout, now()).unwrap();
                }
            }
        }
    }

    #[test]
    fn without_a_vault_nothing_is_taken_in_and_none_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let layout = server(folder.path());
        write(&layout, "db.env", "MYSQL_PASSWORD=new-password\n");
        let files = vault::files(&layout);
        std::fs::remove_file(&files.sealed).unwrap();
        assert_eq!(take_in(&layout, now()).unwrap(), super::TakenIn::default());
        assert!(!files.sealed.exists());
        std::fs::write(&files.sealed, "damaged").unwrap();
        assert_eq!(take_in(&layout, now()).unwrap_err().code, "VAULT001");
        assert_eq!(std::fs::read_to_string(&files.sealed).unwrap(), "damaged");
    }

    #[tokio::test]
    async fn the_watch_tells_of_each_change() {
        let folder = tempfile::tempdir().unwrap();
        let layout = server(folder.path());
        let changed = Arc::new(Notify::new());
        let watching =
            tokio::spawn(watch_every(Duration::from_millis(5), layout.clone(), Arc::clone(&changed)));
        for (content, value) in
            [("MYSQL_PASSWORD=one-word\n", "one-word"), ("MYSQL_PASSWORD='a b c'\n", "a b c")]
        {
            write(&layout, "db.env", content);
            tokio::time::timeout(PATIENCE, changed.notified()).await.unwrap();
            assert_eq!(present(&layout, "database_password").as_deref(), Some(value));
        }
        let mut waiting = letsbe_vault::Credentials::default();
        waiting.insert_missing("ghost", "new_key", "made".into());
        disk::write(&layout.credentials(), waiting.to_file().expose().as_bytes()).unwrap();
        tokio::time::timeout(PATIENCE, changed.notified()).await.unwrap();
        assert_eq!(present(&layout, "new_key").as_deref(), Some("made"));
        watching.abort();
    }
}
