//! `GET /api/openapi.json`: what can be called, for programs. Written by hand; tests/server_running holds it and the
//! routes together.

use axum::Router;
use axum::http::header;
use axum::routing::get;

const DOCUMENT: &str = include_str!("openapi/openapi.json");

/// `GET /api/openapi.json`.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/api/openapi.json", get(async || ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)))
}
