//! The log-in of staff.

use askama::Template;
use letsbe_types::Language;

use crate::{Html, page};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    operator: Option<String>,
    words: &'static Words,
    email: String,
    next: String,
    /// What went before.
    notice: Option<Notice>,
}

/// Why the reader sees the login, if not to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The e-mail address or the password is wrong.
    Wrong,
    /// A form was sent after the login had ended.
    Ended,
}

impl LoginPage {
    fn says(&self) -> Option<&'static str> {
        self.notice.map(|notice| match notice {
            Notice::Wrong => self.words.wrong,
            Notice::Ended => self.words.ended,
        })
    }
}

struct Words {
    tag: &'static str,
    skip: &'static str,
    title: &'static str,
    email: &'static str,
    password: &'static str,
    wrong: &'static str,
    ended: &'static str,
}

const ENGLISH: Words = Words {
    tag: "en",
    skip: "Skip to content",
    title: "Log in",
    email: "E-mail address",
    password: "Password",
    wrong: "The e-mail address or the password is wrong.",
    ended: "Your login had ended, and what you sent was not carried out. Log in, and do it again.",
};

const GERMAN: Words = Words {
    tag: "de",
    skip: "Zum Inhalt",
    title: "Anmelden",
    email: "E-Mail-Adresse",
    password: "Passwort",
    wrong: "Die E-Mail-Adresse oder das Passwort ist falsch.",
    ended: "Ihre Anmeldung war abgelaufen, und was Sie abgeschickt haben, wurde nicht ausgeführt. Melden Sie sich an, \
            und tun Sie es noch einmal.",
};

impl Words {
    const fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &ENGLISH,
            Language::De => &GERMAN,
        }
    }
}

/// The page of the log-in, after which the reader gets to `next`.
///
/// # Errors
/// When the template cannot be rendered.
pub fn login(language: Language, email: String, next: String, notice: Option<Notice>) -> Html {
    page(&LoginPage { operator: None, words: Words::of(language), email, next, notice })
}
