//! `/api/v1/admin/orders/{id}/destination`: where an order's copies go, and giving another destination by hand.

use axum::{Extension, Json, extract::State};
use letsbe_buckets::checked_address;
use letsbe_store::NewEntry;
use letsbe_types::{
    api::{FieldError, Reply},
    backup::Destination,
    backups::DestinationEntry,
    ids::OrderId,
    is_own_host,
};

use crate::{
    AppState,
    backups::given,
    controllers::{ApiError, ApiResult, Id, Input, field},
    security::sessions::Operator,
};

const NAME_BYTES: usize = 200;
/// The address of the server itself, or of the cloud's metadata service beside it.
const NOT_ITSELF: &str = "backups cannot go to the server itself (localhost, 127.…) or its own link (169.254.…, fe80::…); name another host";
const KEY_BYTES: usize = 4096;

/// `GET /api/v1/admin/orders/{id}/destination`
pub(crate) async fn show(
    State(state): State<AppState>,
    Id(id): Id<OrderId>,
) -> ApiResult<Json<Reply<Option<DestinationEntry>>>> {
    state.store.order(id).await?.ok_or_else(ApiError::not_found)?;
    Ok(Json(Reply::new(state.store.destination(id).await?)))
}

/// `PUT /api/v1/admin/orders/{id}/destination`: the order's next provisioning takes it to the server. What opens it is
/// never answered again.
pub(crate) async fn give(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    Id(id): Id<OrderId>,
    Input(destination): Input<Destination>,
) -> ApiResult<Json<Reply<Option<DestinationEntry>>>> {
    state.store.order(id).await?.ok_or_else(ApiError::not_found)?;
    let wrong = wrong(&destination);
    if !wrong.is_empty() {
        return Err(ApiError::fields(wrong));
    }
    let kept = given::file(&state.jobs_folder, id).keep(&destination);
    kept.map_err(|problem| ApiError::internal(&problem))?;
    let line = format!("{} chose: give a destination for the copies outside, by hand", operator.email);
    state.store.note(id, &NewEntry::new("operator", "ok", line), state.clock.now()).await?;
    tracing::info!(order = %id, operator = operator.email, "destination given by hand");
    Ok(Json(Reply::new(state.store.destination(id).await?)))
}

/// The host in an address that was checked.
fn host(endpoint: &str) -> Option<&str> {
    let (_, rest) = endpoint.split_once("://")?;
    let authority = rest.split('/').next()?;
    match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(host, _)| host),
        None => authority.split(':').next(),
    }
}

/// What is wrong with a destination as a person wrote it.
pub(crate) fn wrong(destination: &Destination) -> Vec<FieldError> {
    let mut wrong = Vec::new();
    let mut name = |place: &str, text: &str, most: usize| {
        let fits =
            !text.is_empty() && text.len() <= most && !text.chars().any(|c| c.is_control() || c == ' ');
        if !fits {
            wrong.push(field(place, format!("write one word of at most {most} characters")));
        }
    };
    match destination {
        Destination::S3(s3) => {
            name("region", &s3.region, NAME_BYTES);
            name("bucket", &s3.bucket, NAME_BYTES);
            name("prefix", &s3.prefix, NAME_BYTES);
            name("access_key_id", &s3.access_key_id, NAME_BYTES);
            name("secret_access_key", s3.secret_access_key.expose(), KEY_BYTES);
            let edge = |text: &str| text.starts_with('/') || text.ends_with('/');
            if edge(&s3.prefix) || s3.bucket.contains('/') {
                wrong.push(field(
                    "prefix",
                    "write it without slashes at its ends, and the bucket without any",
                ));
            }
            match checked_address(&s3.endpoint) {
                Err(refused) => wrong.push(field("endpoint", refused.to_string())),
                // As it was written, and as an HTTP client reads it.
                Ok(_)
                    if host(&s3.endpoint).is_none_or(is_own_host)
                        || destination.hosts().iter().any(|(host, _)| is_own_host(host)) =>
                {
                    wrong.push(field("endpoint", NOT_ITSELF))
                }
                Ok(_) => {}
            }
        }
        Destination::Rclone(remote) => match remote.checked() {
            Err(refused) => wrong.extend(refused.into_iter().map(|one| field(one.field, one.why))),
            Ok(checked) if checked.leads_to_itself() => {
                wrong.push(field("configuration", NOT_ITSELF));
            }
            Ok(_) => {}
        },
    }
    wrong
}
