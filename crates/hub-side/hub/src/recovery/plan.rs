//! What a recovery would do, in sentences. Pure.

use chrono::{DateTime, Utc};
use letsbe_store::{AgentStatus, Order};
use letsbe_types::{
    backup::{Destination, Protection},
    backups::DestinationEntry,
    recovery::{RecoverRequest, RecoveryPlan},
};

/// What is known beside the request.
pub(crate) struct Known<'a> {
    pub(crate) order: &'a Order,
    pub(crate) agent: &'a AgentStatus,
    /// Names whose records will have to point to the new server.
    pub(crate) names: &'a [String],
    /// Who can open the newest keys in escrow; `None` if the server never sealed any away.
    pub(crate) recipients: Option<&'a [String]>,
    pub(crate) copies: &'a Copies,
}

fn written(moment: DateTime<Utc>) -> String {
    moment.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Where the copies are, without what opens them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Copies {
    place: String,
    protection: Protection,
}

impl From<&Destination> for Copies {
    fn from(destination: &Destination) -> Self {
        let place = match destination {
            Destination::S3(s3) => format!("bucket {}, folder {} at {}", s3.bucket, s3.prefix, s3.endpoint),
            Destination::Rclone(rclone) => format!("{}:{} (rclone)", rclone.remote, rclone.path),
        };
        Self { place, protection: destination.protection() }
    }
}

impl From<&DestinationEntry> for Copies {
    fn from(entry: &DestinationEntry) -> Self {
        let place = format!("bucket {}, folder {} at {}", entry.bucket, entry.prefix, entry.endpoint);
        Self { place, protection: entry.protection }
    }
}

/// The steps in order, and what is not as one would wish it.
pub(crate) fn plan(request: &RecoverRequest, known: &Known<'_>) -> RecoveryPlan {
    let order = known.order;
    let lost = match &order.state.recovery {
        Some(former) => former.lost.as_ref(),
        None => order.state.server.as_ref(),
    };
    let lost = lost.map_or_else(|| "the lost server".to_owned(), ToString::to_string);
    let region = request.region.unwrap_or(order.new.region);
    let elsewhere = if region == order.new.region { "as ordered" } else { "another region than the order's" };
    let newest = match request.at {
        Some(at) => format!("the newest set of each tool before {}", written(at)),
        None => "the newest set of each tool".to_owned(),
    };
    let as_of = request
        .as_of
        .map(|moment| format!(", with the far side read as it was at {}", written(moment)))
        .unwrap_or_default();
    let mut steps = vec![
        format!("The key of {lost}'s agent is revoked; the time is counted from now."),
        format!(
            "A server is claimed from the pool: {} tier, region {region} ({elsewhere}). If none fits, you are asked \
             to buy one.",
            order.new.tier
        ),
        "Its system is installed, and the ten steps are run on it.".to_owned(),
        "The run asks for the keys: `letsbe backups unseal` opens the escrow on your machine and seals them for the \
         new server."
            .to_owned(),
        format!(
            "Vault, certificates, configuration and the data of {} come back from {}: {newest}{as_of}.",
            order.new.tools.join(", "),
            known.copies.place
        ),
        format!("DNS is looked at until these point to the new address: {}.", known.names.join(", ")),
    ];
    steps.push(format!("{lost} stays taken until you write down what became of it."));
    RecoveryPlan { steps, warnings: warnings(request, known) }
}

fn warnings(request: &RecoverRequest, known: &Known<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    match known.recipients {
        None => warnings.push(
            "This server never sealed its keys away: without a copy of them elsewhere nothing can be opened."
                .to_owned(),
        ),
        Some(recipients) => {
            let text = format!("Have the identity of one of these at hand: {}.", recipients.join(", "));
            warnings.push(text);
        }
    }
    if let Some(heard) = known.agent.last_heartbeat_at.filter(|_| known.agent.revoked_at.is_none()) {
        warnings.push(format!(
            "The server was last heard at {}; what it took in since its last backup is lost.",
            written(heard)
        ));
    }
    if request.as_of.is_some() && known.copies.protection == Protection::Unprotected {
        warnings.push("The far side keeps no versions: it can be read only as it is now.".to_owned());
    }
    warnings
}
