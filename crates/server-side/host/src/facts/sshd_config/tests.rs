use std::collections::BTreeSet;

use super::{ConfigFile, Place, commented, fits, includes_file, opens_port, parse_line};

const OURS: &str = "/etc/ssh/sshd_config.d/00-letsbe.conf";

fn without_ports(text: &str) -> Option<String> {
    let file = ConfigFile { path: String::new(), text: text.to_owned(), places: BTreeSet::new() };
    let why = |keyword: &str, words: &[String], _: &BTreeSet<Place>| opens_port(keyword, words).then_some(());
    commented(&file, OURS, why, |()| "# moved: ").map(|(text, _)| text)
}

#[test]
fn a_port_is_found_however_sshd_lets_it_be_written() {
    for line in [
        "Port 22",
        "Port\t22",
        "port=22",
        "PORT = 22",
        "Port\t=\t22",
        "  Port   22  # the old one",
        "Port \"22\"",
        "Port 2\"2\"",
        "Port '22'",
        "Port ssh",
        "Port\r22",
        "\"Port\" 22",
        "Port \t 22\r",
        "Port 22\u{c}",
        "ListenAddress 0.0.0.0:22",
        "ListenAddress \"0.0.0.0\":22",
        "ListenAddress [::]:22",
        "ListenAddress \"[::]:ssh\"",
        "listenaddress=example.com:22",
    ] {
        let text = format!("UsePAM yes\n{line}\nX11Forwarding no\n");
        let left = without_ports(&text).unwrap_or_else(|| panic!("{line:?} was not found"));
        assert_eq!(left.lines().count(), 3);
        assert!(left.contains(&format!("# moved: {}\n", line.trim_end_matches('\r'))), "{left}");
        assert_eq!(without_ports(&left), None, "once is enough");
    }
    for line in [
        "#Port 22",
        "  # Port 22",
        "PortX 22",
        "GatewayPorts no",
        "ListenAddress ::",
        "ListenAddress [::]",
        "ListenAddress 1.2.3.4",
    ] {
        assert_eq!(without_ports(line), None, "{line}");
    }
}

#[test]
fn the_drop_in_folder_is_read_if_sshd_reads_it() {
    for text in [
        "Include /etc/ssh/sshd_config.d/*.conf",
        "include\t/etc/ssh/sshd_config.d/*.conf",
        "Include=/etc/ssh/sshd_config.d/*.conf",
        "Include \"/etc/ssh/sshd_config.d/*.conf\"",
        "Include \"/etc/ssh\"/sshd_config.d/*.conf",
        "Include sshd_config.d/*.conf",
        "Include sshd_config.d/*",
        "Include sshd_config.d//[0-9]*-?etsbe.con[f]",
        "Include */*.conf",
        "Include /etc/ssh/sshd_config.d/00-letsbe.conf",
        "INCLUDE /etc/other.conf sshd_config.d/*.conf # both",
    ] {
        assert!(includes_file(&format!("UsePAM yes\n{text}\n"), OURS), "{text}");
    }
    for text in [
        "#Include /etc/ssh/sshd_config.d/*.conf",
        "IncludeX /etc/ssh/sshd_config.d/*.conf",
        "Include /ETC/SSH/sshd_config.d/*.conf",
        "Include /etc/ssh/sshd_config.d/*.cfg",
        "Include /etc/ssh/sshd_config.d",
        "Include /etc/ssh/*.conf",
        "Include sshd_config.d/{00,50}*.conf",
        "Match User x\n  Include /etc/ssh/sshd_config.d/*.conf",
        "Banner # Include /etc/ssh/sshd_config.d/*.conf",
    ] {
        assert!(!includes_file(text, OURS), "{text}");
    }
}

#[test]
fn words_are_split_as_sshd_splits_them() {
    for (line, words) in [
        (r"Include inc\ a.conf b", vec!["inc a.conf", "b"]),
        (r#"Include "/etc/a b"/'c d'.conf"#, vec!["/etc/a b/c d.conf"]),
        (r#"Include "a\"b" 'a\'b' a\\b a\b"#, vec!["a\"b", "a'b", r"a\b", r"a\b"]),
        ("Include a#b #c d", vec!["a#b"]),
        ("Include \"\" a", vec!["", "a"]),
        ("Include \"open", vec!["open"]),
    ] {
        let words = words.into_iter().map(str::to_owned).collect();
        assert_eq!(parse_line(line), Some(("include".to_owned(), words)), "{line}");
    }
}

#[test]
fn hidden_files_and_folders_in_between_are_named_in_full() {
    assert!(fits("/etc/**/x", "/etc/a/x") && !fits("/etc/*", "/etc/a/x"));
    assert!(!fits("/etc/*", "/etc/.a") && fits("/etc/.*", "/etc/.a"));
    assert!(!fits("/etc/[", "/etc/a") && fits("/etc/[", "/etc/["));
}
