//! The REST road: paths, methods, bodies (PROTOCOL 1.1).

use super::app::{App, Done};
use super::budget::Held;
use super::fault::{Code, Fault};
use super::guard::{self, Who};
use super::metrics::{self, Road};
use super::socket::{Gate, Hub};
use super::{body, cameras, errors, export, hours, openapi, page, records, running, socket, watch};
use crate::telemetry::OneLine;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::Value;
use std::sync::Arc;

/// What every handler needs.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) app: Arc<App>,
    pub(super) hub: Arc<Hub>,
}

/// Everything that is served on the port: REST, Socket.IO, images, the page.
pub fn router(app: Arc<App>, hub: Arc<Hub>) -> Router {
    let gate = Gate::service(app.clone(), hub.clone());
    let sockets = Router::new()
        .route_service("/socket.io", gate.clone())
        .route_service("/socket.io/", gate)
        .layer(middleware::from_fn_with_state(hub.clone(), socket::vouch));
    Router::new()
        .route("/api/test", get(test))
        .route("/api/cameras/register", post(register))
        .route("/api/detection", post(detection))
        .route("/api/health", post(health))
        .route("/api/statistics", get(statistics))
        .route("/api/cameras", get(list_cameras))
        .route("/api/gaps", get(gaps))
        .route("/api/records", get(list_records))
        .route("/api/records/{detection_id}", get(one_record))
        .route("/images/{detection_id}/{name}", get(image))
        .route("/api/export", get(export_records))
        .route("/api/hours", get(list_hours))
        .merge(sockets)
        .merge(page::router())
        .merge(openapi::router())
        .merge(running::router())
        .merge(guard::router())
        .merge(watch::router())
        .merge(cameras::router())
        .fallback(async || Fault::new(Code::NotFound, "there is nothing at this address"))
        .method_not_allowed_fallback(async || Fault::new(Code::MethodNotAllowed, "this address has other methods"))
        .layer(middleware::from_fn(errors::as_json))
        .layer(middleware::from_fn_with_state(app.clone(), guard::door))
        .layer(middleware::from_fn(guard_headers))
        .with_state(Shared { app, hub })
}

/// Nothing we send is ever to be taken for something else.
async fn guard_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        metrics::refused(Road::Rest, self.code);
        tracing::debug!(code = self.code.as_str(), message = %OneLine(&self.message), "call refused");
        let mut response = (self.code.status(), Json(self.json())).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl Shared {
    pub(super) async fn body(&self, request: Request<Body>) -> Result<Value, Fault> {
        body::read(request, self.app.config.max_event_bytes).await
    }

    /// What an agent brings, if its sender may bring it. It counts as being in hand as long as the second lives.
    async fn event(&self, who: &Who, request: Request<Body>) -> Result<(Value, Held), Fault> {
        let mut held = self.app.budget.hold(Some(who));
        let payload = body::read_within(request, self.app.config.max_event_bytes, &mut held).await?;
        self.app.guard.admit_event(who, &payload)?;
        Ok((payload, held))
    }

    /// The rooms hear of it exactly as if it had come by socket.
    fn publish(&self, done: Done) -> Json<Value> {
        metrics::accepted(Road::Rest, done.counted);
        done.broadcasts.iter().for_each(|broadcast| self.hub.publish(broadcast));
        Json(done.answer)
    }
}

async fn test(State(shared): State<Shared>) -> Json<Value> {
    Json(shared.app.test())
}

async fn register(
    State(shared): State<Shared>,
    Extension(who): Extension<Who>,
    request: Request<Body>,
) -> Result<Json<Value>, Fault> {
    let (payload, _held) = shared.event(&who, request).await?;
    let (_, done) = shared.app.register(&payload).await?;
    Ok(shared.publish(done))
}

async fn detection(
    State(shared): State<Shared>,
    Extension(who): Extension<Who>,
    request: Request<Body>,
) -> Result<Json<Value>, Fault> {
    let (payload, _held) = shared.event(&who, request).await?;
    let done = shared.app.detection(&payload).await?;
    Ok(shared.publish(done))
}

async fn health(
    State(shared): State<Shared>,
    Extension(who): Extension<Who>,
    request: Request<Body>,
) -> Result<Json<Value>, Fault> {
    let (payload, _held) = shared.event(&who, request).await?;
    let done = shared.app.health(&payload).await?;
    Ok(shared.publish(done))
}

async fn statistics(State(shared): State<Shared>) -> Result<Json<Value>, Fault> {
    Ok(Json(shared.app.statistics(shared.hub.connected()).await?))
}

async fn list_cameras(State(shared): State<Shared>) -> Result<Json<Value>, Fault> {
    Ok(Json(shared.app.cameras().await?))
}

type RecordQuery = Result<Query<records::Query>, QueryRejection>;

async fn gaps(State(shared): State<Shared>, query: RecordQuery) -> Result<Json<Value>, Fault> {
    Ok(Json(shared.app.gaps(&errors::query(query)?).await?))
}

async fn list_records(State(shared): State<Shared>, query: RecordQuery) -> Result<Response, Fault> {
    records::list(&shared.app, &errors::query(query)?).await
}

async fn one_record(State(shared): State<Shared>, Path(detection_id): Path<String>) -> Result<Json<Value>, Fault> {
    Ok(Json(records::one(&shared.app, &detection_id).await?))
}

async fn export_records(State(shared): State<Shared>, query: RecordQuery) -> Result<Response, Fault> {
    export::export(&shared.app, &errors::query(query)?).await
}

async fn list_hours(State(shared): State<Shared>, query: RecordQuery) -> Result<Json<Value>, Fault> {
    Ok(Json(hours::hours(&shared.app, &errors::query(query)?).await?))
}

#[derive(serde::Deserialize)]
struct Size {
    size: Option<String>,
}

async fn image(
    State(shared): State<Shared>,
    Path((detection_id, name)): Path<(String, String)>,
    size: Result<Query<Size>, QueryRejection>,
) -> Result<Response, Fault> {
    let small = size.is_ok_and(|Query(query)| query.size.as_deref() == Some("thumb"));
    records::image(&shared.app, &detection_id, &name, small).await
}
