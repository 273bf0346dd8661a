//! Recordings as WAV, whole or in parts (`Range`, RFC 9110 14), also while the call goes on.

use std::io::{ErrorKind, SeekFrom};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_RANGE, RANGE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::calls;
use super::problem::Problem;
use super::state::HttpState;
use crate::journal;

/// The stereo recording of a call: left the caller, right the bot or the agent. Of a live call: what there is so far.
#[utoipa::path(get, path = "/v1/recordings/{id}", tag = "recordings", params(
        ("id" = String, Path, description = "The call_id"),
        ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=0-99`"),
    ), responses(
        (status = 200, description = "The recording", content_type = "audio/wav"),
        (status = 206, description = "The part asked for", content_type = "audio/wav"),
        (status = 404, description = "No such recording", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "No such part", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn recording(
    State(state): State<HttpState>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let cdr = calls::find(&state, &id).await?;
    let path = cdr.recording.as_deref().and_then(|path| journal::inside(&state.folders.recordings, path));
    let path = path.ok_or_else(not_recorded)?;
    let mut file = File::open(&path).await.map_err(|error| unreadable(&error))?;
    let length = file.metadata().await.map_err(|error| unreadable(&error))?.len();
    // RFC 9110 13.1.5: without a validator of ours, a conditional range gets the whole.
    let asked = headers.get(RANGE).filter(|_| !headers.contains_key(IF_RANGE));
    let part = match asked.and_then(|range| range.to_str().ok()).map(|range| Part::parse(range, length)) {
        None | Some(Part::Whole) => return Ok(answer(StatusCode::OK, file, length, None)),
        Some(Part::Outside) => return Ok(unsatisfiable(outside(length), length)),
        Some(Part::Bytes { first, last }) => (first, last),
    };
    let (first, last) = part;
    file.seek(SeekFrom::Start(first)).await.map_err(|error| unreadable(&error))?;
    let range = format!("bytes {first}-{last}/{length}");
    Ok(answer(StatusCode::PARTIAL_CONTENT, file, last - first + 1, Some(range)))
}

/// What a `Range` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// These bytes, both ends included.
    Bytes { first: u64, last: u64 },
    /// Bytes that are not there.
    Outside,
    /// Everything: the header is not one we know, which means that it is not there (RFC 9110 14.2).
    Whole,
}

impl Part {
    fn parse(range: &str, length: u64) -> Self {
        let Some((unit, set)) = range.split_once('=') else { return Self::Whole };
        // Several ranges at once would be multipart, which no player of sound needs.
        if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
            return Self::Whole;
        }
        let Some((first, last)) = set.trim().split_once('-') else { return Self::Whole };
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok());
        match (number(first).flatten(), number(last).flatten()) {
            (Some(first), Some(last)) if last < first => Self::Whole,
            (Some(first), Some(last)) if first < length => Self::Bytes { first, last: last.min(length - 1) },
            (Some(first), None) if last.is_empty() && first < length => Self::Bytes { first, last: length - 1 },
            (Some(_), Some(_)) => Self::Outside,
            (Some(_), None) if last.is_empty() => Self::Outside,
            (None, Some(count)) if first.is_empty() => {
                if count == 0 || length == 0 {
                    Self::Outside
                } else {
                    Self::Bytes { first: length.saturating_sub(count), last: length - 1 }
                }
            }
            (None | Some(_), None) | (None, Some(_)) => Self::Whole,
        }
    }
}

fn answer(status: StatusCode, file: File, length: u64, range: Option<String>) -> Response {
    // A live recording grows; the answer ends where its length said.
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), CHUNK_BYTES));
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    insert_text(headers, CONTENT_RANGE, range);
    response
}

fn unsatisfiable(problem: Problem, length: u64) -> Response {
    let mut response = problem.into_response();
    insert_text(response.headers_mut(), CONTENT_RANGE, Some(format!("bytes */{length}")));
    response
}

fn insert_text(headers: &mut HeaderMap, name: HeaderName, text: Option<String>) {
    if let Some(value) = text.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(name, value);
    }
}

fn not_recorded() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "This call has no recording.",
        "See last_error in GET /v1/calls/{id}, and recording.enabled in hotline.toml.",
    )
}

fn outside(length: u64) -> Problem {
    Problem::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        format!("The recording has {length} bytes, and the range begins after them."),
        "Ask for a range within them; a live recording grows.",
    )
}

fn unreadable(error: &std::io::Error) -> Problem {
    if error.kind() == ErrorKind::NotFound {
        return Problem::new(
            StatusCode::NOT_FOUND,
            "The file of this recording is not there any more.",
            "Look for it where old recordings are moved to.",
        );
    }
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        format!("The recording cannot be read: {error}."),
        "See the permissions of the recordings folder.",
    )
}

/// Bytes read from the disk at once: a third of a second of stereo sound at 16 kHz.
const CHUNK_BYTES: usize = 16 * 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_rfc_9110_says() {
        let check = |range: &str, expected: Part| assert_eq!(Part::parse(range, 100), expected, "{range}");
        check("bytes=0-9", Part::Bytes { first: 0, last: 9 });
        check("bytes=90-", Part::Bytes { first: 90, last: 99 });
        check("bytes=90-1000", Part::Bytes { first: 90, last: 99 });
        check("bytes=-10", Part::Bytes { first: 90, last: 99 });
        check("bytes=-1000", Part::Bytes { first: 0, last: 99 });
        check("BYTES=99-99", Part::Bytes { first: 99, last: 99 });
        check("bytes=100-", Part::Outside);
        check("bytes=100-200", Part::Outside);
        check("bytes=-0", Part::Outside);
        for nonsense in ["bytes=9-0", "bytes=-", "bytes=a-b", "bytes=0-1,5-6", "lines=0-1", "bytes", "bytes=+1-2"] {
            check(nonsense, Part::Whole);
        }
        check("bytes=0-99999999999999999999999", Part::Whole);
        assert_eq!(Part::parse("bytes=-5", 0), Part::Outside);
        assert_eq!(Part::parse("bytes=0-", 0), Part::Outside);
    }
}
