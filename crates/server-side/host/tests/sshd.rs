//! What sshd itself makes of its settings: the real program is asked. A missing program is a failure, never a skip.

use std::{fs, path::Path, process::Command};

use async_trait::async_trait;
use letsbe_host::{
    Command as Asked, CommandOutput, FileWrite, LocalMachine, Machine, MachineError,
    facts::ssh::{SshdSettings, parse_sshd_settings},
    machine::FileState,
    operations::{
        ssh_files::config_files,
        ssh_settings::{DROP_IN, both_ports, final_settings, keeping, settled},
    },
};

const INCLUDED: &str = "Include /etc/ssh/sshd_config.d/*.conf\n";
/// Whom Match blocks may name.
const PEOPLE: [&str; 3] = [
    "user=root,host=a.example,addr=192.0.2.1",
    "user=letsbe-admin,host=a.example,addr=198.51.100.1",
    "user=nobody,host=b.example,addr=192.0.2.9",
];
/// What lets nobody else in, besides our settings.
const BESIDES: [&str; 5] = [
    "authenticationmethods any\n",
    "authorizedkeyscommand none\n",
    "trustedusercakeys none\n",
    "hostbasedauthentication no\n",
    "permitemptypasswords no\n",
];

/// A machine whose `/etc/ssh` lies elsewhere.
struct Rooted<'a>(&'a Path);

impl Rooted<'_> {
    fn at(&self, path: &Path) -> std::path::PathBuf {
        self.0.join(path.strip_prefix("/etc/ssh").expect("below /etc/ssh"))
    }

    fn put(&self, path: &str, text: &str) {
        let at = self.at(Path::new(path));
        fs::create_dir_all(at.parent().expect("a folder")).expect("made");
        fs::write(at, text).expect("written");
    }

    /// What the real sshd says for somebody, or against the configuration.
    fn tried(&self, who: &str) -> Result<String, String> {
        let script = "mount --bind \"$0\" /etc/ssh && exec /usr/sbin/sshd -T -C \"$1\"";
        let mut command = Command::new("unshare");
        let output = command.args(["--mount", "sh", "-c", script]).arg(self.0).arg(who).output();
        let output = output.expect("unshare is installed");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn shown(&self, who: &str) -> String {
        self.tried(who).unwrap_or_else(|error| panic!("{error}"))
    }
}

#[async_trait]
impl Machine for Rooted<'_> {
    async fn run(&self, command: &Asked) -> Result<CommandOutput, MachineError> {
        panic!("{command} was run")
    }

    async fn read(&self, path: &Path) -> Result<Option<FileState>, MachineError> {
        LocalMachine.read(&self.at(path)).await
    }

    async fn list(&self, folder: &Path) -> Result<Vec<String>, MachineError> {
        LocalMachine.list(&self.at(folder)).await
    }

    async fn write(&self, file: &FileWrite) -> Result<(), MachineError> {
        panic!("{} was written", file.path.display())
    }

    async fn remove(&self, path: &Path) -> Result<(), MachineError> {
        panic!("{} was removed", path.display())
    }

    async fn make_folder(&self, path: &Path, _: u32) -> Result<(), MachineError> {
        panic!("{} was made", path.display())
    }
}

