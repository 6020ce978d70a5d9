//! What the programs of a server print, as data. Pure. What is not understood is `None`, never an empty list.

use serde_json::{Map, Value, json};

/// A line of `docker ps --format {{json .}}`.
pub fn container(line: &Value) -> Value {
    let field = |name: &str| line.get(name).cloned().unwrap_or_default();
    json!({
        "name": field("Names"),
        "image": field("Image"),
        "state": field("State"),
        "status": field("Status"),
        "ports": field("Ports"),
    })
}

/// Lines of JSON, all of them.
pub fn lines(text: &str) -> Option<Vec<Value>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).ok()).collect()
}

/// `df --block-size=1 --output=target,size,used,avail,pcent`.
pub fn file_systems(text: &str) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    for line in text.lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [target, size, used, free, percent] = words[..] else { continue };
        let number = |text: &str| text.trim_end_matches('%').parse::<u64>().ok();
        let row = json!({
            "mounted_at": target,
            "bytes": number(size),
            "used_bytes": number(used),
            "free_bytes": number(free),
            "used_percent": number(percent),
        });
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

/// `fail2ban-client status <jail>`, with so many addresses at most.
pub fn jail(text: &str, most: usize) -> Value {
    let field = |name: &str| text.lines().find_map(|line| line.split_once(name)).map(|(_, rest)| rest.trim());
    let number = |name: &str| field(name).and_then(|text| text.parse::<u64>().ok());
    let banned: Vec<&str> =
        field("Banned IP list:").map(|list| list.split_whitespace().take(most).collect()).unwrap_or_default();
    json!({
        "failed_in_all": number("Total failed:"),
        "banned_now": number("Currently banned:"),
        "banned_in_all": number("Total banned:"),
        "addresses": banned,
    })
}

/// A line of `docker system df --format {{json .}}`.
pub fn docker_space(line: &Value) -> Option<Value> {
    let text = |name: &str| line.get(name)?.as_str();
    let number = |name: &str| line.get(name).and_then(|it| it.as_u64().or_else(|| it.as_str()?.parse().ok()));
    Some(json!({
        "what": text("Type")?,
        "count": number("TotalCount")?,
        "in_use": number("Active")?,
        "bytes": bytes(text("Size")?)?,
        "reclaimable_bytes": bytes(text("Reclaimable")?.split(' ').next()?)?,
    }))
}

/// A line of `docker stats --no-stream --format {{json .}}`.
pub fn container_memory(line: &Value) -> Option<Value> {
    let (used, limit) = line.get("MemUsage")?.as_str()?.split_once(" / ")?;
    // One that has just ended has no figures.
    let size = |text: &str| if text == "--" { Some(Value::Null) } else { bytes(text).map(Value::from) };
    Some(json!({
        "name": line.get("Name")?.as_str()?,
        "used_bytes": size(used)?,
        "limit_bytes": size(limit)?,
    }))
}

/// `/proc/meminfo`.
pub fn memory(text: &str) -> Option<Value> {
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    };
    let (all, available) = (bytes("MemTotal:")?, bytes("MemAvailable:")?);
    let (swap, free) = (bytes("SwapTotal:")?, bytes("SwapFree:")?);
    Some(json!({
        "bytes": all,
        "used_bytes": all.saturating_sub(available),
        "available_bytes": available,
        "swap_bytes": swap,
        "swap_used_bytes": swap.saturating_sub(free),
    }))
}

/// `ufw status verbose`.
pub fn ufw(text: &str) -> Option<Value> {
    let setting = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let status = setting("Status:")?;
    let mut defaults = Map::new();
    for one in setting("Default:").unwrap_or_default().split(", ").filter(|one| !one.is_empty()) {
        let (policy, direction) = one.split_once(" (")?;
        defaults.insert(direction.trim_end_matches(')').to_owned(), policy.into());
    }
    let table = text.lines().skip_while(|line| !line.starts_with("--")).skip(1);
    let rows = table.filter(|line| !line.trim().is_empty()).map(|line| {
        // Columns are wider than their words; a comment follows them.
        let line = line.split(" # ").next().unwrap_or_default();
        let mut columns = line.split("  ").map(str::trim).filter(|column| !column.is_empty());
        let (to, action, from) = (columns.next()?, columns.next()?, columns.next()?);
        Some(json!({ "to": to, "action": action, "from": from }))
    });
    let rules: Vec<Value> = rows.collect::<Option<_>>()?;
    Some(json!({ "active": status == "active", "default": defaults, "rules": rules }))
}

/// The rules of a chain, as `iptables -S <chain>` writes them.
pub fn rules(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("-A ")).collect()
}

