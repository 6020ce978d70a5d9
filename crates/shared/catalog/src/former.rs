//! What `tool.toml` and `tiers.toml` of former releases say and today's do not: taken out before they are read. A server
//! runs for a moment with this program and the catalog of the former one, so such a catalog must still be read.

use std::collections::BTreeSet;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What an entry says besides, as former releases did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Former {
    /// The fields.
    pub(crate) fields: Vec<String>,
    /// Ports of each service; all but those in the host's network are in `compose.yml` too.
    pub(crate) ports: Vec<(String, u16)>,
    /// Services without which the server does not count as broken.
    pub(crate) optional_services: BTreeSet<String>,
}

/// Fields of an entry that stand in `compose.yml` alone now, are its folder's name, or were never read.
const ENTRY: [&str; 6] = ["name", "kind", "images", "services", "ports", "monitors"];
/// The same, of the tables in it.
const TABLES: [(&str, &str); 2] = [("needs", "ram_mb"), ("update", "image")];
/// Fields of a tier that nobody read.
const TIER: [&str; 2] = ["recommended_tools_min", "recommended_tools_max"];

type Values<'a> = Spanned<DeValue<'a>>;

/// Takes what is former out of an entry.
pub(crate) fn of_entry(table: &mut DeTable<'_>) -> Former {
    let mut former = Former::default();
    for field in ENTRY {
        let Some(value) = table.remove(field) else { continue };
        former.fields.push(field.to_owned());
        match field {
            "ports" => former.ports = each(&value).filter_map(port).collect(),
            "services" => former.optional_services = each(&value).filter_map(optional).collect(),
            _ => {}
        }
    }
    for (name, field) in TABLES {
        let inner = table.get_mut(name).and_then(|value| match value.get_mut() {
            DeValue::Table(inner) => inner.remove(field),
            _ => None,
        });
        former.fields.extend(inner.map(|_| format!("{name}.{field}")));
    }
    former
}

/// Takes what is former out of `tiers.toml`.
pub(crate) fn of_tiers(table: &mut DeTable<'_>) {
    for (_, tier) in table.iter_mut() {
        if let DeValue::Table(tier) = tier.get_mut() {
            TIER.iter().for_each(|field| drop(tier.remove(*field)));
        }
    }
}

/// The tables of a list.
fn each<'a, 'i>(list: &'a Values<'i>) -> impl Iterator<Item = &'a DeTable<'i>> {
    list.get_ref().as_array().into_iter().flatten().filter_map(|value| value.get_ref().as_table())
}

fn port(table: &DeTable<'_>) -> Option<(String, u16)> {
    let service = table.get("service")?.get_ref().as_str()?;
    let host = table.get("host")?.get_ref().as_integer()?.as_str().parse().ok()?;
    Some((service.to_owned(), host))
}

fn optional(table: &DeTable<'_>) -> Option<String> {
    let required = table.get("required")?.get_ref().as_bool()?;
    let name = table.get("name")?.get_ref().as_str()?;
    (!required).then(|| name.to_owned())
}
