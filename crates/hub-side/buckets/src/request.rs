//! One signed request, and its bounded answer.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use base64::Engine as _;
use md5::{Digest as _, Md5};
use reqwest::{Method, header};

use crate::{Account, BucketError, xml};

/// Longer answers are not what was asked for: a page of a listing has 1,000 entries of a few hundred bytes.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// What a service says in a refusal is cut here.
const MESSAGE_CHARACTERS: usize = 300;

/// What is asked.
pub(crate) struct Asked {
    /// In the service's own words, for messages.
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

/// Where it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    S3,
    Iam,
}

impl Asked {
    pub(crate) fn new(operation: &'static str, method: Method, path: impl Into<String>) -> Self {
        Self {
            operation,
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            content_type: "application/xml",
            body: Vec::new(),
        }
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

impl Account {
    /// The body of a good answer.
    pub(crate) async fn ask(&self, door: Door, asked: Asked) -> Result<Vec<u8>, BucketError> {
        let operation = asked.operation;
        let request = self.signed(door, asked, SystemTime::now())?;
        let unreachable = |error: reqwest::Error| BucketError::Unreachable {
            endpoint: self.service.endpoint.clone(),
            why: error.without_url().to_string(),
        };
        let mut answer = self.http.execute(request).await.map_err(unreachable)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(unreachable)? {
            if body.len() + piece.len() > ANSWER_BYTES_MAX {
                let why = format!("it is longer than {ANSWER_BYTES_MAX} bytes");
                return Err(BucketError::Unreadable { operation, why });
            }
            body.extend_from_slice(&piece);
        }
        if status.is_success() { Ok(body) } else { Err(refusal(operation, status.as_u16(), &body)) }
    }

    fn signed(&self, door: Door, asked: Asked, at: SystemTime) -> Result<reqwest::Request, BucketError> {
        let Asked { operation, method, path, query, headers, content_type, body } = asked;
        let unsigned =
            |why: &dyn std::fmt::Display| BucketError::Unsigned { operation, why: why.to_string() };
        let (endpoint, region, name) = match door {
            Door::S3 => (&self.service.endpoint, &self.service.region, "s3"),
            Door::Iam => (&self.service.iam_endpoint, &self.service.iam_region, "iam"),
        };
        let mut url = reqwest::Url::parse(&format!("{endpoint}{path}")).map_err(|error| unsigned(&error))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
            // `+` for a space is a form's way; a signature is over `%20`.
            let encoded = url.query().unwrap_or_default().replace('+', "%20");
            url.set_query(Some(&encoded));
        }
        let mut request = self.http.request(method, url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if !body.is_empty() {
            request = request
                .header(header::CONTENT_TYPE, content_type)
                .header("content-md5", base64::prelude::BASE64_STANDARD.encode(Md5::digest(&body)));
        }
        let mut request = request.build().map_err(|error| unsigned(&error.without_url()))?;
        let credentials =
            Credentials::new(&self.key.id, self.key.secret.expose(), None, None, "letsbe").into();
        let params = v4::SigningParams::builder()
            .identity(&credentials)
            .region(region)
            .name(name)
            .time(at)
            .settings(settings(door))
            .build()
            .map_err(|error| unsigned(&error))?
            .into();
        let headers = request.headers().iter();
        let headers: Vec<(&str, &str)> =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
        let (method, url) = (request.method().as_str(), request.url().as_str());
        let signable = SignableRequest::new(method, url, headers.into_iter(), SignableBody::Bytes(&body))
            .map_err(|error| unsigned(&error))?;
        let (instructions, _) = sign(signable, &params).map_err(|error| unsigned(&error))?.into_parts();
        for (name, value) in instructions.headers() {
            let mut value = header::HeaderValue::from_str(value).map_err(|error| unsigned(&error))?;
            value.set_sensitive(name == "authorization");
            let name = header::HeaderName::from_bytes(name.as_bytes()).map_err(|error| unsigned(&error))?;
            request.headers_mut().insert(name, value);
        }
        *request.body_mut() = (!body.is_empty()).then(|| body.into());
        Ok(request)
    }
}

/// S3 signs a path as it is sent, and wants the body's hash in a header.
fn settings(door: Door) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if door == Door::S3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

/// What a service says when it refuses; other answers (of a web server before it) keep their status.
fn refusal(operation: &'static str, status: u16, body: &[u8]) -> BucketError {
    let said = xml::error(body);
    let cut = |text: String| -> String {
        text.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARACTERS).collect()
    };
    BucketError::Refused { operation, status, code: cut(said.code), message: cut(said.message) }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use letsbe_types::Secret;

    use super::{Asked, Door, refusal};
    use crate::{AccessKey, Account, BucketError, Service};

    /// The example that the description of signature version 4 works through ("GET Bucket Lifecycle").
    #[test]
    fn a_request_is_signed_as_the_services_own_example() {
        let service = Service {
            endpoint: "https://examplebucket.s3.amazonaws.com".into(),
            region: "us-east-1".into(),
            iam_endpoint: "https://iam.amazonaws.com".into(),
            iam_region: "us-east-1".into(),
        };
        let key = AccessKey {
            id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: Secret::from("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        };
        let account = Account::new(service, key).expect("a client");
        let asked = Asked::new("GetBucketLifecycle", reqwest::Method::GET, "/").query("lifecycle", "");
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_369_353_600);
        let request = account.signed(Door::S3, asked, at).expect("signed");
        let authorization = &request.headers()["authorization"];
        assert!(authorization.is_sensitive());
        let text = authorization.to_str().expect("text");
        assert!(
            text.ends_with("Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            "{text}"
        );
        assert!(!format!("{request:?}{account:?}").contains("wJalr"));
    }

    #[test]
    fn a_refusal_keeps_what_the_service_says_and_a_foreign_answer_its_status() {
        let xml =
            "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>No\u{1b}[2J</Message></Error>";
        let error = refusal("CreateBucket", 403, xml.as_bytes());
        assert_eq!(error.to_string(), "CreateBucket was refused with 403 AccessDenied: No[2J");
        let iam = "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>gone</Message></Error>\
                   <RequestId>1</RequestId></ErrorResponse>";
        assert!(refusal("GetUser", 404, iam.as_bytes()).is(&["NoSuchEntity"]));
        for (status, transient) in [(503, true), (429, true), (501, false), (400, false)] {
            let error = refusal("CreateBucket", status, b"<html>bad gateway");
            assert_eq!(error.is_transient(), transient, "{status}");
            assert!(matches!(error, BucketError::Refused { code, .. } if code.is_empty()));
        }
    }
}
