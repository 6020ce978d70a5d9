//! Whoever guesses the password is shut out, by the real fail2ban on what the real sshd said.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command as Process, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use letsbe_host::{Assessment, Command, Machine as _, Operation, operations::server_operations};

use crate::{Namespace, carry_out, refused, served};

const SERVER: &str = "192.0.2.1";
const STRANGER: &str = "192.0.2.7";
const MACHINE_ID: &str = "0190aaaabbbbccccddddeeeeffff0000";
const JAILS: [&str; 2] = ["letsbe-sftp", "sshd"];

/// A process that ends with the test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn must(server: &Namespace, words: &str) -> String {
    let output = server.run(&Command::words(words)).await.expect(words);
    assert!(output.success(), "{words}: {}", output.tail());
    output.stdout
}

/// Another machine: a network of its own, which a cable leads to the server from.
async fn stranger(server: &Namespace) -> Ending {
    let mut process = Process::new("unshare");
    process.args(["--net", "sh", "-c", "echo ready; exec cat"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut stranger = Ending(process.spawn().expect("unshare is installed"));
    let mut line = String::new();
    BufReader::new(stranger.0.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("it says so");
    let id = stranger.0.id();
    must(server, &format!("ip link add served type veth peer name guesses netns {id}")).await;
    must(server, &format!("ip address add {SERVER}/24 dev served")).await;
    must(server, "ip link set served up").await;
    for words in [format!("ip address add {STRANGER}/24 dev guesses"), "ip link set guesses up".to_owned()] {
        must(server, &format!("nsenter --net=/proc/{id}/ns/net {words}")).await;
    }
    stranger
}

/// The server's journal, as journald keeps it.
struct Journal(Ending);

impl Journal {
    fn new(server: &Namespace) -> Self {
        std::fs::write(server.at("/etc/machine-id"), format!("{MACHINE_ID}\n")).expect("written");
        let folder = format!("/run/log/journal/{MACHINE_ID}");
        std::fs::create_dir_all(server.at(&folder)).expect("made");
        let output = format!("--output={folder}/system.journal");
        let mut process = server.inside(&["/lib/systemd/systemd-journal-remote", &output, "-"]);
        Self(Ending(process.stdin(Stdio::piped()).spawn().expect("systemd-journal-remote is installed")))
    }

    /// As journald would, had systemd started this sshd.
    fn take(&mut self, log: &str) {
        let pipe = self.0.0.stdin.as_mut().expect("a pipe");
        for line in log.lines().map(str::trim) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_micros();
            write!(
                pipe,
                "__REALTIME_TIMESTAMP={now}\n__MONOTONIC_TIMESTAMP={now}\n_BOOT_ID={MACHINE_ID}\n\
                 _MACHINE_ID={MACHINE_ID}\n_HOSTNAME=server\n_SYSTEMD_UNIT=letsbe-sftp.service\n_COMM=sshd\n\
                 SYSLOG_IDENTIFIER=sshd\n_PID=7\nPRIORITY=6\nMESSAGE={line}\n\n"
            )
            .expect("it is taken");
        }
        pipe.flush().expect("it is taken");
    }
}

fn guarding() -> Box<dyn Operation> {
    let mut all = server_operations(&[letsbe_catalog::UPLOAD_PORT].into());
    let at = all.iter().position(|operation| operation.name() == "fail2ban.guarding").expect("there is one");
    all.swap_remove(at)
}

/// The real fail2ban on the settings that we wrote; what it knows lies in the test's own folders.
async fn fail2ban(server: &Namespace) -> Ending {
    let state = carry_out(server, "static-website", guarding()).await;
    assert!(matches!(state, Assessment::Converged { .. }), "{state:?}");
    std::fs::create_dir_all(server.at("/run/fail2ban")).expect("made");
    let local = "[Definition]\nlogtarget = /run/fail2ban/log\ndbfile = :memory:\n";
    std::fs::write(server.at("/etc/fail2ban/fail2ban.local"), local).expect("written");
    let mut process = server.inside(&["/usr/bin/fail2ban-server", "-f", "-x", "start"]);
    process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Ending(process.spawn().expect("fail2ban is installed"));
    until(server, "Journal matches").await;
    running
}

/// Asks fail2ban until it says this of every jail.
async fn until(server: &Namespace, wanted: &str) {
    let asked = async {
        for jail in JAILS {
            let words = Command::words(&format!("fail2ban-client status {jail}"));
            while !server.run(&words).await.expect("it is installed").stdout.contains(wanted) {
                tokio::task::yield_now().await;
            }
        }
    };
    let log = || std::fs::read_to_string(server.at("/run/fail2ban/log")).unwrap_or_default();
    tokio::time::timeout(Duration::from_secs(60), asked).await.unwrap_or_else(|_| panic!("{}", log()));
}

#[tokio::test]
async fn whoever_guesses_passwords_for_uploads_is_shut_out_and_others_are_not() {
    let server = served("right").await;
    let stranger = stranger(&server).await;
    let mut journal = Journal::new(&server);
    let _fail2ban = fail2ban(&server).await;
    let user = format!("letsbe-website@{SERVER}");
    let guess = async || server.client_in(stranger.0.id(), "wrong", "ssh", &[&user]).await;
    // Three passwords each.
    for connection in 0..4 {
        let said = guess().await;
        assert!(said.text.contains("Too many authentication failures"), "{connection}: {said:?}");
    }
    journal.take(&server.log());
    until(&server, STRANGER).await;
    let rules = must(&server, "iptables -S").await;
    for ports in ["--dports 22023", "--dports 22,22022"] {
        assert!(rules.contains(ports), "{rules}");
    }
    refused(&guess().await, "Connection refused");
    let right = server.client_in(stranger.0.id(), "right", "ssh", &[&user]).await;
    refused(&right, "Connection refused");
    assert_eq!(server.sftp("right", "ls\n").await.code, 0, "the owner is at another address");
}
