//! The runbook's commands as they are written there, for who is not root. Pure: what is not on this list is not run.

use std::{net::IpAddr, path::Path};

/// Without a terminal certbot would wait for up to eight minutes, as its timer should.
pub(super) const AT_ONCE: &str = "--no-random-sleep-on-renew";

/// What a command is carried out as.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) program: &'static str,
    pub(super) arguments: Vec<String>,
    /// Said first, where what is done is not what is written.
    pub(super) note: Option<&'static str>,
}

/// What may be asked of a program, for the refusal.
pub(super) fn allowed(program: &str) -> &'static str {
    match program {
        "certbot" => "certbot certificates; certbot renew [--dry-run]",
        "fail2ban-client" => "fail2ban-client status [sshd]; fail2ban-client set sshd unbanip <address>",
        "iptables" => "iptables -L|-S [chain] [-n] [-v]",
        "ufw" => "ufw status [verbose|numbered]",
        "docker" => concat!(
            "docker compose ps|top|logs|restart|start|stop|up -d, in a folder of ",
            letsbe_types::server_home!(),
            "/stacks"
        ),
        _ => "nothing",
    }
}

/// What the command is carried out as; `None` is a command that is not on the list. `stack` is the folder of a stack
/// that it was typed in, if it was.
pub(super) fn carried(program: &str, arguments: &[String], in_stack: bool) -> Option<Carried> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let as_it_is = |program| Carried { program, arguments: arguments.to_vec(), note: None };
    match program {
        "certbot" => certbot(&words),
        "ufw" => {
            matches!(words[..], ["status"] | ["status", "verbose" | "numbered"]).then(|| as_it_is("ufw"))
        }
        "fail2ban-client" => fail2ban(&words).then(|| as_it_is("fail2ban-client")),
        "iptables" => iptables(&words).then(|| as_it_is("iptables")),
        "docker" => (in_stack && compose(&words)).then(|| as_it_is("docker")),
        _ => None,
    }
}

fn certbot(words: &[&str]) -> Option<Carried> {
    let carried = |arguments: &[&str], note| {
        let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
        Some(Carried { program: "certbot", arguments, note })
    };
    match words {
        ["certificates"] => carried(words, None),
        ["renew", options @ ..] if options.iter().all(|word| ["--nginx", "--dry-run"].contains(word)) => {
            // Renewed as it was issued: nginx runs in a container, where certbot's plugin cannot reach it.
            let note = options.contains(&"--nginx").then_some(
                "nginx runs in a container: renewed by webroot, as it was issued; a hook reloads nginx.",
            );
            let mut wanted: Vec<&str> = words.iter().copied().filter(|word| *word != "--nginx").collect();
            wanted.push(AT_ONCE);
            carried(&wanted, note)
        }
        _ => None,
    }
}

fn fail2ban(words: &[&str]) -> bool {
    match words {
        ["status"] | ["status", "sshd"] => true,
        ["set", "sshd", "unbanip", address] => address.parse::<IpAddr>().is_ok(),
        _ => false,
    }
}

