//! What has to change, from what is there. Pure.

use letsbe_catalog::{UPLOAD_PORT, UPLOAD_USER};
use letsbe_host::{
    Assessment, Change, Command, FileWrite,
    facts::{services::Unit, system::Account},
    operations::UPLOAD_SERVICE,
};
use letsbe_types::{Problem, Secret};
use sha_crypt::{PasswordHasher as _, ShaCrypt};
use sha2::{Digest as _, Sha256};

use super::settings::{CONFIGURATION, FOLDERS, UNIT_FILE, configuration, unit};

/// The user's number and its group's: the same on every server, so that a backup's files are its own on another one.
const ID: u32 = 22023;
const SHELL: &str = "/usr/sbin/nologin";
const MODE: u32 = 0o755;

/// What is wanted where a tool takes uploads.
pub(super) struct Wanted {
    /// The tool's folder.
    pub(super) path: String,
    /// Of the password.
    pub(super) hash: Secret<String>,
}

/// What is there.
pub(super) struct Found {
    pub(super) account: Option<Account>,
    /// Whether there is a group of the user's name.
    pub(super) group: bool,
    /// Groups that name the user as a member.
    pub(super) groups: Vec<String>,
    pub(super) hash: Option<String>,
    pub(super) configuration: bool,
    pub(super) unit: bool,
    /// When the later of both was written, in seconds since 1970.
    pub(super) written_at: u64,
    /// How many of both are there.
    pub(super) files: usize,
    pub(super) service: Unit,
    /// Lines `<kind>|<mode>|<uid>:<gid>|<path>`.
    pub(super) folders: Vec<String>,
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
        "NODE090",
        format!("Uploads cannot be served: {what}"),
        "See docs/errors/NODE090.md: what is in the way must go first.",
    )
}

/// Everything in a folder becomes the user's; no link is followed.
pub(super) fn give(path: &str) -> Command {
    Command::words(&format!("chown -hR {ID}:{ID} {path}")).within(std::time::Duration::from_secs(900))
}

pub(super) fn decide(found: &Found, wanted: Option<&Wanted>) -> Result<Assessment, Problem> {
    let Some(wanted) = wanted else { return Ok(without(found)) };
    let (mut because, mut changes) = account(found)?;
    folders(found, &wanted.path, &mut because, &mut changes);
    let is_known = found.account.is_some() && found.hash.as_ref() == Some(wanted.hash.expose());
    if !is_known {
        because.push("the user has not the vault's password");
        let line = Secret::new(format!("{UPLOAD_USER}:{}\n", wanted.hash.expose()));
        changes.push(Change::Run(Command::words("chpasswd --encrypted").with_input(line)));
    }
    let files = [
        (found.configuration, CONFIGURATION, configuration(), "its settings are not ours"),
        (found.unit, UNIT_FILE, unit(&wanted.path), "its service is not ours"),
    ];
    for (_, path, text, why) in files.into_iter().filter(|(is_ours, ..)| !is_ours) {
        because.push(why);
        changes.push(Change::Write(FileWrite::new(path, 0o644, text)));
    }
    if !found.unit {
        changes.push(Change::Run(Command::words("systemctl daemon-reload")));
    }
    if !found.service.starts_at_boot() {
        because.push("it is not started at boot");
        changes.push(Change::Run(Command::words(&format!("systemctl enable {UPLOAD_SERVICE}"))));
    }
    // Who came in by a former password is put out by the restart.
    let is_loaded = found.service.active && found.service.active_since >= found.written_at;
    if !(is_known && found.configuration && found.unit && is_loaded) {
        because.push("it does not run with them");
        changes.push(Change::Run(Command::words(&format!("systemctl restart {UPLOAD_SERVICE}"))));
    }
    if changes.is_empty() {
        let why = format!("{UPLOAD_USER} uploads over SFTP at port {UPLOAD_PORT}, and can do nothing else");
        return Ok(Assessment::converged(why));
    }
    Ok(Assessment::needed(format!("uploads: {}", because.join("; ")), changes))
}

