//! Who may ask at all: programs of this server, by its own names. A page in somebody's browser that reaches the door by another
//! name (DNS rebinding), or from another origin, is refused before its key is looked at.

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::answer::Refusal;

/// Names under which the proxy is reached. The key protects the door; this keeps browsers away.
pub(super) const HOSTS: [&str; 5] = ["letsbe-secrets-proxy", "localhost", "127.0.0.1", "[::1]", "gate"];

/// Refuses foreign names and pages.
pub(super) async fn only(request: Request, next: Next) -> Response {
    if is_from_here(request.uri(), request.headers()) {
        return next.run(request).await;
    }
    let message = "This door is for programs of this server, by its own names.";
    Refusal::new(StatusCode::FORBIDDEN, message).into_response()
}

fn is_from_here(uri: &Uri, headers: &HeaderMap) -> bool {
    let named = headers.get_all(header::HOST).iter().map(|value| value.to_str().unwrap_or_default());
    let mut names = uri.authority().map(Authority::as_str).into_iter().chain(named).peekable();
    let mut origins = headers.get_all(header::ORIGIN).iter();
    names.peek().is_some()
        && names.all(is_ours)
        && origins.all(|origin| {
            let place = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
            place.is_some_and(is_ours)
        })
}

/// Whether `host:port` is one of this server's own names.
fn is_ours(place: &str) -> bool {
    let Ok(authority) = place.parse::<Authority>() else { return false };
    let is_plain = !place.contains('@') && authority.as_str().len() == place.len();
    is_plain && HOSTS.iter().any(|host| host.eq_ignore_ascii_case(authority.host()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Uri, header};

    use super::is_from_here;

    fn asked(host: Option<&'static str>, origin: Option<&'static str>) -> bool {
        let mut headers = HeaderMap::new();
        let mut put = |name, value: Option<&'static str>| {
            value.map(|value| headers.append(name, HeaderValue::from_static(value)));
        };
        put(header::HOST, host);
        put(header::ORIGIN, origin);
        is_from_here(&Uri::from_static("/api/v1/tools/execute"), &headers)
    }

    #[test]
    fn only_this_servers_own_names_and_pages_are_from_here() {
        for host in [
            "letsbe-secrets-proxy:8100",
            "localhost",
            "LocalHost:8100",
            "127.0.0.1:8100",
            "[::1]:8100",
            "gate",
        ] {
            assert!(asked(Some(host), None), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8100",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "x@localhost",
            "",
            "a b",
        ] {
            assert!(!asked(Some(host), None), "{host:?}");
        }
        assert!(!asked(None, None), "a name is needed");
        assert!(asked(Some("localhost"), Some("http://127.0.0.1:8100")));
        for origin in [
            "null",
            "https://evil.example",
            "http://evil.example",
            "http://localhost.evil.example",
            "https://localhost",
            "",
        ] {
            assert!(!asked(Some("localhost"), Some(origin)), "{origin:?}");
        }
    }
}