/// `57.6MiB`, `1.2GB`, `0B`: as Docker writes sizes.
fn bytes(text: &str) -> Option<u64> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(at);
    let unit: f64 = match unit {
        "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        "TiB" => 1_099_511_627_776.0,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * unit;
    // Docker rounds to four figures; a negative size is none.
    (bytes >= 0.0).then(|| format!("{bytes:.0}").parse().ok())?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{bytes, container_memory, docker_space, file_systems, jail, lines, memory, rules, ufw};

    #[test]
    fn what_programs_print_becomes_data() {
        let df = "Mounted on 1B-blocks Used Avail Use%\n/ 100 40 60 40%\n/ 100 40 60 40%\n";
        let row = json!({ "mounted_at": "/", "bytes": 100, "used_bytes": 40, "free_bytes": 60, "used_percent": 40 });
        assert_eq!(json!(file_systems(df)), json!([row]));
        let text = "Status for the jail: sshd\n|- Filter\n|  |- Currently failed:\t1\n|  |- Total failed:\t9\n`- Actions\n   |- \
                    Currently banned:\t2\n   |- Total banned:\t3\n   `- Banned IP list:\t192.0.2.1 192.0.2.2\n";
        let told = |addresses| json!({ "failed_in_all": 9, "banned_now": 2, "banned_in_all": 3, "addresses": addresses });
        assert_eq!(jail(text, 9), told(json!(["192.0.2.1", "192.0.2.2"])));
        assert_eq!(jail(text, 1), told(json!(["192.0.2.1"])));
        let meminfo =
            "MemTotal: 8000 kB\nMemFree: 1 kB\nMemAvailable: 5000 kB\nSwapTotal: 100 kB\nSwapFree: 60 kB\n";
        let told = json!({ "bytes": 8_192_000, "used_bytes": 3_072_000, "available_bytes": 5_120_000,
                           "swap_bytes": 102_400, "swap_used_bytes": 40_960 });
        assert_eq!(memory(meminfo), Some(told));
        assert_eq!(memory("MemTotal: 8000 kB\n"), None);
        assert_eq!(lines("{\"a\":1}\n\n{\"a\":2}\n").map(|all| all.len()), Some(2));
        assert_eq!(lines("{\"a\":1}\nnoise\n"), None);
    }

    #[test]
    fn dockers_sizes_become_bytes_whatever_the_unit_and_what_is_none_is_not_zero() {
        let line = json!({ "Type": "Images", "TotalCount": "5", "Active": "4", "Size": "1.234GB",
                           "Reclaimable": "57.6MB (4%)" });
        let told = json!({ "what": "Images", "count": 5, "in_use": 4, "bytes": 1_234_000_000_u64,
                           "reclaimable_bytes": 57_600_000 });
        assert_eq!(docker_space(&line), Some(told));
        let line = json!({ "Name": "letsbe-ghost", "MemUsage": "57.5MiB / 1GiB" });
        let told = json!({ "name": "letsbe-ghost", "used_bytes": 60_293_120, "limit_bytes": 1_073_741_824 });
        assert_eq!(container_memory(&line), Some(told));
        let ended = json!({ "name": "x", "used_bytes": null, "limit_bytes": null });
        assert_eq!(container_memory(&json!({ "Name": "x", "MemUsage": "-- / --" })), Some(ended));
        assert_eq!(container_memory(&json!({ "Name": "x", "MemUsage": "much / more" })), None);
        for (text, expected) in [
            ("0B", Some(0)),
            ("12kB", Some(12_000)),
            ("1KiB", Some(1024)),
            ("", None),
            ("x", None),
            ("3 apples", None),
            ("-1B", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn the_firewalls_table_is_read_whole_or_not_at_all() {
        let text = "Status: active\nLogging: on (low)\nDefault: deny (incoming), allow (outgoing), disabled (routed)\n\
                    New profiles: skip\n\nTo                         Action      From\n--                         ------      ----\n\
                    22022/tcp                  LIMIT IN    Anywhere                   # LetsBe: SSH\n\
                    443/tcp (v6)               ALLOW IN    Anywhere (v6)\n\n";
        let told = json!({
            "active": true,
            "default": { "incoming": "deny", "outgoing": "allow", "routed": "disabled" },
            "rules": [
                { "to": "22022/tcp", "action": "LIMIT IN", "from": "Anywhere" },
                { "to": "443/tcp (v6)", "action": "ALLOW IN", "from": "Anywhere (v6)" },
            ],
        });
        assert_eq!(ufw(text), Some(told));
        let off = json!({ "active": false, "default": {}, "rules": [] });
        assert_eq!(ufw("Status: inactive\n"), Some(off));
        for unknown in [
            "",
            "ERROR: need to be root",
            "Status: active\n\nTo  Action  From\n--  ------  ----\nhalf a row\n",
        ] {
            assert_eq!(ufw(unknown), None, "{unknown}");
        }
        assert_eq!(rules("-N DOCKER-USER\n-A DOCKER-USER -j RETURN\n"), ["-A DOCKER-USER -j RETURN"]);
    }
}
