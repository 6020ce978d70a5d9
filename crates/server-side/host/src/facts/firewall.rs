//! UFW's files and the kernel's rules.

use serde::Serialize;

/// One rule as UFW keeps it in a `### tuple ###` line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Rule {
    /// `allow`, `deny`, `reject` or `limit`.
    pub action: String,
    /// `log` or `log-all`, if packets are logged.
    pub log: Option<String>,
    /// Whether it is about forwarded packets (`ufw route`).
    pub route: bool,
    /// `tcp`, `udp`, another protocol's name, or `any`.
    pub protocol: String,
    /// Port or ports it is about, for example `443`; `any` for all.
    pub port: String,
    /// Name of the application profile it was made from, if any.
    pub profile: Option<String>,
    /// Whether it is about everybody, from anywhere to anywhere, coming in.
    pub plain: bool,
    /// Whether it is about what comes in, on whatever interface.
    pub inward: bool,
    /// The tuple as written, for people.
    pub text: String,
}

impl Rule {
    /// A rule that admits everybody to one TCP port, logged or not.
    #[must_use]
    pub fn admits_tcp(&self, port: u16) -> bool {
        self.plain
            && !self.route
            && self.profile.is_none()
            && self.action == "allow"
            && self.protocol == "tcp"
            && self.port == port.to_string()
    }

    /// The words after `ufw` that remove a plain rule. A comment need not be named.
    #[must_use]
    pub fn deletion(&self) -> Vec<String> {
        let mut words: Vec<&str> = if self.route { vec!["route", "delete"] } else { vec!["delete"] };
        words.push(&self.action);
        words.extend(self.log.as_deref());
        let short = format!("{}/{}", self.port, self.protocol);
        let transport = matches!(self.protocol.as_str(), "tcp" | "udp");
        match (&self.profile, self.port.as_str(), self.protocol.as_str()) {
            (Some(profile), ..) if self.route => words.extend(["from", "any", "to", "any", "app", profile]),
            (Some(profile), ..) => words.push(profile),
            (None, "any", "any") => words.extend(["from", "any"]),
            (None, "any", protocol) => words.extend(["proto", protocol, "from", "any"]),
            (None, port, "any") if !self.route => words.push(port),
            (None, port, "any") => words.extend(["from", "any", "to", "any", "port", port]),
            (None, _, _) if transport && !self.route => words.push(&short),
            (None, port, protocol) => {
                words.extend(["proto", protocol, "from", "any", "to", "any", "port", port]);
            }
        }
        words.into_iter().map(str::to_owned).collect()
    }
}

/// Parses `/etc/ufw/user.rules` or `/etc/ufw/user6.rules`.
#[must_use]
pub fn parse_rules(text: &str) -> Vec<Rule> {
    text.lines().filter_map(|line| parse_rule(line.strip_prefix("### tuple ### ")?)).collect()
}

/// `[route:]action[_log] protocol port to source-port from [profile source-profile] direction [comment=…]`.
fn parse_rule(tuple: &str) -> Option<Rule> {
    let anywhere = |address: &str| matches!(address, "0.0.0.0/0" | "::/0");
    let [action, protocol, port, to, source_port, from, ref rest @ ..] =
        tuple.split_whitespace().collect::<Vec<_>>()[..]
    else {
        return None;
    };
    // A rule made from a profile names it (and the source's, or "-") before the direction.
    let (profile, direction) = match rest {
        [profile, _, direction, ..] if !direction.starts_with("comment=") => {
            (Some(profile.replace("%20", " ")).filter(|profile| profile != "-"), *direction)
        }
        [direction, ..] => (None, *direction),
        [] => (None, ""),
    };
    let (action, route) = action.strip_prefix("route:").map_or((action, false), |action| (action, true));
    let (action, log) = action.split_once('_').map_or((action, None), |(action, log)| (action, Some(log)));
    Some(Rule {
        action: action.to_owned(),
        log: log.map(str::to_owned),
        route,
        protocol: protocol.to_owned(),
        port: port.to_owned(),
        profile,
        plain: anywhere(to) && anywhere(from) && source_port == "any" && direction == "in",
        inward: direction.split(['_', '!']).next() == Some("in"),
        text: tuple.to_owned(),
    })
}

/// Value of a `NAME="value"` line, as in `/etc/default/ufw` and `/etc/ufw/ufw.conf`.
#[must_use]
pub fn parse_setting(text: &str, name: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value.trim_matches('"').to_owned())
        .next_back()
}

/// What the kernel filters right now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// The INPUT chain drops what nothing admits.
    pub input_dropped: bool,
    /// The INPUT chain goes through UFW's chains.
    pub through_ufw: bool,
    /// TCP ports that UFW's user chain admits, sorted.
    pub admitted: Vec<u16>,
    /// Rules of the DOCKER-USER chain, in order, without the leading `-A DOCKER-USER`.
    pub docker_user: Vec<String>,
    /// Rules of our own chain for what containers send to the server itself, without `-A letsbe-input`.
    pub letsbe_input: Vec<String>,
    /// Our chain is asked before any rule of UFW's.
    pub letsbe_input_first: bool,
}

/// Parses `iptables-save -t filter` or `ip6tables-save -t filter`; `prefix` is `ufw` or `ufw6`.
#[must_use]
pub fn parse_filter(text: &str, prefix: &str) -> Filter {
    let mut filter = Filter::default();
    let user_chain = format!("-A {prefix}-user-input ");
    let through = format!("-A INPUT -j {prefix}-before-input");
    let before = format!("-A {prefix}-before-input ");
    let first = text.lines().find_map(|line| line.strip_prefix(&before));
    filter.letsbe_input_first = first == Some("-j letsbe-input");
    for line in text.lines() {
        if line.starts_with(":INPUT DROP") {
            filter.input_dropped = true;
        } else if line == through {
            filter.through_ufw = true;
        } else if let Some(rule) = line.strip_prefix("-A DOCKER-USER ") {
            filter.docker_user.push(rule.to_owned());
        } else if let Some(rule) = line.strip_prefix("-A letsbe-input ") {
            filter.letsbe_input.push(rule.to_owned());
        } else if let Some(rule) = line.strip_prefix(&user_chain)
            && let Some(port) = rule.strip_prefix("-p tcp -m tcp --dport ")
            && let Some(port) = port.strip_suffix(" -j ACCEPT")
        {
            filter.admitted.extend(port.parse::<u16>());
        }
    }
    filter.admitted.sort_unstable();
    filter.admitted.dedup();
    filter
}

/// `text` with our marked section put at the end, in place of an older one.
#[must_use]
pub fn with_section(text: &str, section: &str, begin: &str, end: &str) -> String {
    let kept = match (text.find(begin), text.find(end)) {
        (Some(from), Some(to)) if from < to => {
            format!("{}{}", &text[..from], text[to + end.len()..].trim_start_matches('\n'))
        }
        _ => text.to_owned(),
    };
    format!("{}\n\n{begin}\n{section}{end}\n", kept.trim_end())
}

#[cfg(test)]
mod tests;