/// Lists, and nothing that resets a counter.
fn iptables(words: &[&str]) -> bool {
    let is_chain = |word: &&str| {
        !word.is_empty()
            && !word.starts_with('-')
            && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let Some((first, rest)) = words.split_first() else { return false };
    let chains = rest.iter().filter(|word| is_chain(word)).count();
    let options = rest.iter().filter(|word| ["-n", "-v", "-nv", "--line-numbers"].contains(word)).count();
    ["-L", "-S"].contains(first) && chains <= 1 && chains + options == rest.len()
}

/// Nothing that shows a value of an `.env` file (`config`), or takes something away (`down`, `rm`).
fn compose(words: &[&str]) -> bool {
    let is_service = |word: &&str| {
        !word.is_empty()
            && !word.starts_with('-')
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    let is_count = |word: &str| word == "all" || word.len() < 7 && word.parse::<u32>().is_ok();
    match words {
        ["compose", "up", "-d"] => true,
        ["compose", "restart" | "start" | "stop" | "top", services @ ..] => services.iter().all(is_service),
        ["compose", "ps", rest @ ..] => {
            rest.iter().all(|word| ["-a", "--all"].contains(word) || is_service(word))
        }
        ["compose", "logs", rest @ ..] => {
            let mut rest = rest.iter();
            while let Some(word) = rest.next() {
                let good = match *word {
                    "-f" | "--follow" | "-t" | "--timestamps" | "--no-color" => true,
                    "-n" | "--tail" => rest.next().is_some_and(|count| is_count(count)),
                    word => word.strip_prefix("--tail=").is_some_and(is_count) || is_service(&word),
                };
                if !good {
                    return false;
                }
            }
            true
        }
        _ => false,
    }
}

/// Whether a folder is that of a stack: directly below the stacks' own folder.
pub(super) fn is_stack(folder: &Path, stacks: &Path) -> bool {
    folder.parent() == Some(stacks)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use letsbe_host::operations::commands::AS_WRITTEN;

    use super::{allowed, carried, is_stack};

    fn is_carried(line: &str, in_stack: bool) -> Option<String> {
        let mut words = line.split_whitespace();
        let program = words.next().unwrap();
        let arguments: Vec<String> = words.map(str::to_owned).collect();
        let carried = carried(program, &arguments, in_stack)?;
        Some(
            std::iter::once(carried.program.to_owned())
                .chain(carried.arguments)
                .collect::<Vec<_>>()
                .join(" "),
        )
    }

    #[test]
    fn the_runbooks_commands_are_carried_out_as_they_are_written() {
        for line in [
            "docker compose restart",
            "docker compose restart app",
            "docker compose up -d",
            "docker compose ps -a",
            "docker compose logs --tail 100 -f app",
            "certbot certificates",
            "ufw status",
            "ufw status verbose",
            "iptables -L DOCKER-USER",
            "iptables -S -n",
            "fail2ban-client status",
            "fail2ban-client status sshd",
            "fail2ban-client set sshd unbanip 2001:db8::1",
        ] {
            assert_eq!(is_carried(line, true).as_deref(), Some(line));
        }
        for (line, carried) in [
            ("certbot renew", "certbot renew --no-random-sleep-on-renew"),
            ("certbot renew --nginx", "certbot renew --no-random-sleep-on-renew"),
            ("certbot renew --dry-run", "certbot renew --dry-run --no-random-sleep-on-renew"),
        ] {
            assert_eq!(is_carried(line, false).as_deref(), Some(carried));
        }
    }

    #[test]
    fn whatever_changes_shows_a_secret_or_runs_a_program_is_not() {
        for line in [
            "docker compose config",
            "docker compose down -v",
            "docker compose exec app sh",
            "docker compose run app sh",
            "docker compose -f /tmp/evil.yml up -d",
            "docker compose up -d --build",
            "docker compose restart --timeout=0",
            "docker compose logs --tail $(id)",
            "docker run --privileged x",
            "docker ps",
            "certbot renew --deploy-hook id",
            "certbot renew --force-renewal",
            "certbot delete --cert-name letsbe",
            "certbot certificates --config-dir /tmp",
            "ufw disable",
            "ufw allow 22",
            "ufw status verbose verbose",
            "iptables -F",
            "iptables -L DOCKER-USER -Z",
            "iptables -L -t nat",
            "fail2ban-client stop",
            "fail2ban-client set sshd unbanip all",
            "fail2ban-client set sshd banip 192.0.2.1",
            "bash -c id",
        ] {
            assert_eq!(is_carried(line, true), None, "{line}");
        }
        assert_eq!(is_carried("docker compose restart", false), None, "elsewhere it is Docker's own");
    }

    #[test]
    fn every_program_on_the_admins_path_is_known_here() {
        for program in AS_WRITTEN.into_iter().chain(["docker"]) {
            assert!(allowed(program).starts_with(program), "{program}");
        }
    }

    #[test]
    fn a_stack_is_a_folder_below_the_stacks_and_nothing_deeper() {
        let stacks = Path::new("/opt/letsbe/stacks");
        for (folder, expected) in [
            ("/opt/letsbe/stacks/ghost", true),
            ("/opt/letsbe/stacks", false),
            ("/opt/letsbe/stacks/ghost/files", false),
            ("/home/letsbe-admin/stacks/ghost", false),
        ] {
            assert_eq!(is_stack(Path::new(folder), stacks), expected, "{folder}");
        }
    }
}
