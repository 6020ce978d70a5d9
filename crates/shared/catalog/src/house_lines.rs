//! The house lines: what every stack and every container of ours has, written into its compose file in one place.
//! An entry leaves them out.

use std::ops::Range;

use crate::{Port, Tool};

/// Processes and threads of a container. A busy database or web server has some hundred.
const PROCESSES: u32 = 1024;

/// Of Docker's own list what images need that begin as root, prepare their folders and go on as somebody else: without
/// raw sockets, device nodes, other roots, file capabilities and the audit log.
const KEPT: [&str; 8] =
    ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"];

/// A capability more, by the rule that a service is excepted from.
pub(crate) const MORE: [(&str, &str); 2] = [("audit-log", "AUDIT_WRITE"), ("raw-sockets", "NET_RAW")];

/// What starts again after a restart of the server, and after an end that nobody asked for.
pub(crate) const RESTART: &str = "unless-stopped";
const SECURITY: &str = "    security_opt: [\"no-new-privileges:true\"]";
/// At most 30 MB of logs a container.
const LOGGING: &str =
    "    logging:\n      driver: json-file\n      options: { max-size: 10m, max-file: \"3\" }";

/// The capabilities of a service that does not name its own.
pub(crate) fn capabilities(tool: &Tool, service: &str) -> Vec<&'static str> {
    let more = MORE.iter().filter(|(rule, _)| tool.is_excepted(rule, service));
    KEPT.into_iter().chain(more.map(|(_, capability)| *capability)).collect()
}

/// The compose file with the house lines. A service keeps what it says itself; whether it may is checked afterwards, in
/// the outcome. Where lines are put never changes: a server makes containers anew when the file's bytes change.
pub(crate) fn added(tool: &Tool, compose: &str) -> String {
    let source: Vec<&str> = compose.lines().collect();
    let mut lines: Vec<String> = source.iter().map(|line| (*line).to_owned()).collect();
    for service in &tool.services {
        let Some(block) = block(&source, &service.name) else { continue };
        let at = |field: &str| block.clone().find(|index| is_field(source[*index], field));
        let Some(container) = at("container_name") else { continue };
        if at("pids_limit").is_none() {
            lines[container].push_str(&format!("\n    pids_limit: {PROCESSES}"));
        }
        if at("cap_drop").is_none() {
            lines[container].push_str("\n    cap_drop: [ALL]");
            // A service that drops all capabilities by itself keeps none.
            if at("cap_add").is_none() {
                let kept = capabilities(tool, &service.name).join(", ");
                lines[container].push_str(&format!("\n    cap_add: [{kept}]"));
            }
        }
        if at("restart").is_none() {
            let identity = at("hostname").map_or(container, |hostname| hostname.max(container));
            lines[identity].push_str(&format!("\n    restart: {RESTART}"));
        }
        for port in tool.ports.iter().filter(|port| port.service == service.name) {
            let ports = at("ports").map_or(0..0, |first| first..block.end);
            bind(&mut lines[ports], port);
        }
        let last = &mut lines[block.end - 1];
        for (field, text) in [("security_opt", SECURITY), ("logging", LOGGING)] {
            if at(field).is_none() {
                last.push('\n');
                last.push_str(text);
            }
        }
    }
    if !source.iter().any(|line| line.starts_with("name:")) {
        lines.insert(0, format!("name: letsbe-{}", tool.name));
    }
    lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
}

/// Publishes a port on the loopback address; `lines` begin with `ports`.
fn bind(lines: &mut [String], port: &Port) {
    let (open, bound) = (
        format!("\"{}:{}\"", port.host, port.container),
        format!("\"127.0.0.1:{}:{}\"", port.host, port.container),
    );
    let Some((first, rest)) = lines.split_first_mut() else { return };
    *first = first.replace(&open, &bound);
    let items = rest.iter_mut().take_while(|line| line.starts_with("      "));
    items.for_each(|line| *line = line.replace(&open, &bound));
}

/// Whether a line sets this field of a service.
fn is_field(line: &str, field: &str) -> bool {
    line.strip_prefix("    ")
        .and_then(|line| line.strip_prefix(field))
        .is_some_and(|rest| rest.starts_with(':'))
}

/// The lines of a service, from its name to its last, in a file that is indented as ours are.
pub(crate) fn block(lines: &[&str], service: &str) -> Option<Range<usize>> {
    let services = lines.iter().position(|line| line.trim_end() == "services:")? + 1;
    let is_inside = |line: &&&str| line.is_empty() || line.starts_with(' ') || line.starts_with('#');
    let length = lines[services..].iter().take_while(is_inside).count();
    let all = &lines[services..services + length];
    let first = all.iter().position(|line| line.trim_end() == format!("  {service}:"))?;
    let is_its = |line: &&&str| line.trim().is_empty() || line.starts_with("    ");
    let own = all[first + 1..].iter().take_while(is_its);
    let length = own.enumerate().filter(|(_, line)| !line.trim().is_empty()).last().map_or(0, |(i, _)| i + 1);
    Some(services + first..services + first + 1 + length)
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn a_service_ends_before_what_is_said_of_the_next_one() {
        let text = "# top\nservices:\n  a:\n    image: x\n\n    # its own\n    ports: []\n\n  # of b\n  b:\n    image: y\n\
                    volumes:\n  c:\n";
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(block(&lines, "a"), Some(2..7));
        assert_eq!(block(&lines, "b"), Some(9..11));
        assert_eq!(block(&lines, "c"), None, "that is a volume");
        assert_eq!(block(&["volumes:"], "a"), None);
    }
}
