//! A lab with a real server: the services answer, and OpenSSH logs in. Needs root, Docker and the host packages of
//! `scripts/install.sh`; the images are built on the first run, which then takes minutes.

use std::{net::Ipv4Addr, process::Stdio, time::Instant};

use letsbe_lab::{
    docker,
    hosts::Host,
    images,
    lab::{self, CatalogImages, Lab, LabOptions},
    network::OWNER_LABEL,
    services::Storage,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, UdpSocket},
    process::Command,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_gives_a_server_and_everything_around_it() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let started = Instant::now();
    let options = LabOptions { images: CatalogImages::Absent, ..LabOptions::default() };
    let lab = Lab::start(options).await.expect("the lab starts");
    eprintln!("lab up after {:?}", started.elapsed());
    let name = lab.name.clone();
    let checked = tokio::spawn(async move {
        let lab = lab;
        dns_answers_what_it_was_told(&lab).await;
        the_authority_shows_its_directory(&lab).await;
        the_sink_keeps_mails(&lab).await;
        the_s3_service_answers_only_who_has_a_key(&lab).await;
        a_server_boots_and_can_be_broken(&lab).await;
    })
    .await;
    lab::remove(&name).await.expect("the lab is removed");
    if let Err(error) = checked {
        std::panic::resume_unwind(error.into_panic());
    }
    for kind in ["container", "volume", "network"] {
        let left = docker::labelled(kind, &format!("{}={name}", docker::LAB_LABEL)).await.expect("a list");
        assert!(left.is_empty(), "{kind}: {left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_that_start_together_remove_what_a_dead_one_left() {
    docker::ensure_engine().await.expect("an engine");
    let image = images::ensure("debian").await.expect("an image");
    let lab = format!("stale-{:08x}", rand::random::<u32>());
    let labels = [format!("{}={lab}", docker::LAB_LABEL), format!("{OWNER_LABEL}=4194305:1")];
    let volume = format!("letsbe-lab-{lab}-docker");
    docker::docker(&["volume", "create", "--label", &labels[0], "--label", &labels[1], &volume])
        .await
        .expect("made");
    let mount = format!("{volume}:/var/lib/docker");
    let run =
        ["container", "run", "--detach", "--label", &labels[0], "--label", &labels[1], "--volume", &mount];
    // Something to be removed, so that the removal takes its time.
    let fill = ["sh", "-c", "head -c 300M /dev/zero > /filled; exec sleep infinity"];
    for _ in 0..3 {
        let arguments: Vec<&str> = run.into_iter().chain([image.as_str()]).chain(fill).collect();
        docker::docker(&arguments).await.expect("a container");
    }

    let (one, other, third) = tokio::join!(lab::cleanup_stale(), lab::cleanup_stale(), lab::cleanup_stale());

    for removed in [one, other, third] {
        removed.expect("removed by it or by another");
    }
    for kind in ["container", "volume"] {
        let left = docker::labelled(kind, &labels[0]).await.expect("a list");
        assert!(left.is_empty(), "{kind}: {left:?}");
    }
}

async fn dns_answers_what_it_was_told(lab: &Lab) {
    let name = format!("shop.{}", lab.dns.zone);
    lab.dns.add_record(&name, "A", "192.0.2.7").await.expect("a record");
    assert_eq!(ask_for_address(lab.dns.address, &name).await, Some(Ipv4Addr::new(192, 0, 2, 7)));
    assert_eq!(lab.dns.records(&lab.dns.zone, "NS").await.expect("NS"), [format!("ns1.{}.", lab.dns.zone)]);
    lab.dns.remove_record(&name, "A").await.expect("the record is removed");
    assert_eq!(ask_for_address(lab.dns.address, &name).await, None);
}

/// Asks a name server for an A record over UDP, from this machine.
async fn ask_for_address(server: Ipv4Addr, name: &str) -> Option<Ipv4Addr> {
    let mut question = vec![0x4c, 0x42, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(u8::try_from(label.len()).expect("a short label"));
        question.extend(label.as_bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    let socket = UdpSocket::bind("0.0.0.0:0").await.expect("a socket");
    socket.connect((server, 53)).await.expect("a route");
    socket.send(&question).await.expect("sent");
    let mut answer = [0; 512];
    let length = tokio::time::timeout(std::time::Duration::from_secs(5), socket.recv(&mut answer))
        .await
        .expect("an answer in time")
        .expect("an answer");
    assert_eq!(answer[..2], question[..2]);
    assert_ne!(answer[2] & 4, 0, "it speaks with authority");
    let answers = u16::from_be_bytes([answer[6], answer[7]]);
    // The one record follows the question: name (2), kind (2), class (2), life (4), length (2), address (4).
    (answers == 1).then(|| {
        let at = question.len() + 12;
        assert!(length >= at + 4);
        Ipv4Addr::new(answer[at], answer[at + 1], answer[at + 2], answer[at + 3])
    })
}

async fn the_s3_service_answers_only_who_has_a_key(lab: &Lab) {
    let stranger = reqwest::get(format!("{}/", lab.storage.endpoint)).await.expect("an answer");
    // moto answers a request without any signature with 500.
    assert!(!stranger.status().is_success(), "a stranger got {}", stranger.status());
    let again = Storage::start(&lab.network).await.expect("found running");
    assert_eq!(again.operator.access_key_id, lab.storage.operator.access_key_id);
    let error = lab.storage.totals("no-such-bucket").await.expect_err("there is no bucket").to_string();
    assert!(error.contains("NoSuchBucket"), "the operator's key is let in: {error}");
}

async fn the_authority_shows_its_directory(lab: &Lab) {
    let client = lab.acme.client().expect("a client");
    let answer = client.get(&lab.acme.directory).send().await.expect("an answer over trusted HTTPS");
    let directory: serde_json::Value = answer.json().await.expect("JSON");
    assert!(directory["newOrder"].as_str().is_some_and(|url| url.contains(&lab.acme.address.to_string())));
    assert!(lab.acme.issuer_pem.contains("BEGIN CERTIFICATE"));
    assert_ne!(lab.acme.issuer_pem.trim(), lab.acme.ca_pem.trim());
}

async fn the_sink_keeps_mails(lab: &Lab) {
    let stream = TcpStream::connect((lab.mail.address, lab.mail.port)).await.expect("a connection");
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.expect("a greeting");
    let script = [
        "HELO test",
        "MAIL FROM:<a@example.com>",
        "RCPT TO:<b@example.com>",
        "DATA",
        "Subject: Hello\r\n\r\nText\r\n.",
        "QUIT",
    ];
    for command in script {
        stream.write_all(format!("{command}\r\n").as_bytes()).await.expect("sent");
        line.clear();
        stream.read_line(&mut line).await.expect("a reply");
        assert!(line.starts_with('2') || line.starts_with("354"), "{command}: {line}");
    }
    let mails = lab.mail.received().await.expect("mails");
    assert_eq!(mails.len(), 1);
    assert_eq!((mails[0].subject.as_str(), mails[0].to.as_str()), ("Hello", "b@example.com"));
    assert_eq!(mails[0].text.trim(), "Text");
}

async fn a_server_boots_and_can_be_broken(lab: &Lab) {
    let keys = tempfile::tempdir().expect("a folder");
    let key = keys.path().join("key").display().to_string();
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &key]).status().await;
    assert!(made.expect("ssh-keygen").success());
    let public = std::fs::read_to_string(format!("{key}.pub")).expect("the public key").trim().to_owned();

    let started = Instant::now();
    let host = lab.create_host("server-1", "shop.example", None, &[public]).await.expect("a server");
    eprintln!("server up after {:?}", started.elapsed());
    assert_eq!(
        ssh(&host, &key, "hostname; . /etc/os-release; echo $ID $VERSION_ID").await,
        (0, "shop.example\ndebian 12".into())
    );
    assert_eq!(
        ssh(&host, &key, "command -v docker ufw fail2ban-client").await.1,
        "",
        "provisioning installs these"
    );
    let (found, address) =
        ssh(&host, &key, &format!("getent ahostsv4 ns1.{} | head -1 | cut -d' ' -f1", lab.dns.zone)).await;
    assert_eq!((found, address), (0, lab.dns.address.to_string()), "tenants resolve the lab's names");

    let (updated, said) =
        ssh(&host, &key, "apt-get -q update 2>&1 && apt-get -q --print-uris install ufw | tail -1").await;
    assert_eq!(updated, 0, "{said}");
    host.stop_package_server().await.expect("the fault");
    let (_, said) = ssh(&host, &key, "apt-get -q update 2>&1").await;
    assert!(said.contains("127.0.0.1"), "{said}");
    host.start_package_server().await.expect("the end of the fault");

    host.fill_disk("/opt/letsbe").await.expect("the fault");
    assert_ne!(ssh(&host, &key, "head -c 100000 /dev/zero > /opt/letsbe/file").await.0, 0);
    host.free_disk("/opt/letsbe").await.expect("the end of the fault");
    assert_eq!(ssh(&host, &key, "head -c 100000 /dev/zero > /opt/letsbe/file").await.0, 0);
    host.other_os("ubuntu", "24.04").await.expect("the fault");
    assert_eq!(ssh(&host, &key, ". /etc/os-release; echo $ID").await.1, "ubuntu");

    host.power_off().await.expect("off");
    assert!(!host.is_running().await && host.exists().await);
    let found = lab.host("server-1").await.expect("a look").expect("the server");
    found.power_on().await.expect("on");
    assert_eq!(
        ssh(&found, &key, "stat -c %s /opt/letsbe/file").await,
        (0, "100000".into()),
        "its disk stays"
    );
    host.destroy().await.expect("destroyed");
    assert!(!host.exists().await);
}

/// Runs a command over OpenSSH and gives its exit status and what it printed.
async fn ssh(host: &Host, key: &str, command: &str) -> (i32, String) {
    let output = Command::new("ssh")
        .args([
            "-i",
            key,
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "StrictHostKeyChecking=no",
        ])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-F", "none"])
        .arg(format!("root@{}", host.address))
        .arg(command)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("ssh");
    assert_ne!(output.status.code(), Some(255), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
