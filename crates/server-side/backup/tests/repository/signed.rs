//! Keys with letters that a configuration file means something by, checked by what the real programs sign with them.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use letsbe_backup::{Location, Repository};
use letsbe_types::{
    Secret,
    backup::{Destination, Protection, S3Destination},
};
use sha2::{Digest as _, Sha256};

use crate::place::{Place, programs};

const KEY_ID: &str = "AK#;\"I";
const SECRET: &str = "ab#c;d\"e'f\\g h%i`j\\";

/// Who asked, and whether the signature is that of the secret.
type Seen = (String, bool);

#[tokio::test]
async fn restic_and_rclone_sign_with_the_whole_key_whatever_letters_are_in_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, seen) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if answer(stream).is_none_or(|one| sender.send(one).is_err()) {
                continue;
            }
        }
    });
    let place = Place::new().await;
    let destination = Destination::S3(S3Destination {
        endpoint,
        region: "eu".to_owned(),
        bucket: "backups".to_owned(),
        prefix: "tenant".to_owned(),
        access_key_id: KEY_ID.to_owned(),
        secret_access_key: Secret::new(SECRET.to_owned()),
        protection: Protection::Unprotected,
    });
    let location = Location::outside(&destination, &programs(), place.folder.path()).unwrap();
    let far = Repository::new(&programs(), location, &place.path("key"), &place.path("cache"));
    far.reach().await.unwrap();
    // There is no repository in it; what is asked before that is known is signed.
    far.snapshots().await.unwrap_err();
    let seen: Vec<Seen> = seen.try_iter().collect();
    for program in ["rclone", "MinIO"] {
        assert!(seen.iter().any(|(who, _)| who.contains(program)), "{program}: {seen:?}");
    }
    assert!(seen.iter().all(|(_, right)| *right), "{seen:?}");
}

/// Answers one request of an S3 client; nothing is there.
fn answer(mut stream: TcpStream) -> Option<Seen> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let first = lines.next()?.ok()?;
    let mut headers = BTreeMap::new();
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut words = first.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (status, body) = match query {
        _ if query.contains("location") => ("200 OK", "<LocationConstraint>eu</LocationConstraint>"),
        _ if query.contains("delimiter") || query.contains("prefix") => (
            "200 OK",
            "<ListBucketResult><Name>backups</Name><IsTruncated>false</IsTruncated></ListBucketResult>",
        ),
        _ => ("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>"),
    };
    let body = if method == "HEAD" { "" } else { body };
    let reply = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(reply.as_bytes()).ok()?;
    let who = headers.get("user-agent").cloned().unwrap_or_default();
    Some((who, is_signed(method, path, query, &headers).unwrap_or_default()))
}

/// AWS's signature version 4, worked out once more from the request as it came.
fn is_signed(method: &str, path: &str, query: &str, headers: &BTreeMap<String, String>) -> Option<bool> {
    let authorization = headers.get("authorization")?.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let part = |name: &str| authorization.split(", ").find_map(|part| part.trim().strip_prefix(name));
    let authorization_parts = (part("Credential=")?, part("SignedHeaders=")?, part("Signature=")?);
    let (credential, signed, signature) = authorization_parts;
    let scope = credential.strip_prefix(KEY_ID)?.strip_prefix('/')?;
    let date = scope.split('/').next()?;
    let mut query: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
        .collect();
    query.sort();
    let lines: Option<Vec<String>> =
        signed.split(';').map(|name| Some(format!("{name}:{}\n", headers.get(name)?))).collect();
    let request = format!(
        "{method}\n{path}\n{}\n{}\n{signed}\n{}",
        query.join("&"),
        lines?.concat(),
        headers.get("x-amz-content-sha256")?
    );
    let request = hex::encode(Sha256::digest(request));
    let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{request}", headers.get("x-amz-date")?);
    let mac = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        mac.update(text.as_bytes());
        Some(mac.finalize().into_bytes().to_vec())
    };
    let mut key = mac(format!("AWS4{SECRET}").as_bytes(), date)?;
    for part in scope.split('/').skip(1) {
        key = mac(&key, part)?;
    }
    Some(hex::encode(mac(&key, &text)?) == signature)
}
