//! Parts of the desired server that our side checks before it connects, and the server when it applies them. Pure.

use letsbe_types::{Code, Problem, api::FieldError, job::DesiredServer};

use crate::ADMIN_USER;

/// Types of public keys that OpenSSH accepts on every supported system.
const KEY_TYPES: [&str; 6] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// The text of the administrator's `authorized_keys`.
///
/// # Errors
/// `HOST010` when there is no key, or one that is not a public key.
pub fn authorized_keys(desired: &DesiredServer) -> Result<String, Problem> {
    let refuse = |what: String| {
        Problem::permanent(
            Code::HOST010,
            what,
            "Give at least one public key in OpenSSH's one-line form, without options.",
        )
    };
    if desired.admin_keys.is_empty() {
        return Err(refuse(format!(
            "admin_keys: no public key is given for {ADMIN_USER}: the server would lock everybody out"
        )));
    }
    let mut text = String::new();
    for key in &desired.admin_keys {
        let mut words = key.split(' ');
        let kind = words.next().unwrap_or_default();
        let data = words.next().unwrap_or_default();
        let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
        if !KEY_TYPES.contains(&kind)
            || data.len() < 32
            || !data.chars().all(base64)
            || key.contains(['\n', '\r'])
        {
            let shown: String = key.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(refuse(format!("admin_keys: not a public key for {ADMIN_USER}: \"{shown}…\"")));
        }
        text.push_str(key);
        text.push('\n');
    }
    Ok(text)
}

/// Every field that is wrong with a selection of tools, in one problem.
#[must_use]
pub fn unfit_tools(errors: &[FieldError]) -> Problem {
    let list: Vec<String> =
        errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    let message = format!("these tools cannot be deployed: {}", list.join("; "));
    Problem::permanent(Code::NODE043, message, "Correct the order's tools or its tier.")
}

#[cfg(test)]
mod tests {
    use letsbe_types::job::DesiredServer;

    use super::authorized_keys;

    #[test]
    fn only_public_keys_without_options_are_accepted() {
        let desired = include_str!("../tests/fixtures/desired.json");
        let desired: DesiredServer = serde_json::from_str(desired).unwrap();
        let key = &desired.admin_keys[0];
        assert_eq!(authorized_keys(&desired).unwrap(), format!("{key}\n"));
        let refused =
            ["x".to_owned(), format!("command=\"id\" {key}"), format!("{key}\n{key}"), String::new()];
        for key in refused {
            let wrong = DesiredServer { admin_keys: vec![key.clone()], ..desired.clone() };
            assert_eq!(authorized_keys(&wrong).unwrap_err().code, "HOST010", "{key:?}");
        }
    }
}
