//! Every REST call of the contract (PROTOCOL 1.1).

use super::payloads::TestCamera;
use super::report::Report;
use crate::uplink::rest::{Response, RestClient};
use serde_json::{Value, json};

/// The fields of `data` in `/api/statistics`.
const STATISTICS: [&str; 11] = [
    "total_detections",
    "today_detections",
    "total_health_checks",
    "today_health_checks",
    "unique_cameras",
    "active_cameras",
    "total_cameras",
    "blacklist_count",
    "connected_clients",
    "last_update",
    "server_status",
];

pub(super) async fn run(rest: &RestClient, report: &mut Report) {
    let Ok(camera) = TestCamera::new("test-client-rest") else { return };
    report.check("GET /api/test", async { has(&ok(rest.get("/api/test").await)?, &["message", "timestamp"]) }).await;
    report
        .check("POST /api/cameras/register", async {
            let body = ok(rest.post("/api/cameras/register", &camera.registration()).await)?;
            has(&body, &["message", "camera_id", "checkpoint_id", "timestamp"])
        })
        .await;
    let detection_id = report
        .check("POST /api/detection", async {
            let body = ok(rest.post("/api/detection", &camera.detection("TEST1")?).await)?;
            has(&body, &["message", "timestamp"])?;
            text(&body, "detection_id")
        })
        .await;
    report
        .check("POST /api/health", async {
            let body = ok(rest.post("/api/health", &camera.health()).await)?;
            has(&body, &["message", "timestamp", "health_id"])
        })
        .await;
    report
        .check("GET /api/statistics", async {
            let body = ok(rest.get("/api/statistics").await)?;
            has(&body["data"], &STATISTICS)
        })
        .await;
    report
        .check("GET /api/cameras shows the camera", async {
            let body = ok(rest.get("/api/cameras").await)?;
            has(&body, &["total_cameras", "timestamp"])?;
            let wanted = |c: &&Value| c["camera_id"] == "test-client-rest" && c["checkpoint_id"] == "test-client";
            let found = list(&body, "cameras")?.iter().find(wanted).ok_or("the camera is not listed")?;
            has(found, &["registered_at", "last_seen", "status", "detection_count", "health_status"])
        })
        .await;
    report
        .check("GET /api/records shows the detection", async {
            let path = "/api/records?limit=5&camera_id=test-client-rest&checkpoint_id=test-client";
            let body = ok(rest.get(path).await)?;
            has(&body, &["total_count", "returned_count", "timestamp"])?;
            let last = list(&body, "records")?.last().ok_or("no record")?;
            let same = detection_id.as_deref().is_some_and(|id| last["detection_id"] == id);
            if same && last["ocr_results"] == json!(["TEST1"]) {
                Ok(())
            } else {
                Err(format!("the last record is not the one just stored but {}", last["detection_id"]))
            }
        })
        .await;
    report
        .check("POST /api/detection without camera_id → 400", async {
            let response = rest.post("/api/detection", &json!({"type": "detection_result"})).await?;
            match response.status {
                400 if response.body["success"] == false => has(&response.body, &["message"]),
                status => Err(format!("HTTP {status} where 400 with success:false was due")),
            }
        })
        .await;
}

/// The body of a 200 that says `success:true`.
pub(super) fn ok(response: Result<Response, String>) -> Result<Value, String> {
    let response = response?;
    let message = response.body["message"].as_str().unwrap_or("no message");
    match (response.status, &response.body["success"]) {
        (200, Value::Bool(true)) => Ok(response.body),
        (200, _) => Err(format!("no success:true: {message}")),
        (status, _) => Err(format!("HTTP {status}: {message}")),
    }
}

pub(super) fn has(body: &Value, fields: &[&str]) -> Result<(), String> {
    let missing: Vec<&str> = fields.iter().copied().filter(|field| body.get(field).is_none()).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("the answer lacks {}", missing.join(", "))) }
}

pub(super) fn text(body: &Value, field: &str) -> Result<String, String> {
    let text = body[field].as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| format!("the answer has no {field}"))
}

fn list<'a>(body: &'a Value, field: &str) -> Result<&'a Vec<Value>, String> {
    body[field].as_array().ok_or_else(|| format!("the answer has no list {field}"))
}
