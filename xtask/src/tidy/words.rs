//! Words that must not stand in the repository: shell strings, lints silenced without a reason, hosts of package
//! registries. They are put together from pieces here, so that this file passes its own rules.

use crate::{File, Finding, Repository};

const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "zsh", "ksh"];

/// Hosts of package registries and their mirrors. Which one is used is the machine's business, not the project's.
const REGISTRY_HOSTS: &[&str] = &[
    concat!("static.", "crates.", "io"),
    concat!("index.", "crates.", "io"),
    concat!("registry.", "npmjs.", "org"),
    concat!("npm", "mirror."),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("proxy.", "golang.org"),
    concat!("deb.", "debian.org"),
    concat!("security.", "debian.org"),
    concat!("archive.", "ubuntu.com"),
    concat!("security.", "ubuntu.com"),
    concat!("arti", "factory"),
    concat!("nexus", "."),
    concat!("/simple", "/pip"),
];

/// Commands are argument vectors. A shell string is one quoting mistake away from running something else.
#[must_use]
pub fn shell_strings(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in repository.rust() {
        let lines: Vec<(usize, &str)> = file.program_lines().collect();
        for (index, (line, text)) in lines.iter().enumerate() {
            // A call may be formatted over several lines: the shell first, its flag up to three lines later.
            let near = &lines[index.saturating_sub(3)..=index];
            let has_flag = text.split('"').any(is_command_flag);
            let has_shell = near.iter().any(|(_, text)| text.split('"').any(is_shell));
            let words = || text.split_whitespace().map(|word| word.trim_start_matches('"'));
            let in_one = words().zip(words().skip(1)).any(|(a, b)| is_shell(a) && is_command_flag(b));
            if (has_flag && has_shell) || in_one {
                findings.push(file.finding(*line, "no shell strings: give the program and its arguments"));
            }
        }
    }
    findings
}

/// `sh`, `/usr/bin/bash`.
fn is_shell(word: &str) -> bool {
    SHELLS.contains(&word.rsplit('/').next().unwrap_or_default())
}

/// `-c`, alone or behind other flags of a shell.
fn is_command_flag(word: &str) -> bool {
    let flags = word.strip_prefix('-').and_then(|flags| flags.strip_suffix('c'));
    flags.is_some_and(|flags| flags.len() <= 4 && flags.bytes().all(|flag| flag.is_ascii_lowercase()))
}

/// `anyhow` is for what prints its errors itself; elsewhere an error has a code or a type.
#[must_use]
pub fn misplaced_anyhow(repository: &Repository) -> Vec<Finding> {
    const PLACES: [&str; 5] =
        ["crates/programs/cli/", "crates/hub-side/hub/src/commands/", "crates/lab/", "tools/", "xtask/"];
    let outside = |file: &&File| {
        !file.path.ends_with("/main.rs") && !PLACES.iter().any(|place| file.path.starts_with(place))
    };
    let name = concat!("any", "how::");
    let found = |file: &File| -> Vec<Finding> {
        let lines = file.program_lines().filter(|(_, text)| text.contains(name));
        lines.map(|(line, _)| file.finding(line, "give the error a code (Problem) or a type")).collect()
    };
    repository.rust().filter(outside).flat_map(found).collect()
}

/// A lint is silenced by `#[expect(…, reason = …)]`.
#[must_use]
pub fn silenced_lints(repository: &Repository) -> Vec<Finding> {
    let allow = [concat!("#[", "allow("), concat!("#![", "allow(")];
    let mut findings = Vec::new();
    for file in repository.rust() {
        for (offset, _) in allow.iter().flat_map(|attribute| file.text.match_indices(attribute)) {
            let attribute = file.text[offset..].split(")]").next().unwrap_or_default();
            if !attribute.contains("reason =") {
                let line =
                    file.text[..offset].lines().count() + usize::from(file.text[..offset].ends_with('\n'));
                findings.push(file.finding(line.max(1), "write #[expect(…, reason = \"…\")]"));
            }
        }
    }
    findings
}

