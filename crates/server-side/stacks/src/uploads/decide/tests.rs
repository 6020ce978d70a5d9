//! What is decided, by what is there.

use letsbe_host::{
    Assessment, Change,
    facts::{services::Unit, system::Account},
};

use super::{Bound, Found, Wanted, Watcher, decide, hashed};

const PATH: &str = "/opt/letsbe/data/static-website";
/// Before and after a change that the service must be started anew for.
const AGAIN: [&str; 3] = [
    "run systemctl stop letsbe-sftp.service",
    "run systemctl daemon-reload",
    "run systemctl restart letsbe-sftp.service",
];

fn wanted(password: &str) -> Wanted {
    Wanted {
        path: PATH.to_owned(),
        hash: hashed(&password.into()).expect("hashed"),
        bound: Bound { bytes: 10, files: 1000 },
    }
}

/// As a run leaves it.
fn good() -> Found {
    let folders = ["/opt/letsbe/sftp", "/opt/letsbe/sftp/website", "/opt/letsbe/sftp/website/pages"];
    let mut folders: Vec<String> = folders.iter().map(|path| format!("directory|755|0:0|{path}")).collect();
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
        files: 3,
        watch: Watcher {
            is_ours: true,
            written_at: service.active_since,
            is_outdated: false,
            service: service.clone(),
        },
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
        [stop, "write /etc/ssh/letsbe_sftp_config (mode 0644, 39 lines)", reload, restart]
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
    let Assessment::Needed { changes, .. } = decide(&found, Some(&wanted("canary"))).expect("decides") else {
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
            "run systemctl disable --now letsbe-sftp-watch.service",
            "run systemctl disable --now letsbe-sftp.service",
            "remove /etc/systemd/system/letsbe-sftp-watch.service",
            "remove /etc/systemd/system/letsbe-sftp.service",
            "remove /var/lib/letsbe-sftp/full.conf",
            "remove /var/lib/letsbe-sftp/full.txt",
            "remove /var/lib/letsbe-sftp/counting",
            "remove /etc/ssh/letsbe_sftp_config",
            "run systemctl daemon-reload",
            "run userdel --force letsbe-website",
        ]
    );
    let never = Found { account: None, files: 0, ..good() };
    assert!(lines(&never, None).is_empty());
}

#[test]
fn uploads_that_nobody_watches_are_watched_without_cutting_off_who_uploads() {
    let [_, reload, _] = AGAIN;
    let write = "write /etc/systemd/system/letsbe-sftp-watch.service (mode 0644, 43 lines)";
    let enable = "run systemctl enable letsbe-sftp-watch.service";
    let restart = "run systemctl restart letsbe-sftp-watch.service";
    let set = |change: &dyn Fn(&mut Watcher)| {
        let mut found = good();
        change(&mut found.watch);
        lines(&found, Some(&wanted("canary")))
    };
    // As a server of an earlier version has it.
    assert_eq!(set(&|watch| *watch = Watcher::default()), [write, reload, enable, restart]);
    assert_eq!(set(&|watch| watch.is_ours = false), [write, reload, restart]);
    assert_eq!(set(&|watch| watch.service.active = false), [reload, restart]);
    assert_eq!(set(&|watch| watch.written_at += 1), [reload, restart]);
    // After an update the former program would watch on.
    assert_eq!(set(&|watch| watch.is_outdated = true), [reload, restart]);
    assert_eq!(set(&|watch| watch.service.file_state = "disabled".to_owned()), [enable]);
}
