//! The operator's pages: the list, and one order with its live timeline and the operator actions.

use axum::{
    Extension,
    extract::{Request, State},
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Redirect, Response},
};
use letsbe_pages::{
    Html, Refusal,
    orders::{self, DeskForm, Known},
};
use letsbe_store::ListedOrders;
use letsbe_types::{
    api::DeskAction,
    ids::{OrderId, ServerId},
};

use super::{error_page, forms::form, page};
use crate::{
    AppState,
    controllers::{
        ApiError, ApiResult, Id, Parameters, field,
        listing::Listing,
        orders::{
            desk,
            list::{MOST_LINES, filter, page_of},
        },
    },
    security::sessions::Operator,
};

/// `GET /orders`, where people look for the list.
pub(crate) async fn moved(uri: Uri) -> Redirect {
    Redirect::to(&uri.query().map_or_else(|| "/".to_owned(), |query| format!("/?{query}")))
}

/// `GET /`
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    asked: Result<Parameters<Listing>, ApiError>,
) -> Response {
    match list_page(&state, operator.email.clone(), asked).await {
        Ok(html) => page(StatusCode::OK, html),
        Err(error) => error_page(error, Some(operator.email), "/"),
    }
}

async fn list_page(
    state: &AppState,
    operator: String,
    asked: Result<Parameters<Listing>, ApiError>,
) -> ApiResult<Html> {
    let listed = asked?.0.checked(filter)?;
    let ListedOrders { orders, total, counts } = page_of(state, &listed).await?;
    let all = counts.values().sum();
    Ok(orders::list(operator, orders, &listed.found(total, all, counts)))
}

/// `GET /orders/{id}`
pub(crate) async fn show(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    id: ApiResult<Id<OrderId>>,
) -> Response {
    let found = async { order_page(&state, operator.email.clone(), id?.0, None).await };
    match found.await {
        Ok(html) => page(StatusCode::OK, html),
        Err(error) => error_page(error, Some(operator.email), "/"),
    }
}

async fn order_page(
    state: &AppState,
    operator: String,
    id: OrderId,
    refused: Option<(DeskForm, Refusal)>,
) -> ApiResult<Html> {
    let known = Known {
        order: state.store.order(id).await?.ok_or_else(ApiError::not_found)?,
        lines: state.store.timeline(id, 0, MOST_LINES).await?,
        next_try: state.store.next_try(id).await?,
        is_tenant: state.store.agent(id).await?.is_some(),
    };
    Ok(orders::order(known, refused, operator, (&state.pace, state.clock.now())))
}

/// `POST /orders/{id}/actions`
pub(crate) async fn act(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    id: ApiResult<Id<OrderId>>,
    request: Request,
) -> Response {
    let id = match id {
        Ok(Id(id)) => id,
        Err(error) => return error_page(error, Some(operator.email), "/"),
    };
    let typed = match form::<DeskForm>(request).await {
        Ok(typed) => typed,
        Err(error) => return error_page(error, Some(operator.email), format!("/orders/{id}")),
    };
    let done = async { desk::carry_out(&state, &operator, id, action(typed.clone())?).await };
    match done.await {
        Ok(()) => Redirect::to(&format!("/orders/{id}")).into_response(),
        Err(error) => {
            let (status, refused) = (error.status, Some((typed, error.clone().into())));
            // The page with the form as it was filled in, and why it was refused.
            match order_page(&state, operator.email.clone(), id, refused).await {
                Ok(html) => page(status, html),
                Err(_) => error_page(error, Some(operator.email), "/"),
            }
        }
    }
}

fn action(form: DeskForm) -> ApiResult<DeskAction> {
    let wrong = |name: &str, message: &str| ApiError::fields(vec![field(name, message)]);
    match form.action.as_str() {
        "retry" => Ok(DeskAction::Retry),
        "skip" => Ok(DeskAction::Skip { reason: form.reason }),
        "assign" => {
            let address = form.address.trim().parse();
            let address = address.map_err(|_| wrong("address", "write an IP address such as `192.0.2.7`"))?;
            let name = form.server.trim();
            let name = if name.is_empty() { format!("manual:{address}") } else { name.to_owned() };
            let host_key = Some(form.host_key).filter(|key| !key.trim().is_empty());
            Ok(DeskAction::AssignServer { server: ServerId(name), address, host_key })
        }
        "abandon" if form.confirm == "yes" => Ok(DeskAction::Abandon { reason: form.reason }),
        "confirm_host_key" => Ok(DeskAction::ConfirmHostKey { host_key: form.host_key }),
        "abandon" => Err(wrong("confirm", "tick the box to confirm that the order shall be given up")),
        _ => Err(ApiError::bad_request("This page does not know that action.")),
    }
}
