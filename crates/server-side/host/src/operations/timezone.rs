//! Step 1: the customer's time zone, so that "04:00" means theirs.

use async_trait::async_trait;
use letsbe_types::{Code, Problem, job::DesiredServer};

use crate::{
    change::{Change, Command, FileWrite},
    facts::{ask, text_of},
    machine::Machine,
    operation::{Assessment, Converge},
};

const ZONES: &str = "/usr/share/zoneinfo";

/// The system's time zone.
pub(super) struct Timezone;

/// What the system says about its time zone.
pub(super) struct Found {
    /// Where `/etc/localtime` leads.
    link: String,
    /// `/etc/timezone`.
    name: String,
    /// The data of the wanted zone is there.
    known: bool,
}

fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+/".contains(c);
    !name.is_empty() && name.chars().all(plain) && !name.starts_with('/')
}

#[async_trait]
impl Converge for Timezone {
    type Facts = Found;
    const NAME: &'static str = "timezone.set";
    const STEP: u8 = 1;

    async fn probe(&self, machine: &dyn Machine, desired: &DesiredServer) -> Result<Self::Facts, Problem> {
        let zone = &desired.timezone;
        Ok(Found {
            link: ask(machine, "readlink /etc/localtime").await?.stdout.trim().to_owned(),
            name: text_of(machine, "/etc/timezone").await?.unwrap_or_default().trim().to_owned(),
            known: is_plain(zone) && text_of(machine, format!("{ZONES}/{zone}")).await?.is_some(),
        })
    }

    fn converge(&self, found: &Self::Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        let zone = &desired.timezone;
        if !found.known {
            return Err(Problem::permanent(
                Code::HOST014,
                format!("the time zone \"{zone}\" is not known on the server"),
                "Use a name of the IANA list, for example Europe/Berlin.",
            ));
        }
        if found.link == format!("{ZONES}/{zone}") && found.name == *zone {
            return Ok(Assessment::converged(format!("the time zone is {zone}")));
        }
        let link =
            Command::new("ln", ["-sfn".to_owned(), format!("{ZONES}/{zone}"), "/etc/localtime".to_owned()]);
        let name = FileWrite::new("/etc/timezone", 0o644, format!("{zone}\n"));
        Ok(Assessment::needed(
            format!("the time zone is not {zone}"),
            vec![Change::Run(link), Change::Write(name)],
        ))
    }
}
