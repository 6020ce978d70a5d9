//! `uploads.served`: the owner of a tool that shows files puts them there over SFTP, and can do nothing else on the server.
//!
//! An SSH server of its own, so that nothing changes for the operator's: one user without a shell, by password, shut into
//! a folder of root in which only the tool's folder is seen. Where no tool takes uploads, all of it is taken away.

mod count;
mod decide;
mod room;
mod settings;
mod watch;

use std::sync::Arc;

use async_trait::async_trait;
use letsbe_catalog::{Catalog, Tool, UPLOAD_ID, UPLOAD_USER, Upload};
use letsbe_host::{
    Assessment, Command, Machine, Operation,
    facts::{
        ask, holds,
        services::units,
        system::{parse_account, parse_group_names, parse_password_field},
        text_of,
    },
    operations::UPLOAD_SERVICE,
};
use letsbe_types::{Problem, job::DesiredServer};
use letsbe_vault::Credentials;

use super::{deployment::Deployment, reading, visit::credentials_missing};
use decide::{Found, Wanted, Watcher, decide, give, hashed};
pub use room::{Bound as UploadBound, Full as UploadsFull};
pub(crate) use settings::unit;
use settings::{CONFIGURATION, FOLDERS, UNIT_FILE, configuration};
pub use settings::{FULL as UPLOADS_FULL_FILE, full_reason as uploads_full_reason};
pub use watch::Watch as UploadWatch;
pub(crate) use watch::watch_unit;
use watch::{WATCH_SERVICE, WATCH_UNIT_FILE};

/// The operation, for one deployment.
pub(crate) struct Uploads {
    deployment: Arc<Deployment>,
    step: u8,
    /// `None` is what the server has.
    credentials: Option<Credentials>,
}

/// The operation that gives the user for uploads these credentials; `None` for a tool that takes no uploads.
///
/// # Errors
/// The wishes do not fit the catalog.
pub fn upload_operation(
    catalog: Arc<Catalog>,
    desired: &DesiredServer,
    tool: &str,
    credentials: Credentials,
) -> Result<Option<Box<dyn Operation>>, Problem> {
    let deployment = Arc::new(Deployment::new(catalog, desired)?);
    let takes = deployment.find(tool).is_some_and(|tool| tool.upload.is_some());
    let uploads = Uploads { deployment, step: 9, credentials: Some(credentials) };
    Ok(takes.then(|| Box::new(uploads) as Box<dyn Operation>))
}

/// What is done when a tool's restored folder has taken the place of the former one: all of it is the owner's, also where
/// the set is older than uploads; and the service, where it runs, shows the folder that is there now.
#[must_use]
pub fn uploads_restored(tool: &Tool) -> Vec<Command> {
    let Some(upload) = &tool.upload else { return Vec::new() };
    // Nothing is left to start where nothing runs.
    let restart = ["try-restart", "--quiet", UPLOAD_SERVICE];
    vec![give(&upload.path), Command::new("systemctl", restart).tolerated()]
}

impl Uploads {
    pub(crate) fn new(deployment: &Arc<Deployment>) -> Self {
        Self { deployment: Arc::clone(deployment), step: 10, credentials: None }
    }

    fn upload(&self) -> Option<(&Tool, &Upload)> {
        self.deployment.tools().find_map(|tool| tool.upload.as_ref().map(|upload| (tool, upload)))
    }

    async fn wanted(&self, machine: &dyn Machine) -> Result<Option<Wanted>, Problem> {
        let Some((tool, upload)) = self.upload() else { return Ok(None) };
        let known = match &self.credentials {
            Some(credentials) => Some(credentials.clone()),
            None => reading::credentials(machine).await?,
        };
        let known = known.ok_or_else(credentials_missing)?;
        let password = known.get(tool.name.as_str(), &upload.password).ok_or_else(credentials_missing)?;
        Ok(Some(Wanted { path: upload.path.clone(), hash: hashed(password)?, bound: bound(upload) }))
    }
}

/// How much a tool's folder may hold.
#[must_use]
pub const fn bound(upload: &Upload) -> UploadBound {
    UploadBound { bytes: upload.max_gb.saturating_mul(1_000_000_000), files: upload.max_files }
}

/// Names and numbers in the text of `/etc/passwd` or `/etc/group`: both have them at the same places.
fn numbers(text: &str) -> impl Iterator<Item = (&str, u32)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((name, fields.nth(1)?.parse().ok()?))
    })
}

