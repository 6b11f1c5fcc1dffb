//! The page's addresses, and what stands before them.

use super::access::{COOKIE, Head, Refusal, SESSION};
use super::answers::{self, Fault};
use super::desk::Desk;
use super::files;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::{Arc, PoisonError};
use uuid::Uuid;

/// Zones are small.
const MOST_BYTES: usize = 256 * 1024;

pub type Shared = State<Arc<Desk>>;

/// All of it.
pub fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .merge(files::router())
        .route("/healthz", get(async || "ok\n"))
        .route("/metrics", get(answers::metrics))
        .route("/api/me", get(me))
        .route("/api/signin", post(sign_in))
        .route("/api/signout", post(sign_out))
        .route("/api/state", get(answers::state))
        .route("/api/unread", get(answers::unread))
        .route("/api/cameras/{camera}/seen", get(answers::seen))
        .route("/api/cameras/{camera}/areas", get(answers::areas).put(answers::save_areas))
        .route("/live/{camera}", get(answers::live))
        .route("/reads/{event}/{plate}", get(answers::crop))
        .route("/unread/{camera}/{reason}/{number}", get(answers::unread_picture))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(middleware::from_fn_with_state(desk.clone(), guard))
        .with_state(desk)
}

/// Before every answer: was it meant for us, and may they? After it: what no answer goes without.
async fn guard(State(desk): Shared, request: Request, next: Next) -> Response {
    let judged = {
        let access = desk.access.lock().unwrap_or_else(PoisonError::into_inner);
        access.judge(&head(&request), desk.sources.vitals.clock.monotonic())
    };
    let mut response = match judged {
        Ok(()) => next.run(request).await,
        Err(refusal) => Fault::from(refusal).into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn head(request: &Request) -> Head<'_> {
    let headers = request.headers();
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().filter(|_| hosts.next().is_none()).and_then(|host| host.to_str().ok());
    Head {
        path: request.uri().path(),
        host,
        origin: text(header::ORIGIN),
        site: text(HeaderName::from_static("sec-fetch-site")),
        cookies: text(header::COOKIE),
        authorization: text(header::AUTHORIZATION),
    }
}

/// Who asks: anybody (`open`), or one who has the token. Who has not is refused before.
async fn me(State(desk): Shared) -> Json<Value> {
    let is_open = desk.access.lock().unwrap_or_else(PoisonError::into_inner).is_open();
    Json(json!({"success": true, "name": "", "role": if is_open { "open" } else { "admin" }}))
}

async fn sign_in(State(desk): Shared, Json(body): Json<Value>) -> Result<Response, Fault> {
    let token = body["token"].as_str().unwrap_or_default();
    let session = Uuid::new_v4().simple().to_string();
    let now = desk.sources.vitals.clock.monotonic();
    let signed_in = desk.access.lock().unwrap_or_else(PoisonError::into_inner).sign_in(token, &session, now);
    if let Err(Refusal::WrongToken) = signed_in {
        tracing::warn!("a wrong token was tried on the local page");
    }
    signed_in?;
    Ok(with_cookie(&session, SESSION.as_secs()))
}

async fn sign_out(State(desk): Shared, headers: HeaderMap) -> Response {
    let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok());
    let now = desk.sources.vitals.clock.monotonic();
    desk.access.lock().unwrap_or_else(PoisonError::into_inner).sign_out(cookies, now);
    with_cookie("", 0)
}

fn with_cookie(value: &str, seconds: u64) -> Response {
    let cookie = format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict");
    let mut response = Json(json!({"success": true, "name": "", "role": "admin"})).into_response();
    match HeaderValue::from_str(&cookie) {
        Ok(mut cookie) => {
            cookie.set_sensitive(true);
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            response
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
