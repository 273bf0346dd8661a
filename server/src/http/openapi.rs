//! The description of the interface, made from the code that serves it (OpenAPI 3.1).

use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{calls, console, events, recordings, service, speech, webrtc};

/// The whole description, as `/openapi.json` serves it.
pub fn document() -> Document {
    ApiDoc::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hotline",
        description = "Calls as they happen and as they were. Times ending in `unix_ms` are milliseconds since 1970 \
            (UTC); errors are RFC 9457 problems with a `way_out`, but \
            below `/v1/audio/` they are as in OpenAI's interface.",
    ),
    paths(
        calls::detail,
        calls::hang_up,
        calls::list,
        console::file,
        console::page,
        calls::record,
        events::events,
        recordings::recording,
        service::agents,
        service::callbacks,
        service::health,
        service::index,
        service::metrics,
        service::openapi,
        service::ready,
        service::reload_flows,
        speech::speak,
        speech::transcribe,
        webrtc::hang_up,
        webrtc::offer,
        webrtc::restart,
    ),
    security(("token" = []), ()),
    modifiers(&Token),
)]
pub(super) struct ApiDoc;

/// `Authorization: Bearer`, where a token is configured.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        document.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}
