//! The SSH server's effective settings, as `sshd -T` lists them.

use std::collections::BTreeMap;

use serde::Serialize;

/// Settings by lower-case name; a setting given several times (ports) has several values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SshdSettings(pub BTreeMap<String, Vec<String>>);

impl SshdSettings {
    /// Values of one setting, sorted.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<&str> {
        let mut values: Vec<&str> =
            self.0.get(name).map(|values| values.iter().map(String::as_str).collect()).unwrap_or_default();
        values.sort_unstable();
        values
    }
}

/// Parses `sshd -T`.
#[must_use]
pub fn parse_sshd_settings(text: &str) -> SshdSettings {
    let mut settings = SshdSettings::default();
    for line in text.lines() {
        if let Some((name, value)) = line.trim().split_once(' ') {
            settings.0.entry(name.to_ascii_lowercase()).or_default().push(value.trim().to_owned());
        }
    }
    settings
}

/// A line of a configuration as sshd reads it: the keyword in lower case, and its arguments without quotes. `None`
/// for comments and empty lines. Between keyword and arguments stand blanks, tabs or one `=`.
fn parse_line(line: &str) -> Option<(String, Vec<String>)> {
    let line = line.trim_matches([' ', '\t', '\r', '\u{c}']);
    let (keyword, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => line.split_at(line.find([' ', '\t', '=', '"']).unwrap_or(line.len())),
    };
    if keyword.is_empty() || keyword.starts_with('#') {
        return None;
    }
    let rest = rest.trim_start_matches([' ', '\t']);
    Some((keyword.to_ascii_lowercase(), arguments(rest.strip_prefix('=').unwrap_or(rest))))
}

/// Words, with quotes taken off; a `#` at the beginning of a word begins a comment.
fn arguments(text: &str) -> Vec<String> {
    let (mut words, mut rest) = (Vec::new(), text.trim_start_matches([' ', '\t']));
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, after) = match rest.strip_prefix(['"', '\'']) {
            Some(quoted) => quoted.split_once(&rest[..1]).unwrap_or((quoted, "")),
            None => rest.split_at(rest.find([' ', '\t']).unwrap_or(rest.len())),
        };
        words.push(word.to_owned());
        rest = after.trim_start_matches([' ', '\t']);
    }
    words
}

/// Lines before the first `Match` are about everybody.
fn global_lines(text: &str) -> impl Iterator<Item = (String, Vec<String>)> {
    text.lines().filter_map(parse_line).take_while(|(keyword, _)| keyword != "match")
}

/// The files that a configuration includes for everybody, as absolute patterns.
#[must_use]
pub fn includes(text: &str) -> Vec<String> {
    let absolute =
        |path: String| if path.starts_with(['/', '~']) { path } else { format!("/etc/ssh/{path}") };
    let included = global_lines(text).filter(|(keyword, _)| keyword == "include");
    included.flat_map(|(_, paths)| paths).map(absolute).collect()
}

/// Whether `sshd_config` reads the drop-in folder.
#[must_use]
pub fn includes_drop_ins(sshd_config: &str) -> bool {
    includes(sshd_config).iter().any(|path| path == "/etc/ssh/sshd_config.d/*.conf")
}

/// A configuration with the lines that open a port made comments; `None` if it has none.
#[must_use]
pub fn without_ports(text: &str) -> Option<String> {
    let opens = |line: &str| match parse_line(line) {
        Some((keyword, _)) if keyword == "port" => true,
        Some((keyword, at)) if keyword == "listenaddress" => at.first().is_some_and(|at| names_port(at)),
        _ => false,
    };
    text.lines().any(opens).then(|| {
        let line =
            |line| if opens(line) { format!("# moved by LetsBe: {line}\n") } else { format!("{line}\n") };
        text.lines().map(line).collect()
    })
}

/// A configuration whose `Match` blocks say nothing of these settings (in lower case); `None` if they say nothing anyway. What
/// such a block says counts more than our own file, for whomever it matches.
#[must_use]
pub fn without_exceptions(text: &str, settings: &[&str]) -> Option<String> {
    let (mut inside, mut found, mut left) = (false, false, String::with_capacity(text.len()));
    for line in text.lines() {
        let keyword = parse_line(line).map(|(keyword, _)| keyword);
        inside |= keyword.as_deref() == Some("match");
        if inside && keyword.is_some_and(|keyword| settings.contains(&keyword.as_str())) {
            found = true;
            left.push_str("# no exception, LetsBe: ");
        }
        left.push_str(line);
        left.push('\n');
    }
    found.then_some(left)
}

/// `host:port`, `[address]:port`; an IPv6 address without brackets has colons of its own.
fn names_port(address: &str) -> bool {
    address.contains("]:") || (address.matches(':').count() == 1 && !address.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::{includes_drop_ins, without_ports};

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
            "\"Port\" 22",
            "Port \t 22\r",
            "ListenAddress 0.0.0.0:22",
            "ListenAddress [::]:22",
            "listenaddress=example.com:22",
        ] {
            let text = format!("UsePAM yes\n{line}\nX11Forwarding no\n");
            let left = without_ports(&text).unwrap_or_else(|| panic!("{line:?} was not found"));
            assert_eq!(left.lines().count(), 3);
            assert!(
                left.contains(&format!("# moved by LetsBe: {}\n", line.trim_end_matches('\r'))),
                "{left}"
            );
            assert_eq!(without_ports(&left), None, "once is enough");
        }
        for line in [
            "#Port 22",
            "  # Port 22",
            "PortX 22",
            "GatewayPorts no",
            "ListenAddress ::",
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
            "Include sshd_config.d/*.conf",
            "INCLUDE /etc/other.conf sshd_config.d/*.conf # both",
        ] {
            assert!(includes_drop_ins(&format!("UsePAM yes\n{text}\n")), "{text}");
        }
        for text in [
            "#Include /etc/ssh/sshd_config.d/*.conf",
            "IncludeX /etc/ssh/sshd_config.d/*.conf",
            "Include /ETC/SSH/sshd_config.d/*.conf",
            "Include /etc/ssh/sshd_config.d/*.cfg",
            "Match User x\n  Include /etc/ssh/sshd_config.d/*.conf",
            "Banner # Include /etc/ssh/sshd_config.d/*.conf",
        ] {
            assert!(!includes_drop_ins(text), "{text}");
        }
    }
}
