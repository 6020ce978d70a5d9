//! `POST /api/v1/public/orders`: what somebody wants to buy is checked before a payment is accepted.

use axum::{Json, extract::State, http::StatusCode};
use letsbe_catalog::Catalog;
use letsbe_store::NewOrder;
use letsbe_types::{
    DomainName, Language,
    api::{CheckoutAccepted, CheckoutRequest, FieldError, Reply},
    ids::{OrderId, ServerIdentity},
};

use super::sellable::{self, Seller};
use crate::{
    AppState,
    controllers::{ApiError, ApiResult, Input, field},
};

/// `POST /api/v1/public/orders`
pub(crate) async fn create(
    State(state): State<AppState>,
    Input(request): Input<CheckoutRequest>,
) -> ApiResult<(StatusCode, Json<Reply<CheckoutAccepted>>)> {
    let identity = ServerIdentity(hex::encode(rand::random::<[u8; 16]>()));
    let url = url::Url::parse(&state.public_url).ok();
    let host = url.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
    let seller = Seller { host, live: state.payments.live };
    let order =
        check(&state.catalog, &request, seller, OrderId::generate(), identity).map_err(ApiError::fields)?;
    let language = request.language.as_deref().map(Language::of_tag).unwrap_or_default();
    state.store.create_order_in(language, &order, state.clock.now()).await?;
    Ok((StatusCode::CREATED, Json(Reply::new(CheckoutAccepted { order_id: order.id }))))
}

/// Everything that is wrong with a request, or the order it makes.
fn check(
    catalog: &Catalog,
    request: &CheckoutRequest,
    seller: Seller<'_>,
    id: OrderId,
    identity: ServerIdentity,
) -> Result<NewOrder, Vec<FieldError>> {
    let mut wrong = Vec::new();
    let domain = note(&mut wrong, "domain", request.domain.parse().map(without_www));
    if let Some(why) = domain.as_ref().and_then(|name| sellable::why_not(name, &request.domain, seller)) {
        wrong.push(field("domain", why));
    }
    let email = note(&mut wrong, "email", request.email.parse::<letsbe_types::EmailAddress>());
    if seller.live && email.as_ref().is_some_and(|email| email.domain().is_reserved()) {
        wrong.push(field(
            "email",
            "no mail arrives at a domain that is reserved for tests or documents".to_owned(),
        ));
    }
    let tier = note(&mut wrong, "tier", request.tier.parse::<letsbe_types::Tier>());
    let region = note(&mut wrong, "region", request.region.parse::<letsbe_types::Region>());
    // Without a tier, the tools are still looked up: in the largest one, where only their names can be wrong.
    let selection = catalog.select(tier.unwrap_or(letsbe_types::Tier::Enterprise), &request.tools);
    let selection = selection.map_err(|errors| wrong.extend(errors)).ok();
    if let (Some(selection), Some(domain), Some(email)) = (&selection, &domain, &email) {
        wrong.extend(catalog.suits(selection, domain, email).err().unwrap_or_default());
    }
    let tools = selection.map(|selection| selection.tools);
    match (domain, email, tier, region, tools) {
        (Some(domain), Some(email), Some(tier), Some(region), Some(tools)) if wrong.is_empty() => {
            let tools = tools.into_iter().map(String::from).collect();
            Ok(NewOrder { id, domain, email, tier, region, tools, identity })
        }
        _ => Err(wrong),
    }
}

/// Who types `www.acme.de` means `acme.de`: its names, `www.` among them, are made below it. `www.co.uk` is somebody's.
fn without_www(domain: DomainName) -> DomainName {
    let rest = domain.as_str().strip_prefix("www.").filter(|rest| !sellable::is_public_suffix(rest));
    rest.and_then(|rest| rest.parse().ok()).unwrap_or(domain)
}

fn note<T, E: std::fmt::Display>(wrong: &mut Vec<FieldError>, name: &str, parsed: Result<T, E>) -> Option<T> {
    parsed.map_err(|error| wrong.push(field(name, error.to_string()))).ok()
}
