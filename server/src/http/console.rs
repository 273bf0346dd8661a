//! The page for calls from a browser, and the script that puts it into a shop's own page.
//!
//! What `make console` has built from `console/` lies in the binary. Where it was not built, for example in a check that
//! needs no Node, the page says how to build it: so nobody needs Node to work on the rest (docs/decisions/0010).

use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use super::problem::Problem;
use super::state::HttpState;

/// What was built. The folder is always there: a file that tells what it is for is kept in it.
#[derive(RustEmbed)]
#[folder = "../console/dist"]
struct Built;

/// Whether the path is one of the page's, which everybody may read.
pub(super) fn serves(path: &str) -> bool {
    path == "/call" || path.starts_with("/call/")
}

/// The page to call from.
#[utoipa::path(get, path = "/call", tag = "webrtc", security(()),
    responses((status = 200, description = "The page", body = String, content_type = "text/html")))]
pub(super) async fn page(State(state): State<HttpState>) -> Response {
    let (status, html) = match Built::get(PAGE) {
        Some(file) => (StatusCode::OK, file.data),
        None => (StatusCode::SERVICE_UNAVAILABLE, UNBUILT.as_bytes().into()),
    };
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    set(headers, CONTENT_TYPE, "text/html; charset=utf-8");
    set(headers, CACHE_CONTROL, "no-cache");
    set(headers, REFERRER_POLICY, "no-referrer");
    set(headers, HeaderName::from_static("permissions-policy"), "microphone=(self), camera=(), geolocation=()");
    let sites = state.browsers.iter().flat_map(|access| &access.sites).map(|site| site.as_str());
    let ancestors: Vec<_> = ["'self'"].into_iter().chain(sites).collect();
    set(headers, CONTENT_SECURITY_POLICY, &format!("{POLICY}; frame-ancestors {}", ancestors.join(" ")));
    harden(headers);
    response
}

/// A part of the page, or the script for other pages.
#[utoipa::path(get, path = "/call/{file}", tag = "webrtc", security(()),
    params(("file" = String, Path, description = "widget.js, or a part of the page")),
    responses(
        (status = 200, description = "The file", body = String, content_type = "text/javascript"),
        (status = 404, description = "No such file", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn file(Path(name): Path<String>) -> Response {
    let kind = name.rsplit_once('.').and_then(|(_, ending)| KINDS.iter().find(|(known, _)| *known == ending));
    let (Some((_, kind)), Some(file)) = (kind, Built::get(&name)) else {
        let problem = Problem::new(StatusCode::NOT_FOUND, "The page has no such file.", "Open /call.");
        return problem.into_response();
    };
    let mut response = file.data.into_response();
    let headers = response.headers_mut();
    set(headers, CONTENT_TYPE, kind);
    // Parts of the page have the digest of their content in their names.
    let lasting = name.starts_with("assets/");
    set(headers, CACHE_CONTROL, if lasting { "public, max-age=31536000, immutable" } else { "no-cache" });
    let reader = if name == WIDGET { "cross-origin" } else { "same-origin" };
    set(headers, HeaderName::from_static("cross-origin-resource-policy"), reader);
    harden(headers);
    response
}

fn harden(headers: &mut HeaderMap) {
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
}

/// Sets a header to text of ours, or of the configuration, which holds no control characters.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

const PAGE: &str = "index.html";
const WIDGET: &str = "widget.js";
/// Scripts and styles of ours, connections to us, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      media-src 'self' blob:; base-uri 'none'; form-action 'none'";
const KINDS: [(&str, &str); 3] =
    [("css", "text/css; charset=utf-8"), ("js", "text/javascript; charset=utf-8"), ("svg", "image/svg+xml")];
const UNBUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Hotline</title><p>This server was \
                       built without its page for calls. Run <code>make console build</code> and start it again.</p><p \
                       lang=\"zh\">此服务器构建时未包含通话页面。请运行 <code>make console build</code> 后重新启动。</p></html>\n";