fn machine(main: &str, others: &[(&str, &str)], drop_in: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("ssh_host_ed25519_key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
    assert!(made.expect("ssh-keygen is installed").success());
    let rooted = Rooted(folder.path());
    rooted.put("/etc/ssh/sshd_config", main);
    rooted.put(DROP_IN, drop_in);
    for (path, text) in others {
        rooted.put(&format!("/etc/ssh/{path}"), text);
    }
    folder
}

/// The settings that must hold, as `sshd -T` spells them, and that are not so.
fn wrong(shown: &str) -> Vec<String> {
    let name_first = |line: &str| {
        let (name, value) = line.split_once(' ').expect("a setting");
        format!("{} {value}\n", name.to_ascii_lowercase())
    };
    let settings = final_settings();
    let wanted = settings.lines().filter(|line| !line.starts_with('#')).map(name_first);
    let wanted = wanted.chain(BESIDES.map(str::to_owned));
    let mut wrong: Vec<String> = wanted.filter(|line| !shown.contains(line.as_str())).collect();
    let many =
        ["port ", "allowusers "].map(|name| shown.lines().filter(|line| line.starts_with(name)).count());
    let elsewhere = |line: &str| line.starts_with("listenaddress ") && !line.ends_with(":22022");
    wrong.extend(shown.lines().filter(|line| elsewhere(line)).map(str::to_owned));
    if many != [1, 1] || shown.contains("\nallowgroups ") {
        wrong.push(format!("{many:?} ports and users, or groups"));
    }
    wrong
}

/// Configurations that sshd takes, none of which may count more than the finished settings: the main file, and others.
const CONFIGURATIONS: [(&str, &[(&str, &str)]); 22] = [
    ("Match User root\n PermitRootLogin yes\n\tPasswordAuthentication\tyes\n X11Forwarding yes\n", &[]),
    (
        "Match Address 192.0.2.0/24\n passwordauthentication=yes\n \"KbdInteractiveAuthentication\" yes\n \
         AllowUsers root nobody\n AuthorizedKeysFile /tmp/keys\n",
        &[],
    ),
    ("Match all # everybody\n AllowTcpForwarding yes\n ChrootDirectory none\n", &[]),
    ("match=user root\nPermitRootLogin=\"yes\"\n", &[]),
    (
        "Match User nobody\n Include extra.conf\n",
        &[("extra.conf", "PermitRootLogin yes\nX11Forwarding yes\n")],
    ),
    ("Match User root\n Include=/etc/ssh/a\\ b.conf\n", &[("a b.conf", "\tMaxAuthTries 9\n")]),
    (
        "Match User root\n Include \"/etc/ssh\"/[a-m]?tra*.conf nothing.conf\n",
        &[("extra.conf", "Include deep/*/*.conf\n"), ("deep/er/x.conf", "PermitTunnel yes # here\n")],
    ),
    (
        "",
        &[
            ("sshd_config.d/50-m.conf", "Match User root\nInclude k.conf\n"),
            ("k.conf", "PermitRootLogin yes\n"),
        ],
    ),
    // Included twice: for everybody, where it does no harm, and for root, where it does.
    ("Include both.conf\nMatch User root\nInclude both.conf\n", &[("both.conf", "PermitRootLogin yes\n")]),
    // Before our own file.
    ("", &[("sshd_config.d/00-a-hardening.conf", "PermitRootLogin yes\nLoginGraceTime 60\n")]),
    (
        "",
        &[
            ("sshd_config.d/0.conf", "Include x/first.conf\n"),
            ("x/first.conf", "ChallengeResponseAuthentication yes\n"),
        ],
    ),
    // Lists that grow with every file.
    ("AllowUsers root\n", &[]),
    ("", &[("sshd_config.d/50-users.conf", "AllowUsers admin letsbe-admin\nAllowGroups sudo\n")]),
    // Other ways in.
    ("TrustedUserCAKeys /etc/ssh/ca.pub\nHostbasedAuthentication yes\n", &[("ca.pub", "")]),
    ("AuthorizedKeysCommand /bin/true\nAuthorizedKeysCommandUser nobody\nPermitEmptyPasswords yes\n", &[]),
    ("AuthenticationMethods publickey,keyboard-interactive:pam\n", &[]),
    // Ports.
    ("Port\t22\nport = 2\"2\"22 # old\n", &[]),
    ("ListenAddress \"0.0.0.0\":22\nListenAddress [::]:ssh\n", &[]),
    ("", &[("sshd_config.d/99-p.conf", "\"Port\" 22\r\n")]),
    (
        "Include dir/*\n",
        &[("dir/p", "Port '22'\n"), ("dir/.hidden", "Port 2223\n"), ("dir/folder/x", "Port 2224\n")],
    ),
    ("Include deep/*/p.conf deep/file/*\n", &[("deep/a/p.conf", "Port 22\n"), ("deep/file", "")]),
    ("Include sshd_config.d\nPort 22\n", &[]),
];

#[tokio::test]
async fn no_file_and_no_match_block_counts_more_than_the_finished_settings() {
    for (main, others) in CONFIGURATIONS {
        let folder = machine(&format!("{INCLUDED}UsePAM no\n{main}"), others, &final_settings());
        let rooted = Rooted(folder.path());
        let right = |who: &&str| rooted.tried(who).is_ok_and(|shown| wrong(&shown).is_empty());
        assert!(!PEOPLE.iter().all(right), "there is nothing to settle in {main:?} {others:?}");
        for file in config_files(&rooted).await.expect("read") {
            if let Some((text, _)) = settled(&file) {
                rooted.put(&file.path, &text);
            }
        }
        for who in PEOPLE {
            let wrong = wrong(&rooted.shown(who));
            assert_eq!(wrong, Vec::<String>::new(), "{who}: {main:?} {others:?}");
        }
        for file in config_files(&rooted).await.expect("read") {
            assert_eq!(settled(&file), None, "once is enough: {main:?}");
        }
    }
}

#[tokio::test]
async fn what_takes_nothing_from_the_finished_settings_stays() {
    let main = format!(
        "{INCLUDED}PermitRootLogin yes\nPasswordAuthentication yes\nHostbasedAuthentication no\nDenyUsers mallory\n\
         Match User git\n ForceCommand git-shell\n ChrootDirectory none\n"
    );
    let folder = machine(&main, &[("sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n")], "");
    for file in config_files(&Rooted(folder.path())).await.expect("read") {
        assert_eq!(settled(&file), None, "{}", file.path);
    }
}

#[test]
fn the_new_login_is_let_in_beside_the_old_ones_while_it_is_tried() {
    for main in [
        "AllowUsers root\n",
        "AllowGroups root sudo\n",
        "AllowUsers root\nAllowGroups root\nAuthorizedKeysFile /etc/ssh/keys/%u\n",
        "AuthorizedKeysFile none\n",
        "AuthenticationMethods publickey,keyboard-interactive:pam\n",
        "AuthorizedKeysFile %h/.ssh/authorized_keys\n",
        "UsePAM no\n",
    ] {
        let folder = machine(&format!("{INCLUDED}{main}"), &[], "");
        let rooted = Rooted(folder.path());
        let before = parse_sshd_settings(&rooted.shown(PEOPLE[1]));
        let mut drop_in = None;
        // The second attempt goes on where the first was cut off: what that wrote is in force already.
        for _ in 0..2 {
            let found = parse_sshd_settings(&rooted.shown(PEOPLE[1]));
            let wanted = keeping(&both_ports(&[22, 22022].into(), &found), drop_in.as_deref());
            rooted.put(DROP_IN, &wanted);
            lets_both_in(main, &before, &rooted.shown(PEOPLE[1]));
            drop_in = Some(wanted);
        }
    }
}

/// The new login, and all that were let in before.
fn lets_both_in(main: &str, before: &SshdSettings, shown: &str) {
    let now = parse_sshd_settings(shown);
    assert_eq!(now.values("port"), ["22", "22022"], "{main}");
    for list in ["allowusers", "allowgroups"] {
        let (before, now) = (before.values(list), now.values(list));
        assert!(before.iter().all(|name| now.contains(name)), "{main}: {shown}");
        assert!(before.is_empty() || now.contains(&"letsbe-admin"), "{main}: {shown}");
        assert!(!before.is_empty() || now.is_empty(), "nobody else is shut out: {main}: {shown}");
    }
    let keys = now.values("authorizedkeysfile").join(" ");
    assert!(keys.contains(".ssh/authorized_keys"), "{main}: {shown}");
    assert!(!main.contains("/keys/") || keys.contains("/etc/ssh/keys/%u"), "{main}: {shown}");
    assert!(!now.values("authenticationmethods").join(" ").contains("keyboard"), "{main}: {shown}");
}
