//! What people are written, as it arrives at a mail server.

use std::{sync::Arc, time::Duration};

use letsbe_dns::DnsChecker;
use letsbe_hub::worker::{Mailer, Worker};
use letsbe_lifecycle::order::Event;
use letsbe_store::NewOrder;
use letsbe_types::{Language, Region, Secret, Tier, ids::ServerIdentity};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::{EMAIL, Hub, catalog, order_id, worker::worker};

/// A mail as it was given over: who it is for, and its whole text.
struct Mail {
    to: Vec<String>,
    text: String,
}

/// Takes every mail, as a mail server does.
async fn mail_server() -> (String, mpsc::UnboundedReceiver<Mail>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, mails) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(take(stream, sender.clone()));
        }
    });
    (address, mails)
}

async fn take(mut stream: TcpStream, mails: mpsc::UnboundedSender<Mail>) {
    let (reading, mut writing) = stream.split();
    let mut lines = BufReader::new(reading).lines();
    writing.write_all(b"220 test\r\n").await.unwrap();
    let (mut mail, mut in_text) = (Mail { to: Vec::new(), text: String::new() }, false);
    while let Ok(Some(line)) = lines.next_line().await {
        let reply: &[u8] = match line.as_str() {
            "." if in_text => {
                in_text = false;
                let _ =
                    mails.send(std::mem::replace(&mut mail, Mail { to: Vec::new(), text: String::new() }));
                b"250 taken\r\n"
            }
            text if in_text => {
                mail.text.push_str(text);
                mail.text.push('\n');
                continue;
            }
            "DATA" => {
                in_text = true;
                b"354 go on\r\n"
            }
            to if to.starts_with("RCPT TO:") => {
                mail.to.push(to["RCPT TO:".len()..].to_owned());
                b"250 yes\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 yes\r\n",
        };
        writing.write_all(reply).await.unwrap();
    }
}

/// Quoted-printable as far as these letters use it.
fn plain(text: &str) -> String {
    let mut bytes = Vec::new();
    let text = text.replace("=\n", "");
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let hex =
            (*first == b'=').then(|| more.get(..2).and_then(|two| std::str::from_utf8(two).ok())).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn customer_and_staff_are_written_to_with_a_link_and_in_the_customers_language() {
    let (hub, _) = Hub::with_staff().await;
    let (address, mut mails) = mail_server().await;
    let url = Secret::new(format!("smtp://{address}"));
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let worker = Worker {
        clock: Arc::new(hub.clock.clone()),
        mailer: Mailer::new(&url, "hello@letsbe.example".parse().unwrap()).unwrap(),
        dns: DnsChecker { resolver: Some(closed) },
        ..worker(hub.store.clone(), catalog(), hub.folder.path())
    };
    let working = tokio::spawn(Arc::new(worker).run());
    let id = order_id(1);
    let new = NewOrder {
        id,
        domain: "acme.example".parse().unwrap(),
        email: "owner@acme.example".parse().unwrap(),
        tier: Tier::Build,
        region: Region::Eu,
        tools: vec!["static-website".into(), "ghost".into()],
        identity: ServerIdentity("planted".into()),
    };
    hub.store.create_order_in(Language::De, &new, crate::start()).await.unwrap();
    hub.apply(id, &Event::PaymentReceived).await;
    let (mut paid, mut task) = (next(&mut mails).await, next(&mut mails).await);
    if paid.to[0].contains(EMAIL) {
        std::mem::swap(&mut paid, &mut task);
    }
    let link = format!("https://hub.example.com/progress/{id}");
    assert_eq!(paid.to, ["<owner@acme.example>"]);
    let text = plain(&paid.text);
    assert!(text.contains("Ihre Zahlung ist eingegangen") && text.contains(&link), "{text}");
    assert!(paid.text.contains(&format!("Message-ID: <{id}.paid@letsbe.example>")), "{}", paid.text);
    assert_eq!(task.to, [format!("<{EMAIL}>")]);
    let text = plain(&task.text);
    assert!(text.contains("letsbe orders assign") && text.contains("/waiting"), "{text}");
    let (server, at) = (letsbe_types::ids::ServerId("by-hand:1".into()), [192, 0, 2, 7].into());
    hub.apply(id, &Event::OperatorAssign { server, address: at, host_key: None }).await;
    let dns = next(&mut mails).await;
    let text = plain(&dns.text);
    for part in ["diese Einträge", link.as_str(), "  blog.acme.example  A     192.0.2.7"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    told(&hub, 3).await;
    working.abort();
    assert!(mails.try_recv().is_err(), "nothing is sent twice");
}

async fn next(mails: &mut mpsc::UnboundedReceiver<Mail>) -> Mail {
    tokio::time::timeout(Duration::from_secs(60), mails.recv()).await.expect("a mail").unwrap()
}

/// Waits until the timeline says of so many messages that they were sent.
async fn told(hub: &Hub, count: usize) {
    let mut changes = hub.store.changes();
    let all = async {
        loop {
            let lines = hub.store.timeline(order_id(1), 0, 100).await.unwrap();
            let told = lines.iter().filter(|line| line.message.contains("told by e-mail")).count();
            if told == count {
                return;
            }
            assert!(told < count, "{lines:?}");
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("the timeline says so");
}
