//! Mail, by SMTP.

use std::time::Duration;

use letsbe_types::{EmailAddress, Problem, Secret};
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends mail through one server.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: EmailAddress,
}

fn problem(what: &str) -> Problem {
    Problem::transient(
        "MAIL001",
        format!("A message could not be sent: {what}"),
        "Check the mail server's settings.",
    )
}

impl Mailer {
    /// `url` as lettre reads it: `smtps://user:password@host` or `smtp://host:port`.
    ///
    /// # Errors
    /// When the address is no SMTP address.
    pub fn new(url: &Secret<String>, from: EmailAddress) -> Result<Self, Problem> {
        let wrong = |_| {
            Problem::permanent(
                "MAIL002",
                "The mail server's address is not valid.",
                "smtps://user:password@host",
            )
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose().trim()).map_err(wrong)?;
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
