//! What every container is kept from, written into each service of a compose file in one place.

use crate::Tool;

/// Processes and threads of a container. A busy database or web server has some hundred.
const PROCESSES: u32 = 1024;

/// Of Docker's own list what images need that begin as root, prepare their folders and go on as somebody else: without
/// raw sockets, device nodes, other roots, file capabilities and the audit log.
const KEPT: [&str; 8] =
    ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"];

/// A capability more, by the rule that a service is excepted from.
pub(crate) const MORE: [(&str, &str); 2] = [("audit-log", "AUDIT_WRITE"), ("raw-sockets", "NET_RAW")];

/// The capabilities of a service that does not name its own.
pub(crate) fn capabilities(tool: &Tool, service: &str) -> Vec<&'static str> {
    let more = MORE.iter().filter(|(rule, _)| tool.is_excepted(rule, service));
    KEPT.into_iter().chain(more.map(|(_, capability)| *capability)).collect()
}

/// The compose file with these bounds in each service. A service that drops all capabilities by itself keeps none.
pub(crate) fn confined(tool: &Tool, compose: &str) -> String {
    let lines: Vec<&str> = compose.lines().collect();
    let mut confined = String::with_capacity(compose.len() + 1024);
    for (index, line) in lines.iter().enumerate() {
        confined.push_str(line);
        confined.push('\n');
        let Some(container) = line.strip_prefix("    container_name: ") else { continue };
        let service = tool.services.iter().find(|service| service.container == container.trim());
        let Some(service) = service else { continue };
        let says = |field: &str| block(&lines, index).any(|line| line.starts_with(field));
        if !says("    pids_limit:") {
            confined.push_str(&format!("    pids_limit: {PROCESSES}\n"));
        }
        if says("    cap_drop:") {
            continue;
        }
        confined.push_str("    cap_drop: [ALL]\n");
        if !says("    cap_add:") {
            let kept = capabilities(tool, &service.name).join(", ");
            confined.push_str(&format!("    cap_add: [{kept}]\n"));
        }
    }
    confined
}

/// The lines of the service that line `index` stands in.
fn block<'a>(lines: &'a [&'a str], index: usize) -> impl Iterator<Item = &'a str> {
    let inside =
        |line: &&&str| line.is_empty() || line.starts_with("    ") || line.trim_start().starts_with('#');
    let before = lines[..index].iter().rev().take_while(inside);
    before.chain(lines[index..].iter().take_while(inside)).copied()
}
