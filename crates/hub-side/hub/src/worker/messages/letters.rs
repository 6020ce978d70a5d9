//! What people read in their mail. A customer in the customer's language; staff in English.

use chrono::{DateTime, Utc};
use letsbe_catalog::{Tool, UPLOAD_PORT, UPLOAD_USER};
use letsbe_pages::dns_entries::Entry;
use letsbe_store::Order;
use letsbe_types::{DomainName, Language};

use crate::worker::Worker;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::worker) struct Letter {
    pub(in crate::worker) subject: String,
    pub(in crate::worker) text: String,
}

/// The customer who is written to.
pub(in crate::worker) struct Reader<'a> {
    language: Language,
    domain: &'a DomainName,
    link: String,
}

impl<'a> Reader<'a> {
    pub(in crate::worker) fn of(worker: &Worker, order: &'a Order) -> Self {
        let link = format!("{}/progress/{}", worker.public_url.trim_end_matches('/'), order.new.id);
        Self { language: order.language, domain: &order.new.domain, link }
    }

    pub(super) fn paid(&self) -> Letter {
        let Self { domain, link, language } = self;
        match language {
            Language::En => Letter {
                subject: format!("Your order for {domain}: the payment has arrived"),
                text: format!(
                    "Thank you: your payment has arrived, and we have begun to set up your server for {domain}.\n\n\
                     You can follow it here, at any time:\n\n  {link}\n\n\
                     As soon as your server has an address, we write to you which entries your domain needs.\n\n\
                     If you have a question, just answer this message.\n\nLetsBe\n"
                ),
            },
            Language::De => Letter {
                subject: format!("Ihre Bestellung für {domain}: Ihre Zahlung ist eingegangen"),
                text: format!(
                    "Vielen Dank: Ihre Zahlung ist eingegangen, und wir haben begonnen, Ihren Server für {domain}\n\
                     einzurichten.\n\nHier können Sie jederzeit sehen, wie weit er ist:\n\n  {link}\n\n\
                     Sobald Ihr Server eine Adresse hat, schreiben wir Ihnen, welche Einträge Ihre Domain braucht.\n\n\
                     Wenn Sie eine Frage haben, antworten Sie einfach auf diese Nachricht.\n\nLetsBe\n"
                ),
            },
        }
    }

    pub(super) fn dns_wanted(&self, entries: &[Entry]) -> Letter {
        let Self { domain, link, language } = self;
        match language {
            Language::En => Letter {
                subject: format!("{domain}: please set these entries"),
                text: format!(
                    "Your server is running. So that {domain} leads to it, please set these entries where your domain\n\
                     is managed (DNS), and remove other A, AAAA and CNAME entries of the same names:\n\n{}\n\
                     We look every minute and go on by ourselves. What is still missing, you see here:\n\n  {link}\n\n\
                     If somebody else looks after your domain, just send them this message. If you are not sure,\n\
                     answer it, and we help you.\n\nLetsBe\n",
                    table(["Name", "Type", "Value"], entries)
                ),
            },
            Language::De => Letter {
                subject: format!("{domain}: bitte setzen Sie diese Einträge"),
                text: format!(
                    "Ihr Server läuft. Damit {domain} zu ihm führt, setzen Sie bitte diese Einträge dort, wo Ihre\n\
                     Domain verwaltet wird (DNS), und entfernen Sie andere A-, AAAA- und CNAME-Einträge derselben\n\
                     Namen:\n\n{}\n\
                     Wir sehen jede Minute nach und machen von selbst weiter. Was noch fehlt, sehen Sie hier:\n\n  {link}\n\n\
                     Wenn sich jemand anderes um Ihre Domain kümmert, leiten Sie diese Nachricht einfach weiter. Wenn\n\
                     Sie unsicher sind, antworten Sie uns, und wir helfen Ihnen.\n\nLetsBe\n",
                    table(["Name", "Typ", "Wert"], entries)
                ),
            },
        }
    }

