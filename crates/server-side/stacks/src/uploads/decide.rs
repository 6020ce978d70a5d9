//! What has to change, from what is there. Pure.

use letsbe_catalog::{UPLOAD_ID, UPLOAD_PORT, UPLOAD_USER};
use letsbe_host::{
    Assessment, Change, Command, FileWrite,
    facts::{services::Unit, system::Account},
    operations::UPLOAD_SERVICE,
};
use letsbe_types::{Code, Problem, Secret};
use sha_crypt::{PasswordHasher as _, ShaCrypt};
use sha2::{Digest as _, Sha256};

use super::{
    quota::Bound,
    settings::{CONFIGURATION, COUNTING, FOLDERS, FULL, FULL_BANNER, UNIT_FILE, configuration, unit},
    watch::{WATCH_SERVICE, WATCH_UNIT_FILE, watch_unit},
};

const ID: u32 = UPLOAD_ID;
const SHELL: &str = "/usr/sbin/nologin";
const MODE: u32 = 0o755;

/// What is wanted where a tool takes uploads.
pub(super) struct Wanted {
    /// The tool's folder.
    pub(super) path: String,
    /// Of the password.
    pub(super) hash: Secret<String>,
    pub(super) bound: Bound,
}

/// What is there.
pub(super) struct Found {
    pub(super) account: Option<Account>,
    /// The number of the group of the user's name.
    pub(super) group: Option<u32>,
    /// Users and groups of other names that have the user's number, as `the user x`.
    pub(super) others: Vec<String>,
    /// Groups that name the user as a member.
    pub(super) groups: Vec<String>,
    pub(super) hash: Option<String>,
    pub(super) configuration: bool,
    pub(super) unit: bool,
    /// When the later of both was written, in seconds since 1970.
    pub(super) written_at: u64,
    /// How many of our files are there.
    pub(super) files: usize,
    pub(super) service: Unit,
    pub(super) watch: Watcher,
    /// Lines `<kind>|<mode>|<uid>:<gid>|<path>`.
    pub(super) folders: Vec<String>,
}

/// The service that watches how much is uploaded.
#[derive(Clone, Default)]
pub(super) struct Watcher {
    /// Its unit's file is ours.
    pub(super) is_ours: bool,
    /// When that was written, in seconds since 1970.
    pub(super) written_at: u64,
    /// The program that runs has been replaced on the disk.
    pub(super) is_outdated: bool,
    pub(super) service: Unit,
}

/// The password's hash as `/etc/shadow` has it. The salt follows from the password, so that what is there can be compared
/// with what is wanted; a salt hides that two people chose the same word, and this one is random and used once.
pub(super) fn hashed(password: &Secret<String>) -> Result<Secret<String>, Problem> {
    let salt = Sha256::new_with_prefix("uploads\0").chain_update(password.expose()).finalize();
    match ShaCrypt::SHA512.hash_password_with_salt(password.expose().as_bytes(), &salt[..12]) {
        Ok(hash) => Ok(Secret::new(hash.to_string())),
        Err(error) => Err(refused(&format!("the password cannot be hashed: {error}"))),
    }
}

fn refused(what: &str) -> Problem {
    Problem::permanent(
        Code::NODE090,
        format!("Uploads cannot be served: {what}"),
        "See docs/errors/NODE090.md: what is in the way must go first.",
    )
}

/// Everything in a folder becomes the user's; no link is followed.
pub(super) fn change_owner(path: &str) -> Command {
    Command::words(&format!("chown -hR {ID}:{ID} {path}")).within(std::time::Duration::from_secs(900))
}

/// A service that has to start anew is stopped first: whoever came in by a former password is out, and a run that is cut
/// off leaves a service that does not run, which the next one sees.
pub(super) fn decide(found: &Found, wanted: Option<&Wanted>) -> Result<Assessment, Problem> {
    let Some(wanted) = wanted else { return Ok(without(found)) };
    let is_known = found.account.is_some() && found.hash.as_ref() == Some(wanted.hash.expose());
    let is_loaded = found.service.active && found.service.active_since >= found.written_at;
    let is_as_wanted = is_known && found.configuration && found.unit && shows(found, &wanted.path);
    let starts_anew = !(is_as_wanted && is_loaded);
    let watch = &found.watch;
    let is_current = !watch.is_outdated && watch.service.active_since >= watch.written_at;
    let is_watched = watch.is_ours && watch.service.active && is_current;
    let (mut because, mut changes) = (Vec::new(), Vec::new());
    if starts_anew && found.service.active {
        changes.push(Change::Run(Command::words(&format!("systemctl stop {UPLOAD_SERVICE}"))));
    }
    account(found, &mut because, &mut changes)?;
    folders(found, &wanted.path, &mut because, &mut changes);
    if !is_known {
        because.push("the user has not the vault's password");
        let line = Secret::new(format!("{UPLOAD_USER}:{}\n", wanted.hash.expose()));
        changes.push(Change::Run(Command::words("chpasswd --encrypted").with_input(line)));
    }
    let files = [
        (found.configuration, CONFIGURATION, configuration(), "its settings are not ours"),
        (found.unit, UNIT_FILE, unit(&wanted.path), "its service is not ours"),
        (watch.is_ours, WATCH_UNIT_FILE, watch_unit(&wanted.path, wanted.bound), "its watch is not ours"),
    ];
    for (_, path, text, why) in files.into_iter().filter(|(is_ours, ..)| !is_ours) {
        because.push(why);
        changes.push(Change::Write(FileWrite::new(path, 0o644, text)));
    }
    if starts_anew || !is_watched {
        // Also where the unit's file is ours already: the run that wrote it may have ended there.
        changes.push(Change::Run(Command::words("systemctl daemon-reload")));
    }
    for (service, name) in [(&found.service, UPLOAD_SERVICE), (&watch.service, WATCH_SERVICE)] {
        if !service.starts_at_boot() {
            because.push("it is not started at boot");
            changes.push(Change::Run(Command::words(&format!("systemctl enable {name}"))));
        }
    }
    if !is_watched {
        because.push("the present program does not watch how much is uploaded");
        changes.push(Change::Run(Command::words(&format!("systemctl restart {WATCH_SERVICE}"))));
    }
    if starts_anew {
        because.push("it does not run with them");
        changes.push(Change::Run(Command::words(&format!("systemctl restart {UPLOAD_SERVICE}"))));
    }
    if changes.is_empty() {
        let why = format!("{UPLOAD_USER} uploads over SFTP at port {UPLOAD_PORT}, and can do nothing else");
        return Ok(Assessment::converged(why));
    }
    Ok(Assessment::needed(format!("uploads: {}", because.join("; ")), changes))
}

