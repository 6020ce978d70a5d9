use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{ALLOWED, can_be_quoted, quoted};
use crate::{Secret, backup::RcloneDestination};

fn remote(configuration: &str) -> RcloneDestination {
    RcloneDestination {
        remote: "far".to_owned(),
        path: "tenants/a".to_owned(),
        configuration: Secret::new(configuration.to_owned()),
    }
}

fn rendered(configuration: &str) -> String {
    remote(configuration).checked().expect("allowed").configuration().expose().clone()
}

fn why(configuration: &str) -> String {
    let refused = remote(configuration).checked().expect_err(configuration);
    assert!(refused.iter().all(|one| one.field == "configuration"), "{refused:?}");
    refused.into_iter().map(|one| one.why).collect::<Vec<_>>().join("; ")
}

#[test]
fn what_a_customer_has_is_taken_and_written_anew() {
    let configurations = [
        "[far]\ntype = webdav\nurl = https://cloud.example.com/dav\nvendor = nextcloud\nuser = a\npass = b2Jz",
        "# ours\n[other]\ntype = local\n\n[far]\ntype=sftp\nhost = u1.example.com\nport = 23\nuser = u1\npass = b2Jz\n",
        "[far]\ntype = s3\nprovider = Other\nendpoint = http://10.1.2.3:9000\naccess_key_id = a#b\nsecret_access_key = c;d",
        "[far]\ntype = b2\naccount = a\nkey = K003/abc\n",
        "[far]\ntype = azureblob\naccount = a\nkey = abc==\n",
        "[far]\ntype = drive\nscope = drive.file\ntoken = {\"access_token\":\"a\",\"refresh_token\":\"b\"}\nteam_drive =\n",
        "[far]\ntype = google cloud storage\nservice_account_credentials = {\"type\":\"service_account\",\
         \"token_uri\":\"https://oauth2.googleapis.com/token\",\"private_key\":\"-----BEGIN\\nA\"}\n",
    ];
    for configuration in configurations {
        let text = rendered(configuration);
        assert!(text.starts_with("[far]\ntype = `") || text.contains("\ntype = `"), "{text}");
        assert!(!text.contains("local"), "another remote of the file is not passed on: {text}");
        let destination = remote(&text);
        assert_eq!(destination.checked().expect("as written").configuration().expose(), &text, "read back");
    }
    assert!(rendered(configurations[2]).contains("secret_access_key = `c;d`\n"));
}

#[test]
fn a_command_line_in_a_destination_is_refused_and_what_is_allowed_is_told() {
    let hostile = [
        (
            "webdav",
            "bearer_token_command = /usr/bin/touch /root/owned",
            "bearer_token_command is not allowed",
        ),
        ("sftp", "ssh = /bin/sh -c id", "ssh is not allowed"),
        ("sftp", "server_command = sudo sh", "server_command is not allowed"),
        ("sftp", "md5sum_command = sh", "md5sum_command is not allowed"),
        ("sftp", "key_file = /etc/letsbe/registry.key", "key_file is not allowed"),
        ("sftp", "known_hosts_file = /etc/passwd", "known_hosts_file is not allowed"),
        ("s3", "env_auth = true", "env_auth is not allowed"),
        ("s3", "shared_credentials_file = /root/x", "shared_credentials_file is not allowed"),
        ("s3", "profile = x", "profile is not allowed"),
        ("drive", "service_account_file = /root/x", "service_account_file is not allowed"),
        ("drive", "token_url = https://evil.example", "token_url is not allowed"),
        ("azureblob", "service_principal_file = /x", "service_principal_file is not allowed"),
        ("webdav", "config_refresh_token = x", "config_refresh_token is not allowed"),
        (
            "google cloud storage",
            "service_account_credentials = {\"type\":\"external_account\",\"credential_source\":{\"executable\":{\"command\":\"id\"}}}",
            "of type service_account",
        ),
        ("webdav", "url = file:///etc", "write an address"),
        ("webdav", "url = http://example.com", "write an address"),
        ("webdav", "url = https://user:pw@example.com", "write an address"),
        ("sftp", "host = -oProxyCommand=id", "write a host"),
        ("webdav", "vendor = x", "write one of"),
        ("webdav", "URL = https://a.example", "not of the form"),
        ("webdav", "url : https://a.example", "not of the form"),
        ("webdav", "\"url\" = https://a.example", "not of the form"),
        ("webdav", "user = %(pass)s", "`%(`"),
        ("webdav", "user = a\nuser = b", "twice"),
        ("webdav", "[far]\nuser = b", "twice"),
    ];
    for (kind, line, wanted) in hostile {
        let why = why(&format!("[far]\ntype = {kind}\n{line}\n"));
        assert!(why.contains(wanted), "{line}: {why}");
        assert!(!why.contains("owned") && !why.contains("registry.key"), "no value is told: {why}");
    }
    for kind in [
        "local", "alias", "union", "combine", "crypt", "chunker", "compress", "hasher", "cache", "memory",
        "http", "", "S3",
    ] {
        let why = why(&format!("[far]\ntype = {kind}\nremote = /\n"));
        assert!(why.contains("allowed are azureblob, b2,"), "{kind}: {why}");
    }
    assert!(why("[other]\ntype = s3\n").contains("no section [far]"));
}