    pub(super) fn delayed(&self) -> Letter {
        let Self { domain, link, language } = self;
        match language {
            Language::En => Letter {
                subject: format!("Your server for {domain} takes a little longer"),
                text: format!(
                    "Setting up your server for {domain} takes longer than usual. You need not do anything.\n\
                     How far it is, you see here:\n\n  {link}\n\n\
                     We write to you as soon as it is ready. If you have a question, just answer this message.\n\n\
                     LetsBe\n"
                ),
            },
            Language::De => Letter {
                subject: format!("Ihr Server für {domain} braucht etwas länger"),
                text: format!(
                    "Die Einrichtung Ihres Servers für {domain} dauert länger als üblich. Sie müssen nichts tun.\n\
                     Wie weit er ist, sehen Sie hier:\n\n  {link}\n\n\
                     Wir schreiben Ihnen, sobald er bereit ist. Wenn Sie eine Frage haben, antworten Sie einfach auf\n\
                     diese Nachricht.\n\nLetsBe\n"
                ),
            },
        }
    }

    /// All is ready. It holds no password: those never leave the server by mail.
    pub(in crate::worker) fn ready(&self, tools: &[&Tool]) -> Letter {
        let Self { domain, link, language } = self;
        let (note, upload) = match language {
            Language::En => {
                ("Please note", "Upload your pages there by SFTP (FileZilla, WinSCP, Cyberduck), up to")
            }
            Language::De => (
                "Bitte beachten Sie",
                "Ihre Seiten laden Sie dort per SFTP hoch (FileZilla, WinSCP, Cyberduck), bis zu",
            ),
        };
        let addresses = addresses(domain, tools, note, upload);
        match language {
            Language::En => Letter {
                subject: format!("Your server for {domain} is ready"),
                text: format!(
                    "Good news: your server for {domain} is ready, and we have checked every tool from outside.\n\n\
                     {addresses}\n\
                     Nothing needs to be installed. Your passwords were made on your server and are kept there only; for\n\
                     safety they are not in this message. Answer it, and we hand them over to you in person.\n\n\
                     How your order went, you find here: {link}\n\n\
                     If something does not look right, just answer this message, too.\n\nLetsBe\n"
                ),
            },
            Language::De => Letter {
                subject: format!("Ihr Server für {domain} ist bereit"),
                text: format!(
                    "Gute Nachrichten: Ihr Server für {domain} ist bereit, und wir haben jedes Werkzeug von außen\n\
                     geprüft.\n\n{addresses}\n\
                     Sie müssen nichts installieren. Ihre Passwörter wurden auf Ihrem Server erzeugt und liegen nur dort;\n\
                     zur Sicherheit stehen sie nicht in dieser Nachricht. Antworten Sie uns, und wir übergeben sie Ihnen\n\
                     persönlich.\n\nWie Ihre Bestellung verlief, sehen Sie hier: {link}\n\n\
                     Wenn etwas nicht stimmt, antworten Sie einfach auf diese Nachricht.\n\nLetsBe\n"
                ),
            },
        }
    }

