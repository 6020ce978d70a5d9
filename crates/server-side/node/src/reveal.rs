//! Showing logins to the operator who has to hand them to the customer. Written down before they are shown.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use chrono::{DateTime, Utc};
use letsbe_catalog::{Tool, UPLOAD_PORT};
use letsbe_types::{Code, Problem, Secret};
use letsbe_vault::Credentials;
use serde_json::json;

use letsbe_base::{audit, layout::Layout, server::TenantServer, vault};

/// `letsbe-node reveal …`
#[derive(clap::Args)]
pub(crate) struct RevealArguments {
    /// One tool.
    #[arg(long, conflicts_with = "all", required_unless_present = "all")]
    tool: Option<String>,
    /// Every tool of this server.
    #[arg(long)]
    all: bool,
    /// Do not ask before every password is shown.
    #[arg(long)]
    yes: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// One login that a person uses.
struct Login<'a> {
    tool: &'a Tool,
    url: String,
    name: String,
    password: &'a Secret<String>,
}

/// Carries the command out: passwords that only programs use are not shown.
///
/// # Errors
/// `NODE026` for a tool without logins, `NODE114` when nobody says that all of them may be shown.
pub(crate) fn command(
    layout: &Layout,
    arguments: &RevealArguments,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let server = TenantServer::read(layout)?;
    let credentials = vault::credentials(layout)?.unwrap_or_default();
    let all = logins(&server, &credentials);
    let wanted = match &arguments.tool {
        Some(name) => of_tool(all, name)?,
        None => {
            let terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
            may_show(terminal, arguments.yes, || ask(server.desired.domain.as_str(), all.len()))?;
            all
        }
    };
    let mut told: Vec<&str> = wanted.iter().map(|login| login.tool.name.as_str()).collect();
    told.dedup();
    for tool in told {
        audit::write_down(layout, "reveal", ("tool", tool), now)?;
    }
    // The one place where logins are shown, to the person who asked for them.
    println!("{}", if arguments.json { as_json(&wanted) } else { as_table(&wanted) });
    Ok(())
}

/// The logins of people, in the order of the server's tools.
fn logins<'a>(server: &'a TenantServer, credentials: &'a Credentials) -> Vec<Login<'a>> {
    server.tools().flat_map(|tool| of(tool, server, credentials)).collect()
}

fn of<'a>(
    tool: &'a Tool,
    server: &'a TenantServer,
    credentials: &'a Credentials,
) -> impl Iterator<Item = Login<'a>> {
    let desired = &server.desired;
    let host = tool.vhosts.first().and_then(|vhost| desired.domain.child(&vhost.label).ok());
    let url = host.map_or_else(|| "no page of its own".to_owned(), |host| format!("https://{host}/"));
    tool.credentials.iter().filter_map(move |credential| {
        let login = credential.login.as_deref()?;
        let name = login.replace("{{ owner_email }}", desired.owner_email.as_str());
        let password = credentials.get(tool.name.as_str(), &credential.key)?;
        let url = match tool.is_upload_password(&credential.key) {
            true => format!("sftp://{name}@{}:{UPLOAD_PORT}/", desired.domain),
            false => url.clone(),
        };
        Some(Login { tool, url, name, password })
    })
}

fn of_tool<'a>(all: Vec<Login<'a>>, name: &str) -> Result<Vec<Login<'a>>, Problem> {
    let mut here: Vec<&str> = all.iter().map(|login| login.tool.name.as_str()).collect();
    here.dedup();
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    let unknown = Problem::permanent(
        Code::NODE026,
        format!("{shown} has no logins on this server"),
        format!("Tools with logins here: {}.", here.join(", ")),
    );
    let found: Vec<_> = all.into_iter().filter(|login| login.tool.name.as_str() == name).collect();
    if found.is_empty() { Err(unknown) } else { Ok(found) }
}

/// Every password at once is for a person who says so, or a script that does.
fn may_show(terminal: bool, yes: bool, ask: impl FnOnce() -> Result<bool, Problem>) -> Result<(), Problem> {
    if yes || terminal && ask()? {
        return Ok(());
    }
    Err(Problem::permanent(
        Code::NODE114,
        "No password was shown: nobody said that all of them may be",
        "Answer `y` on a terminal (`ssh -t …`), or add --yes.",
    ))
}

fn ask(domain: &str, count: usize) -> Result<bool, Problem> {
    drop(write!(std::io::stderr().lock(), "Show {count} passwords of {domain} on this screen? [y/N] "));
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| letsbe_base::files::unusable("standard input".as_ref(), error))?;
    Ok(["y", "yes"].contains(&line.trim().to_lowercase().as_str()))
}

fn as_json(logins: &[Login<'_>]) -> String {
    let one = |login: &Login<'_>| {
        json!({ "tool": login.tool.name.as_str(), "title": login.tool.title, "url": login.url,
                "login": login.name, "password": login.password.expose() })
    };
    json!({ "logins": logins.iter().map(one).collect::<Vec<_>>() }).to_string()
}

