//! Who may come in: those with the token, or, where none is configured, programs on this machine.
//!
//! A web page open in a browser on this machine can send requests here as well. Two checks keep it out: a page of
//! another origin says so in `Origin`, and one that had its own name point here (DNS rebinding) says that name in `Host`.
//! The page for calls is there for everybody and tells nothing; to call, it shows a token of its own.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::Problem;
use super::state::HttpState;
use super::{console, webrtc};

/// Lets a request in, or answers 401 or 403.
pub(super) async fn check(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path == OPEN_PATH || console::serves(path) {
        return next.run(request).await;
    }
    let page_token = state.browsers.as_ref().filter(|_| path.starts_with(webrtc::PATHS));
    let tokens = [&state.token, &page_token.and_then(|access| access.token.clone())];
    let tokens: Vec<String> = tokens.into_iter().flatten().map(|token| token.reveal().to_owned()).collect();
    let headers = request.headers();
    if !same_origin(headers) {
        return Problem::new(
            StatusCode::FORBIDDEN,
            "A web page of another origin may not use this interface.",
            "Send the request from a program, or serve the page from the same address.",
        )
        .into_response();
    }
    match tokens.as_slice() {
        [] if names_this_machine(headers) => next.run(request).await,
        [_, ..] if tokens.iter().any(|token| shows_token(headers, token)) => next.run(request).await,
        [_, ..] => unauthorized(),
        [] => Problem::new(
            StatusCode::FORBIDDEN,
            "Without a token, this interface is used by its IP address or as localhost only.",
            "Use http://127.0.0.1, or set http.token in hotline.toml and send it as Authorization: Bearer.",
        )
        .into_response(),
    }
}

fn unauthorized() -> Response {
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "The token is missing or wrong.",
        "Send the value of http.token in hotline.toml as Authorization: Bearer; for calls from a page, webrtc.token.",
    );
    let mut response = problem.into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Whether the request carries the token. Digests of equal length are compared, so that the time it takes tells
/// neither how much of a guess is right nor how long the token is.
fn shows_token(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, shown) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("Bearer").then_some(shown.trim())
    });
    shown.is_some_and(|shown| bool::from(Sha256::digest(shown).ct_eq(&Sha256::digest(token))))
}

/// Whether a browser sent this for a page of ours, or no browser did.
fn same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    authority.is_some() && authority == host
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, _)) => inside,
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// Monitoring must be able to ask whether the process lives before it has any secret.
const OPEN_PATH: &str = "/healthz";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect::<HeaderMap>()
    }

    #[test]
    fn only_the_whole_token_opens() {
        let check = |value: &'static str, expected: bool| {
            assert_eq!(shows_token(&headers(&[("authorization", value)]), "sesame-sesame-se"), expected, "{value}");
        };
        check("Bearer sesame-sesame-se", true);
        check("bearer  sesame-sesame-se", true);
        check("Bearer sesame-sesame-s", false);
        check("Bearer ", false);
        check("Bearer", false);
        check("Basic sesame-sesame-se", false);
        assert!(!shows_token(&HeaderMap::new(), ""), "no header is no token");
    }

    #[test]
    fn a_page_of_another_origin_stays_out() {
        let check = |origin: &'static str, expected: bool| {
            assert_eq!(same_origin(&headers(&[("origin", origin), ("host", "127.0.0.1:8080")])), expected, "{origin}");
        };
        check("http://127.0.0.1:8080", true);
        check("http://127.0.0.1:9090", false);
        check("https://evil.example", false);
        check("null", false);
        assert!(same_origin(&headers(&[("host", "127.0.0.1:8080")])), "programs send no origin");
    }

    #[test]
    fn a_foreign_name_that_points_here_stays_out() {
        let check = |host: &'static str, expected: bool| {
            assert_eq!(names_this_machine(&headers(&[("host", host)])), expected, "{host}");
        };
        check("127.0.0.1:8080", true);
        check("localhost", true);
        check("[::1]:8080", true);
        check("rebound.example:8080", false);
        check("", false);
    }
}
