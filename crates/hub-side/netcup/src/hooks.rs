//! What every request to the SCP API carries beyond what its description says.

use letsbe_types::Secret;
use progenitor_client::{ClientHooks, ClientInfo, Error, OperationInfo};
use reqwest::{
    Method, Request, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};

use crate::generated::Client;

/// The access token of one request.
#[derive(Debug, Clone)]
pub(crate) struct Bearer(pub(crate) Secret<String>);

impl ClientHooks<Bearer> for Client {
    async fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), Error<E>> {
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {}", self.inner().0.expose())).map_err(|_| {
                Error::InvalidRequest("the access token has a character no header can carry".into())
            })?;
        bearer.set_sensitive(true);
        let patch = request.method() == Method::PATCH;
        let write = request.method() != Method::GET;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, bearer);
        // The generator's own header, which the description does not know.
        headers.remove("api-version");
        if patch {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/merge-patch+json"));
        } else if write && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(())
    }

    /// An error page that is no JSON (from a gateway in between) would lose its status on decoding.
    async fn post<E>(&self, result: &reqwest::Result<Response>, _: &OperationInfo) -> Result<(), Error<E>> {
        let Ok(response) = result else { return Ok(()) };
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if response.status().as_u16() >= 400 && !kind.contains("json") {
            return Err(Error::Custom(response.status().as_u16().to_string()));
        }
        Ok(())
    }
}
