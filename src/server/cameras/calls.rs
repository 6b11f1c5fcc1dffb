//! `GET /api/cameras` and `GET /api/cameras/health`.

use crate::domain::{CameraId, CameraKey, CheckpointId};
use crate::server::app::App;
use crate::server::fault::Fault;
use crate::server::routes::Shared;
use crate::server::store::{self, CameraRow, HealthFilter, HealthRow};
use crate::server::{answer, errors, query};
use crate::wire::timestamp;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// `GET /api/cameras/health`.
pub fn router() -> Router<Shared> {
    Router::new().route("/api/cameras/health", get(health))
}

impl App {
    /// Is the camera there, and how far is its clock behind ours?
    pub fn looked_at(&self, row: &CameraRow) -> (bool, Option<i64>) {
        let key = (CameraId::new(&row.camera_id), CheckpointId::new(&row.checkpoint_id));
        match key {
            (Ok(camera), Ok(checkpoint)) => self.presence.look(&CameraKey { camera, checkpoint }),
            _ => (false, None),
        }
    }

    /// `GET /api/cameras`.
    pub async fn cameras(&self) -> Result<Value, Fault> {
        let read = self.store.read(|conn| {
            let cameras = store::cameras(conn)?;
            let last = |row: &CameraRow| store::last_detection_us(conn, &row.camera_id, &row.checkpoint_id);
            let last = cameras.iter().map(last).collect::<Result<Vec<_>, _>>()?;
            Ok((cameras, last, store::components(conn)?))
        });
        let (rows, last, components) = read.await?;
        let mut health: HashMap<(String, String), Map<String, Value>> = HashMap::new();
        for component in components {
            let said = json!({
                "status": component.status, "message": component.message,
                "timestamp": timestamp::format(component.at_us), "details": object(&component.details),
            });
            let of_camera = health.entry((component.camera_id, component.checkpoint_id)).or_default();
            of_camera.insert(component.component, said);
        }
        let cameras: Vec<Value> = rows
            .iter()
            .zip(last)
            .map(|(row, last_us)| {
                let (online, skew_us) = self.looked_at(row);
                let mut camera = answer::camera(row, online, skew_us);
                camera["last_detection"] = json!(last_us.map(timestamp::format));
                camera["health"] =
                    json!(health.remove(&(row.camera_id.clone(), row.checkpoint_id.clone())).unwrap_or_default());
                camera
            })
            .collect();
        Ok(json!({
            "success": true, "total_cameras": cameras.len(), "cameras": cameras,
            "timestamp": timestamp::format(self.now_us()),
        }))
    }
}

/// We wrote it as an object; if a disk fault made it something else the rest still counts.
fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// The query string.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    camera_id: Option<String>,
    checkpoint_id: Option<String>,
    component: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<String>,
}

/// What `limit` is where it is missing or no number.
const DEFAULT_LIMIT: usize = 100;

impl Asked {
    fn filter(self, app: &App) -> Result<HealthFilter, Fault> {
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let limit = self.limit.as_deref().and_then(|text| text.trim().parse().ok());
        Ok(HealthFilter {
            camera_id: given(self.camera_id),
            checkpoint_id: given(self.checkpoint_id),
            component: given(self.component),
            from_us: query::moment("from", &self.from, &app.zone)?,
            to_us: query::moment("to", &self.to, &app.zone)?,
            limit: limit.unwrap_or(DEFAULT_LIMIT).clamp(1, app.config.max_records),
        })
    }
}

async fn health(
    State(shared): State<Shared>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Value>, Fault> {
    let filter = errors::query(query)?.filter(&shared.app)?;
    let rows = shared.app.store.read(move |conn| filter.select(conn)).await?;
    let health: Vec<Value> = rows.iter().map(report).collect();
    Ok(Json(json!({
        "success": true, "returned_count": health.len(), "health": health,
        "timestamp": timestamp::format(shared.app.now_us()),
    })))
}

/// A report in the keys of the contract; whatever else its sender said is left out.
fn report(row: &HealthRow) -> Value {
    let body = object(&row.body);
    let mut report = json!({
        "health_id": row.health_id,
        "timestamp": timestamp::format(row.at_us),
        "received_at": timestamp::format(row.received_us),
    });
    for key in ["camera_id", "checkpoint_id", "component", "status", "message", "details"] {
        report[key] = body.get(key).cloned().unwrap_or_default();
    }
    report
}
