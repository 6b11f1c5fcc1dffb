//! What each address answers.

use super::access::Refusal;
use super::edit::{self, Areas};
use super::live::BOUNDARY;
use super::routes::Shared;
use super::save::SaveError;
use super::snapshot;
use crate::agent::metrics::prometheus_text;
use crate::agent::reload::Taken;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

const JPEG: (axum::http::HeaderName, &str) = (header::CONTENT_TYPE, "image/jpeg");

/// A refusal, in the form of the server's (PROTOCOL 2): a code for the page, a sentence for a person.
#[derive(Debug)]
pub struct Fault {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after_s: Option<u64>,
    /// What a person may copy where we cannot write.
    snippet: Option<String>,
}

impl Fault {
    fn new(status: StatusCode, code: &'static str, message: impl ToString) -> Self {
        Self { status, code, message: message.to_string(), retry_after_s: None, snippet: None }
    }

    fn missing() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such thing here")
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = match refusal {
            Refusal::WrongHost => (StatusCode::MISDIRECTED_REQUEST, "wrong_host"),
            Refusal::Foreign => (StatusCode::FORBIDDEN, "forbidden"),
            Refusal::SignIn | Refusal::WrongToken => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Refusal::Slow { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
        };
        let retry_after_s = match refusal {
            Refusal::Slow { retry_after_s } => Some(retry_after_s),
            _ => None,
        };
        Self { retry_after_s, ..Self::new(status, code, refusal) }
    }
}

impl From<SaveError> for Fault {
    fn from(error: SaveError) -> Self {
        let (status, code) = match &error {
            SaveError::Changed { .. } => (StatusCode::CONFLICT, "changed"),
            SaveError::ReadOnly { .. } => (StatusCode::CONFLICT, "read_only"),
            SaveError::Overridden { .. } => (StatusCode::CONFLICT, "overridden"),
            SaveError::Faults(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            SaveError::NoFile | SaveError::Unreadable { .. } | SaveError::Edit(_) => (StatusCode::CONFLICT, "no_file"),
        };
        Self::new(status, code, error)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let body = json!({
            "success": false, "code": self.code, "message": self.message, "retry_after_s": self.retry_after_s,
            "snippet": self.snippet,
        });
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// What may wait for the disk.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    let unavailable = |_| Fault::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the agent is stopping");
    tokio::task::spawn_blocking(work).await.map_err(unavailable)
}

pub async fn state(State(desk): Shared) -> Result<Json<Value>, Fault> {
    Ok(Json(aside(move || snapshot::json(&desk.facts())).await?))
}

pub async fn metrics(State(desk): Shared) -> Result<Response, Fault> {
    let text = aside(move || prometheus_text(&desk.figures())).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

pub async fn seen(State(desk): Shared, Path(camera): Path<usize>) -> Result<Json<Value>, Fault> {
    let subject = desk.sources.subjects.get(camera).ok_or_else(Fault::missing)?;
    let Some(seen) = desk.live.seen(camera) else { return Ok(Json(Value::Null)) };
    let now = u64::try_from(desk.sources.vitals.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
    let age_ms = now.saturating_sub(seen.frame.captured.mono_ms);
    let (width, height) = (seen.frame.width(), seen.frame.height());
    Ok(Json(snapshot::seen(width, height, &seen.reading, &subject.settings.borrow(), age_ms)))
}

pub async fn live(State(desk): Shared, Path(camera): Path<usize>) -> Result<Response, Fault> {
    desk.sources.subjects.get(camera).ok_or_else(Fault::missing)?;
    let busy =
        || Fault::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many are watching; close another page first");
    let pictures = desk.live.watch(camera).ok_or_else(busy)?;
    let media_type = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    Ok(([(header::CONTENT_TYPE, media_type)], Body::from_stream(pictures)).into_response())
}

pub async fn crop(State(desk): Shared, Path((event, plate)): Path<(Uuid, usize)>) -> Result<Response, Fault> {
    let jpeg = desk.recent.crop(event, plate).ok_or_else(Fault::missing)?;
    Ok(([JPEG], jpeg.to_vec()).into_response())
}

/// The pictures of what was not read, per camera and reason; newest first.
pub async fn unread(State(desk): Shared) -> Result<Json<Value>, Fault> {
    let list = move || {
        let cameras = desk.sources.subjects.iter().enumerate().map(|(index, camera)| {
            let reasons = desk.unread.list(&camera.id).into_iter().map(|(reason, numbers)| {
                let paths = numbers.iter().rev().map(|number| format!("unread/{index}/{reason}/{number}"));
                json!({"reason": reason, "pictures": paths.collect::<Vec<_>>()})
            });
            json!({"camera": camera.id, "reasons": reasons.collect::<Vec<_>>()})
        });
        json!({"kept": desk.unread.keeps(), "cameras": cameras.collect::<Vec<_>>()})
    };
    Ok(Json(aside(list).await?))
}

pub async fn unread_picture(
    State(desk): Shared,
    Path((camera, reason, number)): Path<(usize, String, u64)>,
) -> Result<Response, Fault> {
    let jpeg = aside(move || {
        let camera = desk.sources.subjects.get(camera)?;
        desk.unread.picture(&camera.id, &reason, number).ok()
    });
    Ok(([JPEG], jpeg.await?.ok_or_else(Fault::missing)?).into_response())
}

/// What the file says of a camera now.
pub async fn areas(State(desk): Shared, Path(camera): Path<usize>) -> Result<Json<Value>, Fault> {
    desk.sources.subjects.get(camera).ok_or_else(Fault::missing)?;
    let said = aside(move || {
        let said = desk.file.said(camera, &environment())?;
        Ok::<_, SaveError>((said, desk.file.is_writable(), desk.file.path().display().to_string()))
    });
    let (said, writable, path) = said.await??;
    Ok(Json(json!({"areas": said.areas, "version": said.version, "writable": writable, "path": path})))
}

/// What the page sends: the areas, and the version of the file that its reader saw.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    areas: Areas,
    version: String,
}

pub async fn save_areas(
    State(desk): Shared,
    Path(camera): Path<usize>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Value>, Fault> {
    desk.sources.subjects.get(camera).ok_or_else(Fault::missing)?;
    let areas = wanted.areas.rounded();
    let (snippet, reread) = (edit::snippet(&areas), desk.sources.reread.clone());
    let saved = aside(move || {
        let backup = desk.file.save(camera, &areas, &wanted.version, &environment())?;
        tracing::info!(camera, file = %desk.file.path().display(), backup = %backup.display(), "zones changed on the local page");
        Ok::<_, SaveError>((backup, desk.file.said(camera, &environment())?))
    });
    let (backup, said) = saved.await?.map_err(|error| {
        let by_hand = matches!(error, SaveError::ReadOnly { .. } | SaveError::NoFile | SaveError::Edit(_));
        Fault { snippet: by_hand.then_some(snippet), ..Fault::from(error) }
    })?;
    let taken = reread.now().await;
    let then = match &taken {
        Ok(taken) if taken.has_areas(camera) => "live",
        Ok(_) => "restart",
        Err(_) => "reload",
    };
    let fault = taken.as_ref().err().cloned();
    let Taken { live, restart } = taken.unwrap_or_default();
    Ok(Json(json!({
        "success": true, "backup": backup.display().to_string(), "areas": said.areas, "version": said.version,
        "then": then, "live": live, "restart": restart, "fault": fault,
    })))
}

fn environment() -> Vec<(String, String)> {
    std::env::vars().collect()
}
