//! What a server is known by before anything is told to it: its SSH host key, or that key's fingerprint.

use std::{fmt, str::FromStr};

use ssh_key::{Fingerprint, HashAlg, PublicKey};
use thiserror::Error;

/// Longest text that is looked at: a 16384-bit RSA key is shorter.
const LONGEST_TEXT: usize = 4096;

/// How a person compares a key, on a way that does not lead through the network between us and the server.
pub const COMPARE: &str =
    "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the server's console at its provider";

/// The host key that a server must show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKeyPin {
    /// The key itself.
    Key(Box<PublicKey>),
    /// Its fingerprint, as a person compares it.
    Fingerprint(Fingerprint),
}

/// A text that is neither a host key nor a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "is neither a fingerprint (`SHA256:…`) nor a public host key in OpenSSH's one-line form (`ssh-ed25519 AAAA…`)"
)]
pub struct NotAHostKey;

impl HostKeyPin {
    /// The key in OpenSSH's one-line form, without a comment; `None` if only its fingerprint is known.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        match self {
            Self::Key(key) => PublicKey::from(key.key_data().clone()).to_openssh().ok(),
            Self::Fingerprint(_) => None,
        }
    }

    /// The key's fingerprint: `SHA256:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        match self {
            Self::Key(key) => key.fingerprint(HashAlg::Sha256).to_string(),
            Self::Fingerprint(fingerprint) => fingerprint.to_string(),
        }
    }

    /// Whether a key that a server shows (OpenSSH's one-line form) is this one.
    #[must_use]
    pub fn is(&self, shown: &str) -> bool {
        let Ok(shown) = PublicKey::from_openssh(shown) else { return false };
        match self {
            Self::Key(key) => key.key_data() == shown.key_data(),
            Self::Fingerprint(fingerprint) => shown.fingerprint(fingerprint.algorithm()) == *fingerprint,
        }
    }
}

impl FromStr for HostKeyPin {
    type Err = NotAHostKey;

    /// Reads what people have at hand: a fingerprint, alone or in a line of `ssh-keygen -l`; a public key, alone or in
    /// a line of `known_hosts`.
    fn from_str(text: &str) -> Result<Self, NotAHostKey> {
        let text = text.trim();
        if text.len() > LONGEST_TEXT || text.contains(['\n', '\r']) {
            return Err(NotAHostKey);
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        if let Some(fingerprint) = words.iter().find(|word| word.starts_with("SHA256:")) {
            return fingerprint.parse().map(Self::Fingerprint).map_err(|_| NotAHostKey);
        }
        let mut pairs = words.windows(2).filter_map(|pair| PublicKey::from_openssh(&pair.join(" ")).ok());
        pairs.next().map(|key| Self::Key(Box::new(key))).ok_or(NotAHostKey)
    }
}

impl fmt::Display for HostKeyPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key().unwrap_or_else(|| self.fingerprint()))
    }
}

#[cfg(test)]
mod tests {
    use super::HostKeyPin;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";
    const FINGERPRINT: &str = "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ";

    #[test]
    fn what_people_have_at_hand_is_one_key() {
        for text in [
            KEY.to_owned(),
            format!("  {KEY} root@server\n"),
            format!("192.0.2.7 {KEY}"),
            format!("[192.0.2.7]:22022,shop.example {KEY} a comment"),
        ] {
            let pin: HostKeyPin = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (pin.key().as_deref(), pin.fingerprint().as_str()),
                (Some(KEY), FINGERPRINT),
                "{text}"
            );
            assert_eq!(pin.to_string(), KEY);
            assert!(pin.is(&format!("{KEY} comment")) && !pin.is(OTHER) && !pin.is("nonsense"));
        }
        for text in [FINGERPRINT.to_owned(), format!("256 {FINGERPRINT} root@server (ED25519)")] {
            let pin: HostKeyPin = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((pin.key(), pin.to_string()), (None, FINGERPRINT.to_owned()));
            assert!(pin.is(KEY) && !pin.is(OTHER));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "yes",
            "SHA256:",
            "SHA256:short",
            "MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            &format!("{KEY}\n{OTHER}"),
            &"x".repeat(5000),
        ] {
            assert!(text.parse::<HostKeyPin>().is_err(), "{text}");
        }
    }
}