#[test]
fn a_name_or_path_that_means_another_remote_is_refused() {
    let good = "[far]\ntype = b2\naccount = a\nkey = b\n";
    for name in
        ["", ":webdav,url=x", "far:local", "far,type=local", "-v", "a b", "a]\n[b", "ü", &"a".repeat(65)]
    {
        let refused =
            RcloneDestination { remote: name.to_owned(), ..remote(good) }.checked().expect_err(name);
        assert!(refused.iter().any(|one| one.field == "remote"), "{name}: {refused:?}");
    }
    for path in ["--config=/x", "-v", ":local:/etc", "a/../../b", "..", "a\nb"] {
        let refused = RcloneDestination { path: path.to_owned(), ..remote(good) }.checked().expect_err(path);
        assert_eq!(refused.iter().map(|one| one.field).collect::<Vec<_>>(), ["path"], "{path}");
    }
    for path in ["", "backups", "/home/u1/back ups", "a--b/c:d"] {
        RcloneDestination { path: path.to_owned(), ..remote(good) }.checked().expect(path);
    }
}

#[test]
fn a_destination_that_is_the_machine_itself_is_known() {
    let to = |host: &str| format!("[far]\ntype = webdav\nurl = https://{host}/x\n");
    for host in
        ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "[fe80::1]", "0.0.0.0", "2130706433", "0x7f.1"]
    {
        let checked = remote(&to(host)).checked();
        assert!(checked.expect(host).leads_to_itself(), "{host}");
    }
    for host in ["example.com", "10.0.0.7", "[2001:db8::1]:8443", "cloud.example.com:8443"] {
        assert!(!remote(&to(host)).checked().expect(host).leads_to_itself(), "{host}");
    }
}

/// Every option of rclone that takes a command, a path of this machine or another remote, by `rclone help backend …`.
#[test]
fn no_option_of_the_installed_rclone_that_takes_a_command_a_file_or_a_remote_is_allowed() {
    let mut seen = BTreeSet::new();
    for (kind, keys) in ALLOWED {
        let output =
            std::process::Command::new("rclone").args(["help", "backend", kind]).output().expect("rclone");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success() && text.contains("Here are the"), "{kind}");
        let mut known = BTreeSet::new();
        for block in text.split("\n#### --").skip(1) {
            let Some(key) = block.lines().find_map(|line| line.strip_prefix("- Config:")) else { continue };
            let key = key.trim();
            known.insert(key.to_owned());
            let about = block.split("Properties:").next().unwrap_or_default().to_lowercase();
            let is_dangerous = key.ends_with("_command")
                || key.ends_with("_file")
                || ["ssh", "remote", "subsystem", "profile", "env_auth", "token_url", "auth_url"]
                    .contains(&key)
                || about.contains("path to ")
                || about.contains("command to run")
                || about.contains("command used");
            if is_dangerous {
                seen.insert(format!("{kind} {key}"));
                assert!(!keys.iter().any(|(allowed, _)| *allowed == key), "{kind} {key}: {about}");
            }
        }
        for (key, _) in keys {
            assert!(known.contains(*key), "rclone knows no {key} for {kind}");
        }
    }
    for wanted in [
        "webdav bearer_token_command",
        "sftp server_command",
        "sftp key_file",
        "s3 env_auth",
        "drive service_account_file",
    ] {
        assert!(seen.contains(wanted), "{wanted} is seen as dangerous: {seen:?}");
    }
}

#[test]
fn rclone_itself_reads_what_was_written_anew_as_it_was_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rclone.conf");
    for value in [
        "a#b;c\"d'e\\f `g` h%i \"\"\" =[x]$HOME",
        "a`b",
        "`ab`x",
        "a`",
        "a`#b",
        "x\"\"\"",
        "'ab'",
        "\"ab\"",
        "a\\",
        "\\n",
        "a%b%%",
        "[far]",
        "a${B}$(id)",
        "ä€😀",
        "x\u{feff}",
        "true",
        "0x10",
    ] {
        assert!(can_be_quoted(value));
        let text = rendered(&format!("[far]\ntype = s3\nsecret_access_key = {}\n", quoted(value)));
        std::fs::write(&file, text).expect("written");
        let output =
            std::process::Command::new("rclone").args(["config", "dump", "--config"]).arg(&file).output();
        let read: serde_json::Value = serde_json::from_slice(&output.expect("rclone").stdout).expect("JSON");
        assert_eq!(read["far"]["secret_access_key"], value);
        assert_eq!(quoted(value), format!("`{value}`"));
    }
    for value in ["%(name)s", "a%(b)", "a\nb", "a\0", ""] {
        assert!(!can_be_quoted(value), "{value:?}");
    }
}

proptest! {
    #[test]
    fn whatever_is_given_what_comes_out_has_allowed_keys_only(
        lines in proptest::collection::vec("(\\[far\\]|\\[[a-z]{1,4}\\]|type = (webdav|sftp|local|s3|b2)|(url|user|pass|ssh|host|key|bearer_token_command|remote|account) ?[=:] ?[ -~]{0,20}|[ -~]{0,30}|`[^`]{0,9}|\"\"\"[ -~]{0,9})", 0..12),
    ) {
        let text = format!("[far]\ntype = webdav\n{}", lines.join("\n"));
        for text in [text, lines.join("\n")] {
            let Ok(checked) = remote(&text).checked() else { continue };
            let out = checked.configuration();
            let mut out = out.expose().lines();
            prop_assert_eq!(out.next(), Some("[far]"));
            let lines: Vec<(&str, &str)> = out.map(|line| line.split_once(" = ").expect("a line")).collect();
            let kind = lines.iter().find(|(key, _)| *key == "type").expect("a type").1.trim_matches('`');
            let keys = ALLOWED.iter().find(|(name, _)| *name == kind).expect("an allowed type").1;
            for (key, value) in &lines {
                prop_assert!(*key == "type" || keys.iter().any(|(known, _)| known == key), "{}", key);
                prop_assert!(value.len() > 2 && value.starts_with('`') && value.ends_with('`'));
            }
        }
    }
}
