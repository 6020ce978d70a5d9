//! The certificate, name by name.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use letsbe_types::{Code, Problem};
use serde::Serialize;
use x509_parser::{extensions::GeneralName, pem::parse_x509_pem};

use letsbe_base::{files, layout::Layout, output};

/// One name that the certificate is for.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Site {
    name: String,
    expires_at: DateTime<Utc>,
    days_left: i64,
}

/// Prints until when each site has a certificate.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(super) fn print(layout: &Layout, json: bool, now: DateTime<Utc>) -> Result<(), Problem> {
    let path = layout.certificate();
    let pem = files::read(&path)?.ok_or_else(|| {
        let hint = "A provisioning run orders it, once DNS points here.";
        Problem::permanent(Code::NODE118, "This server has no certificate yet", hint)
    })?;
    let sites = sites(&pem, now).ok_or_else(|| files::unusable(&path, "it is no certificate"))?;
    let line = |site: &Site| {
        let day = site.expires_at.format("%Y-%m-%d");
        match site.days_left {
            ..0 => format!("{:<44} EXPIRED on {day}", site.name),
            days => format!("{:<44} until {day}, {days} days", site.name),
        }
    };
    output::print(json, &serde_json::json!({ "sites": sites }), || sites.iter().map(line).collect())
}

/// The names of the first certificate of a PEM file; `None` if it is none.
fn sites(pem: &[u8], now: DateTime<Utc>) -> Option<Vec<Site>> {
    let (_, pem) = parse_x509_pem(pem).ok()?;
    let certificate = pem.parse_x509().ok()?;
    let expires_at = DateTime::from_timestamp(certificate.validity().not_after.timestamp(), 0)?;
    let alternative = certificate.subject_alternative_name().ok()??;
    let names: BTreeSet<String> = alternative
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    let days_left = (expires_at - now).num_days() - i64::from(expires_at < now);
    Some(names.into_iter().map(|name| Site { name, expires_at, days_left }).collect())
}
