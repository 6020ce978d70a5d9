//! Renders a tool's stack: its compose file, environment files and plain configuration.

use std::collections::{BTreeMap, BTreeSet};

use letsbe_types::{DomainName, EmailAddress, Secret};

use crate::{
    Agent, Catalog, RenderError, Tool, house_lines,
    template::{self, Shared, Variables},
};

/// What is known of a tenant and is no secret.
#[derive(Debug, Clone)]
pub struct RenderContext {
    /// The business's domain.
    pub domain: DomainName,
    /// Login and address of the owner.
    pub owner_email: EmailAddress,
    /// Where the certificate authority writes to.
    pub acme_email: EmailAddress,
    /// IANA name, for example `Europe/Berlin`.
    pub timezone: String,
    /// The tenant's (order's) id.
    pub tenant: String,
    /// Whether nginx also listens on IPv6; off where the host has none.
    pub ipv6: bool,
    /// More variables by name; each must be used by a rendered tool that asks for it, none is secret.
    pub values: BTreeMap<String, String>,
}

impl RenderContext {
    /// The host name under which `tool` answers first; the domain itself for a tool without a vhost.
    #[must_use]
    pub fn hostname(&self, tool: &Tool) -> DomainName {
        tool.vhosts
            .first()
            .and_then(|vhost| self.domain.child(&vhost.label).ok())
            .unwrap_or_else(|| self.domain.clone())
    }

    pub(crate) fn variables(&self, tool: &Tool) -> Variables {
        let mut variables = self.common();
        variables.insert("hostname".to_owned(), self.hostname(tool).as_str().into());
        variables
    }

    pub(crate) fn common(&self) -> Variables {
        let fixed = [
            ("domain", self.domain.as_str().to_owned()),
            ("owner_email", self.owner_email.as_str().to_owned()),
            ("acme_email", self.acme_email.as_str().to_owned()),
            ("timezone", self.timezone.clone()),
            ("tenant", self.tenant.clone()),
        ];
        let given = self.values.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        given.chain(fixed.map(|(name, value)| (name.to_owned(), value.into()))).collect()
    }
}

/// A file that holds secrets; written 0600, owner root, into the stack folder.
#[derive(Debug, Clone)]
pub struct EnvFile {
    /// Name within the stack folder: `.env`, `db.env`.
    pub name: String,
    /// Content.
    pub contents: Secret<String>,
}

/// Everything that goes into `/opt/letsbe/stacks/<tool>`.
#[derive(Debug, Clone)]
pub struct RenderedStack {
    /// `compose.yml` (written as `docker-compose.yml` or `compose.yml`); holds no secret.
    pub compose: String,
    /// Files with secrets: environment files and single-secret files.
    pub env: Vec<EnvFile>,
    /// The server blocks before a certificate exists; see [`crate::render_nginx`] for the others.
    pub nginx: Option<String>,
    /// Plain configuration: path relative to the stack folder, content. Written 0644.
    pub files: Vec<(String, String)>,
}

/// Renders a tool's stack.
///
/// # Errors
/// When a variable is unknown or unused, a credential is missing or superfluous, or a value cannot be carried.
pub fn render_stack(
    tool: &Tool,
    context: &RenderContext,
    credentials: &BTreeMap<String, Secret<String>>,
) -> Result<RenderedStack, RenderError> {
    let own = format!("{}/tool.toml", tool.name);
    check_credentials(tool, &own, credentials)?;
    let public = context.variables(tool);
    let mut secret = public.clone();
    secret.extend(credentials.iter().map(|(key, value)| (key.clone(), value.expose().clone().into())));

    let mut env = Vec::new();
    for (name, lines) in &tool.env {
        env.push(EnvFile {
            name: name.clone(),
            contents: Secret::new(render_env(tool, name, lines, &secret)?),
        });
    }
    for (name, text) in &tool.secret_files {
        env.push(EnvFile {
            name: name.clone(),
            contents: Secret::new(template::render(&own, text, &secret)?),
        });
    }
    let mut files = Vec::new();
    for (path, text) in &tool.files.other {
        files.push((path.clone(), template::render(&format!("{}/files/{path}", tool.name), text, &public)?));
    }
    let compose = template::render(&format!("{}/compose.yml", tool.name), &tool.files.compose, &public)?;
    Ok(RenderedStack {
        compose: house_lines::added(tool, &compose),
        env,
        nginx: crate::render_nginx(tool, context, None)?,
        files,
    })
}