/// Whether every folder is there that the service binds when it starts. One that is made anew is not the one it shows.
fn shows(found: &Found, path: &str) -> bool {
    let is_there = |path: &str| {
        let end = format!("|{path}");
        found.folders.iter().any(|line| line.starts_with("directory|") && line.ends_with(&end))
    };
    FOLDERS.iter().map(|(folder, _)| *folder).chain([path]).all(is_there)
}

fn account(found: &Found, because: &mut Vec<&'static str>, changes: &mut Vec<Change>) -> Result<(), Problem> {
    if let Some(other) = found.others.first() {
        return Err(refused(&format!("{other} has the number {ID}")));
    }
    if let Some(gid) = found.group.filter(|gid| *gid != ID) {
        return Err(refused(&format!("the group {UPLOAD_USER} is {gid} and not {ID}")));
    }
    match &found.account {
        None => {
            because.push("there is no user for them");
            if found.group.is_none() {
                let words = format!("groupadd --system --gid {ID} {UPLOAD_USER}");
                changes.push(Change::Run(Command::words(&words)));
            }
            let words = format!(
                "useradd --system --uid {ID} --gid {ID} --no-create-home --home-dir /nonexistent --shell {SHELL} \
                 {UPLOAD_USER}"
            );
            changes.push(Change::Run(Command::words(&words)));
        }
        Some(account) if (account.uid, account.gid) != (ID, ID) => {
            let Account { uid, gid, .. } = account;
            return Err(refused(&format!("the user {UPLOAD_USER} is {uid}:{gid} and not {ID}:{ID}")));
        }
        Some(account) => {
            if account.shell != SHELL {
                because.push("the user has a shell");
                changes.push(Change::Run(Command::words(&format!("usermod --shell {SHELL} {UPLOAD_USER}"))));
            }
            if !found.groups.is_empty() {
                because.push("the user is in groups");
                changes.push(Change::Run(Command::new("usermod", ["--groups", "", UPLOAD_USER])));
            }
        }
    }
    Ok(())
}

fn folders(found: &Found, path: &str, because: &mut Vec<&'static str>, changes: &mut Vec<Change>) {
    let make = |path: &str, mode, owner: &str| {
        let owner = Some(owner.to_owned());
        Change::MakeFolder { path: path.into(), mode, owner }
    };
    let wrong =
        |(path, mode): &&(&str, u32)| !found.folders.contains(&format!("directory|{mode:o}|0:0|{path}"));
    let missing: Vec<_> = FOLDERS.iter().filter(wrong).collect();
    if !missing.is_empty() {
        because.push("its root is not root's");
        changes.extend(missing.into_iter().map(|(path, mode)| make(path, *mode, "root:root")));
    }
    if found.folders.contains(&format!("directory|{MODE:o}|{ID}:{ID}|{path}")) {
        return;
    }
    because.push("the tool's folder is not the user's");
    if found.folders.iter().any(|line| line.ends_with(&format!("|{ID}:{ID}|{path}"))) {
        changes.push(make(path, MODE, &format!("{ID}:{ID}")));
        return;
    }
    // `chown` gives a folder after what is in it: as long as this one is root's, not everything has been given.
    changes.push(make(path, MODE, "root:root"));
    changes.push(Change::Run(change_owner(path)));
}

/// Nothing is left of it, but the files that were uploaded.
fn without(found: &Found) -> Assessment {
    let mut changes = Vec::new();
    if found.files > 0 {
        // Nobody is left to stop a service whose file is gone already.
        for name in [WATCH_SERVICE, UPLOAD_SERVICE] {
            let stop = Command::words(&format!("systemctl disable --now {name}"));
            changes.push(Change::Run(stop.tolerated()));
        }
        let files = [WATCH_UNIT_FILE, UNIT_FILE, FULL, FULL_BANNER, COUNTING, CONFIGURATION];
        changes.extend(files.map(|path| Change::Remove(path.into())));
        changes.push(Change::Run(Command::words("systemctl daemon-reload")));
    }
    if found.account.as_ref().is_some_and(|account| account.uid == ID) {
        // By force: without it, a container that runs with this number keeps the user, and with him the run from its end.
        changes.push(Change::Run(Command::words(&format!("userdel --force {UPLOAD_USER}"))));
    }
    if changes.is_empty() {
        return Assessment::Skipped { why: "no tool of this server takes uploads".to_owned() };
    }
    Assessment::needed("uploads: no tool of this server takes them any more", changes)
}

#[cfg(test)]
mod tests;
