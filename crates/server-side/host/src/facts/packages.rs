//! Installed packages, as `dpkg-query` lists them.

use std::collections::BTreeMap;

use letsbe_types::Problem;
use serde::Serialize;

use super::ask;
use crate::machine::Machine;

/// One package known to dpkg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Unpacked and configured.
    pub installed: bool,
    /// Kept from upgrades (`apt-mark hold`).
    pub held: bool,
    /// Its version; empty if only its configuration is left.
    pub version: String,
}

/// Packages by name.
pub type Packages = BTreeMap<String, Package>;

/// Parses lines `<name>|<status abbreviation>|<version>`, the second being for example `ii ` or `hi `.
#[must_use]
pub fn parse_packages(text: &str) -> Packages {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('|').map(str::trim);
            let name = words.next()?.split(':').next()?.to_owned();
            let status = words.next()?;
            let package = Package {
                installed: status.as_bytes().get(1) == Some(&b'i'),
                held: status.starts_with('h'),
                version: words.next().unwrap_or_default().to_owned(),
            };
            Some((name, package))
        })
        .collect()
}

/// Asks dpkg about `names`; those it does not know are left out.
///
/// # Errors
/// When dpkg cannot be asked.
pub async fn packages(machine: &dyn Machine, names: &[&str]) -> Result<Packages, Problem> {
    // dpkg-query ends with 1 when a name is unknown; that is an answer here.
    let format = "${binary:Package}|${db:Status-Abbrev}|${Version}\\n";
    let output = ask(machine, &format!("dpkg-query -W --showformat={format} {}", names.join(" "))).await?;
    Ok(parse_packages(&output.stdout))
}

/// Whether `name` is installed.
#[must_use]
pub fn is_installed(packages: &Packages, name: &str) -> bool {
    packages.get(name).is_some_and(|package| package.installed)
}
