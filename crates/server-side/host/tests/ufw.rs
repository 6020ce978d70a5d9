//! The firewall with the real UFW and the kernel, in namespaces of its own. Needs root, ufw, iproute2 and curl.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use letsbe_host::facts::firewall::{Rule, parse_filter, parse_rules};

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("this test needs {program}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {stderr}");
    String::from_utf8(output.stdout).expect("text")
}

/// UFW's files as the package brings them, with what `more` puts there.
fn configured(more: impl FnOnce(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    run("cp", &["-r", "/etc/ufw", &at("ufw")]);
    run("cp", &["/etc/default/ufw", &at("default")]);
    for name in ["user.rules", "user6.rules"] {
        run("cp", &[&format!("/usr/share/ufw/iptables/{name}"), &at("ufw")]);
    }
    more(folder.path());
    folder
}

#[test]
fn the_ai_runtime_reaches_nothing_of_the_server_and_a_tool_the_web_only() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let converged = fixtures.join("operations/firewall.closed/converged.toml");
    let converged: toml::Value = toml::from_str(&fs::read_to_string(converged).expect("read")).expect("TOML");
    let folder = configured(|folder| {
        for name in ["before.rules", "before6.rules", "after.rules", "after6.rules"] {
            let content = converged["files"][format!("/etc/ufw/{name}")]["content"].as_str().expect("text");
            fs::write(folder.join("ufw").join(name), content).expect("written");
        }
    });
    let script = fixtures.join("firewall/attack.sh").display().to_string();
    let at = folder.path().display().to_string();
    let printed = run("unshare", &["--net", "--mount", "timeout", "60", "sh", &script, &at]);

    let reached: BTreeSet<(&str, &str)> = printed
        .lines()
        .filter_map(|line| {
            let [bridge, url, time] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            (time.parse::<f64>().expect("a time") > 0.0).then_some((bridge, url))
        })
        .collect();
    assert_eq!(printed.lines().count(), 24, "{printed}");
    let web = ["172.24.1.1", "172.24.2.1", "[fd00:2::1]"].map(|at| [80, 443].map(|port| (at, port)));
    let web: Vec<String> =
        web.into_iter().flatten().map(|(at, port)| format!("http://{at}:{port}/")).collect();
    assert_eq!(reached, web.iter().map(|url| ("br-tool", url.as_str())).collect());

    for (file, prefix) in [("iptables", "ufw"), ("ip6tables", "ufw6")] {
        let saved = fs::read_to_string(folder.path().join(file)).expect("saved");
        let recorded = converged["commands"][format!("{file}-save -t filter")]["stdout"].as_str();
        let (live, recorded) = (parse_filter(&saved, prefix), parse_filter(recorded.expect("text"), prefix));
        assert_eq!(live, recorded, "what the fixture says the kernel prints is what it prints");
    }
}

#[test]
fn ufw_deletes_each_rule_by_the_words_made_from_its_own_file() {
    let rules = "allow 8080/tcp
        allow log 8081/tcp
        deny log-all 53/udp
        allow 9090/tcp comment cockpit
        limit 2222
        allow from any
        allow proto tcp from any
        allow proto gre from any
        allow 6000:6007/tcp
        allow OpenSSH
        allow log OpenSSH comment word
        route allow log proto tcp from any to any port 3000
        route deny from any to any port 3001
        route allow from any
        reject 70/tcp
        allow 80,443/tcp
        allow in 8443/udp
        allow from ::/0 to any port 8444 proto tcp
        allow from 0.0.0.0/0 to any port 8445
        deny proto esp from any
        limit log 2223/tcp comment 'it is # mine in=eth0'
        allow to any app OpenSSH
        route allow proto udp from any to any port 5000:5010
        route limit proto tcp from any to any port 1,2";
    for words in rules.lines().map(str::trim) {
        let folder = configured(|folder| {
            let profile = "[OpenSSH]\ntitle=t\ndescription=d\nports=22/tcp\n";
            fs::write(folder.join("ufw/applications.d/openssh"), profile).expect("written");
        });
        let of = |name: &str| -> Vec<Rule> {
            parse_rules(&fs::read_to_string(folder.path().join("ufw").join(name)).expect("read"))
        };
        ufw(folder.path(), words);
        let rule = [of("user.rules"), of("user6.rules")]
            .concat()
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("no rule of {words}"));
        assert!(rule.plain, "{words}: {}", rule.text);
        let deletion = rule.deletion();
        assert!(deletion.iter().all(|word| !word.contains(' ')), "{deletion:?}");
        ufw(folder.path(), &format!("--force {}", deletion.join(" ")));
        assert_eq!((of("user.rules"), of("user6.rules")), (vec![], vec![]), "{words}: {deletion:?}");
    }
}

fn ufw(folder: &Path, words: &str) {
    let script = format!(
        "mount --bind {0}/ufw /etc/ufw && mount --bind {0}/default /etc/default/ufw && mount -t tmpfs none /run \
         && ufw {words}",
        folder.display()
    );
    run("unshare", &["--net", "--mount", "sh", "-c", &script]);
}