/// Who else has the user's number, among users or groups.
fn others(kind: &str, text: &str) -> Vec<String> {
    let others = numbers(text).filter(|(name, number)| *number == UPLOAD_ID && *name != UPLOAD_USER);
    others.map(|(name, _)| format!("the {kind} {name}")).collect()
}

async fn find(machine: &dyn Machine, (path, bound): (&str, UploadBound)) -> Result<Found, Problem> {
    let text = async |path: &str| Ok::<_, Problem>(text_of(machine, path).await?.unwrap_or_default());
    let files = format!("{CONFIGURATION} {UNIT_FILE} {WATCH_UNIT_FILE}");
    let stat = ask(machine, &format!("stat -c %Y|%n {files}")).await?.stdout;
    let times = stat.lines().filter_map(|line| line.split_once('|'));
    let times: Vec<(u64, &str)> = times.filter_map(|(time, path)| Some((time.parse().ok()?, path))).collect();
    let latest = |is_of_watch: bool| {
        let same = times.iter().filter(|(_, path)| (*path == WATCH_UNIT_FILE) == is_of_watch);
        same.map(|(time, _)| *time).max().unwrap_or(0)
    };
    let mut services = units(machine, &[UPLOAD_SERVICE, WATCH_SERVICE]).await?;
    let process = reading::unit(machine, WATCH_SERVICE, "MainPID").await?;
    let folders = FOLDERS.iter().map(|(folder, _)| *folder).chain([path]).collect::<Vec<_>>().join(" ");
    let (users, groups) = (text("/etc/passwd").await?, text("/etc/group").await?);
    Ok(Found {
        account: parse_account(&users, UPLOAD_USER),
        group: numbers(&groups).find_map(|(name, number)| (name == UPLOAD_USER).then_some(number)),
        others: [others("user", &users), others("group", &groups)].concat(),
        groups: parse_group_names(&groups, UPLOAD_USER),
        hash: parse_password_field(&text("/etc/shadow").await?, UPLOAD_USER).map(str::to_owned),
        configuration: holds(machine, CONFIGURATION, 0o644, &configuration()).await?,
        unit: holds(machine, UNIT_FILE, 0o644, &unit(path)).await?,
        written_at: latest(false),
        files: times.len(),
        service: services.remove(UPLOAD_SERVICE).unwrap_or_default(),
        watch: Watcher {
            is_ours: holds(machine, WATCH_UNIT_FILE, 0o644, &watch_unit(path, bound)).await?,
            written_at: latest(true),
            is_outdated: reading::is_outdated(machine, &process).await?,
            service: services.remove(WATCH_SERVICE).unwrap_or_default(),
        },
        folders: ask(machine, &format!("stat -c %F|%a|%u:%g|%n {folders}"))
            .await?
            .stdout
            .lines()
            .map(str::to_owned)
            .collect(),
    })
}

#[async_trait]
impl Operation for Uploads {
    fn name(&self) -> &'static str {
        "uploads.served"
    }

    fn step(&self) -> u8 {
        self.step
    }

    async fn assess(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Assessment, Problem> {
        let nothing = ("/", UploadBound { bytes: 0, files: 0 });
        let place = self.upload().map_or(nothing, |(_, upload)| (upload.path.as_str(), bound(upload)));
        let found = find(machine, place).await?;
        decide(&found, self.wanted(machine).await?.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::{numbers, others, uploads_restored};
    use crate::tests::catalog;

    #[test]
    fn who_else_has_the_number_is_read_from_users_and_groups() {
        let users = "root:x:0:0:root:/root:/bin/bash\nletsbe-website:x:22023:22023::/nonexistent:/bin/false\n\
                     bob:x:22023:1000::/home/bob:/bin/bash\nshort:x\n+nis:::\n";
        let groups = "root:x:0:\nletsbe-website:x:995:\nwww:x:22023:bob\n";
        assert_eq!(others("user", users), ["the user bob"]);
        assert_eq!(others("group", groups), ["the group www"]);
        assert!(numbers(groups).any(|group| group == ("letsbe-website", 995)));
    }

    #[test]
    fn a_restored_site_is_its_owners_and_the_service_shows_the_folder_that_is_there_now() {
        let catalog = catalog();
        let lines = |name: &str| {
            let tool = catalog.tools().find(|tool| tool.name.as_str() == name).expect("it is sold");
            uploads_restored(tool).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(lines("ghost").is_empty());
        assert_eq!(
            lines("static-website"),
            [
                "chown -hR 22023:22023 /opt/letsbe/data/static-website",
                "systemctl try-restart --quiet letsbe-sftp.service",
            ]
        );
    }
}
