//! Showing a tool's logins to the operator who has to hand them to the customer. Written down before it is shown.

use chrono::{DateTime, Utc};
use letsbe_catalog::{Catalog, Tool};
use letsbe_types::{Problem, Secret};
use letsbe_vault::Credentials;

use crate::{layout::Layout, vault};

/// One login that a person uses.
struct Login<'a> {
    name: &'a str,
    password: &'a Secret<String>,
}

/// Prints the logins of one tool; passwords that only programs use are not shown.
pub(crate) fn reveal(
    layout: &Layout,
    catalog: &Catalog,
    tool: &str,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let unknown = || {
        let known: Vec<&str> = catalog.tools().map(|tool| tool.name.as_str()).collect();
        Problem::permanent(
            "NODE026",
            format!("{tool} has no logins on this server"),
            format!("Tools: {}.", known.join(", ")),
        )
    };
    let entry = catalog.tools().find(|entry| entry.name.as_str() == tool).ok_or_else(unknown)?;
    let credentials = vault::credentials(layout)?.ok_or_else(unknown)?;
    let logins = logins_of(entry, &credentials);
    if logins.is_empty() {
        return Err(unknown());
    }
    vault::write_down(layout, "reveal", ("tool", tool), now)?;
    for login in logins {
        // The one place where a secret is shown, to the person who asked for it.
        println!("{}  login {}  password {}", entry.title, login.name, login.password.expose());
    }
    Ok(())
}

fn logins_of<'a>(tool: &'a Tool, credentials: &'a Credentials) -> Vec<Login<'a>> {
    let of_people =
        tool.credentials.iter().filter_map(|credential| Some((credential, credential.login.as_deref()?)));
    of_people
        .filter_map(|(credential, login)| {
            let name = if login.contains("owner_email") { "the owner's e-mail address" } else { login };
            let password = credentials.get(tool.name.as_str(), &credential.key)?;
            Some(Login { name, password })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use letsbe_catalog::Catalog;
    use letsbe_vault::Credentials;

    use super::{logins_of, reveal};
    use crate::{files, layout::Layout};

    fn catalog() -> Catalog {
        Catalog::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../catalog").as_ref()).unwrap()
    }

    #[test]
    fn only_logins_of_people_are_shown_and_each_time_is_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let catalog = catalog();
        let ghost = catalog.tools().find(|tool| tool.name.as_str() == "ghost").unwrap();
        let mut credentials = Credentials::default();
        for credential in &ghost.credentials {
            credentials.insert_missing(
                "ghost",
                &credential.key,
                format!("value-of-{}", credential.key).as_str().into(),
            );
        }
        let shown: Vec<&str> =
            logins_of(ghost, &credentials).iter().map(|login| login.password.expose().as_str()).collect();
        assert_eq!(shown, ["value-of-admin_password"]);

        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        // Nothing is shown on a server without credentials, nor where it cannot be written down.
        assert_eq!(reveal(&layout, &catalog, "ghost", now).unwrap_err().code, "NODE026");
        files::make_folder(layout.credentials().parent().unwrap()).unwrap();
        files::write(&layout.credentials(), credentials.to_file().expose().as_bytes()).unwrap();
        assert!(reveal(&layout, &catalog, "ghost", now).is_err());
        files::make_folder(layout.audit_log().parent().unwrap()).unwrap();
        reveal(&layout, &catalog, "ghost", now).unwrap();
        assert_eq!(reveal(&layout, &catalog, "odoo", now).unwrap_err().code, "NODE026");
        let log = std::fs::read_to_string(layout.audit_log()).unwrap();
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.contains("\"tool\":\"ghost\"") && !log.contains("value-of"), "{log}");
    }
}
