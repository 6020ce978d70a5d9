//! What a page's form sends.

use axum::{
    Form,
    extract::{FromRequest, Request},
};
use serde::de::DeserializeOwned;

use crate::controllers::{ApiError, field};

/// A form of exactly this shape, or why it is not.
pub(super) async fn form<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    match Form::<T>::from_request(request, &()).await {
        Ok(Form(value)) => Ok(value),
        Err(rejection) => {
            let mut error = ApiError::bad_request("The form was not filled in as it must be.");
            error.status = rejection.status();
            error.details.push(field("form", "go back, reload the page and try again"));
            Err(error)
        }
    }
}