fn check_credentials(
    tool: &Tool,
    file: &str,
    credentials: &BTreeMap<String, Secret<String>>,
) -> Result<(), RenderError> {
    let declared: BTreeSet<&str> =
        tool.credentials.iter().map(|credential| credential.key.as_str()).collect();
    if let Some(missing) = declared.iter().find(|key| !credentials.contains_key(**key)) {
        return Err(RenderError::MissingCredential {
            file: file.to_owned(),
            variable: (*missing).to_owned(),
        });
    }
    let used = used_credentials(tool)?;
    let unused = credentials.keys().find(|key| !declared.contains(key.as_str())).or_else(|| {
        tool.credentials.iter().map(|credential| &credential.key).find(|key| !used.contains(*key))
    });
    match unused {
        Some(variable) => {
            Err(RenderError::UnusedVariable { file: file.to_owned(), variable: variable.clone() })
        }
        None => Ok(()),
    }
}

/// Variables that the places which may carry a secret use: environment and secret files, set-up requests, probes.
pub(crate) fn used_credentials(tool: &Tool) -> Result<BTreeSet<String>, RenderError> {
    let file = format!("{}/tool.toml", tool.name);
    let exchanges = tool
        .setup
        .iter()
        .flat_map(|setup| {
            setup.fresh_when.iter().chain(&setup.requests).chain(&setup.then).chain(&setup.done_when)
        })
        .chain(&tool.functional)
        .chain([&tool.health.probe]);
    let texts = tool
        .env
        .values()
        .flat_map(|lines| lines.values().cloned())
        .chain(tool.secret_files.values().cloned())
        .chain(exchanges.flat_map(crate::exchange::templates));
    let mut used: BTreeSet<String> = tool.upload.iter().map(|upload| upload.password.clone()).collect();
    for text in texts {
        used.extend(template::used(&file, &text, &Shared::new())?);
    }
    Ok(used)
}

fn render_env(
    tool: &Tool,
    name: &str,
    lines: &BTreeMap<String, String>,
    variables: &Variables,
) -> Result<String, RenderError> {
    let mut contents = String::new();
    for (variable, text) in lines {
        let value = template::render(&format!("{}/tool.toml", tool.name), text, variables)?;
        // A backslash before a quote, ours or the one that closes the value, would be taken for its escape.
        let ambiguous = value.contains('\'') && value.contains('\\');
        if value.contains(['\n', '\r', '\0']) || value.ends_with('\\') || ambiguous {
            let file = format!("{}/{name}", tool.name);
            return Err(RenderError::UnsafeValue { file, variable: variable.clone() });
        }
        contents.push_str(&env_line(variable, &value));
    }
    Ok(contents)
}

/// Plain where every reader agrees on the meaning, else in single quotes, inside which only they are special.
fn env_line(variable: &str, value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:+=@,%".contains(&b);
    if !value.is_empty() && value.bytes().all(plain) {
        format!("{variable}={value}\n")
    } else {
        format!("{variable}='{}'\n", value.replace('\'', "\\'"))
    }
}

/// Renders the agents' SOUL.md files: path relative to the openclaw stack folder, content.
///
/// # Errors
/// When a template is broken or names an unknown variable.
pub fn render_agents(
    catalog: &Catalog,
    selection: &crate::Selection,
    context: &RenderContext,
) -> Result<Vec<(String, String)>, RenderError> {
    let mut variables = context.common();
    let titles: Vec<String> = selection
        .tools
        .iter()
        .filter_map(|id| catalog.tool(id))
        .map(|tool| format!("{} (https://{})", tool.title, context.hostname(tool)))
        .collect();
    variables.insert("tools".to_owned(), minijinja::Value::from(titles));
    let render = |agent: &Agent| {
        let text = template::render(&format!("agents/{}.md", agent.name), &agent.soul, &variables)?;
        Ok((format!("agents/{}/SOUL.md", agent.name), text))
    };
    catalog.agents().map(render).collect()
}

#[cfg(test)]
mod tests {
    use super::env_line;

    #[test]
    fn env_values_are_quoted_where_readers_might_disagree() {
        for (value, line) in [
            ("abc+/=", "K=abc+/=\n"),
            ("https://blog.example.com", "K=https://blog.example.com\n"),
            ("", "K=''\n"),
            ("a b", "K='a b'\n"),
            ("a$b", "K='a$b'\n"),
            ("a#b", "K='a#b'\n"),
            ("o'brien@b.example", "K='o\\'brien@b.example'\n"),
            ("pg://h:5432?u=a&p=b", "K='pg://h:5432?u=a&p=b'\n"),
        ] {
            assert_eq!(env_line("K", value), line);
        }
    }
}
