//! Renders nginx: the main configuration, and the server blocks of each host name.

use crate::{
    Catalog, RenderContext, RenderError, Selection, Tool, Vhost,
    template::{self, Shared, Variables},
};

/// Where a certificate lies, as nginx sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificatePaths {
    /// The chain, leaf first.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl CertificatePaths {
    /// The paths of certbot's lineage `name` below `/etc/letsencrypt/live`.
    #[must_use]
    pub fn certbot(name: &str) -> Self {
        let folder = format!("/etc/letsencrypt/live/{name}");
        Self { certificate: format!("{folder}/fullchain.pem"), key: format!("{folder}/privkey.pem") }
    }
}

/// A file for `/opt/letsbe/nginx/sites`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFile {
    /// File name: `ghost.conf`.
    pub name: String,
    /// Content.
    pub contents: String,
}

/// What of a site's host names is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door<'a> {
    /// Port 80 only, with the ACME challenge: there is no certificate with its names yet.
    Challenge,
    /// Port 443 too, but the tool behind is not reached: 503.
    Closed(&'a CertificatePaths),
    /// The tool is reached.
    Open(&'a CertificatePaths),
}

/// The server blocks of a tool: before a certificate exists, :80 with the ACME challenge; after, :443 too.
/// `None` for a tool without host names.
///
/// # Errors
/// When the template is broken or names an unknown variable.
pub fn render_nginx(
    tool: &Tool,
    context: &RenderContext,
    certificate: Option<&CertificatePaths>,
) -> Result<Option<String>, RenderError> {
    let (Some(text), false) = (&tool.files.nginx, tool.vhosts.is_empty()) else { return Ok(None) };
    let file = format!("{}/nginx.conf", tool.name);
    let mut sites = Vec::new();
    for vhost in &tool.vhosts {
        let variables = variables(context, vhost, certificate, "open");
        sites.push(template::render_with(&file, text, &variables, &tool.files.shared)?);
    }
    Ok(Some(sites.join("\n")))
}

/// Paths as a regular expression. Below a script's name the script itself answers, too.
fn pattern(paths: &[String]) -> String {
    let one = |path: &String| {
        let end = match path {
            path if path.ends_with('/') => ".*",
            path if path.ends_with(".php") => "(/.*)?",
            _ => "/?",
        };
        format!("{}{end}", path.replace('.', "\\."))
    };
    paths.iter().map(one).collect::<Vec<_>>().join("|")
}

fn variables(
    context: &RenderContext,
    vhost: &Vhost,
    certificate: Option<&CertificatePaths>,
    door: &str,
) -> Variables {
    let name = context.domain.child(&vhost.label).unwrap_or_else(|_| context.domain.clone());
    let mut variables = context.common();
    variables.extend([
        ("server_name".to_owned(), name.as_str().into()),
        ("port".to_owned(), vhost.port.into()),
        ("websocket".to_owned(), vhost.websocket.into()),
        ("door".to_owned(), door.into()),
        ("body_mb".to_owned(), vhost.body_mb.into()),
        ("logins".to_owned(), pattern(&vhost.logins).into()),
        ("passwords".to_owned(), pattern(&vhost.passwords).into()),
        ("counts_basic".to_owned(), vhost.own_limit.is_none().into()),
        ("ipv6".to_owned(), context.ipv6.into()),
        ("certificate".to_owned(), certificate.map_or("", |paths| &paths.certificate).into()),
        ("certificate_key".to_owned(), certificate.map_or("", |paths| &paths.key).into()),
    ]);
    variables
}

/// nginx's own configuration, for `/opt/letsbe/nginx/nginx.conf`. Names nobody asked for get no answer.
///
/// # Errors
/// When the template is broken or names an unknown variable.
pub fn render_main_nginx(catalog: &Catalog, context: &RenderContext) -> Result<String, RenderError> {
    let nginx = catalog.platform().find(|tool| tool.name.as_str() == "nginx");
    let text = nginx.and_then(|tool| tool.files.nginx.as_deref()).unwrap_or_default();
    let mut variables = context.common();
    variables.insert("ipv6".to_owned(), context.ipv6.into());
    template::render("nginx/nginx.conf", text, &variables)
}

/// All files of `/opt/letsbe/nginx/sites` for a selection, sorted by name. Where no selected tool serves the domain
/// itself, a landing page does. `door` is asked for each tool, and with `None` for the landing page.
///
/// # Errors
/// When a template is broken or names an unknown variable.
pub fn render_sites<'a>(
    catalog: &Catalog,
    selection: &Selection,
    context: &RenderContext,
    door: impl Fn(Option<&Tool>) -> Door<'a>,
) -> Result<Vec<SiteFile>, RenderError> {
    let mut sites = Vec::new();
    let mut root_served = false;
    for tool in selection.tools.iter().filter_map(|id| catalog.tool(id)) {
        root_served |= tool.vhosts.iter().any(|vhost| vhost.label == "@");
        let contents = match door(Some(tool)) {
            Door::Challenge => render_nginx(tool, context, None)?,
            Door::Closed(certificate) => render_closed(catalog.shared(), tool, context, certificate)?,
            Door::Open(certificate) => render_nginx(tool, context, Some(certificate))?,
        };
        if let Some(contents) = contents {
            sites.push(SiteFile { name: format!("{}.conf", tool.name), contents });
        }
    }
    if !root_served {
        let certificate = match door(None) {
            Door::Challenge => None,
            Door::Closed(certificate) | Door::Open(certificate) => Some(certificate),
        };
        let contents = render_landing(catalog.shared(), context, certificate)?;
        sites.push(SiteFile { name: "landing.conf".to_owned(), contents });
    }
    sites.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sites)
}

/// A tool's host names, answered with 503.
fn render_closed(
    shared: &Shared,
    tool: &Tool,
    context: &RenderContext,
    certificate: &CertificatePaths,
) -> Result<Option<String>, RenderError> {
    let text = shared.get("closed.conf").map_or("", String::as_str);
    let site = |vhost| {
        let variables = variables(context, vhost, Some(certificate), "closed");
        template::render_with("shared/closed.conf", text, &variables, shared)
    };
    let sites = tool.vhosts.iter().map(site).collect::<Result<Vec<_>, _>>()?;
    Ok((!sites.is_empty()).then(|| sites.join("\n")))
}

fn render_landing(
    shared: &Shared,
    context: &RenderContext,
    certificate: Option<&CertificatePaths>,
) -> Result<String, RenderError> {
    let vhost = Vhost {
        label: "@".to_owned(),
        port: 0,
        websocket: false,
        body_mb: 1,
        logins: Vec::new(),
        passwords: Vec::new(),
        own_limit: None,
    };
    let text = shared.get("landing.conf").map_or("", String::as_str);
    template::render_with(
        "shared/landing.conf",
        text,
        &variables(context, &vhost, certificate, "open"),
        shared,
    )
}
