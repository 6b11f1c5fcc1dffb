//! Refusals that axum writes by itself, as plain text, are put into the contract's form.

use super::fault::{Code, Fault};
use super::metrics::{self, Road};
use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What such a text may be long.
const LONGEST: usize = 4096;

/// Every refusal is `{success:false, message, code, field?}`; Socket.IO's own have their own form.
pub async fn as_json(request: Request, next: Next) -> Response {
    let is_ours = !request.uri().path().starts_with("/socket.io");
    let response = next.run(request).await;
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    match code_of(response.status()) {
        Some(code) if is_ours && !is_json => rewritten(code, response).await,
        _ => response,
    }
}

fn code_of(status: StatusCode) -> Option<Code> {
    Some(match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedType,
        StatusCode::TOO_MANY_REQUESTS => Code::RateLimited,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Code::Invalid,
        status if status.is_server_error() => Code::Unavailable,
        _ => return None,
    })
}

async fn rewritten(code: Code, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let text = to_bytes(body, LONGEST).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let message =
        if text.trim().is_empty() { parts.status.canonical_reason().unwrap_or("refused") } else { text.trim() };
    let fault = naming(code, message);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.remove(header::CONTENT_LENGTH);
    metrics::refused(Road::Rest, code);
    (parts, Body::from(fault.json().to_string())).into_response()
}

/// The query string; a refusal names its key.
pub fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Fault> {
    query.map(|Query(query)| query).map_err(|error| naming(Code::Invalid, &error.body_text()))
}

/// A refusal that names the field which its message has between backticks, or before what is wrong with its value.
fn naming(code: Code, message: &str) -> Fault {
    let quoted = message.split('`').nth(1);
    let prefixed = || message.split_once("query string: ")?.1.split_once(": ").map(|(name, _)| name);
    let field = quoted.or_else(prefixed).filter(|name| !name.is_empty()).map(str::to_owned);
    Fault { field, ..Fault::new(code, message.replace('`', "\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_found_in_what_axum_says() {
        let fault = naming(Code::Invalid, "Failed to deserialize query string: duplicate field `limit`");
        assert_eq!(fault.field.as_deref(), Some("limit"));
        let fault = naming(Code::Invalid, "Failed to deserialize query string: cursor: invalid digit found in string");
        assert_eq!(fault.field.as_deref(), Some("cursor"));
        assert_eq!(naming(Code::Invalid, "no").field, None);
    }
}
