//! Which host key a server must show: given on the command line, or compared by a person.

use std::{io::IsTerminal as _, net::IpAddr, path::Path};

use anyhow::bail;
use letsbe_provisioner::ssh;
use letsbe_types::{Code, HostKeyPin, Problem, host_key::COMPARE};

use crate::{
    style::{self, Level},
    terminal,
};

/// Reads what was given: a fingerprint, a public key, or a file with one. `names` are the server's.
///
/// # Errors
/// `SSH013` when it is none of these.
pub(crate) fn given(text: &str, names: &[&str], ports: &[u16]) -> Result<HostKeyPin, Problem> {
    let not_a_key = match text.parse() {
        Ok(pin) => return Ok(pin),
        Err(error) => error,
    };
    if Path::new(text).exists() {
        return ssh::key_in_file(Path::new(text), names, ports);
    }
    Err(Problem::permanent(
        Code::SSH013,
        format!("What was given as the server's host key {not_a_key}, and no file"),
        format!("Give the fingerprint that {COMPARE} shows."),
    ))
}

/// Has a person compare the host key that the server shows. Nothing else is exchanged with it.
///
/// # Errors
/// `SSH001` when it does not answer, `SSH012` when nobody can be asked; and when the person did not agree.
pub(crate) async fn compared(address: IpAddr, ports: &[u16]) -> anyhow::Result<HostKeyPin> {
    if !std::io::stdin().is_terminal() {
        // Says which key is shown.
        return Ok(ssh::known_key(address, ports, None).await?.parse()?);
    }
    let shown = ssh::shown_key(address, ports).await?;
    eprintln!("{} The host key of {address} is not known. It shows", Level::Warning.mark());
    eprintln!("    {}", style::bold(&shown.fingerprint()));
    eprintln!("  Compare: {COMPARE}.");
    let prompt = "Type yes if it is the same, or the fingerprint that the console shows";
    let typed: String = terminal::asked(move || {
        dialoguer::Input::new().with_prompt(prompt).allow_empty(true).interact_text()
    })
    .await?;
    if !agrees(&typed, &shown) {
        bail!("the host key was not confirmed; nothing was sent");
    }
    Ok(shown)
}

fn agrees(typed: &str, shown: &HostKeyPin) -> bool {
    typed.trim() == "yes" || typed.trim() == shown.fingerprint()
}

#[cfg(test)]
mod tests {
    use super::{agrees, given};

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";
    const FINGERPRINT: &str = "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ";

    #[test]
    fn a_host_key_is_given_as_text_or_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let known = format!(
            "# comment\n198.51.100.1 {OTHER}\n192.0.2.7,shop.example {KEY}\n[192.0.2.8]:22022 {KEY} comment\n"
        );
        let hosts = file("known_hosts", &known);
        let read = |text: &str, names: &[&str]| given(text, names, &[22022, 22]).map(|pin| pin.fingerprint());
        for (text, names) in [
            (FINGERPRINT, vec!["192.0.2.7"]),
            (KEY, vec![]),
            (file("host.pub", &format!("{KEY} root@server\n")).as_str(), vec!["192.0.2.7"]),
            (&hosts, vec!["192.0.2.7"]),
            (&hosts, vec!["shop.example", "203.0.113.9"]),
            (&hosts, vec!["192.0.2.8"]),
        ] {
            assert_eq!(read(text, &names).as_deref(), Ok(FINGERPRINT), "{text} {names:?}");
        }
        assert_ne!(read(&hosts, &["198.51.100.1"]).as_deref(), Ok(FINGERPRINT));
        for (text, names) in [
            (hosts.as_str(), vec!["203.0.113.9"]),
            ("yes", vec![]),
            ("/no/such/file", vec![]),
            (&file("empty", ""), vec!["192.0.2.7"]),
            // A line for one host says nothing of another, however few lines there are.
            (&file("one", &format!("198.51.100.1 {KEY}\n")), vec!["192.0.2.7"]),
        ] {
            assert_eq!(read(text, &names).unwrap_err().code, "SSH013", "{text}");
        }
    }

    #[test]
    fn only_yes_or_the_same_fingerprint_is_a_yes() {
        let shown = KEY.parse().unwrap();
        assert!(agrees("yes\n", &shown) && agrees(FINGERPRINT, &shown));
        for other in ["", "y", "no", "Yes", "SHA256:", "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIA"] {
            assert!(!agrees(other, &shown), "{other}");
        }
    }
}
