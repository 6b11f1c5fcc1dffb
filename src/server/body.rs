//! Reads a request's JSON body under a limit, and says in the contract's words what is wrong with it.

use super::budget::Held;
use super::fault::{Code, Fault};
use crate::wire::incoming::json;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, Request, header};
use futures_util::StreamExt;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// A body above the limit is still taken, and thrown away, up to so many times the limit: a sender that is cut off
/// in the middle sees a broken connection instead of the answer.
const SWALLOW: usize = 8;

/// Room that an announced length gets before its bytes have come; what is longer grows as it comes.
const AT_ONCE: usize = 131_072;

/// A body may take so long, and as much longer as what has come of it takes at [`SLOWEST`]: a mobile link is no fault of
/// what comes over it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes in a second.
const SLOWEST: usize = 8_000;

/// The JSON value of `request`, at most `limit` bytes of it.
pub async fn read(request: Request<Body>, limit: usize) -> Result<Value, Fault> {
    let (parts, body) = request.into_parts();
    parsed(&parts.headers, &collect(body, limit, PATIENCE, |_| true).await?)
}

/// As [`read`]; `None` where the body is empty, whatever its headers say of it.
pub async fn read_any(request: Request<Body>, limit: usize) -> Result<Option<Value>, Fault> {
    let (parts, body) = request.into_parts();
    let bytes = collect(body, limit, PATIENCE, |_| true).await?;
    if bytes.is_empty() { Ok(None) } else { parsed(&parts.headers, &bytes).map(Some) }
}

/// As [`read`], of one among many who bring something: what it has in memory is counted in `held`.
pub async fn read_within(request: Request<Body>, limit: usize, held: &mut Held) -> Result<Value, Fault> {
    let (parts, body) = request.into_parts();
    let bytes = collect(body, limit, PATIENCE, |bytes| held.grow(bytes)).await?;
    if !held.grow(json::weight(&bytes) - bytes.len()) {
        return Err(too_much());
    }
    parsed(&parts.headers, &bytes)
}

/// The bytes of `request`, whatever they are, at most `limit` of them.
pub async fn bytes(request: Request<Body>, limit: usize) -> Result<Vec<u8>, Fault> {
    collect(request.into_body(), limit, PATIENCE, |_| true).await
}

/// More is in hand than the server has room for.
pub fn too_much() -> Fault {
    Fault::new(Code::RateLimited, "too much is in hand at the moment; send it again later")
}

fn parsed(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Fault> {
    if !is_json(headers) {
        return Err(Fault::new(Code::UnsupportedType, "the body must be JSON: send Content-Type: application/json"));
    }
    json::parse_bytes(bytes).map_err(|error| Fault::new(Code::Invalid, format!("the body is not JSON: {error}")))
}

/// What does not come whole says nothing about what it is: `invalid` would make its sender put it aside for ever.
async fn collect(
    body: Body,
    limit: usize,
    patience: Duration,
    mut has_room: impl FnMut(usize) -> bool,
) -> Result<Vec<u8>, Fault> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(limit);
    let mut bytes = Vec::with_capacity(announced.min(limit).min(AT_ONCE));
    let mut stream = body.into_data_stream();
    let mut length = 0;
    let begun = Instant::now();
    loop {
        let deadline = begun + patience + Duration::from_secs((length / SLOWEST) as u64);
        let chunk = match tokio::time::timeout_at(deadline, stream.next()).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(Some(Err(error))) => {
                return Err(Fault::new(Code::Unavailable, format!("the body broke off: {error}; send it again")));
            }
            Ok(None) => break,
            Err(_) => return Err(Fault::new(Code::Unavailable, "the body did not arrive in time; send it again")),
        };
        length += chunk.len();
        if length > limit {
            bytes = Vec::new();
        } else if has_room(chunk.len()) {
            bytes.extend_from_slice(&chunk);
        } else {
            return Err(too_much());
        }
        if length > limit.saturating_mul(SWALLOW) {
            break;
        }
    }
    if length > limit { Err(Fault::too_large(limit)) } else { Ok(bytes) }
}

/// `application/json`, with or without parameters, or `application/…+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(kind: Option<&str>, body: impl Into<Body>) -> Request<Body> {
        let request = Request::builder();
        let request = kind.into_iter().fold(request, |request, kind| request.header(header::CONTENT_TYPE, kind));
        request.body(body.into()).unwrap()
    }

    #[tokio::test]
    async fn json_is_read_and_everything_else_gets_its_code() {
        let json = Some("application/json; charset=utf-8");
        assert_eq!(read(request(json, "{\"a\":NaN}"), 100).await.unwrap()["a"], Value::Null);
        let code = |kind, body: &'static str| async move { read(request(kind, body), 10).await.unwrap_err().code };
        assert_eq!(code(json, "{").await, Code::Invalid);
        assert_eq!(code(json, "").await, Code::Invalid);
        assert_eq!(code(None, "{}").await, Code::UnsupportedType);
        assert_eq!(code(Some("text/plain"), "{}").await, Code::UnsupportedType);
        assert_eq!(code(json, "[1,2,3,4,5,6]").await, Code::TooLarge);
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_is_read_where_none_is_needed() {
        let chunked =
            || Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("{\"note\":\"seen\"}")]));
        let json = Some("application/json");
        assert_eq!(read_any(request(json, chunked()), 100).await.unwrap().unwrap()["note"], "seen");
        assert_eq!(read_any(request(None, Body::empty()), 100).await.unwrap(), None);
        assert_eq!(read_any(request(None, "{}"), 100).await.unwrap_err().code, Code::UnsupportedType);
    }

    /// `invalid` is a verdict about the event: its agent would set it aside and never send it again.
    #[tokio::test]
    async fn a_body_that_a_bad_link_cuts_or_slows_is_to_be_sent_again_and_not_invalid() {
        let cut = futures_util::stream::iter([Ok("{\"a\":"), Err(std::io::Error::other("reset"))]);
        let fault = bytes(request(None, Body::from_stream(cut)), 100).await.unwrap_err();
        assert_eq!((fault.code, fault.retry_after_s), (Code::Unavailable, Some(5)), "{fault:?}");
        let never = Body::from_stream(futures_util::stream::pending::<Result<&str, std::io::Error>>());
        let fault = collect(never, 100, Duration::from_millis(10), |_| true).await.unwrap_err();
        assert_eq!((fault.code, fault.retry_after_s), (Code::Unavailable, Some(5)), "{fault:?}");
    }

    #[tokio::test]
    async fn a_slow_link_has_the_more_time_the_more_has_come() {
        let slow = futures_util::stream::unfold(0, |sent| async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            (sent < 5).then(|| (Ok::<_, std::io::Error>(vec![b' '; SLOWEST]), sent + 1))
        });
        let read = collect(Body::from_stream(slow), 100_000, Duration::from_millis(60), |_| true).await;
        assert_eq!(read.unwrap().len(), 5 * SLOWEST);
    }
}
