//! The host key of a server that nobody has logged in to yet: read from the server, compared, or read from a file.
//! Nothing but a key exchange happens here.

use std::{net::IpAddr, path::Path};

use letsbe_types::{Code, HostKeyPin, Problem, host_key::COMPARE};
use russh::keys::{Algorithm, EcdsaCurve, PublicKey, known_hosts::known_host_keys_path};

use super::{exchange, fingerprint, no_connection, one_line, other_host_key};

/// The kinds that we can check, the most usual first.
const KINDS: [Algorithm; 4] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
];
/// Largest file of keys that is read.
const LARGEST_FILE: u64 = 1 << 20;

/// The host key that a server must show, in OpenSSH's one-line form. Of a key that only its fingerprint is known of,
/// the server shows the rest.
///
/// # Errors
/// `SSH001` (transient) when the server does not answer, `SSH002` when it has no key with this fingerprint, `SSH012`
/// when nothing is known of its key: it names the one that is shown.
pub async fn known_key(
    address: IpAddr,
    ports: &[u16],
    known: Option<&HostKeyPin>,
) -> Result<String, Problem> {
    if let Some(key) = known.and_then(HostKeyPin::key) {
        return Ok(key);
    }
    let shown = shown_keys(address, ports).await?;
    let lines = shown.iter().map(one_line).collect::<Result<Vec<_>, _>>()?;
    let fingerprints = || shown.iter().map(fingerprint).collect::<Vec<_>>().join(" and ");
    let Some(known) = known else { return Err(not_known(address, &shown[0])) };
    let same = lines.into_iter().find(|line| known.is(line));
    same.ok_or_else(|| other_host_key(address, &known.fingerprint(), &fingerprints()))
}

/// The host key that a server shows to a stranger: of the kind that people compare, if it has one.
///
/// # Errors
/// `SSH001` (transient) when the server does not answer.
pub async fn shown_key(address: IpAddr, ports: &[u16]) -> Result<HostKeyPin, Problem> {
    let shown = shown_keys(address, ports).await?;
    Ok(HostKeyPin::Key(Box::new(shown[0].clone())))
}

/// Never empty.
async fn shown_keys(address: IpAddr, ports: &[u16]) -> Result<Vec<PublicKey>, Problem> {
    let mut why = no_connection(&address.to_string(), "no port was asked");
    for port in ports {
        match keys_at(address, *port).await {
            Ok(keys) => return Ok(keys),
            Err(problem) => why = problem,
        }
    }
    Err(why)
}

async fn keys_at(address: IpAddr, port: u16) -> Result<Vec<PublicKey>, Problem> {
    let (mut keys, mut said) = (Vec::new(), None);
    let failed = |why: String| no_connection(&format!("{address} port {port}"), why);
    for kind in KINDS {
        let exchanged = exchange(address, port, kind, None).await.map_err(failed)?;
        keys.extend(exchanged.seen);
        said = exchanged.outcome.err().or(said);
    }
    if keys.is_empty() {
        let said = said.map_or_else(String::new, |error| format!(" ({error})"));
        return Err(failed(format!("the server showed no host key of a kind that is known here{said}")));
    }
    Ok(keys)
}

fn not_known(address: IpAddr, shown: &PublicKey) -> Problem {
    Problem::permanent(
        Code::SSH012,
        format!(
            "The host key of {address} is not known; {} is shown ({})",
            fingerprint(shown),
            shown.algorithm().as_str()
        ),
        format!(
            "Nothing was sent. Compare: {COMPARE}. If it is the same: `letsbe orders confirm-host-key <order> \
             <fingerprint>`, or `letsbe provision --host-key <fingerprint>`. If not, somebody sits in between."
        ),
    )
}

/// The host key in a file: a public key alone, or the line of a `known_hosts` file for one of these names.
///
/// # Errors
/// When the file cannot be read or has no key for the server.
pub fn key_in_file(path: &Path, names: &[&str], ports: &[u16]) -> Result<HostKeyPin, Problem> {
    let refused = |why: String| {
        Problem::permanent(
            Code::SSH013,
            format!("{} names no host key of the server: {why}", path.display()),
            "Name a file with its public host key, or a known_hosts file with a line for it; or give the fingerprint.",
        )
    };
    let size = std::fs::metadata(path).map_err(|error| refused(error.to_string()))?.len();
    if size > LARGEST_FILE {
        return Err(refused("it is larger than 1 MiB".to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    // A line of known_hosts begins with a name, and is for that name only.
    if text.trim().lines().count() == 1
        && let Ok(key) = PublicKey::from_openssh(text.trim())
    {
        return Ok(HostKeyPin::Key(Box::new(key)));
    }
    let asked = names.iter().flat_map(|name| ports.iter().map(move |port| (name, *port)));
    let found = asked.flat_map(|(name, port)| known_host_keys_path(name, port, path).unwrap_or_default());
    let keys: Vec<PublicKey> = found.map(|(_, key)| key).collect();
    let best = KINDS.iter().find_map(|kind| keys.iter().find(|key| key.algorithm() == *kind));
    let key = best.ok_or_else(|| refused(format!("no line is for {}", names.join(" or "))))?;
    Ok(HostKeyPin::Key(Box::new(key.clone())))
}