    /// The server was lost: what is missing is said, because nobody else can make up for it.
    pub(in crate::worker) fn recovered(&self, data_as_of: Option<DateTime<Utc>>) -> Letter {
        let Self { domain, link, language } = self;
        match language {
            Language::En => {
                let missing = match data_as_of {
                    Some(moment) => format!(
                        "Your data are those of {} (UTC) or newer. What was added or changed after that, until the\n\
                         fault, is missing: please have a look, and enter again what you need.",
                        moment.format("%-d %B %Y, %H:%M")
                    ),
                    None => "What was added or changed between the last backup and the fault is missing."
                        .to_owned(),
                };
                Letter {
                    subject: format!("Your server for {domain} is back"),
                    text: format!(
                        "Your server for {domain} had a fault, and we have replaced it by another one. All your tools are\n\
                         back under their addresses, with the same passwords, and we have checked each of them from\n\
                         outside.\n\n{missing}\n\nHow it went, you find here: {link}\n\n\
                         If something does not look right, just answer this message.\n\nLetsBe\n"
                    ),
                }
            }
            Language::De => {
                let missing = match data_as_of {
                    Some(moment) => format!(
                        "Ihre Daten haben den Stand vom {} (UTC) oder sind neuer. Was danach bis zur Störung hinzukam oder\n\
                         geändert wurde, fehlt: Bitte sehen Sie nach, und tragen Sie neu ein, was Sie brauchen.",
                        moment.format("%-d.%-m.%Y, %H:%M Uhr")
                    ),
                    None => "Was zwischen der letzten Sicherung und der Störung hinzukam oder geändert wurde, fehlt.".to_owned(),
                };
                Letter {
                    subject: format!("Ihr Server für {domain} ist wieder da"),
                    text: format!(
                        "Ihr Server für {domain} hatte eine Störung, und wir haben ihn durch einen anderen ersetzt. Alle Ihre\n\
                         Werkzeuge sind unter ihren Adressen und mit denselben Passwörtern wieder da, und wir haben jedes\n\
                         von außen geprüft.\n\n{missing}\n\nWie es verlief, sehen Sie hier: {link}\n\n\
                         Wenn etwas nicht stimmt, antworten Sie einfach auf diese Nachricht.\n\nLetsBe\n"
                    ),
                }
            }
        }
    }
}

fn addresses(domain: &DomainName, tools: &[&Tool], note: &str, upload: &str) -> String {
    let mut addresses = String::new();
    for tool in tools {
        for name in tool.vhosts.iter().filter_map(|vhost| domain.child(&vhost.label).ok()) {
            addresses.push_str(&format!("  {}: https://{name}/\n", tool.title));
        }
        if let Some(bound) = &tool.upload {
            let (most, place) = (bound.max_gb, format!("{UPLOAD_USER}@{domain}:{UPLOAD_PORT}"));
            addresses.push_str(&format!("    {upload} {most} GB:\n    sftp://{place}/\n"));
        }
        if let Some(first_visit) = &tool.first_visit {
            addresses.push_str(&format!("    {note}: {first_visit}\n"));
        }
    }
    addresses
}

/// Columns that stay columns in a plain text.
fn table(titles: [&str; 3], entries: &[Entry]) -> String {
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or_default().max(titles[0].len());
    let mut lines = format!("  {:width$}  {:<4}  {}\n", titles[0], titles[1], titles[2]);
    for entry in entries {
        lines.push_str(&format!("  {:width$}  {:<4}  {}\n", entry.name, entry.kind, entry.wanted));
    }
    lines
}

/// To staff: an order waits for a person.
pub(super) fn person_wanted(hub: &str, order: &Order) -> Letter {
    let (hub, id, domain) = (hub.trim_end_matches('/'), order.new.id, &order.new.domain);
    let (code, what) = match &order.state.problem {
        Some(problem) => (
            format!(": {}", problem.code),
            format!("{}\n{}\n\n{hub}/errors/{}\n", problem.message, problem.hint, problem.code),
        ),
        None => (String::new(), String::new()),
    };
    Letter {
        subject: format!("{domain} needs you{code}"),
        text: format!(
            "The order of {domain} ({}) does not go on without a person.\n\n{what}\n\
             The order and its desk: {hub}/orders/{id}\nAll that waits for you: {hub}/waiting\n",
            order.state.phase
        ),
    }
}

/// To staff: there is a task.
pub(super) fn task_opened(hub: &str, order: &Order, detail: &str) -> Letter {
    let (hub, id, domain) = (hub.trim_end_matches('/'), order.new.id, &order.new.domain);
    Letter {
        subject: format!("{domain}: a task for you"),
        text: format!(
            "About the order of {domain}:\n\n{detail}\n\n\
             The order and its desk: {hub}/orders/{id}\nAll that waits for you: {hub}/waiting\n"
        ),
    }
}

#[cfg(test)]
mod tests;
