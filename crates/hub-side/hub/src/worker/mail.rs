//! Mail, by SMTP.

use std::time::Duration;

use letsbe_types::{Code, EmailAddress, Problem, Secret, is_private_host};
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use url::Url;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends mail through one server.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: EmailAddress,
}

fn problem(what: &str) -> Problem {
    Problem::transient(
        Code::MAIL001,
        format!("A message could not be sent: {what}"),
        "Check the mail server's settings.",
    )
}

/// Checks where mail goes out. Without encryption a login and every message could be read on the way: so only on this
/// machine and on private networks, where an address says so by itself.
///
/// # Errors
/// When it is no SMTP address, or an unencrypted one of a public network. Never quotes it.
pub fn mail_address(url: &Secret<String>) -> Result<(), Problem> {
    let wrong = || {
        Problem::permanent(
            Code::MAIL002,
            "The mail server's address is not valid.",
            "smtps://user:password@host",
        )
    };
    let parsed = Url::parse(url.expose()).map_err(|_| wrong())?;
    let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
    let mut required = parsed.query_pairs().filter(|(name, _)| name == "tls").map(|(_, value)| value);
    let encrypted = match (parsed.scheme(), required.next(), required.next()) {
        ("smtps", None, _) => true,
        ("smtp", Some(value), None) => value == "required",
        ("smtp", None, _) => false,
        _ => return Err(wrong()),
    };
    if encrypted || is_private_host(host) {
        return Ok(());
    }
    Err(Problem::permanent(
        Code::MAIL010,
        "The mail server's address is unencrypted (smtp://), and its host is on no private network.",
        "Write smtps://user:password@host, or smtp://user:password@host:587?tls=required for STARTTLS.",
    ))
}

impl Mailer {
    /// `url` as lettre reads it: `smtps://user:password@host` or `smtp://host:port`.
    ///
    /// # Errors
    /// When the address is no SMTP address, or an unencrypted one of a public network.
    pub fn new(url: &Secret<String>, from: EmailAddress) -> Result<Self, Problem> {
        let wrong = |_| {
            Problem::permanent(
                Code::MAIL002,
                "The mail server's address is not valid.",
                "smtps://user:password@host",
            )
        };
        mail_address(url)?;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose()).map_err(wrong)?;
        Ok(Self { transport: builder.timeout(Some(TIMEOUT)).build(), from })
    }

    /// Sends a text. `id` is the same for every try of the same message.
    ///
    /// # Errors
    /// When the server does not take it; its own words are kept out, they may quote the login.
    pub async fn send(
        &self,
        to: &EmailAddress,
        id: &str,
        subject: &str,
        text: String,
    ) -> Result<(), Problem> {
        let mailbox = |address: &EmailAddress| -> Result<Mailbox, Problem> {
            address.as_str().parse().map_err(|_| problem("an address is not valid"))
        };
        let domain = self.from.as_str().rsplit('@').next().unwrap_or("localhost").to_owned();
        let message = Message::builder()
            .from(mailbox(&self.from)?)
            .to(mailbox(to)?)
            .subject(subject)
            .message_id(Some(format!("<{id}@{domain}>")))
            .header(ContentType::TEXT_PLAIN)
            .body(text)
            .map_err(|_| problem("it could not be put together"))?;
        self.transport.send(message).await.map(drop).map_err(|error| {
            problem(if error.is_timeout() {
                "the mail server did not answer in time"
            } else if error.is_permanent() {
                "the mail server refused it"
            } else {
                "the mail server could not be reached or was busy"
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::Secret;

    use super::{Mailer, mail_address};

    #[test]
    fn mail_leaves_unencrypted_on_private_networks_only() {
        for (url, code) in [
            ("smtps://user:canary@mail.example.com", None),
            ("smtps://mail.example.com:465", None),
            ("smtp://user:canary@mail.example.com:587?tls=required", None),
            ("smtp://user:canary@127.0.0.1:25", None),
            ("smtp://10.0.0.5:25", None),
            ("smtp://user:canary@[fd00::1]:25", None),
            ("smtp://localhost", None),
            ("smtp://user:canary@mail.example.com:587", Some("MAIL010")),
            ("smtp://mail.example.com", Some("MAIL010")),
            ("smtp://user:canary@192.0.2.1:25", Some("MAIL010")),
            ("smtp://user:canary@mail.example.com?tls=opportunistic", Some("MAIL010")),
            ("smtp://mail.example.com?tls=required&tls=opportunistic", Some("MAIL002")),
            ("smtp://10.0.0.5.example.com:25", Some("MAIL010")),
            ("http://mail.example.com", Some("MAIL002")),
            ("canary", Some("MAIL002")),
            ("", Some("MAIL002")),
        ] {
            let url = Secret::<String>::from(url);
            let refused = mail_address(&url).err();
            assert_eq!(refused.as_ref().map(|problem| problem.code.as_str()), code, "{}", url.expose());
            assert!(!format!("{refused:?}").contains("canary"));
            let from = "hello@example.com".parse().unwrap();
            assert_eq!(Mailer::new(&url, from).err(), refused, "{}", url.expose());
        }
    }
}
