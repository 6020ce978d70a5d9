//! What has to change, from what is there. Pure.

use letsbe_catalog::{UPLOAD_ID, UPLOAD_PORT, UPLOAD_USER};
use letsbe_host::{
    Assessment, Change, Command, FileWrite,
    facts::{services::Unit, system::Account},
    operations::UPLOAD_SERVICE,
};
use letsbe_types::{Problem, Secret};
use sha_crypt::{PasswordHasher as _, ShaCrypt};
use sha2::{Digest as _, Sha256};

use super::settings::{CONFIGURATION, FOLDERS, UNIT_FILE, configuration, unit};

const ID: u32 = UPLOAD_ID;
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

/// A service that has to start anew is stopped first: whoever came in by a former password is out, and a run that is cut
/// off leaves a service that does not run, which the next one sees.
pub(super) fn decide(found: &Found, wanted: Option<&Wanted>) -> Result<Assessment, Problem> {
    let Some(wanted) = wanted else { return Ok(without(found)) };
    let is_known = found.account.is_some() && found.hash.as_ref() == Some(wanted.hash.expose());
    let is_loaded = found.service.active && found.service.active_since >= found.written_at;
    let is_as_wanted = is_known && found.configuration && found.unit && shows(found, &wanted.path);
    let starts_anew = !(is_as_wanted && is_loaded);
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
    ];
    for (_, path, text, why) in files.into_iter().filter(|(is_ours, ..)| !is_ours) {
        because.push(why);
        changes.push(Change::Write(FileWrite::new(path, 0o644, text)));
    }
    if starts_anew {
        // Also where the unit's file is ours already: the run that wrote it may have ended there.
        changes.push(Change::Run(Command::words("systemctl daemon-reload")));
    }
    if !found.service.starts_at_boot() {
        because.push("it is not started at boot");
        changes.push(Change::Run(Command::words(&format!("systemctl enable {UPLOAD_SERVICE}"))));
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
    changes.push(Change::Run(give(path)));
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
        // By force: without it, a container that runs with this number keeps the user, and with him the run from its end.
        changes.push(Change::Run(Command::words(&format!("userdel --force {UPLOAD_USER}"))));
    }
    if changes.is_empty() {
        return Assessment::Skipped { why: "no tool of this server takes uploads".to_owned() };
    }
    Assessment::needed("uploads: no tool of this server takes them any more", changes)
}

#[cfg(test)]
mod tests {
    use letsbe_host::{
        Assessment, Change,
        facts::{services::Unit, system::Account},
    };

    use super::{Found, Wanted, decide, hashed};

