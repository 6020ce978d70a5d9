//! Stripe's events, signed as Stripe signs them: HMAC-SHA256 over `<time>.<body>`.

use anyhow::Context as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use letsbe_types::{Secret, ids::OrderId};
use serde_json::json;
use sha2::Sha256;

/// What a month of the Build tier costs: the tier that the lab orders (`catalog/tiers.toml`).
const PRICE: u64 = 1800;

/// Sends events to a Hub.
pub struct Stripe {
    url: String,
    secret: Secret<String>,
    http: reqwest::Client,
}

impl Stripe {
    /// Events for the Hub at `hub_url`.
    #[must_use]
    pub fn new(hub_url: &str, secret: Secret<String>) -> Self {
        Self { url: format!("{hub_url}/api/v1/webhooks/stripe"), secret, http: reqwest::Client::new() }
    }

    /// The value of the `Stripe-Signature` header.
    #[must_use]
    pub fn signature(&self, time: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes())
            .unwrap_or_else(|_| unreachable!());
        mac.update(format!("{time}.{body}").as_bytes());
        format!("t={time},v1={}", hex::encode(mac.finalize().into_bytes()))
    }

    /// The customer has paid the price of the tier that the lab orders, by card, in Stripe's test mode.
    ///
    /// # Errors
    /// When the Hub does not take it.
    pub async fn paid(&self, order: OrderId, event_id: &str) -> anyhow::Result<()> {
        let body = json!({
            "id": event_id, "object": "event", "type": "checkout.session.completed", "livemode": false,
            "data": { "object": {
                "id": format!("cs_{event_id}"), "object": "checkout.session", "livemode": false,
                "client_reference_id": order, "payment_status": "paid", "mode": "subscription",
                "amount_subtotal": PRICE, "amount_total": PRICE, "currency": "eur",
                "subscription": format!("sub_{event_id}"), "invoice": format!("in_{event_id}"),
            } },
        })
        .to_string();
        let status = self.send(chrono::Utc::now().timestamp(), &body).await?;
        anyhow::ensure!(status == 200, "the Hub answered {status} to a paid checkout");
        Ok(())
    }

    /// Sends a signed body; gives the status.
    ///
    /// # Errors
    /// When the Hub cannot be reached.
    pub async fn send(&self, time: i64, body: &str) -> anyhow::Result<u16> {
        let request = self.http.post(&self.url).header("Stripe-Signature", self.signature(time, body));
        let response = request.header("Content-Type", "application/json").body(body.to_owned()).send().await;
        Ok(response.context("the Hub cannot be reached")?.status().as_u16())
    }
}