fn as_table(logins: &[Login<'_>]) -> String {
    let mut rows = vec![["tool", "address", "login", "password"].map(str::to_owned)];
    rows.extend(logins.iter().map(|login| {
        [login.tool.title.clone(), login.url.clone(), login.name.clone(), login.password.expose().clone()]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths = [width(0), width(1), width(2)];
    let line = |row: &[String; 4]| {
        format!(
            "{:<a$}  {:<b$}  {:<c$}  {}",
            row[0],
            row[1],
            row[2],
            row[3],
            a = widths[0],
            b = widths[1],
            c = widths[2]
        )
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;
    use letsbe_catalog::Catalog;
    use letsbe_vault::Credentials;

    use super::{RevealArguments, as_json, as_table, command, logins, may_show, of_tool};
    use letsbe_base::{files, layout::Layout, server::TenantServer};

    fn server(layout: &Layout) -> TenantServer {
        let desired = serde_json::json!({
            "identity": "i", "domain": "acme.example", "owner_email": "owner@acme.example",
            "timezone": "Europe/Berlin", "tier": "build", "tools": ["ghost", "static-website", "uptime-kuma"],
            "admin_keys": [], "docker": "distro", "registry_mirrors": [], "hub": null,
            "certificates": { "directory_url": null, "directory_roots_pem": null, "issued_roots_pem": null,
                              "contact": "ssl@acme.example" }
        });
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog");
        TenantServer {
            layout: layout.clone(),
            catalog: Arc::new(Catalog::load(path.as_ref()).unwrap()),
            desired: serde_json::from_value(desired).unwrap(),
        }
    }

    fn credentials(server: &TenantServer) -> Credentials {
        let mut credentials = Credentials::default();
        // Of tools that are not here, too: the vault may still know them.
        for tool in server.catalog.tools() {
            for credential in &tool.credentials {
                let value = format!("{}-{}", tool.name, credential.key);
                credentials.insert_missing(tool.name.as_str(), &credential.key, value.as_str().into());
            }
        }
        credentials
    }

    #[test]
    fn the_table_has_address_and_login_of_every_tool_here_and_no_password_of_programs() {
        let folder = tempfile::tempdir().unwrap();
        let server = server(&Layout::under(folder.path()));
        let credentials = credentials(&server);
        let all = logins(&server, &credentials);
        let table = as_table(&all);
        let ghost = table.lines().find(|line| line.starts_with("Ghost")).unwrap();
        for part in ["https://blog.acme.example/", "owner@acme.example", "ghost-admin_password"] {
            assert!(ghost.contains(part), "{ghost}");
        }
        assert!(table.contains("https://status.acme.example/"), "{table}");
        let upload = table.lines().find(|line| line.starts_with("Static website")).unwrap();
        for part in ["sftp://letsbe-website@acme.example:22023/", "static-website-upload_password"] {
            assert!(upload.contains(part), "{upload}");
        }
        for foreign in ["database_password", "odoo", "portainer", "{{"] {
            assert!(!table.contains(foreign), "{foreign}: {table}");
        }
        let json: serde_json::Value = serde_json::from_str(&as_json(&all)).unwrap();
        assert_eq!(json["logins"][0]["login"], "owner@acme.example");
        let Err(problem) = of_tool(all, "odoo") else { panic!("odoo is not here") };
        assert_eq!(problem.code, "NODE026");
        assert!(problem.hint.contains("ghost") && !problem.hint.contains("odoo"), "{}", problem.hint);
    }

    #[test]
    fn every_password_is_shown_only_to_who_says_so() {
        assert!(may_show(true, false, || Ok(true)).is_ok());
        assert!(may_show(false, true, || panic!("asked in a script")).is_ok());
        for (terminal, answer) in [(true, false), (false, true)] {
            assert_eq!(may_show(terminal, false, || Ok(answer)).unwrap_err().code, "NODE114");
        }
    }

    #[test]
    fn nothing_is_shown_before_it_was_written_down_tool_by_tool() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let server = server(&layout);
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let all = RevealArguments { tool: None, all: true, yes: true, json: true };
        assert_eq!(command(&layout, &all, now).unwrap_err().code, "BAK001", "a server without a record");
        files::write_json(&layout.state("server.json"), &server.desired).unwrap();
        let bundle = layout.bundle();
        files::make_folder(&bundle).unwrap();
        let catalog = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog");
        std::os::unix::fs::symlink(catalog, bundle.join("catalog")).unwrap();
        files::write(&layout.credentials(), credentials(&server).to_file().expose().as_bytes()).unwrap();
        assert_eq!(command(&layout, &all, now).unwrap_err().code, "NODE005", "there is nowhere to write it");
        files::make_folder(layout.audit_log().parent().unwrap()).unwrap();
        command(&layout, &all, now).unwrap();
        let log = std::fs::read_to_string(layout.audit_log()).unwrap();
        assert_eq!(log.lines().count(), 3, "{log}");
        for tool in ["ghost", "static-website", "uptime-kuma"] {
            assert!(log.contains(&format!("\"tool\":\"{tool}\"")), "{log}");
        }
        assert!(!log.contains("admin_password"), "{log}");
    }
}
