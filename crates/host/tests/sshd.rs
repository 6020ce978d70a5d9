//! What sshd itself makes of its settings: the real program is asked. A missing program is a failure, never a skip.

use std::{fs, path::Path, process::Command};

use letsbe_host::operations::ssh_settings::{final_settings, without_exceptions};

/// Exceptions in the ways that sshd lets them be written.
const EXCEPTIONS: &str = "UsePAM no
Match User root
    PermitRootLogin yes
\tPasswordAuthentication\tyes
    X11Forwarding yes
Match Address 192.0.2.0/24
    passwordauthentication=yes
    \"KbdInteractiveAuthentication\" yes
    AllowUsers root nobody
    AuthorizedKeysFile /tmp/keys
Match Group sftp
    ForceCommand internal-sftp
    AllowTcpForwarding yes
Match all
    PermitRootLogin yes
    AllowTcpForwarding yes
    ChrootDirectory none
";

fn shown(folder: &Path, rest: &str, who: &str) -> String {
    let key = folder.join("key");
    if !key.exists() {
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
        assert!(made.expect("ssh-keygen is installed").success());
    }
    let file = folder.join("sshd_config");
    let text = format!("HostKey {}\n{}{rest}", key.display(), final_settings());
    fs::write(&file, text).expect("written");
    // sshd wants to be called by its full path.
    let output = Command::new("/usr/sbin/sshd").arg("-T").arg("-f").arg(&file).args(["-C", who]).output();
    let output = output.expect("sshd is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn no_match_block_makes_an_exception_from_the_finished_settings() {
    let folder = tempfile::tempdir().expect("a folder");
    let left = without_exceptions(EXCEPTIONS).expect("there are exceptions");
    assert_eq!(without_exceptions(&left), None, "once is enough");
    for who in
        ["user=root,host=a.example,addr=192.0.2.1", "user=letsbe-admin,host=a.example,addr=198.51.100.1"]
    {
        let before = shown(folder.path(), EXCEPTIONS, who);
        assert!(before.contains("permitrootlogin yes\n"), "sshd takes no exception: {before}");
        let after = shown(folder.path(), &left, who);
        for line in [
            "permitrootlogin no\n",
            "passwordauthentication no\n",
            "kbdinteractiveauthentication no\n",
            "allowusers letsbe-admin\n",
            "authorizedkeysfile .ssh/authorized_keys\n",
            "x11forwarding no\n",
            "allowtcpforwarding no\n",
        ] {
            assert!(after.contains(line), "{who}: {line} in {after}");
        }
        assert!(!after.contains("allowusers root"), "{after}");
    }
    // What is no exception from them stays.
    assert!(
        left.contains("\n    ForceCommand internal-sftp\n") && left.contains("\n    ChrootDirectory none\n")
    );
    assert_eq!(without_exceptions("Match User git\n  ForceCommand git-shell\n"), None);
    assert_eq!(
        without_exceptions("PermitRootLogin yes\nPasswordAuthentication yes\n"),
        None,
        "ours come first"
    );
}
