//! Whether what a customer has typed can be kept by every tool that he chose: tried before he pays.

use letsbe_types::{DomainName, EmailAddress, api::FieldError};

use crate::{
    Catalog, CertificatePaths, Door, RenderContext, RenderError, Selection, Tool, render_agents,
    render_sites, render_stack, rules,
};

impl Catalog {
    /// Renders everything that this order would need, with sample passwords.
    ///
    /// # Errors
    /// What cannot work, by the field that was typed.
    pub fn suits(
        &self,
        selection: &Selection,
        domain: &DomainName,
        owner_email: &EmailAddress,
    ) -> Result<(), Vec<FieldError>> {
        let mut wrong = Vec::new();
        let mut refuse = |field: &str, message: String| {
            wrong.push(FieldError { field: field.to_owned(), message });
        };
        let (typed, letters) = (owner_email.as_str(), owner_email.as_str().chars().count());
        for tool in selection.entries(self) {
            if let Some(most) = tool.owner_email_max.filter(|most| letters > *most) {
                let title = &tool.title;
                refuse(
                    "email",
                    format!("\"{typed}\" has {letters} characters; {title} takes at most {most}"),
                );
            }
            if let Some(sign) = typed.chars().find(|sign| tool.owner_email_signs_refused.contains(*sign)) {
                refuse(
                    "email",
                    format!("\"{typed}\" has a {sign}, which {} does not keep as it is", tool.title),
                );
            }
            for vhost in &tool.vhosts {
                if let Err(error) = domain.child(&vhost.label) {
                    refuse("domain", format!("{} would need the name {error}", tool.title));
                }
            }
        }
        let Some(sample) = rules::sample_context() else { return Ok(()) };
        let context =
            RenderContext { domain: domain.clone(), owner_email: owner_email.clone(), ..sample.clone() };
        if let Err(error) = self.rendered(selection, &context) {
            // Whichever of the two it is that cannot be carried.
            let other = RenderContext { owner_email: sample.owner_email, ..context };
            let field = if self.rendered(selection, &other).is_ok() { "email" } else { "domain" };
            refuse(field, format!("it cannot be kept on the server: {error}"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn rendered(&self, selection: &Selection, context: &RenderContext) -> Result<(), RenderError> {
        for tool in selection.entries(self).chain(self.platform()) {
            let credentials = rules::sample_credentials(tool);
            render_stack(tool, context, &credentials)?;
            rules::exchanges(tool, context, &credentials)?;
        }
        let certificate = CertificatePaths::certbot("sample");
        render_sites(self, selection, context, |_: Option<&Tool>| Door::Open(&certificate))?;
        render_agents(self, selection, context).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use letsbe_types::Tier;

    use crate::Catalog;

    fn fields(tools: &[&str], domain: &str, email: &str) -> Vec<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog");
        let catalog = Catalog::load(Path::new(folder)).expect("the catalog is valid");
        let tools: Vec<String> = tools.iter().map(|tool| (*tool).to_owned()).collect();
        let selection = catalog.select(Tier::Enterprise, &tools).expect("fits");
        let (domain, email) = (domain.parse().expect("a domain"), email.parse().expect("an address"));
        let wrong = catalog.suits(&selection, &domain, &email).err().unwrap_or_default();
        wrong.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn what_a_customer_types_is_tried_with_every_tool_before_he_pays() {
        let all = [
            "ghost",
            "nextcloud",
            "nocodb",
            "odoo",
            "portainer",
            "static-website",
            "uptime-kuma",
            "wordpress",
        ];
        for email in [
            "anna+laden@example.com",
            "o'brien@example.com",
            "o'$brien#@example.com",
            "a{{b}}{#c#}@example.com",
            "-rf@example.com",
            "--help@example.com",
            "${HOME}`id`@example.com",
            "|=?!*/^@example.com",
            "yes@example.com",
            "1e3@example.com",
            "~/{#x#}@example.com",
            "info@bäckerei-müller.de",
            &format!("{}@example.com", "a".repeat(49)),
            &format!("{}@{}.com", "a".repeat(60), "b".repeat(35)),
        ] {
            assert_eq!(fields(&all, "bäckerei-müller.de", email), Vec::<String>::new(), "{email}");
        }
        // WordPress keeps `&` as `&amp;`, and takes a `%41` out of what is typed at its log-in.
        let others: Vec<&str> = all.iter().copied().filter(|tool| *tool != "wordpress").collect();
        for email in ["r&d@example.com", "a%41b@example.com", "%s%n&|=?!*@example.com", "a{%c%}@example.com"]
        {
            assert_eq!(fields(&all, "example.com", email), ["email"], "{email}");
            assert_eq!(fields(&others, "example.com", email), Vec::<String>::new(), "{email}");
        }
        for domain in [
            "www.example.com",
            "blog.example.com",
            "mail.example.com",
            "💩.la",
            "a.b.c.d.e.f.example",
            "null.co",
        ] {
            assert_eq!(fields(&all, domain, "o'brien@example.com"), Vec::<String>::new(), "{domain}");
        }
        let long = format!("{}@{}.com", "a".repeat(60), "b".repeat(36));
        assert_eq!(fields(&all, "example.com", &long), ["email"], "WordPress keeps 100 letters");
        assert_eq!(fields(&["static-website", "odoo"], "example.com", &long), Vec::<String>::new());
        // 253 letters: itself a name, but nothing can stand before it.
        let longest = [63, 63, 63, 57].map(|length| "d".repeat(length)).join(".") + ".de";
        assert_eq!(longest.len() + 1, 253);
        assert_eq!(fields(&["static-website"], &longest, "a@example.com"), Vec::<String>::new());
        assert_eq!(fields(&["ghost"], &longest, "a@example.com"), ["domain"]);
    }
}