    const PATH: &str = "/opt/letsbe/data/static-website";
    /// Before and after a change that the service must be started anew for.
    const AGAIN: [&str; 3] = [
        "run systemctl stop letsbe-sftp.service",
        "run systemctl daemon-reload",
        "run systemctl restart letsbe-sftp.service",
    ];

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
            group: Some(22023),
            others: Vec::new(),
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
        let [stop, reload, restart] = AGAIN;
        let password = "run chpasswd --encrypted <‹input›";
        let set = |change: &dyn Fn(&mut Found)| {
            let mut found = good();
            change(&mut found);
            lines(&found, Some(&wanted("canary")))
        };
        assert!(set(&|_| {}).is_empty());
        assert_eq!(set(&|found| found.hash = Some("!".to_owned())), [stop, password, reload, restart]);
        assert_eq!(set(&|found| found.service.active = false), [reload, restart]);
        assert_eq!(set(&|found| found.written_at += 1), [stop, reload, restart]);
        assert_eq!(
            set(&|found| found.configuration = false),
            [stop, "write /etc/ssh/letsbe_sftp_config (mode 0644, 38 lines)", reload, restart]
        );
        assert_eq!(
            set(&|found| found.service.file_state = "disabled".to_owned()),
            ["run systemctl enable letsbe-sftp.service"]
        );
        // Its owner may have closed his own folder; what is in it is his already.
        let own = format!("directory|700|22023:22023|{PATH}");
        let made = format!("make folder {PATH} (mode 0755)");
        assert_eq!(set(&|found| found.folders[3].clone_from(&own)), [made.as_str()]);
        let shell = |found: &mut Found| found.account.as_mut().expect("there").shell = "/bin/sh".to_owned();
        assert_eq!(set(&shell), ["run usermod --shell /usr/sbin/nologin letsbe-website"]);
        assert_eq!(
            set(&|found| found.groups = vec!["docker".to_owned()]),
            ["run usermod --groups '' letsbe-website"]
        );
        let fresh = Found { account: None, group: None, hash: None, ..good() };
        let decided = decide(&fresh, Some(&wanted("canary")));
        assert!(!format!("{decided:?}").contains("canary"));
        let made = lines(&Found { service: Unit::default(), ..fresh }, Some(&wanted("canary")));
        assert!(made[0].starts_with("run groupadd") && made[1].starts_with("run useradd"), "{made:?}");
        assert_eq!(made[2..], [password, reload, "run systemctl enable letsbe-sftp.service", restart]);
    }

    #[test]
    fn a_site_is_handed_over_from_its_depths_and_its_own_folder_is_roots_until_all_is_given() {
        let mut found = good();
        found.folders[3] = format!("directory|750|1000:1000|{PATH}");
        let Assessment::Needed { changes, .. } = decide(&found, Some(&wanted("canary"))).expect("decides")
        else {
            panic!("nothing to do")
        };
        let [Change::MakeFolder { path, owner, .. }, Change::Run(given)] = &changes[..] else {
            panic!("{changes:?}")
        };
        assert_eq!((path.to_str(), owner.as_deref()), (Some(PATH), Some("root:root")));
        assert_eq!(given.to_string(), format!("chown -hR 22023:22023 {PATH}"));
        // Cut off after the folder was made: the whole is given again.
        found.folders[3] = format!("directory|755|0:0|{PATH}");
        assert!(lines(&found, Some(&wanted("canary"))).contains(&format!("run {given}")));
    }

    #[test]
    fn a_folder_that_is_made_anew_is_shown_by_a_service_that_starts_after_it() {
        for missing in 0..4 {
            let mut found = good();
            let kept = found.folders.remove(missing);
            let lines = lines(&found, Some(&wanted("canary")));
            let [stop, reload, restart] = AGAIN;
            assert_eq!(lines[0], stop, "{kept}");
            assert!(lines[1].starts_with("make folder"), "{kept}: {lines:?}");
            assert_eq!(lines[lines.len() - 2..], [reload, restart], "{kept}");
        }
    }

    #[test]
    fn another_user_of_that_name_is_left_alone_and_nothing_stays_where_no_tool_takes_uploads() {
        for (uid, gid) in [(0, 0), (1000, 1000), (22023, 995)] {
            let mut found = good();
            found.account = Some(Account { uid, gid, home: String::new(), shell: String::new() });
            assert_eq!(decide(&found, Some(&wanted("x"))).expect_err("refused").code, "NODE090");
        }
        let alone = || Found { account: None, group: None, ..good() };
        for (found, who) in [
            (Found { group: Some(995), ..alone() }, "the group letsbe-website is 995"),
            (Found { others: vec!["the user bob".to_owned()], ..alone() }, "the user bob has the number"),
            (Found { others: vec!["the group bob".to_owned()], ..good() }, "the group bob has the number"),
        ] {
            let problem = decide(&found, Some(&wanted("x"))).expect_err(who);
            assert!(problem.code == "NODE090" && problem.message.contains(who), "{problem:?}");
        }
        let gone = lines(&good(), None);
        assert_eq!(
            gone,
            [
                "run systemctl disable --now letsbe-sftp.service",
                "remove /etc/systemd/system/letsbe-sftp.service",
                "remove /etc/ssh/letsbe_sftp_config",
                "run systemctl daemon-reload",
                "run userdel --force letsbe-website",
            ]
        );
        let never = Found { account: None, files: 0, ..good() };
        assert!(lines(&never, None).is_empty());
    }
}
