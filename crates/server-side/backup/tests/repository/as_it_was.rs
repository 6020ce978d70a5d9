//! A bucket as it was at a moment, at a service that is in trouble for a while: what is asked once in a server's life is not
//! given up at the first refusal.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use letsbe_backup::bring_back;
use letsbe_types::{
    Secret,
    backup::{Destination, Protection, S3Destination},
};

use crate::place::{moment, programs, refused};

const VERSIONS: &str = "<ListVersionsResult><Name>backups</Name><IsTruncated>false</IsTruncated><Version>\
    <Key>tenant/config</Key><VersionId>v1</VersionId><IsLatest>true</IsLatest>\
    <LastModified>2020-01-01T00:00:00.000Z</LastModified><ETag>&quot;b820299513916af39aed023b3b5e444d&quot;</ETag>\
    <Size>8</Size><StorageClass>STANDARD</StorageClass></Version></ListVersionsResult>";

/// A service that answers so many requests with an error of its own.
struct Service {
    endpoint: String,
    asked: Arc<AtomicUsize>,
}

impl Service {
    fn in_trouble(failures: usize, status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let fails = count.fetch_add(1, Ordering::SeqCst) < failures;
                let _ = answer(stream, fails.then_some(status));
            }
        });
        Self { endpoint, asked }
    }

    async fn bring_back(&self) -> Result<String, letsbe_types::Problem> {
        let place = tempfile::tempdir().unwrap();
        let destination = Destination::S3(S3Destination {
            endpoint: self.endpoint.clone(),
            region: "eu".to_owned(),
            bucket: "backups".to_owned(),
            prefix: "tenant".to_owned(),
            access_key_id: "id".to_owned(),
            secret_access_key: Secret::from("secret"),
            protection: Protection::Unprotected,
        });
        let to = place.path().join("back");
        bring_back(&destination, moment(), &programs(), place.path(), &to).await?;
        Ok(std::fs::read_to_string(to.join("config")).unwrap())
    }
}

/// One request; the connection is not kept.
fn answer(mut stream: TcpStream, trouble: Option<&str>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let listed = first.contains("versions");
    let (status, body) = match trouble {
        Some(status) => (status, "<Error><Code>InternalError</Code></Error>"),
        None if listed => ("200 OK", VERSIONS),
        None => ("200 OK", "canary-8"),
    };
    let kind = if listed || trouble.is_some() { "application/xml" } else { "application/octet-stream" };
    let body = if first.starts_with("HEAD") { "" } else { body };
    let reply = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nLast-Modified: Wed, 01 Jan 2020 00:00:00 GMT\r\n\
         ETag: \"b820299513916af39aed023b3b5e444d\"\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(reply.as_bytes())
}

#[tokio::test]
async fn a_bucket_in_trouble_for_a_moment_is_asked_again_and_one_that_refuses_is_told() {
    let well = Service::in_trouble(0, "");
    assert_eq!(well.bring_back().await.unwrap(), "canary-8");
    let troubled = Service::in_trouble(10, "500 Internal Server Error");
    assert_eq!(troubled.bring_back().await.unwrap(), "canary-8");
    assert!(troubled.asked.load(Ordering::SeqCst) > 10);
    let closed = Service::in_trouble(usize::MAX, "403 Forbidden");
    refused(closed.bring_back(), "REPO001").await;
}
