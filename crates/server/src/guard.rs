//! Who may come in: loopback alone, or a token; and what every answer carries.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use crate::api::problem::Problem;
use crate::service::App;

/// The cookie that a browser shows in place of the token.
pub(crate) const COOKIE: &str = "synchresis";

/// What a page of ours may do: nothing from elsewhere, no script or style in the page itself.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
                           connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Client(pub(crate) String);

/// What the cookie holds for this token: not the token itself.
pub(crate) fn pass(token: &str) -> String {
    blake3::derive_key("synchresis browser pass 2026-11", token.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Compares without telling by the time it takes where the difference lies.
pub(crate) fn same(a: &str, b: &str) -> bool {
    blake3::hash(a.as_bytes()) == blake3::hash(b.as_bytes())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a request without a token names this machine, so that no page elsewhere can have a browser ask in its name under a
/// name of its own (DNS rebinding).
fn names_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else {
        return true;
    };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a browser sends this for another site's page.
fn from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return !matches!(site, "same-origin" | "none");
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin
            .split_once("://")
            .is_none_or(|(_, named)| !named.eq_ignore_ascii_case(host)),
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// What anybody may see.
fn open_to_all(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/login" | "/favicon.ico") || path.starts_with("/assets/")
}

/// Lets in who may, says who it is, and times the answer.
pub(crate) async fn admit(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |path| path.as_str().to_owned());
    let answer = match refusal(&app, &mut request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let seconds = began.elapsed().as_secs_f64();
    app.metrics
        .answered(method.as_str(), &route, answer.status().as_u16(), seconds);
    dress(answer)
}

fn refusal(app: &App, request: &mut Request) -> Option<Response> {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or_else(|| "unknown".to_owned(), |ConnectInfo(peer)| peer.ip().to_string());
    let (headers, path) = (request.headers(), request.uri().path());
    let mut client = peer;
    match &app.config.token {
        Some(token) => {
            let by_token = bearer(headers).is_some_and(|shown| same(shown, token));
            let by_cookie = cookie(headers).is_some_and(|shown| same(shown, &pass(token)));
            if !by_token && !by_cookie && !open_to_all(path) {
                let browser = headers
                    .get(header::ACCEPT)
                    .and_then(|accept| accept.to_str().ok())
                    .is_some_and(|accept| accept.contains("text/html"));
                if browser && !path.starts_with("/api/") && request.method() == Method::GET {
                    return Some(Redirect::to("/login").into_response());
                }
                let mut answer = Problem::new(StatusCode::UNAUTHORIZED, "who asks is not known")
                    .hint("send `Authorization: Bearer TOKEN`")
                    .into_response();
                answer
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                return Some(answer);
            }
            if by_token {
                client = "token".to_owned();
            } else if !request.method().is_safe() && from_elsewhere(headers) {
                return Some(elsewhere());
            }
        }
        None => {
            if !names_loopback(headers) {
                return Some(
                    Problem::new(
                        StatusCode::MISDIRECTED_REQUEST,
                        "this server is for its own machine alone",
                    )
                    .hint("ask for 127.0.0.1 or localhost, or start it with a token")
                    .into_response(),
                );
            }
            if !request.method().is_safe() && from_elsewhere(headers) {
                return Some(elsewhere());
            }
        }
    }
    request.extensions_mut().insert(Client(client));
    None
}

fn elsewhere() -> Response {
    Problem::new(StatusCode::FORBIDDEN, "a page of another site may not ask for this").into_response()
}

/// The headers that every answer carries, unless it has its own.
fn dress(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    let defaults = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in defaults {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_page_elsewhere_reaches_a_server_of_this_machine() {
        assert!(names_loopback(&headers(&[("host", "127.0.0.1:8017")])));
        assert!(names_loopback(&headers(&[("host", "localhost")])));
        assert!(names_loopback(&headers(&[("host", "[::1]:8017")])));
        assert!(!names_loopback(&headers(&[("host", "evil.example:8017")])));
        assert!(!names_loopback(&headers(&[("host", "127.0.0.1.evil.example")])));
        assert!(from_elsewhere(&headers(&[("sec-fetch-site", "cross-site")])));
        assert!(from_elsewhere(&headers(&[
            ("origin", "http://evil.example"),
            ("host", "localhost:1")
        ])));
        assert!(!from_elsewhere(&headers(&[
            ("origin", "http://localhost:1"),
            ("host", "localhost:1")
        ])));
        assert!(!from_elsewhere(&headers(&[("host", "localhost:1")])));
    }

    #[test]
    fn a_cookie_gives_the_token_away() {
        assert_ne!(pass("secret"), "secret");
        assert!(!pass("secret").contains("secret"));
        assert_eq!(cookie(&headers(&[("cookie", "a=b; synchresis=xyz")])), Some("xyz"));
        assert_eq!(bearer(&headers(&[("authorization", "bearer  t ")])), Some("t"));
    }
}
