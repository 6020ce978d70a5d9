//! A customer who orders, and an operator who looks.

use anyhow::Context as _;
use letsbe_types::{
    api::{CheckoutAccepted, CheckoutRequest, OrderDetail, Reply},
    ids::OrderId,
};

/// What the customer wants.
pub type OrderRequest = CheckoutRequest;

/// Talks to the Hub as a customer and as staff.
pub struct Customer {
    hub: String,
    token: String,
    http: reqwest::Client,
}

impl Customer {
    /// Logs in as staff too, so that orders can be looked at.
    ///
    /// # Errors
    /// When the Hub does not let us in.
    pub async fn at(hub_url: &str, email: &str, password: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::new();
        let login = serde_json::json!({ "email": email, "password": password });
        let response = http.post(format!("{hub_url}/api/v1/admin/login")).json(&login).send().await?;
        let reply: Reply<serde_json::Value> = response.error_for_status()?.json().await?;
        let token = reply.data["token"].as_str().context("the Hub gave no token")?.to_owned();
        Ok(Self { hub: hub_url.to_owned(), token, http })
    }

    /// Staff's token, for the CLI.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Checks out.
    ///
    /// # Errors
    /// When the Hub refuses; its words are in the error.
    pub async fn order(&self, request: &OrderRequest) -> anyhow::Result<OrderId> {
        let response =
            self.http.post(format!("{}/api/v1/public/orders", self.hub)).json(request).send().await?;
        let status = response.status();
        let text = response.text().await?;
        anyhow::ensure!(status.is_success(), "the order was refused with {status}: {text}");
        let reply: Reply<CheckoutAccepted> = serde_json::from_str(&text)?;
        Ok(reply.data.order_id)
    }

    /// Looks at an order. `None` while the Hub is down.
    ///
    /// # Errors
    /// When the Hub answers with something else than an order.
    pub async fn look(&self, order: OrderId) -> anyhow::Result<Option<OrderDetail>> {
        let request =
            self.http.get(format!("{}/api/v1/admin/orders/{order}", self.hub)).bearer_auth(&self.token);
        let Ok(response) = request.send().await else { return Ok(None) };
        if response.status().is_server_error() {
            return Ok(None);
        }
        let Ok(text) = response.error_for_status()?.text().await else { return Ok(None) };
        let reply: Reply<OrderDetail> = serde_json::from_str(&text).context("not an order")?;
        Ok(Some(reply.data))
    }

    /// Does something about an order as an operator; gives the status.
    ///
    /// # Errors
    /// When the Hub cannot be reached.
    pub async fn act(&self, order: OrderId, action: &serde_json::Value) -> anyhow::Result<u16> {
        let url = format!("{}/api/v1/admin/orders/{order}/actions", self.hub);
        let response = self.http.post(url).bearer_auth(&self.token).json(action).send().await?;
        Ok(response.status().as_u16())
    }
}