/// Registry hosts, in any file.
#[must_use]
pub fn registry_hosts(repository: &Repository) -> Vec<Finding> {
    repository.files.iter().flat_map(hosts_in).collect()
}

fn hosts_in(file: &File) -> Vec<Finding> {
    let found = file.lines().filter_map(|(line, text)| {
        let text = text.to_ascii_lowercase();
        let host = REGISTRY_HOSTS.iter().find(|host| text.contains(*host))?;
        Some(file.finding(line, format!("\"{host}\" names a package registry; take it from the machine")))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{misplaced_anyhow, registry_hosts, shell_strings, silenced_lints};
    use crate::{Repository, tidy};

    #[test]
    fn no_program_runs_a_shell_string() {
        tidy::assert_none(&shell_strings(&Repository::read()));
    }

    #[test]
    fn no_lint_is_silenced_without_a_reason() {
        tidy::assert_none(&silenced_lints(&Repository::read()));
    }

    #[test]
    fn no_file_names_a_package_registry() {
        tidy::assert_none(&registry_hosts(&Repository::read()));
    }

    #[test]
    fn a_shell_string_is_found_over_several_lines() {
        let split = format!("Command::new(\n    {},\n    [\n        {}, text],\n)\n", "\"sh\"", "\"-c\"");
        let whole = format!("let line = \"{} true\";\n", "bash -c");
        let fine = "Command::new(\"grep\", [\"-c\", \"x\"])\n";
        let files = [("crates/a/src/a.rs", split.as_str()), ("b.rs", whole.as_str()), ("c.rs", fine)];
        let found = tidy::messages(&shell_strings(&Repository::example(&files)));
        assert!(found.contains("crates/a/src/a.rs:4") && found.contains("b.rs:1"), "{found}");
        assert_eq!(found.lines().count(), 2, "{found}");
    }

    #[test]
    fn a_shell_string_is_found_by_name_path_and_flags_and_other_programs_are_not() {
        for (shell, flag, found) in [
            ("sh", "-c", true),
            ("/usr/bin/bash", "-c", true),
            ("dash", "-euc", true),
            ("/bin/ash", "-xc", true),
            ("zsh", "-lc", true),
            ("/usr/bin/ksh", "-c", true),
            ("grep", "-c", false),
            ("ssh", "-c", false),
            ("bash", "--rcfile", false),
            ("sh", "-e", false),
        ] {
            let vector = format!("Command::new(\"{shell}\", [\"{flag}\", text]);\n");
            let calls = format!("Command::new(\"{shell}\").arg(\n\"{flag}\");\n");
            let words = format!("let line = \"{shell} {flag} true\";\n");
            for text in [vector, calls, words] {
                assert_eq!(
                    !shell_strings(&Repository::example(&[("a.rs", &text)])).is_empty(),
                    found,
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn errors_without_a_type_stay_where_they_are_printed() {
        tidy::assert_none(&misplaced_anyhow(&Repository::read()));
        let text = format!("fn a() -> {}Result<()> {{}}\n", concat!("any", "how::"));
        let paths =
            ["crates/a/src/lib.rs", "crates/a/src/main.rs", "crates/a/tests/b/c.rs", "crates/lab/src/d.rs"];
        let files = paths.map(|path| (path, text.as_str()));
        let found = misplaced_anyhow(&Repository::example(&files));
        assert_eq!(found.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), paths[..1]);
    }

    #[test]
    fn a_silenced_lint_and_a_registry_are_found() {
        let silenced =
            format!("fn a() {{}}\n#[{0}dead_code)]\n#[{0}x, reason = \"y\")]\n#[{0}a_reason)]\n", "allow(");
        let found = silenced_lints(&Repository::example(&[("a.rs", &silenced)]));
        assert_eq!(tidy::messages(&found).lines().count(), 2);
        assert_eq!(found[0].line, 2);
        let host = format!("a\nhttps://DEB.{}/debian\n", "Debian.org");
        assert_eq!(registry_hosts(&Repository::example(&[("x.sh", &host)]))[0].line, 2);
    }
}
