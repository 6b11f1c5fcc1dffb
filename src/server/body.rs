//! Reads a request's JSON body under a limit, and says in the contract's words what is wrong with it.

use super::fault::{Code, Fault};
use crate::wire::incoming::json;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, Request, header};
use futures_util::StreamExt;
use serde_json::Value;
use std::time::Duration;

/// A body above the limit is still taken, and thrown away, up to so many times the limit: a sender that is cut off
/// in the middle sees a broken connection instead of the answer.
const SWALLOW: usize = 8;

/// Room that an announced length gets before its bytes have come; what is longer grows as it comes.
const AT_ONCE: usize = 131_072;

/// The whole body must have come by then.
const WITHIN: Duration = Duration::from_secs(60);

/// The JSON value of `request`, at most `limit` bytes of it.
pub async fn read(request: Request<Body>, limit: usize) -> Result<Value, Fault> {
    let (parts, body) = request.into_parts();
    value(&parts.headers, &timely(body, limit).await?)
}

/// As [`read`]; `None` where the body is empty, whatever its headers say of it.
pub async fn read_any(request: Request<Body>, limit: usize) -> Result<Option<Value>, Fault> {
    let (parts, body) = request.into_parts();
    let bytes = timely(body, limit).await?;
    if bytes.is_empty() { Ok(None) } else { value(&parts.headers, &bytes).map(Some) }
}

fn value(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Fault> {
    if !is_json(headers) {
        return Err(Fault::new(Code::UnsupportedType, "the body must be JSON: send Content-Type: application/json"));
    }
    json::parse_bytes(bytes).map_err(|error| Fault::new(Code::Invalid, format!("the body is not JSON: {error}")))
}

/// The bytes of `request`, whatever they are, at most `limit` of them.
pub async fn bytes(request: Request<Body>, limit: usize) -> Result<Vec<u8>, Fault> {
    timely(request.into_body(), limit).await
}

async fn timely(body: Body, limit: usize) -> Result<Vec<u8>, Fault> {
    tokio::time::timeout(WITHIN, collect(body, limit))
        .await
        .map_err(|_| Fault::new(Code::Invalid, "the body did not arrive in time"))?
}

async fn collect(body: Body, limit: usize) -> Result<Vec<u8>, Fault> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(limit);
    let mut bytes = Vec::with_capacity(announced.min(limit).min(AT_ONCE));
    let mut stream = body.into_data_stream();
    let mut length = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Fault::new(Code::Invalid, format!("the body broke off: {error}")))?;
        length += chunk.len();
        if length > limit {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&chunk);
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
}