fn account(found: &Found) -> Result<(Vec<&'static str>, Vec<Change>), Problem> {
    let (mut because, mut changes) = (Vec::new(), Vec::new());
    match &found.account {
        None => {
            because.push("there is no user for them");
            if !found.group {
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
    Ok((because, changes))
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
    changes.push(make(path, MODE, &format!("{ID}:{ID}")));
    // As long as the folder itself is another's, nobody but root has been in it.
    if !found.folders.iter().any(|line| line.ends_with(&format!("|{ID}:{ID}|{path}"))) {
        changes.push(Change::Run(give(path)));
    }
}

/// Nothing is left of it, but the files that were uploaded.
fn without(found: &Found) -> Assessment {
    let mut changes = Vec::new();
    if found.files > 0 {
        // Nobody is left to stop a service whose file is gone already.
        let stop = Command::words(&format!("systemctl disable --now {UPLOAD_SERVICE}")).tolerated();
        changes.extend([
            Change::Run(stop),
            Change::Remove(UNIT_FILE.into()),
            Change::Remove(CONFIGURATION.into()),
            Change::Run(Command::words("systemctl daemon-reload")),
        ]);
    }
    if found.account.as_ref().is_some_and(|account| account.uid == ID) {
        changes.push(Change::Run(Command::words(&format!("userdel {UPLOAD_USER}"))));
    }
    if changes.is_empty() {
        return Assessment::Skipped { why: "no tool of this server takes uploads".to_owned() };
    }
    Assessment::needed("uploads: no tool of this server takes them any more", changes)
}

#[cfg(test)]
mod tests {
    use letsbe_host::{
        Assessment,
        facts::{services::Unit, system::Account},
    };

    use super::{Found, Wanted, decide, hashed};

    const PATH: &str = "/opt/letsbe/data/static-website";

    fn wanted(password: &str) -> Wanted {
        Wanted { path: PATH.to_owned(), hash: hashed(&password.into()).expect("hashed") }
    }

    /// As a run leaves it.
    fn good() -> Found {
        let folders = ["/opt/letsbe/sftp", "/opt/letsbe/sftp/website", "/opt/letsbe/sftp/website/pages"];
        let mut folders: Vec<String> =
            folders.iter().map(|path| format!("directory|755|0:0|{path}")).collect();
        folders.push(format!("directory|755|22023:22023|{PATH}"));
        let account = Account {
            uid: 22023,
            gid: 22023,
            home: "/nonexistent".to_owned(),
            shell: "/usr/sbin/nologin".to_owned(),
        };
        let service =
            Unit { known: true, active: true, file_state: "enabled".to_owned(), active_since: 1_795_000_000 };
        Found {
            account: Some(account),
            group: true,
            groups: Vec::new(),
            hash: Some(wanted("canary").hash.expose().clone()),
            configuration: true,
            unit: true,
            written_at: 1_795_000_000,
            files: 2,
            service,
            folders,
        }
    }

    fn lines(found: &Found, wanted: Option<&Wanted>) -> Vec<String> {
        match decide(found, wanted).expect("decides") {
            Assessment::Needed { because, changes } => {
                assert!(!because.is_empty(), "a change without a reason");
                changes.iter().map(ToString::to_string).collect()
            }
            Assessment::Converged { .. } | Assessment::Skipped { .. } => Vec::new(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_is_wrong_is_changed_and_no_password_is_shown() {
        let restart = "run systemctl restart letsbe-sftp.service";
        let password = "run chpasswd --encrypted <‹input›";
        let set = |change: &dyn Fn(&mut Found)| {
            let mut found = good();
            change(&mut found);
            lines(&found, Some(&wanted("canary")))
        };
        assert!(set(&|_| {}).is_empty());
        assert_eq!(set(&|found| found.hash = Some("!".to_owned())), [password, restart]);
        assert_eq!(set(&|found| found.service.active = false), [restart]);
        assert_eq!(set(&|found| found.written_at += 1), [restart]);
        assert_eq!(
            set(&|found| found.configuration = false),
            ["write /etc/ssh/letsbe_sftp_config (mode 0644, 38 lines)", restart]
        );
        assert_eq!(
            set(&|found| found.service.file_state = "disabled".to_owned()),
            ["run systemctl enable letsbe-sftp.service"]
        );
        // Its owner may have closed his own folder; what is in it is his already.
        let own = format!("directory|700|22023:22023|{PATH}");
        let made = format!("make folder {PATH} (mode 0755)");
        assert_eq!(set(&|found| found.folders[3].clone_from(&own)), [made.as_str()]);
        let given = format!("run chown -hR 22023:22023 {PATH}");
        for before in [format!("directory|755|0:0|{PATH}"), String::new()] {
            assert_eq!(set(&|found| found.folders[3].clone_from(&before)), [made.as_str(), &given]);
        }
        let shell = |found: &mut Found| found.account.as_mut().expect("there").shell = "/bin/sh".to_owned();
        assert_eq!(set(&shell), ["run usermod --shell /usr/sbin/nologin letsbe-website"]);
        assert_eq!(
            set(&|found| found.groups = vec!["docker".to_owned()]),
            ["run usermod --groups '' letsbe-website"]
        );
        let fresh = Found { account: None, group: false, hash: None, ..good() };
        let decided = decide(&fresh, Some(&wanted("canary")));
        assert!(!format!("{decided:?}").contains("canary"));
        assert_eq!(lines(&fresh, Some(&wanted("canary"))).len(), 4);
    }

    #[test]
    fn another_user_of_that_name_is_left_alone_and_nothing_stays_where_no_tool_takes_uploads() {
        for (uid, gid) in [(0, 0), (1000, 1000), (22023, 995)] {
            let mut found = good();
            found.account = Some(Account { uid, gid, home: String::new(), shell: String::new() });
            assert_eq!(decide(&found, Some(&wanted("x"))).expect_err("refused").code, "NODE090");
        }
        let gone = lines(&good(), None);
        assert_eq!(
            gone,
            [
                "run systemctl disable --now letsbe-sftp.service",
                "remove /etc/systemd/system/letsbe-sftp.service",
                "remove /etc/ssh/letsbe_sftp_config",
                "run systemctl daemon-reload",
                "run userdel letsbe-website",
            ]
        );
        let never = Found { account: None, files: 0, ..good() };
        assert!(lines(&never, None).is_empty());
    }
}
