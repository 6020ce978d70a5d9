//! The SSH host key that a server is installed with, so that it is known before anybody logs in.

use letsbe_types::{Code, Problem, Secret};
use rand::CryptoRng;
use ssh_key::{Algorithm, LineEnding, PrivateKey};

/// Carried out by the provider while the system is installed or boots for the first time: whichever it is, the key is
/// in place before the server can be logged in to, or sshd takes it then. Repeatable.
const SCRIPT: &str = r#"#!/bin/sh
# The SSH host key by which this server is known before the first login.
set -eu
umask 077
key=/etc/ssh/ssh_host_ed25519_key
cat > "$key.new" <<'END-OF-KEY'
PRIVATE_KEY
END-OF-KEY
echo 'PUBLIC_KEY' > "$key.pub.new"
chmod 644 "$key.pub.new"
mv "$key.new" "$key"
mv "$key.pub.new" "$key.pub"
# Unless it is told not to, cloud-init replaces host keys at the first boot.
if [ -d /etc/cloud/cloud.cfg.d ]; then
  echo 'ssh_deletekeys: false' > /etc/cloud/cloud.cfg.d/99-host-key.cfg
fi
# An sshd that runs already has read another key.
if [ -d /run/systemd/system ]; then
  systemctl --no-block try-restart ssh.service || true
fi
"#;

/// A host key that is planted on a server. The private half lives in memory for the one call that hands it to the
/// provider; whoever needs it later makes another.
#[derive(Debug, Clone)]
pub struct PlantedKey {
    public: String,
    private: Secret<String>,
}

impl PlantedKey {
    /// Makes a new ed25519 key.
    ///
    /// # Errors
    /// When the key cannot be written in OpenSSH's form.
    pub fn generate(random: &mut impl CryptoRng) -> Result<Self, Problem> {
        let failed = |error: ssh_key::Error| {
            Problem::permanent(
                Code::SSH014,
                format!("No host key could be made: {error}"),
                "Report this as a bug.",
            )
        };
        let key = PrivateKey::random(random, Algorithm::Ed25519).map_err(failed)?;
        let private = Secret::new(key.to_openssh(LineEnding::LF).map_err(failed)?.to_string());
        Ok(Self { public: key.public_key().to_openssh().map_err(failed)?, private })
    }

    /// The public half, in OpenSSH's one-line form.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The script that puts the key in its place on the new server.
    #[must_use]
    pub fn script(&self) -> Secret<String> {
        let script = SCRIPT.replace("PUBLIC_KEY", &self.public);
        Secret::new(script.replace("PRIVATE_KEY", self.private.expose().trim_end()))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

    use super::PlantedKey;

    /// Carries the script out with `folder` in place of the system's root.
    fn carry_out(script: &str, folder: &std::path::Path) {
        let root = folder.display().to_string();
        let script = ["/etc/ssh", "/etc/cloud", "/run/systemd"]
            .iter()
            .fold(script.to_owned(), |script, path| script.replace(path, &format!("{root}{path}")));
        let done = Command::new("sh").arg("-c").arg(script).output().expect("sh");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    #[test]
    fn the_script_plants_the_key_that_was_recorded_and_cloud_init_leaves_it_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("etc/ssh")).expect("a folder");
        fs::create_dir_all(at("etc/cloud/cloud.cfg.d")).expect("a folder");
        fs::write(at("etc/ssh/ssh_host_ed25519_key"), "the image's own").expect("a file");
        for _ in 0..2 {
            let key = PlantedKey::generate(&mut rand::rng()).expect("a key");
            carry_out(key.script().expose(), folder.path());
            let private = at("etc/ssh/ssh_host_ed25519_key");
            let read = Command::new("ssh-keygen").arg("-yf").arg(&private).output().expect("ssh-keygen");
            assert_eq!(String::from_utf8_lossy(&read.stdout).trim(), key.public());
            let public = fs::read_to_string(at("etc/ssh/ssh_host_ed25519_key.pub")).expect("there");
            assert_eq!(public.trim(), key.public());
            let mode = |path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
            assert_eq!((mode(private), mode(at("etc/ssh/ssh_host_ed25519_key.pub"))), (0o600, 0o644));
        }
        let told = fs::read_to_string(at("etc/cloud/cloud.cfg.d/99-host-key.cfg")).expect("there");
        assert_eq!(told, "ssh_deletekeys: false\n");
        assert_eq!(fs::read_dir(at("etc/ssh")).expect("there").count(), 2, "nothing else is left");
    }

    #[test]
    fn no_key_is_printed() {
        let key = PlantedKey::generate(&mut rand::rng()).expect("a key");
        let secret = key.script().expose().lines().nth(8).expect("a line of the key").to_owned();
        assert!(secret.len() > 40 && !secret.contains("ssh-ed25519"), "{secret}");
        assert!(!format!("{key:?} {:?}", key.script()).contains(&secret));
    }
}
